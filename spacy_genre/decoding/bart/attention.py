"""Attention for inference, each kind in the way that is fastest for its shape."""

from typing import Any, Iterator, List, Optional, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...ragged import IntArray
from ..devices import to_device
from .layers import can_pack

# On a CPU torch's own kernel is the faster one from about so many queries of a mention on.
FEW_QUERIES = 16
# So many inputs are read at once, and no more than make so many weights: these stay in the cache.
# The sizes are few because oneDNN compiles and keeps code for each shape that it meets.
BLOCKS = (64, 16, 4, 1)
MAX_WEIGHTS = 2**20


class Grid:
    """Rows that fill some cells of a table of B times S.

    cells (IntArray): [N], the cell of each row, counted line by line.
    shape (Tuple[int, int]): B and S.
    n_extra (int): How many rows that mean nothing come behind the N rows.
    """

    def __init__(
        self, cells: IntArray, shape: Tuple[int, int], device: torch.device, n_extra: int = 0
    ) -> None:
        self.shape, self.n_rows, self.n_extra = shape, len(cells), n_extra
        n_cells = shape[0] * shape[1]
        in_order = len(cells) == n_cells and bool((cells == np.arange(n_cells)).all())
        self.is_full = in_order and not n_extra
        row_of = np.zeros(n_cells, np.int64)
        row_of[cells] = np.arange(len(cells))
        self.row_of: Any = to_device(row_of, device)
        self.cells: Any = to_device(self.extend(cells), device)

    def extend(self, rows: IntArray) -> IntArray:
        """Values for the N rows, [N], as values for all."""
        return np.concatenate([rows, np.zeros(self.n_extra, np.int64)])

    def spread(self, x: Tensor) -> Tensor:
        """Rows as [B, S, d]; where there is none, any."""
        if not self.is_full:
            x = x.index_select(0, self.row_of)
        return x.view(*self.shape, -1)

    def collect(self, x: Tensor) -> Tensor:
        """[B, S, d] as rows."""
        x = x.flatten(0, 1)
        return x if self.is_full else x.index_select(0, self.cells)


def n_extra(n_rows: int) -> int:
    """How many rows more make a round number: oneDNN compiles and keeps code for each number."""
    step = 1 if n_rows <= 16 else 16 if n_rows <= 256 else 64
    return -n_rows % step


class Block:
    """Some inputs that lie one behind the other in the encoder's rows.

    lengths (IntArray): [G], how many tokens each has.
    start (int): The first of their rows.
    width (int): S, at least the longest of the lengths.
    multiplies (bool): Whether to multiply matrices, rather than to use torch's own kernel.
    """

    def __init__(
        self,
        lengths: IntArray,
        start: int,
        width: int,
        *,
        device: torch.device,
        n_extra: int,
        multiplies: bool,
    ) -> None:
        self.rows = slice(start, start + int(lengths.sum()))
        real = np.arange(width) < lengths[:, None]
        self.grid = Grid(np.flatnonzero(real), real.shape, device, n_extra)
        self.multiplies = multiplies
        self.mask: Optional[Tensor] = None
        if multiplies or not real.all():
            self.mask = to_device(real, device)[:, None, None]

    def attend(self, qkv: Tensor, n_heads: int) -> Tensor:
        """All tokens of each input look at all tokens of it.

        qkv (FloatTensor): [N, 3d], the queries, keys and values of all rows.
        RETURNS (FloatTensor): [rows of the block, d].
        """
        rows = self.grid.spread(qkv[self.rows]).unflatten(-1, (3, n_heads, -1))
        q, k, v = rows.permute(2, 0, 3, 1, 4)  # each [G, heads, S, head]
        if self.multiplies:
            y = self._multiply(q, k, v)
        else:
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=self.mask, scale=1.0)
        return self.grid.collect(y.transpose(1, 2).flatten(2))

    def _multiply(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        shape = q.shape
        assert self.mask is not None
        if self.mask.dtype == torch.bool:  # of the first layer; the others add the same
            zeros = torch.zeros(self.mask.shape, dtype=q.dtype)
            mask = zeros.masked_fill_(~self.mask, -torch.inf).expand(-1, shape[1], -1, -1)
            self.mask = mask.flatten(0, 1)
        q, k, v = (x.flatten(0, 1) for x in (q, k, v))
        weights = torch.softmax(torch.baddbmm(self.mask, q, k.transpose(1, 2)), dim=-1)
        return torch.bmm(weights, v).view(shape)


def blocks(
    lengths: IntArray, n_extra: int, n_heads: int, device: torch.device, dtype: torch.dtype
) -> List[Block]:
    """The inputs of an encoder in blocks.

    lengths (IntArray): [B], how many tokens each input has.
    n_extra (int): How many rows that mean nothing come behind the last one.
    """
    # In bfloat16 two products of oneDNN take half the time of torch's own kernel.
    multiplies = dtype == torch.bfloat16 and can_pack(device, dtype)
    if multiplies:
        borders = [*_divide(lengths, n_heads)]
    else:
        borders = [(0, len(lengths), int(lengths.max()))]
    starts = np.cumsum(lengths) - lengths
    return [
        Block(
            lengths[first:last],
            int(starts[first]),
            width,
            device=device,
            n_extra=n_extra if last == len(lengths) else 0,
            multiplies=multiplies,
        )
        for first, last, width in borders
    ]


def _divide(lengths: IntArray, n_heads: int) -> Iterator[Tuple[int, int, int]]:
    """The first and last + 1 of the inputs in each block, and its width."""
    first = 0
    while first < len(lengths):
        for n in BLOCKS:
            width = _rounded(int(lengths[first : first + n].max()))
            if n == 1 or (n <= len(lengths) - first and n * n_heads * width**2 <= MAX_WEIGHTS):
                break
        yield first, first + n, width
        first += n


def _rounded(n: int) -> int:
    """A length that is at least as great, and round."""
    step = 16 if n <= 128 else 32 if n <= 256 else 64
    return n + -n % step


def dtype_of_keys(device: torch.device, dtype: torch.dtype) -> torch.dtype:
    """What to keep the keys and values in at which a few queries look, again and again.

    On a CPU it is float32: there, products of few rows take half the time that torch's own kernel
    takes in bfloat16, and oneDNN's products in bfloat16 would keep code for each of many shapes.
    """
    return torch.float32 if device.type == "cpu" else dtype


def attend(q: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """What queries find at some keys.

    q (FloatTensor): [M, W, d], scaled already.
    keys, values, mask (FloatTensor): [M, heads, S, head] twice, and [M, 1, W or 1, S].
    RETURNS (FloatTensor): [M, W, d], of the keys' dtype.
    """
    q = q.unflatten(-1, (keys.shape[1], -1)).transpose(1, 2).to(keys.dtype)
    if q.device.type == "cpu" and q.shape[2] <= FEW_QUERIES:
        weights = torch.softmax(torch.matmul(q, keys.transpose(2, 3)).add_(mask), dim=-1)
        y = torch.matmul(weights, values)
    else:
        y = F.scaled_dot_product_attention(q, keys, values, attn_mask=mask, scale=1.0)
    return y.transpose(1, 2).flatten(2)
