"""Files of title sets."""

import gc
import os
import pickle
import shutil
from contextlib import suppress

import hypothesis.strategies as st
import numpy as np
import pytest
from helpers.docs import NAMES
from helpers.titles import end_nodes
from hypothesis import given, settings
from safetensors.numpy import save_file

from spacy_genre import TitleSet
from spacy_genre.titles import storage


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


def test_a_file_in_the_home_folder(titles, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    titles.save("~/sets/mine")
    assert (tmp_path / "sets" / "mine").is_file()
    assert list(TitleSet.open("~/sets/mine")) == NAMES


def test_a_symbolic_link_is_kept(titles, tmp_path):
    (tmp_path / "sets").mkdir()
    file, link = tmp_path / "sets" / "set", tmp_path / "link"
    link.symlink_to("sets/set")
    titles.save(link)  # before there is a file
    assert list(TitleSet.open(file)) == NAMES
    titles.remove("Paris")
    titles.save(link)
    assert link.is_symlink()
    assert "Paris" not in TitleSet.open(file)
    assert sorted(os.listdir(tmp_path)) == ["link", "sets"]
    assert os.listdir(file.parent) == ["set"]


def test_equal_sets_are_equal_files(tokenizer):
    one = TitleSet.build(["b", "a", "c"], tokenizer, ids=["2", "1", None])
    other = TitleSet.build(["c", "a", "a", "b"], tokenizer, ids=[None, "1", None, "2"])
    assert one.to_bytes() == other.to_bytes()


def test_an_empty_set(tokenizer, tmp_path):
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


@pytest.fixture
def two_files(tmp_path, tokenizer):
    """The files of a small and a larger title set with other ids."""
    small, large = tmp_path / "small", tmp_path / "large"
    TitleSet.build(["Paris", "Rome"], tokenizer, ids=["Q1", "Q2"]).save(small)
    names = [f"Place {i} {i * 7919 % 9973}" for i in range(2000)]
    TitleSet.build(["Paris", *names], tokenizer, ids=["P1", *map(str, range(2000))]).save(large)
    return small, large


@pytest.mark.parametrize("grows", [True, False])
def test_a_small_file_may_be_overwritten_in_place(two_files, tmp_path, grows):
    """The set keeps the old content (a mapped file would end the process)."""
    old, new = two_files if grows else reversed(two_files)
    path = tmp_path / "set"
    shutil.copy(old, path)
    titles, expected = TitleSet.open(path), TitleSet.open(old)
    shutil.copy(new, path)
    assert list(titles) == list(expected)
    assert titles.id_of("Paris") == expected.id_of("Paris")
    assert titles.to_bytes() == old.read_bytes()
    assert TitleSet.open(path).to_bytes() == new.read_bytes()


@pytest.mark.parametrize("grows", [True, False])
def test_a_large_file_that_is_overwritten_in_place_is_an_error(
    two_files, tmp_path, tokenizer, monkeypatch, grows
):
    monkeypatch.setattr(storage, "MAX_COPIED", 0)
    old, new = two_files if grows else reversed(two_files)
    path = tmp_path / "set"
    shutil.copy(old, path)
    titles = TitleSet.open(path, tokenizer=tokenizer)
    view = titles.view
    shutil.copy(new, path)
    for query in (
        lambda: titles.view, lambda: titles.id_of("Paris"), lambda: titles.add("Bonn"),
        lambda: titles.remove("Paris"), titles.to_bytes, titles.compact, view.base.check_file,
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"T027.*overwritten in place.*mv NEW"):
            query()
    assert TitleSet.open(path).to_bytes() == new.read_bytes()


def test_a_large_file_may_be_replaced_or_touched(two_files, tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "MAX_COPIED", 0)
    small, large = two_files
    path = tmp_path / "set"
    shutil.copy(small, path)
    titles = TitleSet.open(path)
    os.utime(path, (0, 0))
    assert titles.id_of("Paris") == "Q1"
    TitleSet.open(large).save(path)
    assert titles.id_of("Paris") == "Q1"
    path.unlink()
    assert titles.to_bytes() == small.read_bytes()


def test_a_large_file_of_the_same_size_is_another_file(tmp_path, tokenizer, monkeypatch):
    monkeypatch.setattr(storage, "MAX_COPIED", 0)
    path = tmp_path / "set"
    TitleSet.build(["Paris"], tokenizer, ids=["Q1"]).save(path)
    titles = TitleSet.open(path)
    path.write_bytes(TitleSet.build(["Paris"], tokenizer, ids=["Q2"]).to_bytes())
    with pytest.raises(ValueError, match="T027"):
        titles.id_of("Paris")


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


def test_truncated_files_are_refused(titles, tmp_path):
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


@settings(max_examples=100)
@given(st.data())
def test_a_damaged_header_never_crashes(titles_bytes, data):
    content = bytearray(titles_bytes)
    size = int.from_bytes(content[:8], "little")
    position = data.draw(st.integers(0, 8 + size - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    with suppress(ValueError):  # no other exception may be raised
        TitleSet.from_bytes(bytes(content))


def query_all(titles):
    """The results of all queries that the search and the linker make."""
    view = titles.view
    answers = [list(view), len(view), titles.header, titles.names_of("Q1"), titles.has_ids]
    for name in ("Paris", "Lutetia", "Nothing"):
        answers += [titles.resolve(name), titles.id_of(name), titles.get_candidates(name)]
    for node in end_nodes(view.trie):
        answers.append((view.trie.path(node), view.spellings_at(node)))
    return answers


def test_any_damage_is_detected_or_harmless(titles_bytes, tmp_path, monkeypatch):
    monkeypatch.setattr(storage, "MAX_COPIED", 0)
    rng = np.random.default_rng(0)
    path = tmp_path / "set"
    path.write_bytes(titles_bytes)
    expected = query_all(TitleSet.check(path))
    n_detected = 0
    for _ in range(2000):
        content = bytearray(titles_bytes)
        position = int(rng.integers(len(content)))
        if rng.random() < 0.8:
            content[position] ^= int(rng.integers(1, 256))
        else:
            del content[position]
        path.write_bytes(content)
        try:
            titles = TitleSet.check(path)
        except ValueError as err:
            assert "T002" in str(err) or "T003" in str(err)  # noqa: PT017
            n_detected += 1
        else:
            assert query_all(titles) == expected
        # Opening without the check must not crash the interpreter, whatever the result is.
        with suppress(Exception):
            damaged = TitleSet.open(path)
            damaged.view.trie.children(np.arange(3))
            list(damaged)
    assert n_detected > 1900


@pytest.fixture(scope="module")
def titles_bytes(tokenizer):
    titles = TitleSet.build(
        ["Paris", "Chicago"],
        tokenizer,
        ids=["Q1", None],
        prior=[2, 1],
        descriptions=["a city", None],
        redirects={"Lutetia": "Paris"},
        aliases={("City of Light", "Paris"): 3},
    )
    return titles.to_bytes()
