"""Decoding the rows of many mentions at once, with packed weights and nothing computed twice."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Iterator, List, Sequence

import numpy as np
import torch
from torch import Tensor

from ...ragged import IntArray
from ..continuations import check_tokens
from ..devices import to_device
from ..logprobs import LogProbs
from .attention import Grid, attend, dtype_of_keys, n_extra
from .model import Bart, Layer


@dataclass(frozen=True)
class Rows:
    """Rows to compute: each is one token of a sequence.

    slots (IntArray): [R], the slots of their mentions.
    places (IntArray): [R], where in the slot each row is kept: one behind the other.
    ancestors (IntArray): [R, T], the places of the rows that each one sees, its own included;
        the same place may stand there more than once.
    depths (IntArray): [R], how many tokens are before each in its sequence.
    tokens (IntArray): [R], the tokens.
    """

    slots: IntArray
    places: IntArray
    ancestors: IntArray
    depths: IntArray
    tokens: IntArray


class PackedDecoder:
    """Computes rows of the mentions that are in its slots.

    A slot holds the keys and values of a mention's input and of its rows: those of the input once,
    whatever the number of rows that look at them, and those of a row where they were first
    written, whatever becomes of the sequences that begin with it. Which rows a row sees is a table
    of places. So a step of a search moves no keys and values, and mentions may come and go at any
    step, each at a length of its own.

    bart (Bart): The model.
    """

    def __init__(self, bart: Bart) -> None:
        self.bart, self.dtype = bart, dtype_of_keys(bart.device, bart.dtype)
        self.slots = [Slots(layer, bart, self.dtype) for layer in bart.decoder]
        # What is to be added to the weights of an input's tokens: 0, or -inf where there is none.
        self.input_mask = torch.zeros(0, 1, 1, 0, dtype=self.dtype, device=bart.device)
        self.lengths = np.zeros(0, np.int64)  # [M] how long the input in each slot is
        self.used = np.zeros(0, np.int64)  # [M] the places that are taken in each slot

    def admit(self, inputs: Sequence[Sequence[int]], slots: IntArray) -> None:
        """Read inputs, each into a slot: a new one, or one whose mention is done.

        inputs (Sequence[Sequence[int]]): B token sequences.
        slots (IntArray): [B], no gaps being left before the new ones.
        """
        hidden, grid = self.bart.encode(inputs)
        lengths = np.asarray([len(ids) for ids in inputs])
        n_new = max(0, int(slots.max()) + 1 - len(self.used))
        self.used, self.lengths = np.pad(self.used, (0, n_new)), np.pad(self.lengths, (0, n_new))
        self.used[slots], self.lengths[slots] = 0, lengths
        shape, index = (len(self.used), grid.shape[1]), self._tensor(slots)
        self.input_mask = grown(self.input_mask, (shape[0], 1, 1, shape[1]), fill=-torch.inf)
        real = np.arange(self.input_mask.shape[3]) < lengths[:, None]
        mask = to_device(np.where(real, np.float32(0), -np.inf), self.bart.device).to(self.dtype)
        self.input_mask[index] = mask[:, None, None]
        for own in self.slots:
            own.admit(hidden, grid, index, shape[0])

    def keep(self, kept: IntArray) -> None:
        """Give up all slots but some, [M'], which close ranks."""
        index = self._tensor(kept)
        self.input_mask, self.lengths = self.input_mask[index], self.lengths[kept]
        for slots in self.slots:
            slots.keep(index)
        self.used = self.used[kept]

    def evaluate(self, rows: Rows) -> Iterator[LogProbs]:
        """Compute rows.

        RETURNS (Iterator[LogProbs]): What follows each row, [R, V] in pieces of some rows.
        RAISES (ValueError): If a token is beyond the vocabulary.
        """
        check_tokens(rows.tokens, self.bart.vocab_size)
        np.maximum.at(self.used, rows.slots, rows.places + 1)
        rank = rank_in_group(rows.slots)
        shape = (len(self.used), int(rank.max()) + 1)
        cells = rows.slots * shape[1] + rank
        grid = Grid(cells, shape, self.bart.device, n_extra(len(cells)))
        mask = self._mask(cells, rows.ancestors, shape)
        at = [self._tensor(rows.slots), self._tensor(rows.places)]
        at_input = (self._tensor(grid.extend(a)) for a in (rows.tokens, rows.depths))
        input_mask = self.input_mask[..., : int(self.lengths.max())]
        x = self.bart.embed_output(*at_input)
        for layer, slots in zip(self.bart.decoder, self.slots, strict=True):
            own = partial(slots.attend, grid=grid, mask=mask, at=at)
            cross = partial(slots.attend_to_input, grid=grid, mask=input_mask)
            x = layer.apply(x, layer.own_norm, own)
            x = layer.apply(x, layer.cross_norm, cross)
            x = layer.apply(x, layer.last_norm, layer.feed)
        return self.bart.follow(self.bart.decoder_norm(x), grid.n_rows)

    def _mask(self, cells: IntArray, ancestors: IntArray, shape: Any) -> Tensor:
        """0 for the places that a row sees, -inf for others, [M, 1, rows of a slot, places]."""
        n_cells = shape[0] * shape[1]
        n_places = int(self.used.max())
        mask = np.full((n_cells, n_places), -np.inf, np.float32)
        mask[cells[:, None], ancestors] = 0.0
        mask = mask.reshape(shape[0], 1, shape[1], n_places)
        return to_device(mask, self.bart.device).to(self.dtype)

    def _tensor(self, array: IntArray) -> Any:
        return to_device(array.astype(np.int64, order="C"), self.bart.device)


class Slots:
    """One layer's keys and values. They stay where they are when mentions come and go.

    own_keys, own_values ([M, heads, P, head]): Of the rows.
    keys, values ([M, heads, S, head]): Of the inputs.
    """

    def __init__(self, layer: Layer, bart: Bart, dtype: torch.dtype) -> None:
        self.own, self.cross, self.dtype = layer.own, layer.cross, dtype
        nothing = torch.zeros(0, self.own.n_heads, 0, bart.d // self.own.n_heads)
        nothing = nothing.to(bart.device, dtype)
        self.own_keys = self.own_values = self.keys = self.values = nothing

    def admit(self, hidden: Tensor, grid: Grid, index: Tensor, n_slots: int) -> None:
        """Take in some inputs, as `Bart.encode` gives them.

        index (LongTensor): [B], the slot of each; ascending at first.
        n_slots (int): M from now on.
        """
        n_tokens = grid.shape[1]
        table = grid.spread(self.cross.remember(hidden)).unflatten(-1, (2, self.own.n_heads, -1))
        new = [part.permute(0, 2, 1, 3) for part in table.unbind(2)]
        if not len(self.keys):  # slots of inputs that are all new are just these
            self.keys, self.values = (part.to(self.dtype).contiguous() for part in new)
        else:
            shape = (n_slots, self.keys.shape[1], n_tokens, self.keys.shape[3])
            self.keys, self.values = grown(self.keys, shape), grown(self.values, shape)
            for old, part in zip((self.keys, self.values), new, strict=True):
                old[index, :, :n_tokens] = part.to(self.dtype)
        self._grow_own(n_slots, self.own_keys.shape[2])

    def _grow_own(self, n_slots: int, n_places: int) -> None:
        shape = (n_slots, self.keys.shape[1], n_places, self.keys.shape[3])
        self.own_keys, self.own_values = grown(self.own_keys, shape), grown(self.own_values, shape)

    def keep(self, index: Tensor) -> None:
        self.own_keys, self.own_values = self.own_keys[index], self.own_values[index]
        self.keys, self.values = self.keys[index], self.values[index]

    def attend(
        self, x: Tensor, add: Tensor, *, grid: Grid, mask: Tensor, at: List[Tensor]
    ) -> Tensor:
        """Write the keys and values of some rows, then let the rows look at what they see.

        x ([R, d]): The rows. add ([R, d]): To be added to the result.
        at (List[LongTensor]): The slot and the place of each, [R].
        """
        q, k, v = self.own.read(x).unflatten(-1, (3, self.own.n_heads, -1)).unbind(1)
        n_places = mask.shape[-1]
        if n_places > self.own_keys.shape[2]:
            self._grow_own(len(self.own_keys), 2 * n_places)
        self.own_keys[at[0], :, at[1]] = k[: grid.n_rows].to(self.dtype)
        self.own_values[at[0], :, at[1]] = v[: grid.n_rows].to(self.dtype)
        keys, values = self.own_keys[:, :, :n_places], self.own_values[:, :, :n_places]
        y = grid.collect(attend(grid.spread(q.flatten(1)), keys, values, mask))
        return self.own.write(y.to(x.dtype), add=add)

    def attend_to_input(self, x: Tensor, add: Tensor, *, grid: Grid, mask: Tensor) -> Tensor:
        """Let rows look at their inputs."""
        n_tokens = mask.shape[-1]
        keys, values = self.keys[:, :, :n_tokens], self.values[:, :, :n_tokens]
        y = grid.collect(attend(grid.spread(self.cross.read(x)), keys, values, mask))
        return self.cross.write(y.to(x.dtype), add=add)


def grown(table: Tensor, shape: Sequence[int], fill: float = 0.0) -> Tensor:
    """A tensor with at least so many places in each dimension; new ones are filled."""
    sizes = [max(pair) for pair in zip(table.shape, shape, strict=True)]
    if sizes == [*table.shape]:
        return table
    larger = table.new_full(sizes, fill)
    larger[tuple(map(slice, table.shape))] = table
    return larger


def rank_in_group(groups: IntArray) -> IntArray:
    """How many items of the same group are before each item, [R]."""
    order = np.argsort(groups, kind="stable")
    is_first = np.ones(len(groups), bool)
    is_first[1:] = np.diff(groups[order]) != 0
    index = np.arange(len(groups))
    rank = np.empty_like(index)
    rank[order] = index - np.maximum.accumulate(np.where(is_first, index, 0))
    return rank
