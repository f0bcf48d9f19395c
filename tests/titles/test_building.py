"""Building of title sets, and names that can't be used."""

import string

import hypothesis.strategies as st
import numpy as np
import pytest
from helpers.titles import can_be_generated, spellings
from hypothesis import given

from spacy_genre import TitleSet
from spacy_genre.titles.normal_form import normal_form
from spacy_genre.tokenization import NameTokenizer

NAME = st.text(min_size=1, max_size=30).filter(lambda name: name.strip(string.whitespace))
NAME = NAME.map(normal_form)  # the form in which names are stored


@given(st.dictionaries(NAME, st.one_of(st.none(), st.just("Q1"), st.just("Q2")), max_size=20))
def test_every_name_is_reachable_and_nothing_else(tokenizer, ids):
    titles = TitleSet.build(ids, tokenizer, ids=list(ids.values()), on_invalid="skip")
    usable = sorted(name for name in ids if can_be_generated(name, tokenizer))
    assert sorted(spellings(titles)) == list(titles) == usable
    for name in usable:
        node = titles.trie.find(tokenizer.encode([name])[0])
        assert name in [text for text, _ in titles.view.spellings_at(node)]
        assert titles.id_of(name) == ids[name]
    assert titles.header["dropped"]["names"] == len(ids) - len(usable)


def test_ten_thousand_random_names(tokenizer):
    rng = np.random.default_rng(0)
    # Latin, digits and punctuation, Greek and Cyrillic, CJK, emoji, spaces and combining marks.
    ranges = [(0x20, 0x7F), (0xA1, 0x250), (0x391, 0x482), (0x4E00, 0x9FFF), (0x1F300, 0x1F650)]
    marks = [(0x300, 0x340), (0x2000, 0x2010)]  # without tokens of their own
    names = []
    for _ in range(10_000):
        low, high = ranges[rng.integers(len(ranges))]
        length = int(rng.integers(1, 201)) if rng.random() < 0.1 else int(rng.integers(1, 12))
        codes = rng.integers(low, high, length)
        if length > 1 and rng.random() < 0.3:
            codes[1:2] = rng.integers(*marks[rng.integers(2)])
        codes[0] = max(codes[0], low + 1)  # no name is a single space
        names.append("".join(map(chr, codes)))
    names += [name.upper() for name in names[:500]]  # other names, the same tokens
    names = [*map(normal_form, names)]
    titles = TitleSet.build(names, tokenizer, on_invalid="skip")
    usable = {name for name in names if can_be_generated(name, tokenizer)}
    assert set(titles) == usable
    assert sorted(spellings(titles)) == sorted(usable)
    assert all(tokenizer.encode([*set(names)]))
    assert len(titles) > 3_000
    assert len(np.unique(titles.trie.entry_nodes)) < len(titles)


UNKNOWN = ["ខ្មែរ", "ភ្នំពេញ សៀមរាប", "😀"]  # to the embedded tokenizer


def test_names_of_unknown_tokens_only(tokenizer):
    """They have the same tokens, so they can't be distinguished."""
    names = ["Paris", "Paris 😀", "ខ្មែរ!", *UNKNOWN]
    with pytest.raises(
        ValueError, match=r"3 of 6 names .* 1 to \d+ tokens, at least one of which is known"
    ):
        TitleSet.build(names, tokenizer)
    aliases = {("Khmer", "ខ្មែរ"): 1}
    titles = TitleSet.build(names, tokenizer, aliases=aliases, on_invalid="skip")
    assert list(titles) == ["Paris", "Paris 😀", "ខ្មែរ!"]
    assert titles.header["dropped"] == {"names": 3, "redirects": 0, "aliases": 1}
    for name in UNKNOWN:
        with pytest.raises(ValueError, match="T005"):
            titles.add(name)
    titles.add("😀?")
    redirects = dict.fromkeys(UNKNOWN, "Paris")
    assert TitleSet.build(["Paris"], tokenizer, redirects=redirects).resolve("😀") == "Paris"
    with pytest.raises(ValueError, match=r"T009.*it has no tokens, only unknown ones, or too many"):
        TitleSet.build(["Paris"], tokenizer, redirects=redirects, trie="titles+redirects")


def test_only_required_names_must_be_valid(tokenizer):
    names, redirects = ["Paris", "😀"], {"Bonn": "Nowhere"}
    titles = TitleSet.build(names, tokenizer, redirects=redirects, required=["Paris"])
    assert list(titles) == ["Paris"]
    for required in ("😀", "Bonn"):
        with pytest.raises(ValueError, match=r"T005|T009"):
            TitleSet.build(names, tokenizer, redirects=redirects, required=[required])


def test_values_of_duplicate_names(tokenizer):
    titles = TitleSet.build(
        ["a", "b", "a", "a"],
        tokenizer,
        prior=np.asarray([1, 2, 4, 3], np.float32),
        descriptions=[None, "another", "the first letter", "not this"],
    )
    assert [titles.view.prior_at(titles.view.find(name)) for name in "ab"] == [4, 2]
    assert titles.description_of("a") == "the first letter"
    assert titles.description_of("b") == "another"


def test_names_that_cannot_be_used(tokenizer):
    names = ["Good", "", " ", "\u200b", "\ud800x", "word " * 2000]
    with pytest.raises(ValueError, match=r"5 of 6 names.*''.*on_invalid"):
        TitleSet.build(names, tokenizer)
    titles = TitleSet.build(names, tokenizer, on_invalid="skip")
    assert list(titles) == ["Good"]
    assert titles.header["dropped"]["names"] == 5
    with pytest.raises(ValueError, match="'raise' or 'skip'"):
        TitleSet.build(names, tokenizer, on_invalid="ignore")


def test_ids_and_priors_of_the_wrong_length(tokenizer):
    with pytest.raises(ValueError, match="ids has 1 items, but there are 2"):
        TitleSet.build(["a", "b"], tokenizer, ids=["Q1"])
    with pytest.raises(ValueError, match="prior has 3 items, but there are 2"):
        TitleSet.build(["a", "b"], tokenizer, prior=[1, 2, 3])
    with pytest.raises(ValueError, match="'a' has two ids, 'Q1' and 'Q2'"):
        TitleSet.build(["a", "a"], tokenizer, ids=["Q1", "Q2"])


def test_values_of_the_wrong_kind(titles, tokenizer):
    priors = ({"prior": prior} for prior in ("high", float("nan"), float("inf"), 1e39, -1e39))
    for values in ({"id": 123}, {"id": "\ud800"}, *priors):
        with pytest.raises(ValueError, match=r"T023.*'Threads'"):
            titles.add("Threads", **values)
    assert "Threads" not in titles
    for values in ({"ids": [9]}, {"prior": [None]}, {"prior": [1e39]}, {"descriptions": [b"x"]}):
        with pytest.raises(ValueError, match=r"T023"):
            TitleSet.build(["Threads"], tokenizer, **values)
    for names in ([None], ["a", 1]):
        with pytest.raises(ValueError, match="T019"):
            TitleSet.build(names, tokenizer, on_invalid="skip")
    with pytest.raises(ValueError, match=r"\['Paris'\]"):
        TitleSet.build("Paris", tokenizer)
    skipped = TitleSet.build(["a"], tokenizer, redirects={"\ud800": "a"}, on_invalid="skip")
    assert len(skipped.header["dropped"]) == 3


def test_redirects(tokenizer):
    titles = TitleSet.build(["C"], tokenizer, redirects={"A": "B", "B": "C"})
    assert titles.resolve("A") == titles.resolve("B") == "C"
    bad = {"A": "B", "B": "A", "D": "nowhere", "C": "C", "E": "C"}
    with pytest.raises(ValueError, match=r"4 redirects can't be resolved.*redirects to itself"):
        TitleSet.build(["C"], tokenizer, redirects=bad)
    titles = TitleSet.build(["C"], tokenizer, redirects=bad, on_invalid="skip")
    assert titles.resolve("E") == "C"
    assert titles.resolve("A") is None
    assert titles.header["dropped"]["redirects"] == 4


def test_another_tokenizer_is_refused(titles, hf_tokenizer):
    other = NameTokenizer(hf_tokenizer, bos=False)
    with pytest.raises(ValueError, match=r"T004.*--model"):
        titles.bind(other)
