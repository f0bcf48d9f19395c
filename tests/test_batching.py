"""Batches and padding, against slow and obvious versions."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spacy_genre.batching import pad, token_batches


@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(1, 9), st.integers(1, 4)), max_size=40),
    st.integers(1, 200),
    st.integers(1, 12),
)
def test_batches_hold_every_item_once_and_keep_the_limits(items, max_tokens, max_rows):
    lengths = np.asarray([(a, b) for a, b, _ in items]).reshape(-1, 2)
    counts = np.asarray([(1, c) for *_, c in items]).reshape(-1, 2)
    rows = np.asarray([c for *_, c in items], np.int64)
    options = {"counts": counts, "rows": rows, "max_rows": max_rows}
    batches = list(token_batches(lengths, max_tokens, **options))
    assert sorted(i for batch in batches for i in batch) == list(range(len(items)))
    for batch in batches:
        padded = (lengths[batch].max(0) * counts[batch].sum(0)).sum()
        assert len(batch) == 1 or (padded <= max_tokens and rows[batch].sum() <= max_rows)


def test_longest_come_first_and_an_order_is_kept():
    lengths = np.asarray([3, 9, 5, 9])
    assert [i for b in token_batches(lengths, 20) for i in b] == [1, 3, 2, 0]
    assert list(token_batches(lengths, 18, order=np.arange(4))) == [[0, 1], [2, 3]]


def test_padding_is_limited():
    lengths = np.asarray([100, 100, 10, 10, 10])
    assert list(token_batches(lengths, 1600)) == [[0, 1, 2, 3, 4]]
    assert list(token_batches(lengths, 1600, max_padding=1.0)) == [[0, 1, 2], [3, 4]]


@given(st.lists(st.lists(st.integers(1, 9), max_size=5), min_size=1, max_size=5))
def test_pad(rows):
    padded, mask = pad(rows, 0)
    assert [[*row[keep]] for row, keep in zip(padded, mask, strict=True)] == rows
    assert not padded[~mask].any()
