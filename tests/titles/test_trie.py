import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given

from spacy_genre import TokenTrie

SEQUENCES = st.lists(st.lists(st.integers(0, 6), min_size=1, max_size=6), max_size=30)
WIDE = st.lists(st.lists(st.integers(0, 300_000), min_size=1, max_size=3), max_size=10)


def next_tokens(sequences, prefix):
    """The tokens that may follow a prefix, computed naively."""
    n = len(prefix)
    return sorted({seq[n] for seq in sequences if len(seq) > n and seq[:n] == prefix})


@given(SEQUENCES | WIDE)
def test_children_and_ends_are_those_of_the_sequences(sequences):
    trie, _ = TokenTrie.build(sequences)
    prefixes = {tuple(seq[:i]) for seq in sequences for i in range(len(seq) + 1)} | {()}
    assert trie.n_nodes == len(prefixes)
    for prefix in prefixes:
        node = trie.find(prefix)
        rows, children = trie.children(np.array([node]))
        assert trie.tokens[children].tolist() == next_tokens(sequences, list(prefix))
        assert (rows == 0).all()
        assert bool(trie.is_end(np.array([node]))[0]) == (list(prefix) in sequences)
        assert trie.path(node) == list(prefix)
    assert trie.depth == max(map(len, sequences), default=0)


@given(SEQUENCES)
def test_entries_map_to_rows(sequences):
    trie, order = TokenTrie.build(sequences)
    assert sorted(order) == list(range(len(sequences)))
    for row, seq in enumerate(sequences):
        rows = [order[entry] for entry in trie.entries(trie.find(seq))]
        assert row in rows
        assert all(sequences[other] == seq for other in rows)


@given(SEQUENCES | WIDE)
def test_sequences_rebuild_the_trie(sequences):
    trie, order = TokenTrie.build(sequences)
    flat, lengths = trie.sequences()
    split = [part.tolist() for part in np.split(flat, np.cumsum(lengths)[:-1])] if len(trie) else []
    assert split == [sequences[row] for row in order]
    again, _ = TokenTrie.from_ragged(flat, lengths)
    for name in ("tokens", "first_child", "entry_nodes"):
        assert np.array_equal(getattr(again, name), getattr(trie, name))


@given(SEQUENCES, st.lists(st.integers(0, 200), max_size=20))
def test_batches_of_nodes(sequences, picks):
    trie, _ = TokenTrie.build(sequences)
    nodes = np.array([pick % trie.n_nodes for pick in picks], np.int64)
    rows, children = trie.children(nodes)
    single = [trie.children(np.array([node]))[1].tolist() for node in nodes]
    assert [children[rows == i].tolist() for i in range(len(nodes))] == single
    ends = [bool(trie.is_end(np.array([node]))[0]) for node in nodes]
    assert trie.is_end(nodes).tolist() == ends


@given(SEQUENCES, st.lists(st.integers(0, 7), max_size=7))
def test_find(sequences, sequence):
    trie, _ = TokenTrie.build(sequences)
    exists = any(seq[: len(sequence)] == sequence for seq in sequences) or not sequence
    assert (trie.find(sequence) >= 0) == exists


@given(st.lists(SEQUENCES, max_size=5))
def test_forest(groups):
    tries = [TokenTrie.build(sequences)[0] for sequences in groups]
    forest, roots = TokenTrie.forest(tries)
    assert len(roots) == len(groups)
    for i, sequences in enumerate(groups):
        assert (roots[i] == -1) == (not sequences)
        for seq in sequences:
            node = forest.find([i, *seq])
            assert node > 0
            assert forest.is_end(np.array([node]))[0]
    assert len(forest) == sum(map(len, groups))


def test_tokens_have_the_smallest_dtype():
    assert TokenTrie.build([[65_535]])[0].tokens.dtype == np.uint16
    assert TokenTrie.build([[65_536]])[0].tokens.dtype == np.uint32


def test_an_empty_sequence_is_refused():
    with pytest.raises(ValueError, match="row 1"):
        TokenTrie.build([[1], [], [2]])


def test_out_of_range_tokens_are_not_found():
    trie, _ = TokenTrie.build([[1, 2]])
    assert trie.find([-1]) == -1
    assert trie.find([2**40]) == -1
