"""Attention for inference: the fastest kernel for each shape."""

from typing import Any, Iterator, List, Optional, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ...ragged import IntArray
from ..devices import to_device
from .layers import can_pack

# On a CPU, torch's fused kernel is faster than two products from about this many queries on.
FEW_QUERIES = 16
# The number of inputs in a block, and the most attention weights of a block: these stay in the
# processor's cache. There are few sizes because oneDNN compiles and keeps code for each shape.
BLOCK_SIZES = (64, 16, 4, 1)
MAX_WEIGHTS = 2**20


class RowGrid:
    """The positions of rows in a padded table, [B, S].

    cells (IntArray): [N], the cell of each row in the flattened table.
    shape (Tuple[int, int]): B and S.
    n_extra (int): The number of dummy rows behind the N rows.
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
        self.cells: Any = to_device(self.with_extra_rows(cells), device)

    def with_extra_rows(self, rows: IntArray) -> IntArray:
        """Append zeros for the dummy rows, [N] to [N + n_extra]."""
        return np.concatenate([rows, np.zeros(self.n_extra, np.int64)])

    def pad(self, x: Tensor) -> Tensor:
        """Rows as [B, S, d]. Cells without a row hold the values of any row."""
        if not self.is_full:
            x = x.index_select(0, self.row_of)
        return x.view(*self.shape, -1)

    def unpad(self, x: Tensor) -> Tensor:
        """[B, S, d] as rows."""
        x = x.flatten(0, 1)
        return x if self.is_full else x.index_select(0, self.cells)


def n_extra_rows(n_rows: int) -> int:
    """The number of dummy rows that round a number of rows up: oneDNN compiles and keeps code for
    each number of rows."""
    step = 1 if n_rows <= 16 else 16 if n_rows <= 256 else 64
    return -n_rows % step


class AttentionBlock:
    """Consecutive inputs of the encoder that are computed together.

    lengths (IntArray): [G], the length of each input in tokens.
    start (int): The first row of the first input.
    width (int): S, at least the longest of the lengths.
    n_extra (int): The number of dummy rows behind the last input.
    use_bmm (bool): Whether to use two batched products in place of torch's fused kernel.
    """

    def __init__(
        self,
        lengths: IntArray,
        start: int,
        width: int,
        *,
        device: torch.device,
        n_extra: int,
        use_bmm: bool,
    ) -> None:
        self.rows = slice(start, start + int(lengths.sum()))
        real = np.arange(width) < lengths[:, None]
        self.grid = RowGrid(np.flatnonzero(real), real.shape, device, n_extra)
        self.use_bmm = use_bmm
        self.mask: Optional[Tensor] = None
        if use_bmm or not real.all():
            self.mask = to_device(real, device)[:, None, None]

    def attend(self, qkv: Tensor, n_heads: int) -> Tensor:
        """Self-attention within each input.

        qkv (FloatTensor): [N, 3d], the queries, keys and values of the rows of all blocks.
        RETURNS (FloatTensor): [rows of the block, d].
        """
        rows = self.grid.pad(qkv[self.rows]).unflatten(-1, (3, n_heads, -1))
        q, k, v = rows.permute(2, 0, 3, 1, 4)  # each [G, heads, S, head]
        if self.use_bmm:
            y = self._attend_by_bmm(q, k, v)
        else:
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=self.mask, scale=1.0)
        return self.grid.unpad(y.transpose(1, 2).flatten(2))

    def _attend_by_bmm(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        shape = q.shape
        assert self.mask is not None
        if self.mask.dtype == torch.bool:  # converted in the first layer, reused by the others
            zeros = torch.zeros(self.mask.shape, dtype=q.dtype)
            mask = zeros.masked_fill_(~self.mask, -torch.inf).expand(-1, shape[1], -1, -1)
            self.mask = mask.flatten(0, 1)
        q, k, v = (x.flatten(0, 1) for x in (q, k, v))
        weights = torch.softmax(torch.baddbmm(self.mask, q, k.transpose(1, 2)), dim=-1)
        return torch.bmm(weights, v).view(shape)


def attention_blocks(
    lengths: IntArray, n_extra: int, n_heads: int, device: torch.device, dtype: torch.dtype
) -> List[AttentionBlock]:
    """Divide the inputs of an encoder into blocks.

    lengths (IntArray): [B], the length of each input in tokens.
    n_extra (int): The number of dummy rows behind the last input.
    """
    # In bfloat16 two products of oneDNN take half the time of torch's fused kernel.
    use_bmm = dtype == torch.bfloat16 and can_pack(device, dtype)
    whole = [(0, len(lengths), int(lengths.max()))]
    borders = [*_divide(lengths, n_heads)] if use_bmm else whole
    starts = np.cumsum(lengths) - lengths
    return [
        AttentionBlock(
            lengths[first:last],
            int(starts[first]),
            width,
            device=device,
            n_extra=n_extra if last == len(lengths) else 0,
            use_bmm=use_bmm,
        )
        for first, last, width in borders
    ]


def _divide(lengths: IntArray, n_heads: int) -> Iterator[Tuple[int, int, int]]:
    """For each block the first input, the one after the last, and the width."""
    first = 0
    while first < len(lengths):
        for n in BLOCK_SIZES:
            width = _rounded(int(lengths[first : first + n].max()))
            if n == 1 or (n <= len(lengths) - first and n * n_heads * width**2 <= MAX_WEIGHTS):
                break
        yield first, first + n, width
        first += n


def _rounded(n: int) -> int:
    """Round a length up."""
    step = 16 if n <= 128 else 32 if n <= 256 else 64
    return n + -n % step


def dtype_of_keys(device: torch.device, dtype: torch.dtype) -> torch.dtype:
    """The dtype of the decoder's KV cache.

    On a CPU it is float32: there, products of a few queries take half the time of torch's fused
    kernel in bfloat16, and oneDNN's products in bfloat16 would keep code for each of many shapes.
    """
    return torch.float32 if device.type == "cpu" else dtype


def attend(q: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """Attention of a few queries to cached keys and values.

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
