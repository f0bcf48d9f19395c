"""Sequences of unequal length as two arrays: all items end to end, and the length of each."""

from itertools import chain
from typing import Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.integer]


def flatten(sequences: Sequence[Sequence[int]]) -> Tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Lists of token ids as items, uint32, and lengths, [len(sequences)]."""
    lengths = np.fromiter(map(len, sequences), np.int64, len(sequences))
    return np.fromiter(chain.from_iterable(sequences), np.uint32, int(lengths.sum())), lengths


def take(flat: IntArray, lengths: IntArray, rows: IntArray) -> Tuple[IntArray, IntArray]:
    """Some of the sequences, in any order and any number of times.

    flat, lengths (IntArray): N sequences.
    rows (IntArray): [R], which of them.
    RETURNS (Tuple[IntArray, IntArray]): Items and lengths of the R sequences.
    """
    start = np.cumsum(lengths) - lengths
    length = lengths[rows]
    shift = start[rows] - (np.cumsum(length) - length)
    return flat[np.arange(int(length.sum())) + np.repeat(shift, length)], length
