import gzip

import pytest
import title_lists
import word_lists

GZIP = [gzip.compress(b"{}"), gzip.compress(b"{"), gzip.compress(b"[1]")[:-9], b"no gzip"]


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '["A"]', '"A"', '{"": "Arts"}'])
def test_vital_is_not_as_expected(content):
    with pytest.raises(ValueError, match=r"titles_en-us\.json in ovos.* is not as expected"):
        title_lists.read_vital(content.encode())


@pytest.mark.parametrize(
    "content",
    [
        "",
        "INDICES = {",
        "INDICES = open('names')",
        "INDICES = {'DAX': []}",
        "INDICES = 1",
        "INDICES = {'wikipedia_url': None}",
        "INDICES = {'wikipedia_url': 'https://de.wikipedia.org/wiki/BMW'}",
        "INDICES = {'wikipedia_url': 'https://en.wikipedia.org/wiki/'}",
        "\0",
    ],
)
def test_companies_are_not_as_expected(content):
    with pytest.raises(ValueError, match=r"pytickersymbols .* is not as expected"):
        title_lists.read_companies(content.encode())


@pytest.mark.parametrize(
    ("read", "contents"),
    [
        (title_lists.read_most_read, [b"", b"x = `a`", b"x = `true\xc2\xa6a9999`"]),
        (title_lists.read_brands, [b"", b"[]", b'{"nsi": {}}', b'{"nsi": {"a": {"items": [{}]}}}']),
        (title_lists.read_regions, [b"", b"[]", b'{"features": 1}']),
        (title_lists.read_languages, [b"", b"[]", b"{}"]),
        (title_lists.read_airports, GZIP),
        (title_lists.read_clubs, [b"", b"X = 1", b"X = [{'name': 'A'}]", b"X = [1]", b"X = ["]),
        (word_lists.read_frequencies, GZIP),
        (word_lists.read_icons, [b"", b"{}", b"[]"]),
    ],
)
def test_content_is_not_as_expected(read, contents):
    for content in contents:
        with pytest.raises(ValueError, match="is not as expected"):
            read(content)


@pytest.mark.parametrize("content", [b"", b"no synset", b"1 03 n zz word 0"])
def test_wordnet_is_not_as_expected(content):
    with pytest.raises(ValueError, match="is not as expected"):
        word_lists.read_wordnet(content, word_lists.NOUNS)


def test_ambiguous_names_have_no_id():
    pairs = [("A", "Q1"), ("A", "Q2"), ("B", "Q3"), ("C", "Q3"), ("D", "Q4"), ("D", "Q4")]
    assert title_lists.unique(pairs) == {"D": "Q4"}


def test_phrases():
    synsets = [
        word_lists.Synset("05", ["Siberian tiger", "big cat"], False),
        word_lists.Synset("05", ["Big Cat"], False),
    ]
    assert word_lists.phrases_of_synsets(synsets) == {"siberian tiger": "Siberian tiger"}
    text = "The [[Tiger|Siberian tiger]]\nSIBERIAN TIGER and Iron Man, iron man or Iron Man"
    found = word_lists.phrases_of_text(text, {"siberian tiger", "iron man", "the siberian"})
    assert found == {"siberian tiger": "Siberian tiger", "iron man": "Iron Man"}
