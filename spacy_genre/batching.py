"""Batches limited by tokens, and padding: one of each for search, training and evaluation."""

from operator import add, mul
from typing import Iterator, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from .ragged import IntArray


def token_batches(
    lengths: IntArray,
    max_tokens: int,
    *,
    counts: Optional[IntArray] = None,
    rows: Optional[IntArray] = None,
    max_rows: Optional[int] = None,
    order: Optional[IntArray] = None,
    max_padding: float = float("inf"),
) -> Iterator[List[int]]:
    """Put items of similar length into batches, so that little of a padded batch is padding.

    lengths (IntArray): [N] or [N, S], the length of each item's sequences in tokens. Sequences of
        different kinds (inputs and names, say) are padded to a width of their own.
    max_tokens (int): The most tokens in a batch, padding included. An item that has more is a batch
        of its own.
    counts (Optional[IntArray]): [N] or [N, S], how many sequences of each kind an item has; None
        for one of each.
    rows (Optional[IntArray]): [N], another cost of each item, of which a batch has at most
        `max_rows`; None if there is none.
    order (Optional[IntArray]): [N], the order in which items are taken; None for longest first.
    max_padding (float): A batch is closed when its padded size exceeds this many times its true
        size by more than a sixteenth of `max_tokens`.
    YIELDS (List[int]): The indices of a batch. Each item is in exactly one batch.
    """
    table = np.atleast_2d(np.asarray(lengths).T).T
    if order is None:
        order = np.lexsort(-table.T[::-1])
    number = np.ones_like(table) if counts is None else np.asarray(counts).reshape(table.shape)
    true = (table * number).sum(1).tolist()
    widths, numbers = table.tolist(), number.tolist()
    costs = [0] * len(table) if rows is None else np.asarray(rows).tolist()
    most_rows = float("inf") if max_rows is None else max_rows
    empty = [0] * table.shape[1]
    batch: List[int] = []
    width, n, size, cost = empty, empty, 0, 0
    for i in np.asarray(order).tolist():
        new_width = list(map(max, width, widths[i]))
        new_n = list(map(add, n, numbers[i]))
        padded = sum(map(mul, new_width, new_n))
        limit = min(max_tokens, max_padding * (size + true[i]) + max_tokens / 16)
        if batch and (padded > limit or cost + costs[i] > most_rows):
            yield batch
            batch, new_width, new_n, size, cost = [], widths[i], numbers[i], 0, 0
        batch.append(i)
        width, n, size, cost = new_width, new_n, size + true[i], cost + costs[i]
    if batch:
        yield batch


def pad(rows: Sequence[Sequence[int]], value: int) -> Tuple[IntArray, NDArray[np.bool_]]:
    """Put rows of unequal length into one array.

    rows (Sequence[Sequence[int]]): R rows, at least one.
    value (int): What fills the end of shorter rows.
    RETURNS (Tuple[IntArray, NDArray[np.bool_]]): The rows, int64, and where they are not padding,
        both [R, longest].
    """
    lengths = np.fromiter(map(len, rows), np.int64, len(rows))
    mask = np.arange(lengths.max()) < lengths[:, None]
    padded = np.full(mask.shape, value, np.int64)
    padded[mask] = [token for row in rows for token in row]
    return padded, mask
