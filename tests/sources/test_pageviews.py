"""Files of pageviews, and the titles that are read most."""

import gzip
from collections import Counter

import pytest
from helpers.mirror import pageviews
from helpers.wiki_pages import TITLES
from hypothesis import given
from hypothesis import strategies as st

from spacy_genre.sources import Options, build_from_sources
from spacy_genre.sources.build import select_names
from spacy_genre.sources.formats import detect_kind
from spacy_genre.sources.source_data import SourceData


@pytest.fixture
def views(tmp_path):
    path = tmp_path / "pageviews-20260101-000000.gz"
    counts = {TITLES[0]: 10, "A. Einstein": 5, "São Paulo": 14, TITLES[2]: 3, "Not a page": 99}
    path.write_bytes(pageviews(counts))
    return path


def test_most_read(tables, views, tokenizer):
    options = Options(most_read=2, pageviews_of="xx")
    titles = build_from_sources([views, *tables], tokenizer, options)
    # Views of both sites, and of a redirect.
    assert [(n, titles.view.prior_at(titles.view.find(n))) for n in titles] == [
        ("Albert Einstein", 30),
        ("São Paulo", 28),
    ]
    assert titles.resolve("A. Einstein") == "Albert Einstein"
    assert titles.header["left_out"]["titles that are read less"] == len(TITLES)
    assert titles.header["left_out"]["broken lines of pageviews"] == 2
    assert titles.header["sources"][0]["kind"] == "pageviews"
    assert titles.header["options"]["most_read"] == 2


def test_several_hours_and_an_own_list(tables, views, tmp_path, tokenizer):
    other, own = tmp_path / "pageviews-20260102-030000.gz", tmp_path / "own.txt"
    other.write_bytes(pageviews({TITLES[2]: 100}))
    own.write_text("Acme\n")
    options = Options(most_read=1, pageviews_of="xx")
    titles = build_from_sources([views, other, own, *tables], tokenizer, options)
    assert list(titles) == sorted(["Acme", TITLES[2]])


@pytest.mark.parametrize("language", ["be-x-old", "be-tarask"])
def test_both_codes_of_a_wiki_are_known(tables, tmp_path, tokenizer, language):
    path = tmp_path / "views"
    path.write_bytes(pageviews({TITLES[0]: 1}, "be-tarask"))
    options = Options(most_read=1, pageviews_of=language)
    assert list(build_from_sources([path, *tables], tokenizer, options)) == [TITLES[0]]


def test_missing_parts(tables, views, tokenizer):
    with pytest.raises(ValueError, match=r"F017.*--pageviews-of"):
        build_from_sources([views, *tables], tokenizer, Options(most_read=2))
    for sources, language in ((tables, "xx"), ([views, *tables], "yy")):
        options = Options(most_read=2, pageviews_of=language)
        with pytest.raises(ValueError, match="F018"):
            build_from_sources(sources, tokenizer, options)


def test_a_truncated_file(tables, views, tokenizer):
    views.write_bytes(views.read_bytes()[:-10])
    with pytest.raises(ValueError, match="F002"):
        build_from_sources([views, *tables], tokenizer, Options(most_read=2, pageviews_of="xx"))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("aa Main_Page 4 0\nen.m Berlin 3 0\n", "pageviews"),
        ('"" "" 3 0\naa Main_Page 4 0\n', "pageviews"),
        ("Berlin\nBoeing 747 8 F\n", "lines"),
        ("Boeing 747\nSaturn 5\n", "lines"),
        ("en Berlin 5 0\nen Two words 5 0\nParis\n", "lines"),
    ],
)
def test_the_kind_of_a_file(tmp_path, text, kind):
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(text.encode()))
    assert detect_kind(path) == kind


@given(
    views=st.dictionaries(st.sampled_from("ABCDEFGH"), st.integers(0, 3)),
    targets=st.dictionaries(st.sampled_from("EFGH"), st.sampled_from("ABCD")),
    n=st.integers(1, 5),
)
def test_selection(views, targets, n):
    """The n best of A to D, if E to H are redirects to them."""
    data = SourceData(titles=dict.fromkeys("ABCD"), redirects=targets, views=Counter(views))
    if not any(views.values()):
        with pytest.raises(ValueError, match="F018"):
            select_names(data, Options(most_read=n))
        return
    names, redirects = select_names(data, Options(most_read=n))

    def rank(name):
        sources = [redirect for redirect, target in targets.items() if target == name]
        total = views.get(name, 0) + sum(views.get(redirect, 0) for redirect in sources)
        return -total, -len(sources), name

    assert names == sorted(sorted("ABCD", key=rank)[:n])
    assert redirects == {r: name for r, name in targets.items() if name in names}
