"""Decoding the rows of many mentions at once, with packed weights and nothing computed twice."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Iterator, List, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from ..ragged import IntArray
from .bart import Bart, Grid, Layer
from .edges import check_tokens


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
        self.bart = bart
        self.slots = [Slots(layer, bart) for layer in bart.decoder]
        self.input_mask = torch.zeros(0, 1, 1, 0, dtype=bart.dtype, device=bart.device)
        self.used = np.zeros(0, np.int64)  # [M] the places that are taken in each slot

    def admit(self, inputs: Sequence[Sequence[int]]) -> None:
        """Read inputs, each in a new slot behind the others."""
        hidden, grid = self.bart.encode(inputs)
        mask = hidden.new_full((grid.shape[0] * grid.shape[1],), -torch.inf)
        mask = mask.index_fill_(0, grid.cells, 0.0).view(-1, 1, 1, grid.shape[1])
        self.input_mask = append(self.input_mask, mask, fill=-torch.inf)
        for slots in self.slots:
            slots.admit(hidden, grid)
        self.used = np.concatenate([self.used, np.zeros(len(inputs), np.int64)])

    def keep(self, kept: IntArray) -> None:
        """Give up all slots but some, [M'], which close ranks."""
        index = self._tensor(kept)
        self.input_mask = self.input_mask[index]
        for slots in self.slots:
            slots.keep(index)
        self.used = self.used[kept]

    def evaluate(self, rows: Rows) -> Iterator[Tensor]:
        """Compute rows.

        RETURNS (Iterator[FloatTensor]): The log-probabilities of what follows each row (natural
            logarithm, float32), [R, V] in pieces of some rows.
        RAISES (ValueError): If a token is beyond the vocabulary.
        """
        check_tokens(rows.tokens, self.bart.vocab_size)
        np.maximum.at(self.used, rows.slots, rows.places + 1)
        rank = rank_in_group(rows.slots)
        shape = (len(self.used), int(rank.max()) + 1)
        cells = rows.slots * shape[1] + rank
        grid = Grid(cells, shape, self.bart.device)
        mask = self._mask(cells, rows.ancestors, shape)
        at = [self._tensor(rows.slots), self._tensor(rows.places)]
        at_input = (self._tensor(grid.extend(a)) for a in (rows.tokens, rows.depths))
        x = self.bart.embed_output(*at_input)
        for layer, slots in zip(self.bart.decoder, self.slots, strict=True):
            own = partial(slots.attend, grid=grid, mask=mask, at=at)
            cross = partial(slots.attend_to_input, grid=grid, mask=self.input_mask)
            x = layer.apply(x, layer.own_norm, own)
            x = layer.apply(x, layer.cross_norm, cross)
            x = layer.apply(x, layer.last_norm, layer.feed)
        return self.bart.log_probs(self.bart.decoder_norm(x), grid.n_rows)

    def _mask(self, cells: IntArray, ancestors: IntArray, shape: Any) -> Tensor:
        """0 for the places that a row sees, -inf for others, [M, 1, rows of a slot, places]."""
        n_cells = shape[0] * shape[1]
        n_places = int(self.used.max())
        mask = torch.full((n_cells, n_places), -torch.inf, device=self.bart.device)
        mask[self._tensor(cells[:, None]), self._tensor(ancestors)] = 0.0
        return mask.to(self.bart.dtype).view(shape[0], 1, shape[1], n_places)

    def _tensor(self, array: IntArray) -> Any:
        return torch.from_numpy(array.astype(np.int64, order="C")).to(self.bart.device)


class Slots:
    """One layer's keys and values.

    own_keys, own_values ([M, heads, P, head]): Of the rows.
    keys, values ([M, heads, S, head]): Of the inputs, 0 where there is padding.
    """

    def __init__(self, layer: Layer, bart: Bart) -> None:
        self.own, self.cross = layer.own, layer.cross
        nothing = torch.zeros(0, self.own.n_heads, 0, bart.d // self.own.n_heads)
        nothing = nothing.to(bart.device, bart.dtype)
        self.own_keys = self.own_values = self.keys = self.values = nothing

    def admit(self, hidden: Tensor, grid: Grid) -> None:
        """Add slots for some inputs, as `Bart.encode` gives them."""
        padded = grid.spread(self.cross.remember(hidden)).unflatten(-1, (2, self.own.n_heads, -1))
        keys, values = padded.permute(2, 0, 3, 1, 4)
        self.keys, self.values = append(self.keys, keys), append(self.values, values)
        new = hidden.new_zeros(grid.shape[0], *self.own_keys.shape[1:])
        self.own_keys, self.own_values = append(self.own_keys, new), append(self.own_values, new)

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
        k, v = k[: grid.n_rows], v[: grid.n_rows]
        n_places = mask.shape[-1]
        if n_places > self.own_keys.shape[2]:  # no new slots, but longer ones
            longer = self.own_keys.new_zeros(0, k.shape[1], 2 * n_places, k.shape[2])
            self.own_keys = append(self.own_keys, longer)
            self.own_values = append(self.own_values, longer)
        self.own_keys[at[0], :, at[1]] = k
        self.own_values[at[0], :, at[1]] = v
        keys, values = self.own_keys[:, :, :n_places], self.own_values[:, :, :n_places]
        y = _attend(grid.spread(q.flatten(1)), keys, values, mask)
        return self.own.write(grid.collect(y), add=add)

    def attend_to_input(self, x: Tensor, add: Tensor, *, grid: Grid, mask: Tensor) -> Tensor:
        """Let rows look at their inputs."""
        y = _attend(grid.spread(self.cross.read(x)), self.keys, self.values, mask)
        return self.cross.write(grid.collect(y), add=add)


def _attend(q: Tensor, keys: Tensor, values: Tensor, mask: Tensor) -> Tensor:
    """What queries, [M, W, d], find; they were scaled already. RETURNS (FloatTensor): [M, W, d]."""
    # `torch.matmul` is faster for so few queries, but in bfloat16 oneDNN keeps code for each shape
    # that it meets, and here that is a new one at nearly every step.
    q = q.unflatten(-1, (keys.shape[1], -1)).transpose(1, 2)
    y = F.scaled_dot_product_attention(q, keys, values, attn_mask=mask, scale=1.0)
    return y.transpose(1, 2).flatten(2)


def append(table: Tensor, new: Tensor, fill: float = 0.0) -> Tensor:
    """Lay a tensor behind another, which may be smaller or larger; gaps are filled."""
    shape = [max(sizes) for sizes in zip(table.shape, new.shape, strict=True)]
    shape[0] = len(table) + len(new)
    both = new.new_full(shape, fill)
    for part, rows in ((table, both[: len(table)]), (new, both[len(table) :])):
        rows[tuple(map(slice, part.shape))] = part
    return both


def rank_in_group(groups: IntArray) -> IntArray:
    """How many items of the same group are before each item, [R]."""
    order = np.argsort(groups, kind="stable")
    is_first = np.ones(len(groups), bool)
    is_first[1:] = np.diff(groups[order]) != 0
    index = np.arange(len(groups))
    rank = np.empty_like(index)
    rank[order] = index - np.maximum.accumulate(np.where(is_first, index, 0))
    return rank
