"""Sequences of unequal length as two arrays: all items end to end, and the length of each."""

from array import array
from typing import Iterable, List, Tuple

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.integer]


def flatten(sequences: Iterable[List[int]]) -> Tuple[IntArray, IntArray]:
    """Lists of token ids as items, uint32, and lengths, int64."""
    # None of the lists is kept: many would make Python's garbage collector look through all
    # objects again and again, which takes longer than the rest.
    flat, lengths = array("I"), array("q")
    for sequence in sequences:
        flat.fromlist(sequence)
        lengths.append(len(sequence))
    return np.asarray(flat, np.uint32), np.asarray(lengths, np.int64)


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
