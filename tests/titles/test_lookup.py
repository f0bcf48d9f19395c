"""Look-up of mentions that are written a little differently from names and aliases."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_genre import TitleSet
from spacy_genre.titles.lookup import relaxed_forms, relaxed_key

NAMES = ["United States", "São Paulo", "J. K. Rowling", "Democratic Party", "WHO", "The Who"]
ALIASES = {
    ("U.S.", "United States"): 3,
    ("Democrat", "Democratic Party"): 2,
    ("who", "The Who"): 1,
    ("AT&T", "WHO"): 1,
}
TEXT = st.text(st.sampled_from("aAbsé.' -,tThe\u2019\u0301&0ßİ"), max_size=9)


@pytest.fixture
def names(tokenizer):
    return TitleSet.build(NAMES, tokenizer, aliases=ALIASES, redirects={"USA": "United States"})


@pytest.mark.parametrize(
    ("mention", "name", "level"),
    [
        ("U.S.", "United States", 0),
        ("u.s.", "United States", 1),
        ("united  states", "United States", 1),
        ("Sao Paulo", "São Paulo", 2),
        ("U.S.'s", "United States", 3),
        ("São Paulo’s", "São Paulo", 3),
        ("Democrats", "Democratic Party", 4),
        ("democrats'", "Democratic Party", 4),
        ("US", "United States", 5),
        ("JK Rowling", "J. K. Rowling", 5),
        ("J.K. Rowling's", "J. K. Rowling", 5),
        ("U. S. A.", "United States", 5),
        ("the U.S.", "United States", 6),
        ("The Sao Paulo", "São Paulo", 6),
    ],
)
def test_forms_in_order(names, mention, name, level):
    view = names.view
    found, candidates = view.look_up(mention)
    assert (view.name_at(candidates[0][0]), found) == (name, level)
    assert names.get_candidates(mention, relaxed=True)[0][0] == name


def test_the_closest_form_counts(names):
    assert [name for name, _ in names.get_candidates("WHO", relaxed=True)] == ["WHO"]
    assert [name for name, _ in names.get_candidates("Who", relaxed=True)] == ["The Who", "WHO"]
    assert [name for name, _ in names.get_candidates("THE WHO", relaxed=True)] == ["The Who"]
    assert names.get_candidates("at&t", relaxed=True) == [("WHO", 1)]
    assert names.get_candidates("Nobody", relaxed=True) == []
    assert names.get_candidates("us") == []  # only exact texts unless it is asked for


def test_changes_count_at_once(names, tokenizer):
    names.add("Ålesund")
    names.add_alias("Q.E.", "Ålesund", count=2)
    assert names.get_candidates("alesund's", relaxed=True) == [("Ålesund", 0)]
    assert names.get_candidates("QE", relaxed=True) == [("Ålesund", 2)]
    names.remove("United States")
    assert names.get_candidates("us", relaxed=True) == []
    names.compact()
    assert names.get_candidates("QE", relaxed=True) == [("Ålesund", 2)]
    assert names.get_candidates("us", relaxed=True) == []
    loaded = TitleSet.from_bytes(names.to_bytes(), tokenizer=tokenizer)
    assert loaded.get_candidates("QE", relaxed=True) == [("Ålesund", 2)]


def test_files_without_an_index(names, tokenizer, monkeypatch):
    tables = names.view.base
    object.__setattr__(tables, "stored_index", None)
    loaded = TitleSet.from_bytes(TitleSet(tables, None).to_bytes(), tokenizer=tokenizer)
    assert loaded.view.base.stored_index is None
    assert loaded.get_candidates("the us", relaxed=True) == [("United States", 3)]


def test_an_index_of_wrong_length_is_an_error(names):
    object.__setattr__(names.view.base, "stored_index", np.zeros(3, np.uint32))
    with pytest.raises(ValueError, match="T002"):
        TitleSet.from_bytes(names.to_bytes())


@given(TEXT)
def test_forms_build_on_each_other(text):
    forms = relaxed_forms(text)
    assert relaxed_key(text) == forms[-1]
    assert bool(forms[-1]) == bool(forms[1])
    for level, form in enumerate(forms[1:], start=1):
        assert relaxed_forms(form)[1] == relaxed_forms(form)[1].casefold()
        assert len(form) <= 2 * len(forms[level - 1]) + 1


@given(
    st.lists(TEXT.filter(str.strip), min_size=1, max_size=6, unique=True),
    st.lists(TEXT.filter(str.strip), max_size=6, unique=True),
    st.lists(st.integers(0, 5), max_size=3),
    TEXT.filter(str.strip),
)
def test_index_equals_a_scan_before_and_after_changes(tokenizer, first, added, removed, mention):
    def check(titles):
        view = titles.view
        texts = {*titles, *(alias for alias, *_ in view.base.aliases.pairs()), *view.aliases}
        found = dict(view.look_up(mention)[1])
        if not view.get_candidates(mention):
            same = [t for t in texts if relaxed_key(t) == relaxed_key(mention)]
            names = {view.name_at(r) for t in same for r, _ in view.get_candidates(t)}
            assert bool(found) == bool(names)
            assert {view.name_at(row) for row in found} <= names

    titles = TitleSet.build(["Berlin", "Rome", "Oslo", "Bonn", "Kiel", "Ulm"], tokenizer)
    for alias in first:
        titles.add_alias(alias, "Berlin")
    titles.compact()
    check(titles)
    for alias in added:
        titles.add_alias(alias, "Rome")
    for i in removed:
        if (name := ["Berlin", "Rome", "Oslo", "Bonn", "Kiel", "Ulm"][i]) in titles:
            titles.remove(name)
    check(titles)
    titles.compact()
    check(titles)
    if titles.view.has_aliases:
        tables = TitleSet.from_bytes(titles.to_bytes()).view.base
        assert tables.index.tolist() == replace(tables, stored_index=None).index.tolist()
