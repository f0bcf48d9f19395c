"""Sequences of unequal length as two arrays: all items end to end, and the length of each."""

from array import array
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Iterable, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.integer]


def flatten(sequences: Iterable[Sequence[int]]) -> Tuple[IntArray, IntArray]:
    """Lists of token ids as items, uint32, and lengths, int64."""
    # None of the lists is kept: many would make Python's garbage collector look through all
    # objects again and again, which takes longer than the rest.
    flat, lengths = array("I"), array("q")
    for sequence in sequences:
        flat.extend(sequence)
        lengths.append(len(sequence))
    return np.asarray(flat, np.uint32), np.asarray(lengths, np.int64)


def take_rows(flat: IntArray, lengths: IntArray, rows: IntArray) -> Tuple[IntArray, IntArray]:
    """Some of the sequences, in any order and any number of times.

    flat, lengths (IntArray): N sequences.
    rows (IntArray): [R], which of them.
    RETURNS (Tuple[IntArray, IntArray]): Items and lengths of the R sequences.
    """
    start = np.cumsum(lengths) - lengths
    length = lengths[rows]
    shift = start[rows] - (np.cumsum(length) - length)
    return flat[np.arange(int(length.sum())) + np.repeat(shift, length)], length


@dataclass(frozen=True, eq=False)
class RowEdit:
    """What becomes of N rows when some of them go and A others come in between.

    keep (bool): [N], which rows stay; K of them do.
    at (int64): [A], before which of the kept rows each new one comes, 0 to K, ascending.
    """

    keep: NDArray[np.bool_]
    insert_at: IntArray

    @classmethod
    def between(cls, keep: NDArray[np.bool_], before: Sequence[int]) -> "RowEdit":
        """before (Sequence[int]): [A], before which of all N rows each new one comes, ascending."""
        n_kept = np.concatenate([[0], np.cumsum(keep)])
        return cls(keep, n_kept[np.asarray(before, np.int64)])

    def apply(self, old: NDArray, new: Union[NDArray, Sequence[Any]]) -> NDArray:
        """The K + A items of a column of N items, old, and A items, new."""
        return np.insert(old[self.keep], self.insert_at, new)

    def apply_ragged(
        self, old: Tuple[NDArray, IntArray], new: Tuple[NDArray, IntArray]
    ) -> Tuple[NDArray, IntArray]:
        """The K + A sequences of N, old, and A, new; all as items and lengths."""
        (flat, lengths), (new_flat, new_lengths) = old, new
        kept = lengths[self.keep]
        starts = np.cumsum(np.concatenate([[0], kept]))
        places = np.repeat(starts[self.insert_at], new_lengths)
        flat = np.insert(flat[np.repeat(self.keep, lengths)], places, new_flat)
        return flat, np.insert(kept, self.insert_at, new_lengths)

    @cached_property
    def row_map(self) -> IntArray:
        """[N], the new row of each old one that stays."""
        place = np.cumsum(self.keep) - 1
        return place + np.searchsorted(self.insert_at, place, side="right")

    @cached_property
    def inserted_rows(self) -> IntArray:
        """[A], the row of each new one."""
        return self.insert_at + np.arange(len(self.insert_at))
