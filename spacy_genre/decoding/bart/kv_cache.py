"""The decoder with its KV cache: rows of many inputs in one pass, nothing computed twice."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Iterator, List, Sequence

import numpy as np
import torch
from torch import Tensor

from ...ragged import IntArray
from ..devices import to_device
from ..logprobs import LogProbs
from ..scoring import check_tokens
from .attention import RowGrid, attend, dtype_of_keys, n_extra_rows
from .model import Bart, Layer


@dataclass(frozen=True)
class DecoderRows:
    """Rows for the decoder: each is one token of a sequence.

    slots (IntArray): [R], the slot of the input that each row is for.
    places (IntArray): [R], the row's own place in the cache of its slot.
    ancestors (IntArray): [R, T], the places that each row attends to, its own included; a place
        may be repeated.
    depths (IntArray): [R], the number of tokens before each row in its sequence.
    tokens (IntArray): [R], the tokens.
    """

    slots: IntArray
    places: IntArray
    ancestors: IntArray
    depths: IntArray
    tokens: IntArray


class BartDecoder:
    """Decodes rows for the inputs in its slots.

    A slot caches the keys and values of one input: those of the encoder once, for all rows that
    attend to them, and those of each decoded row at the place where they were first written. A
    table of places says which rows a row attends to. So a step of a search moves no keys and
    values, sequences share those of a common beginning, and inputs come and go at any step.

    bart (Bart): The model.
    """

    def __init__(self, bart: Bart) -> None:
        self.bart, self.dtype = bart, dtype_of_keys(bart.device, bart.dtype)
        self.layers = [LayerCache(layer, bart, self.dtype) for layer in bart.decoder]
        # Added to the weights of an input's tokens: 0, or -inf for padding. [M, 1, 1, S]
        self.input_mask = torch.zeros(0, 1, 1, 0, dtype=self.dtype, device=bart.device)
        self.lengths = np.zeros(0, np.int64)  # [M], the length of the input in each slot
        self.n_places = np.zeros(0, np.int64)  # [M], the number of places in use in each slot

    def add_inputs(self, inputs: Sequence[Sequence[int]], slots: IntArray) -> None:
        """Encode inputs, each into a slot: a new one, or one whose input is finished.

        inputs (Sequence[Sequence[int]]): B token sequences.
        slots (IntArray): [B]; new slots follow the old ones without gaps.
        """
        lengths = np.asarray([len(ids) for ids in inputs])
        hidden, grid = self.bart.encode(inputs)
        n_new = max(0, int(slots.max()) + 1 - len(self.n_places))
        self.n_places = np.pad(self.n_places, (0, n_new))
        self.lengths = np.pad(self.lengths, (0, n_new))
        self.n_places[slots], self.lengths[slots] = 0, lengths
        shape, index = (len(self.n_places), grid.shape[1]), self._tensor(slots)
        self.input_mask = grow(self.input_mask, (shape[0], 1, 1, shape[1]), fill=-torch.inf)
        real = np.arange(self.input_mask.shape[3]) < lengths[:, None]
        mask = to_device(np.where(real, np.float32(0), -np.inf), self.bart.device).to(self.dtype)
        self.input_mask[index] = mask[:, None, None]
        for layer in self.layers:
            layer.add_inputs(hidden, grid, index, shape[0])

    def keep_slots(self, slots: IntArray) -> None:
        """Drop all slots but some, [M'], which are then numbered from 0 on."""
        index = self._tensor(slots)
        self.input_mask, self.lengths = self.input_mask[index], self.lengths[slots]
        for layer in self.layers:
            layer.keep_slots(index)
        self.n_places = self.n_places[slots]

    def decode(self, rows: DecoderRows) -> Iterator[LogProbs]:
        """Compute rows and cache their keys and values.

        RETURNS (Iterator[LogProbs]): The log-probabilities of the token after each row, [R, V], in
            pieces of some rows.
        RAISES (ValueError): If a token is beyond the vocabulary.
        """
        check_tokens(rows.tokens, self.bart.vocab_size)
        np.maximum.at(self.n_places, rows.slots, rows.places + 1)
        rank = rank_in_group(rows.slots)
        shape = (len(self.n_places), int(rank.max()) + 1)
        cells = rows.slots * shape[1] + rank
        grid = RowGrid(cells, shape, self.bart.device, n_extra_rows(len(cells)))
        mask = self._mask(cells, rows.ancestors, shape)
        places = [self._tensor(rows.slots), self._tensor(rows.places)]
        tokens, depths = (self._tensor(grid.with_extra_rows(a)) for a in (rows.tokens, rows.depths))
        input_mask = self.input_mask[..., : int(self.lengths.max())]
        x = self.bart.embed_output(tokens, depths)
        for layer, cache in zip(self.bart.decoder, self.layers, strict=True):
            attend_rows = partial(cache.attend_to_rows, grid=grid, mask=mask, places=places)
            attend_input = partial(cache.attend_to_input, grid=grid, mask=input_mask)
            x = layer.apply(x, layer.self_attention_norm, attend_rows)
            x = layer.apply(x, layer.cross_attention_norm, attend_input)
            x = layer.apply(x, layer.final_norm, layer.feed_forward)
        return self.bart.logprobs(self.bart.decoder_norm(x), grid.n_rows)

    def _mask(self, cells: IntArray, ancestors: IntArray, shape: Any) -> Tensor:
        """0 for the places that a row attends to, -inf for others, [M, 1, rows of a slot, P]."""
        n_cells = shape[0] * shape[1]
        n_places = int(self.n_places.max())
        mask = np.full((n_cells, n_places), -np.inf, np.float32)
        mask[cells[:, None], ancestors] = 0.0
        mask = mask.reshape(shape[0], 1, shape[1], n_places)
        return to_device(mask, self.bart.device).to(self.dtype)

    def _tensor(self, array: IntArray) -> Any:
        return to_device(array.astype(np.int64, order="C"), self.bart.device)


class LayerCache:
    """The keys and values of one layer of the decoder.

    row_keys, row_values ([M, heads, P, head]): Of the decoded rows.
    input_keys, input_values ([M, heads, S, head]): Of the inputs.
    """

    def __init__(self, layer: Layer, bart: Bart, dtype: torch.dtype) -> None:
        self.self_attention, self.cross_attention = layer.self_attention, layer.cross_attention
        self.dtype, self.n_heads = dtype, layer.self_attention.n_heads
        empty = torch.zeros(0, self.n_heads, 0, bart.d // self.n_heads).to(bart.device, dtype)
        self.row_keys = self.row_values = self.input_keys = self.input_values = empty

    def add_inputs(self, hidden: Tensor, grid: RowGrid, slots: Tensor, n_slots: int) -> None:
        """Cache the keys and values of inputs, from `Bart.encode`.

        slots (LongTensor): [B], the slot of each; ascending at first.
        n_slots (int): M from now on.
        """
        n_tokens = grid.shape[1]
        table = grid.pad(self.cross_attention.kv_proj(hidden))
        table = table.unflatten(-1, (2, self.n_heads, -1))
        keys, values = (part.permute(0, 2, 1, 3).to(self.dtype) for part in table.unbind(2))
        if not len(self.input_keys):  # the first inputs are in order and fill all slots
            self.input_keys, self.input_values = keys.contiguous(), values.contiguous()
        else:
            shape = (n_slots, self.n_heads, n_tokens, self.input_keys.shape[3])
            self.input_keys = grow(self.input_keys, shape)
            self.input_values = grow(self.input_values, shape)
            self.input_keys[slots, :, :n_tokens] = keys
            self.input_values[slots, :, :n_tokens] = values
        self._grow_rows(n_slots, self.row_keys.shape[2])

    def _grow_rows(self, n_slots: int, n_places: int) -> None:
        shape = (n_slots, self.n_heads, n_places, self.input_keys.shape[3])
        self.row_keys, self.row_values = grow(self.row_keys, shape), grow(self.row_values, shape)

    def keep_slots(self, slots: Tensor) -> None:
        self.row_keys, self.row_values = self.row_keys[slots], self.row_values[slots]
        self.input_keys, self.input_values = self.input_keys[slots], self.input_values[slots]

    def attend_to_rows(
        self, x: Tensor, residual: Tensor, *, grid: RowGrid, mask: Tensor, places: List[Tensor]
    ) -> Tensor:
        """Self-attention: cache the keys and values of rows, then attend to their ancestors.

        x, residual (FloatTensor): [R, d] each.
        places (List[LongTensor]): The slot and the place of each row, [R] each.
        """
        qkv = self.self_attention.qkv_proj(x)
        q, k, v = qkv.unflatten(-1, (3, self.n_heads, -1)).unbind(1)
        n_places = mask.shape[-1]
        if n_places > self.row_keys.shape[2]:
            self._grow_rows(len(self.row_keys), 2 * n_places)
        self.row_keys[places[0], :, places[1]] = k[: grid.n_rows].to(self.dtype)
        self.row_values[places[0], :, places[1]] = v[: grid.n_rows].to(self.dtype)
        keys, values = self.row_keys[:, :, :n_places], self.row_values[:, :, :n_places]
        y = grid.unpad(attend(grid.pad(q.flatten(1)), keys, values, mask))
        return self.self_attention.out_proj(y.to(x.dtype), residual=residual)

    def attend_to_input(
        self, x: Tensor, residual: Tensor, *, grid: RowGrid, mask: Tensor
    ) -> Tensor:
        """Cross-attention of rows to their inputs, [R, d] to [R, d]."""
        n_tokens = mask.shape[-1]
        keys, values = self.input_keys[:, :, :n_tokens], self.input_values[:, :, :n_tokens]
        y = grid.unpad(attend(grid.pad(self.cross_attention.q_proj(x)), keys, values, mask))
        return self.cross_attention.out_proj(y.to(x.dtype), residual=residual)


def grow(table: Tensor, shape: Sequence[int], fill: float = 0.0) -> Tensor:
    """Enlarge a tensor to at least a shape; new entries are filled."""
    sizes = [max(pair) for pair in zip(table.shape, shape, strict=True)]
    if sizes == [*table.shape]:
        return table
    larger = table.new_full(sizes, fill)
    larger[tuple(map(slice, table.shape))] = table
    return larger


def rank_in_group(groups: IntArray) -> IntArray:
    """The number of items of the same group before each item, [R]."""
    order = np.argsort(groups, kind="stable")
    is_first = np.ones(len(groups), bool)
    is_first[1:] = np.diff(groups[order]) != 0
    index = np.arange(len(groups))
    rank = np.empty_like(index)
    rank[order] = index - np.maximum.accumulate(np.where(is_first, index, 0))
    return rank
