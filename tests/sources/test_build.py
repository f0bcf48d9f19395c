"""Title sets built from several files."""

import hashlib
import json
from collections import Counter

import pytest
from helpers.wiki_pages import TITLES
from helpers.wikimedia import write_title_list

from spacy_genre import TitleSet
from spacy_genre.sources import Options, build_from_sources
from spacy_genre.sources.build import select_names
from spacy_genre.sources.source_data import SourceData
from spacy_genre.titles.loaders import EMBEDDED


def test_the_order_of_the_files_does_not_matter(tables, tokenizer):
    one, other = (build_from_sources(paths, tokenizer) for paths in (tables, tables[::-1]))
    headers = [titles.header for titles in (one, other)]
    assert headers[0].pop("sources") == headers[1].pop("sources")[::-1]
    assert headers[0] == headers[1]
    assert [(n, one.id_of(n)) for n in one] == [(n, other.id_of(n)) for n in other]


def test_options(tables, tokenizer):
    options = Options(exclude_disambiguation=True, exclude_lists=True)
    titles = build_from_sources(tables, tokenizer, options)
    assert "Mercury" not in titles
    assert "List of physicists" not in titles
    assert titles.header["left_out"]["disambiguation pages"] == 1
    assert titles.header["left_out"]["lists"] == 1
    assert titles.header["options"]["exclude_lists"] is True
    options = Options(exclude_without_id=True)
    assert list(build_from_sources(tables, tokenizer, options)) == ["Albert Einstein", "São Paulo"]


def test_redirects_that_are_generated(tables, tokenizer):
    titles = build_from_sources(tables, tokenizer, trie="titles+redirects")
    node = titles.trie.find(tokenizer.encode(["A. Einstein"])[0])
    row = titles.view.find("Albert Einstein")
    assert titles.view.spellings_at(node) == [("A. Einstein", row)]
    assert titles.header["trie"] == "titles+redirects"
    assert len(titles.trie) == len(titles) + 2


def test_header(tables, tokenizer):
    header = build_from_sources(tables, tokenizer).header
    assert [source["kind"] for source in header["sources"]] == ["page", "redirect", "page_props"]
    for source, path in zip(header["sources"], tables, strict=True):
        assert source["file"] == path.name
        assert source["bytes"] == path.stat().st_size
        assert source["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert header["counts"]["names"] == len(TITLES) + 2
    assert header["counts"]["with an id"] == 2
    assert header["counts"]["aliases"] == 0
    assert header["version"]
    json.dumps(header)


def test_invalid_titles_of_a_wiki_are_left_out(tmp_path, tables, tokenizer):
    """Also together with an own list, whose names must be valid."""
    wiki, own = tmp_path / "x-all-titles-in-ns0.gz", tmp_path / "own.txt"
    write_title_list(wiki, ["Paris", "😀"])
    own.write_text("Rome\n")
    titles = build_from_sources([wiki, own], tokenizer)
    assert list(titles) == ["Paris", "Rome"]
    assert titles.header["dropped"]["names"] == 1
    own.write_text("Rome\n\n😀\n", encoding="utf8")
    with pytest.raises(ValueError, match=r"1 of 3 names .* \(.*own\.txt, line 3\)"):
        build_from_sources([wiki, own], tokenizer)
    assert list(build_from_sources([wiki, own], tokenizer, skip_invalid=True)) == ["Paris", "Rome"]


def test_select_names_adds_the_counts_of_redirects():
    data = SourceData(
        titles={"B": None},
        redirects={"A": "B", "C": "A", "X": ""},
        counts=Counter({"A": 2, "B": 3, "C": 1, "D": 4}),
    )
    assert select_names(data, Options()) == (["B"], {"A": "B", "C": "B"})
    assert data.counts["B"] == 6
    assert data.dropped == {"redirects to no name of the set": 1}


def test_select_names_prefers_redirects_of_own_lists():
    data = SourceData(
        listed={"N": None},
        listed_redirects={"T": "N"},
        titles={"T": None, "B": None},
        redirects={"R": "T", "T": "B"},
        counts=Counter({"N": 3, "T": 2, "R": 1}),
    )
    names, redirects = select_names(data, Options())
    assert names == ["N", "B"]
    assert redirects == {"R": "N", "T": "N"}
    assert data.counts == {"N": 6}
    assert data.dropped == {"redirects of own lists": 1}


def test_the_set_inside_the_package():
    titles = TitleSet.check(EMBEDDED)
    assert len(titles) > 60_000
    # An abbreviation does not stand beside the article that it is short for.
    assert "European Union" in titles
    assert "EU" not in titles
    for redirect, name in titles.view.base.redirect_items():
        assert redirect not in titles
        assert titles.resolve(redirect) == name
    assert not any(name.endswith(" (disambiguation)") for name in titles)
    kinds = [source["kind"] for source in titles.header["sources"]]
    assert kinds == ["articles", "jsonl"]


def test_dates_are_excluded(tmp_path, tokenizer):
    dates = ["1984", "44 BC", "AD 79", "July 4", "May 2008", "2008 in film"]
    others = ["1980s", "July", "911 (number)", "2001: A Space Odyssey", "1917 (film)", "May Day"]
    path = tmp_path / "enwiki-all-titles-in-ns0.gz"
    write_title_list(path, [*dates, *others])
    titles = build_from_sources([path], tokenizer, Options(exclude_dates=True))
    assert set(titles) == set(others)
    assert titles.header["left_out"]["dates"] == len(dates)
