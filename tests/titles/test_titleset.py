import gc
import os
import pickle
import string
import threading
from contextlib import suppress

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given, settings
from safetensors.numpy import save_file

from spacy_genre import TitleSet
from spacy_genre.titles.choice import choose_name
from spacy_genre.tokenization import NameTokenizer

NAME = st.text(min_size=1, max_size=30).filter(lambda name: name.strip(string.whitespace))


def reachable(titles):
    """Every name that some path of the trie ends at."""
    tables = titles.tables
    found = []
    for node in np.unique(tables.trie.entry_nodes):
        found += [tables.names[row] for row in tables.rows_at(int(node))]
    return found


def test_what_a_set_knows(titles):
    assert len(titles) == 8
    assert "Paris" in titles
    assert "paris" not in titles
    assert "Einstein" not in titles  # a redirect can't be generated
    assert 7 not in titles
    assert list(titles) == sorted(titles)
    assert titles.resolve("Einstein") == titles.resolve("Albert Einstein") == "Albert Einstein"
    assert titles.resolve("Nobody") is None
    assert titles.id_of("Einstein") == "Q0"
    assert titles.id_of("Nobody") is None
    assert titles.names_of("Q6") == ["Paris"]
    assert titles.names_of("") == titles.names_of("Q99") == []
    assert repr(titles) == "<TitleSet of 8 names and 1 redirects>"


def test_names_with_the_same_tokens_share_an_end(tokenizer):
    titles = TitleSet.build(["US", "us", "Us"], tokenizer, prior=[5, 1, 7])
    (node,) = np.unique(titles.trie.entry_nodes)
    chosen = {
        s: titles.tables.names[choose_name(titles.tables, int(node), s)]
        for s in ["US", "us", "U.S."]
    }
    assert chosen == {"US": "US", "us": "us", "U.S.": "Us"}


def test_without_priors_the_choice_is_fixed(tokenizer):
    titles = TitleSet.build(["us", "US", "Us"], tokenizer)
    (node,) = np.unique(titles.trie.entry_nodes)
    assert titles.tables.names[choose_name(titles.tables, int(node), "U.S.")] == "US"


@given(st.dictionaries(NAME, st.one_of(st.none(), st.just("Q1"), st.just("Q2")), max_size=20))
def test_every_name_is_reachable_and_nothing_else(tokenizer, ids):
    titles = TitleSet.build(ids, tokenizer, ids=list(ids.values()), on_invalid="skip")
    usable = sorted(name for name in ids if tokenizer.encode([name])[0])
    assert sorted(reachable(titles)) == list(titles) == usable
    for name in usable:
        node = titles.trie.find(tokenizer.encode([name])[0])
        rows = titles.tables.rows_at(node)
        assert name in [titles.tables.names[row] for row in rows]
        assert titles.id_of(name) == ids[name]
    assert titles.header["dropped"]["names"] == len(ids) - len(usable)


def test_ten_thousand_random_names(tokenizer):
    rng = np.random.default_rng(0)
    # Latin, digits and punctuation, Greek and Cyrillic, CJK, emoji, spaces and combining marks.
    ranges = [(0x20, 0x7F), (0xA1, 0x250), (0x391, 0x482), (0x4E00, 0x9FFF), (0x1F300, 0x1F650)]
    marks = [(0x300, 0x340), (0x2000, 0x2010)]  # nothing by themselves
    names = []
    for _ in range(10_000):
        low, high = ranges[rng.integers(len(ranges))]
        length = int(rng.integers(1, 201)) if rng.random() < 0.1 else int(rng.integers(1, 12))
        codes = rng.integers(low, high, length)
        if length > 1 and rng.random() < 0.3:
            codes[1:2] = rng.integers(*marks[rng.integers(2)])
        codes[0] = max(codes[0], low + 1)  # no name is a lone space
        names.append("".join(map(chr, codes)))
    names += [name.upper() for name in names[:500]]  # other names, the same tokens
    titles = TitleSet.build(names, tokenizer, on_invalid="skip")
    usable = {name for name, ids in zip(names, tokenizer.encode(names), strict=True) if ids}
    assert set(titles) == usable
    assert sorted(reachable(titles)) == sorted(usable)
    assert usable == set(names)
    assert len(titles) > 9_000
    assert len(np.unique(titles.trie.entry_nodes)) < len(titles)


# Changes


CHANGE = st.tuples(st.sampled_from(["add", "remove", "look"]), st.sampled_from("abcdefg"))


@given(st.lists(CHANGE, max_size=15), st.sets(st.sampled_from("abcdefg")))
def test_changes_agree_with_a_set_made_from_scratch(tokenizer, changes, start):
    titles = TitleSet.build(start, tokenizer, ids=[f"Q{c}" for c in start])
    expected = {c: f"Q{c}" for c in start}
    for what, name in changes:
        if what == "add":
            titles.add(name, id=f"Q{name}")
            expected[name] = f"Q{name}"
        elif what == "look":
            assert (name in titles) == (name in expected)
        elif name in expected:
            titles.remove(name)
            del expected[name]
        else:
            with pytest.raises(KeyError):
                titles.remove(name)
    fresh = TitleSet.build(expected, tokenizer, ids=list(expected.values()))
    assert list(titles) == list(fresh)
    assert {name: titles.id_of(name) for name in titles} == expected
    for array in ("tokens", "first_child", "entry_nodes"):
        assert np.array_equal(getattr(titles.trie, array), getattr(fresh.trie, array))


def test_add(titles):
    titles.add("Threads (social network)", id="Q11", prior=2.0)
    titles.add("Threads (social network)", id="Q11")  # again: nothing happens
    assert "Threads (social network)" in titles
    assert titles.id_of("Threads (social network)") == "Q11"
    with pytest.raises(ValueError, match=r"'Q11'.*'Q12'"):
        titles.add("Threads (social network)", id="Q12")
    with pytest.raises(ValueError, match="redirect to 'Albert Einstein'"):
        titles.add("Einstein")
    for bad in ("", "\u200b", "\ud800", "x " * 2000):
        with pytest.raises(ValueError, match=r"T005|T019"):
            titles.add(bad)
    assert len(titles) == 9


def test_removing_a_name_takes_its_redirects_along(titles):
    titles.remove("Albert Einstein")
    assert titles.resolve("Einstein") is None
    titles.add("Einstein")
    assert "Einstein" in titles


def test_adding_needs_the_tokenizer(titles):
    copy = TitleSet.from_bytes(titles.to_bytes())
    with pytest.raises(ValueError, match="needs the model's tokenizer"):
        copy.add("Threads")
    copy.remove("Paris")  # removing doesn't
    assert len(copy) == 7


def test_a_reader_sees_whole_changes(titles):
    errors = []

    def read():
        try:
            for _ in range(200):
                tables = titles.tables
                assert len(tables.trie) == len(tables.names) == len(tables.entry_names)
        except Exception as err:
            errors.append(err)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(50):
        titles.add(f"Name {i}")
    for thread in threads:
        thread.join()
    assert not errors
    assert len(titles) == 58


# Files


def test_round_trips(titles, tmp_path, tokenizer):
    path = tmp_path / "new" / "set.titles"
    titles.save(path)
    content = path.read_bytes()
    for other in (
        TitleSet.open(path),
        TitleSet.open(str(path), tokenizer=tokenizer.hf),
        TitleSet.from_bytes(content),
        pickle.loads(pickle.dumps(titles)),
    ):
        assert other.to_bytes() == content
        assert other.id_of("Einstein") == "Q0"
    assert os.listdir(path.parent) == ["set.titles"]


def test_equal_sets_are_equal_files(tokenizer):
    one = TitleSet.build(["b", "a", "c"], tokenizer, ids=["2", "1", None])
    other = TitleSet.build(["c", "a", "a", "b"], tokenizer, ids=[None, "1", None, "2"])
    assert one.to_bytes() == other.to_bytes()


def test_an_empty_set_is_a_set(tokenizer, tmp_path):
    empty = TitleSet.build([], tokenizer)
    empty.save(tmp_path / "empty")
    again = TitleSet.open(tmp_path / "empty", tokenizer=tokenizer)
    assert list(again) == []
    assert "x" not in again
    again.add("x")
    assert list(again) == ["x"]
    again.remove("x")
    assert again.to_bytes() == empty.to_bytes()


def test_a_set_can_be_saved_over_the_file_that_it_reads(titles, tmp_path, tokenizer):
    path = tmp_path / "set"
    titles.save(path)
    again = TitleSet.open(path, tokenizer=tokenizer)
    again.add("Zebra")
    again.save(path)
    assert list(again) == list(TitleSet.open(path))
    del again
    gc.collect()
    assert "Zebra" in TitleSet.open(path)


def test_a_save_that_fails_leaves_the_old_file(titles, tmp_path, monkeypatch):
    path = tmp_path / "set"
    titles.save(path)
    before = path.read_bytes()

    def full_disk(*args):
        raise OSError(28, "No space left on device")

    titles.add("Zebra")
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        titles.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["set"]


def test_a_cut_file_is_refused_wherever_it_is_cut(titles, tmp_path):
    content = titles.to_bytes()
    path = tmp_path / "cut"
    for length in [*range(0, 64), *range(64, len(content), 97), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="T002"):
            TitleSet.open(path)
    path.write_bytes(content + b"x")
    with pytest.raises(ValueError, match="T002"):
        TitleSet.open(path)


def test_foreign_files_are_refused(titles, tmp_path):
    path = tmp_path / "foreign"
    save_file({"weight": np.zeros(4, np.float32)}, path)
    with pytest.raises(ValueError, match="another kind of safetensors file"):
        TitleSet.open(path)
    for content in (b"<!DOCTYPE html>" * 100, b"\x80\x04" * 50, b"PK\x03\x04" * 50):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="T002"):
            TitleSet.open(path)
    with pytest.raises(ValueError, match="folder"):
        TitleSet.open(tmp_path)
    with pytest.raises(FileNotFoundError, match="titles build"):
        TitleSet.open(tmp_path / "nothing")


def test_another_format_is_refused(titles, tmp_path):
    path = tmp_path / "new"
    path.write_bytes(titles.to_bytes().replace(b'\\"format\\": 1', b'\\"format\\": 9'))
    with pytest.raises(ValueError, match=r"format 9.*reads format 1"):
        TitleSet.open(path)


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_header_never_crashes(titles_bytes, data):
    content = bytearray(titles_bytes)
    size = int.from_bytes(content[:8], "little")
    position = data.draw(st.integers(0, 8 + size - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    with suppress(ValueError):  # nothing else may be raised
        TitleSet.from_bytes(bytes(content))


@pytest.fixture(scope="module")
def titles_bytes(tokenizer):
    return TitleSet.build(["Paris", "Chicago"], tokenizer, ids=["Q1", None]).to_bytes()


# Bad input


def test_names_that_cannot_be_used(tokenizer):
    names = ["Good", "", " ", "\u200b", "\ud800x", "word " * 2000]
    with pytest.raises(ValueError, match=r"5 of 6 names.*''.*on_invalid"):
        TitleSet.build(names, tokenizer)
    titles = TitleSet.build(names, tokenizer, on_invalid="skip")
    assert list(titles) == ["Good"]
    assert titles.header["dropped"]["names"] == 5
    with pytest.raises(ValueError, match="'raise' or 'skip'"):
        TitleSet.build(names, tokenizer, on_invalid="ignore")


def test_ids_and_priors_that_do_not_fit(tokenizer):
    with pytest.raises(ValueError, match="ids has 1 items where there are 2"):
        TitleSet.build(["a", "b"], tokenizer, ids=["Q1"])
    with pytest.raises(ValueError, match="prior has 3 items where there are 2"):
        TitleSet.build(["a", "b"], tokenizer, prior=[1, 2, 3])
    with pytest.raises(ValueError, match="'a' has two ids, 'Q1' and 'Q2'"):
        TitleSet.build(["a", "a"], tokenizer, ids=["Q1", "Q2"])


def test_redirects(tokenizer):
    titles = TitleSet.build(["C"], tokenizer, redirects={"A": "B", "B": "C"})
    assert titles.resolve("A") == titles.resolve("B") == "C"
    bad = {"A": "B", "B": "A", "D": "nowhere", "C": "C", "E": "C"}
    with pytest.raises(ValueError, match=r"4 redirects can't be resolved.*leads to itself"):
        TitleSet.build(["C"], tokenizer, redirects=bad)
    titles = TitleSet.build(["C"], tokenizer, redirects=bad, on_invalid="skip")
    assert titles.resolve("E") == "C"
    assert titles.resolve("A") is None
    assert titles.header["dropped"]["redirects"] == 4


def test_another_tokenizer_is_refused(titles, hf_tokenizer):
    other = NameTokenizer(hf_tokenizer, bos=False)
    with pytest.raises(ValueError, match=r"T004.*--model"):
        titles.bind(other)
