"""Ragged arrays: sequences of unequal length as their concatenated items and their lengths."""

from array import array
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Iterable, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

IntArray = NDArray[np.integer]


def flatten(sequences: Iterable[Sequence[int]]) -> Tuple[IntArray, IntArray]:
    """Concatenate lists of token ids.

    sequences (Iterable[Sequence[int]]): N lists.
    RETURNS (Tuple[IntArray, IntArray]): The items, uint32, and the lengths, int64, [N].
    """
    # The lists are not collected: with millions of them alive, Python's garbage collector takes
    # longer than all other work.
    flat, lengths = array("I"), array("q")
    for sequence in sequences:
        flat.extend(sequence)
        lengths.append(len(sequence))
    return np.asarray(flat, np.uint32), np.asarray(lengths, np.int64)


def take_rows(flat: IntArray, lengths: IntArray, rows: IntArray) -> Tuple[IntArray, IntArray]:
    """Select sequences, in any order and with repetition.

    flat, lengths (IntArray): N sequences.
    rows (IntArray): [R], the indices of the selected sequences.
    RETURNS (Tuple[IntArray, IntArray]): Items and lengths of the R sequences.
    """
    start = np.cumsum(lengths) - lengths
    length = lengths[rows]
    shift = start[rows] - (np.cumsum(length) - length)
    return flat[np.arange(int(length.sum())) + np.repeat(shift, length)], length


@dataclass(frozen=True, eq=False)
class RowEdit:
    """The removal of some of N rows, and the insertion of A new rows.

    keep (bool): [N], which rows are kept. K is their number.
    insert_at (int64): [A], the index among the K kept rows before which each new row is inserted,
        ascending.
    """

    keep: NDArray[np.bool_]
    insert_at: IntArray

    @classmethod
    def between(cls, keep: NDArray[np.bool_], before: Sequence[int]) -> "RowEdit":
        """Make an edit from indices of old rows.

        keep (bool): [N], which rows are kept.
        before (Sequence[int]): [A], the index among all N old rows before which each new row is
            inserted, ascending.
        """
        n_kept = np.concatenate([[0], np.cumsum(keep)])
        return cls(keep, n_kept[np.asarray(before, np.int64)])

    def apply(self, old: NDArray, new: Union[NDArray, Sequence[Any]]) -> NDArray:
        """Edit a column: from N old items and A new items to K + A items."""
        return np.insert(old[self.keep], self.insert_at, new)

    def apply_ragged(
        self, old: Tuple[NDArray, IntArray], new: Tuple[NDArray, IntArray]
    ) -> Tuple[NDArray, IntArray]:
        """Edit sequences: from N old ones and A new ones, as items and lengths, to K + A."""
        (flat, lengths), (new_flat, new_lengths) = old, new
        kept = lengths[self.keep]
        starts = np.cumsum(np.concatenate([[0], kept]))
        positions = np.repeat(starts[self.insert_at], new_lengths)
        flat = np.insert(flat[np.repeat(self.keep, lengths)], positions, new_flat)
        return flat, np.insert(kept, self.insert_at, new_lengths)

    @cached_property
    def row_map(self) -> IntArray:
        """[N], the new index of each kept row. (Values of removed rows have no meaning.)"""
        index = np.cumsum(self.keep) - 1
        return index + np.searchsorted(self.insert_at, index, side="right")

    @cached_property
    def inserted_rows(self) -> IntArray:
        """[A], the index of each new row after the edit."""
        return self.insert_at + np.arange(len(self.insert_at))
