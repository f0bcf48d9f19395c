from dataclasses import replace

import numpy as np
import pytest
import spacy
import srsly
from hypothesis import given
from hypothesis import strategies as st

from spacy_genre.corpora.readers import Corpus_v1
from spacy_genre.training import pairs as pairs_module
from spacy_genre.training.pair_encoding import encode_pairs
from spacy_genre.training.pairs import (
    Pair,
    PairWriter,
    StoredPairs,
    finish_pairs,
    has_pairs,
    shuffled_batches,
)

PAIRS = [Pair(list(range(n)), list(range(n % 3 + 1)), "") for n in (3, 9, 1, 30, 4)]
PAIRS[1] = replace(PAIRS[1], learnt=[False])
PAIRS[4] = replace(PAIRS[4], learnt=[True, False])


def write(folder, signature=None):
    """Two writers, as two processes have them."""
    for name in ("000", "001"):
        writer = PairWriter(folder, name)
        for pair in PAIRS:
            writer.write([pair])
        writer.finish()
    finish_pairs(folder, signature or {})
    return folder


@pytest.mark.parametrize("part", [1, 2, 1_000_000])
def test_the_pairs_that_are_read_are_those_that_were_written(tmp_path, monkeypatch, part):
    monkeypatch.setattr(pairs_module, "PAIRS_PER_FILE", part)
    pairs = StoredPairs(write(tmp_path))
    assert len(pairs) == 2 * len(PAIRS)
    found = [(pairs[i].input, pairs[i].name) for i in range(len(pairs))]
    assert found == [(pair.input, pair.name) for pair in PAIRS * 2]
    assert pairs.input_lengths.tolist() == [len(pair.input) for pair in PAIRS * 2]
    assert [pairs[i].learnt for i in range(len(pairs))] == [pair.learnt for pair in PAIRS * 2]
    assert pairs.n_learnt.tolist() == [pair.n_learnt for pair in PAIRS * 2]
    assert pairs[3].shown == f"pair 3 of {tmp_path}"


def test_a_folder_is_complete_once_all_writers_are_done(tmp_path):
    signature = {"corpus": "a"}
    assert not has_pairs(tmp_path / "none", signature)
    PairWriter(tmp_path, "000").write(PAIRS)
    assert not has_pairs(tmp_path, signature)
    write(tmp_path, signature)
    assert has_pairs(tmp_path, signature)
    with pytest.raises(ValueError, match=r"\[D016\].* a change of: corpus, kb_id\."):
        has_pairs(tmp_path, {"corpus": "b", "kb_id": "id"})


def test_damaged_pairs(tmp_path):
    write(tmp_path)
    path = tmp_path / "000-00000-names.npy"
    good = path.read_bytes()
    path.write_bytes(good[:-4])
    with pytest.raises(ValueError, match=r"\[D003\].*000-00000"):
        StoredPairs(tmp_path)
    np.save(path, np.zeros(3, np.uint32))
    with pytest.raises(ValueError, match="names do not have the lengths"):
        StoredPairs(tmp_path)
    path.write_bytes(good)
    np.save(tmp_path / "000-00000-learnt.npy", np.zeros(3, np.uint8))
    with pytest.raises(ValueError, match="learnt does not have the length"):
        StoredPairs(tmp_path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="000-00000"):
        StoredPairs(tmp_path)


def test_no_pairs(tmp_path):
    finish_pairs(tmp_path, {})
    assert not has_pairs(tmp_path, {})
    assert not has_pairs(tmp_path, {"corpus": "corrected"})
    with pytest.raises(ValueError, match="there are no pairs"):
        StoredPairs(tmp_path)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.integers(1, 40), st.integers(0, 9))
def test_each_pass_has_everything_once(lengths, batch_size, seed):
    lengths = np.array(lengths)
    per_pass = max(1, len(lengths) // batch_size)
    batches = shuffled_batches(lengths, batch_size, seed)
    first = [next(batches) for _ in range(2 * per_pass)]
    for i in (0, per_pass):
        one_pass = np.concatenate(first[i : i + per_pass])
        assert len(np.unique(one_pass)) == len(one_pass) == per_pass * len(first[0])
    for batch in first:
        assert (np.diff(lengths[batch]) >= 0).all()
    # A resumed training gets the batches that would have come.
    again = shuffled_batches(lengths, batch_size, seed, skip=per_pass)
    assert next(again).tolist() == first[per_pass].tolist()


def test_several_processes_encode_the_same_pairs(tmp_path):
    """Each share is encoded by a forked process, and none is lost."""
    rows = [
        {
            "text": f"{n}: Paris.",
            "mentions": [{"start": len(n) + 2, "end": len(n) + 7, "title": "Paris"}],
        }
        for n in map(str, range(25))
    ]
    srsly.write_jsonl(tmp_path / "gold.jsonl", rows)
    nlp = spacy.blank("en")
    linker = nlp.add_pipe("genre_linker")
    corpus = Corpus_v1(tmp_path / "gold.jsonl")
    expected = linker.make_pairs(list(corpus(nlp)))

    def encoded(name, reader, ranks, n_process):
        folder = tmp_path / name
        n_pairs = 0
        for rank in range(ranks):
            n = n_process[rank]  # machines may have different numbers of cores
            n_pairs += encode_pairs(
                nlp, reader, linker, folder, rank=rank, n_ranks=ranks, n_process=n
            )
        finish_pairs(folder, {})
        assert n_pairs == len(expected)
        return sorted((pair.input, pair.name) for pair in StoredPairs(folder))

    for n, (ranks, n_process) in enumerate([(1, [1]), (1, [3]), (2, [2, 2]), (2, [3, 1])]):
        for kind, reader in (("ours", corpus), ("other", lambda nlp: corpus(nlp))):
            found = encoded(f"{kind}{n}", reader, ranks, n_process)
            assert found == sorted((pair.input, pair.name) for pair in expected)
