import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacy_genre import TitleSet
from spacy_genre.serve.names import NamesFile


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "names.jsonl"


def reopened(titles, tokenizer, path):
    """The title set of a service that was started again."""
    again = TitleSet.from_bytes(titles, tokenizer=tokenizer)
    NamesFile(again, path).close()
    return again


def test_names_survive_a_restart(titles, tokenizer, path):
    before = titles.to_bytes()
    names = NamesFile(titles, path)
    assert names.add("Québec\n東京", id="Q-1", prior=2.5, aliases=["QT"])
    assert not names.add("Québec\n東京", aliases=["QT", "Tokyo"])
    assert not names.add("Paris", aliases=["City of Light"])
    names.remove("Chicago")
    names.close()
    again = reopened(before, tokenizer, path)
    assert again.to_bytes() == titles.to_bytes()
    assert again.id_of("Québec\n東京") == "Q-1"
    assert again.get_candidates("QT") == [("Québec\n東京", 2)]
    assert again.get_candidates("City of Light") == [("Paris", 1)]
    assert "Chicago" not in again


CHANGES = st.tuples(st.sampled_from("ar"), st.sampled_from(["Quxo", "Quxo bar", "Paris", "Baz"]))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(CHANGES, max_size=12), cut=st.integers(0, 200))
def test_a_file_that_was_cut_has_all_complete_changes(changes, cut, titles, tokenizer, tmp_path):
    path = tmp_path / "names.jsonl"
    path.unlink(missing_ok=True)
    start = titles.to_bytes()
    states, sizes = [start], [0]
    names = NamesFile(TitleSet.from_bytes(start, tokenizer=tokenizer), path)
    for op, name in changes:
        if op == "a":
            names.add(name)
        elif name in names.titles:
            names.remove(name)
        states.append(names.titles.to_bytes())
        sizes.append(path.stat().st_size if path.exists() else 0)
    names.close()
    size = max(0, sizes[-1] - cut)
    if path.exists():
        os.truncate(path, size)
    expected = [state for state, at in zip(states, sizes, strict=True) if at <= size][-1]
    again = reopened(start, tokenizer, path)
    assert again.to_bytes() == expected
    assert reopened(start, tokenizer, path).to_bytes() == expected


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"op": "ad", "name": "a"}', '{"op": "add"}', '{"op": "add", "name": 3}']
)
def test_a_damaged_line_is_named(titles, tmp_path, line):
    path = tmp_path / "names.jsonl"
    path.write_text(f'{{"op": "add", "name": "Quxo"}}\n{line}\n')
    with pytest.raises(ValueError, match=r"names\.jsonl, line 2"):
        NamesFile(titles, path)
    path.write_text("")
    NamesFile(titles, path).close()  # the lock was released


def test_changes_that_no_longer_fit_are_left_out(titles, tmp_path):
    path = tmp_path / "names.jsonl"
    path.write_text(
        '{"op": "remove", "name": "Gone"}\n{"op": "add", "name": "Paris", "id": "other"}\n'
        '{"op": "add", "name": "Quxo"}\n'
    )
    with pytest.warns(UserWarning, match="2 changes .* 'Gone', 'Paris'"):
        names = NamesFile(titles, path)
    assert "Quxo" in names.titles
    names.close()


def test_two_services_cannot_share_a_file(titles, path):
    first = NamesFile(titles, path)
    with pytest.raises(ValueError, match="another service"):
        NamesFile(titles, path)
    first.close()
    NamesFile(titles, path).close()


def test_nothing_changes_if_the_file_cannot_be_written(titles, path, monkeypatch):
    names = NamesFile(titles, path)
    names.add("Quxo")
    before, content = titles.to_bytes(), path.read_bytes()

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    for change in (
        lambda: names.add("Baz", aliases=["B"]),
        lambda: names.add("Quxo", aliases=["Q"]),
        lambda: names.remove("Quxo"),
    ):
        with pytest.raises(OSError, match="No space left"):
            change()
    assert (titles.to_bytes(), path.read_bytes()) == (before, content)
    names.close()
