"""Decoding a beam search step by step with BART, and some tokens ahead."""

from dataclasses import dataclass
from functools import cached_property
from typing import List, NamedTuple, Sequence, Tuple

import numpy as np

from ...ragged import IntArray
from ..constraint import Constraint
from ..scoring import ScoredContinuations, score_continuations
from .kv_cache import BartDecoder, DecoderRows, rank_in_group
from .model import Bart

# From this number of places of a slot on, those that no row will attend to any more are used again.
MANY_PLACES = 256


class BartStepDecoder:
    """Steps of a BART or mBART; see `StepDecoder`.

    With few sequences most of a pass is spent on reading the weights, so some more rows take hardly
    longer. The same pass decodes what probably follows a sequence (`Constraint.look_ahead`), and
    what follows that, and so on.

    A sequence is identified by the row that it continues and by its last token. So two sequences
    that lead to the same state of a constraint are never mixed up.

    bart (Bart): The model.
    constraint (Constraint): What may be generated.
    limit (int): The number of continuations of a row that matter.
    """

    continuous = True
    max_rows = 256  # more do not make the products any faster
    few_rows = 24  # a pass of fewer rows is filled up with rows ahead
    rows_on_gpu = (1024, 128)  # `max_rows` and `few_rows` on a GPU

    def __init__(self, bart: Bart, constraint: Constraint, limit: int) -> None:
        self.constraint, self.limit, self.decoder = constraint, limit, BartDecoder(bart)
        if bart.device.type == "cuda":
            self.max_rows, self.few_rows = self.rows_on_gpu
        self.inputs = np.zeros(0, np.int64)  # [M], the input in each slot
        self.decoded = _DecodedRows.empty()  # those of the last step, and rows ahead of them
        # Of the rows of the last step, and of one more that stands for "no parent": their index in
        # `decoded`, the number of tokens before each, and the places that each attends to.
        self.index, self.depths = np.full(1, -1), np.full(1, -1)
        self.ancestors = np.zeros((1, 16), np.int64)

    def add_inputs(self, inputs: IntArray, sources: Sequence[List[int]], live: IntArray) -> None:
        """As `StepDecoder.add_inputs`. Inputs take the slots of finished ones, then new slots."""
        free = np.flatnonzero(~np.isin(self.inputs, live))[: len(inputs)]
        n_more = len(inputs) - len(free)
        slots = np.concatenate([free, len(self.inputs) + np.arange(n_more)])
        self.inputs = np.pad(self.inputs, (0, n_more))
        self.inputs[slots] = inputs
        self.decoder.add_inputs(sources, slots)

    def step(
        self, inputs: IntArray, parents: IntArray, states: IntArray, tokens: IntArray
    ) -> ScoredContinuations:
        """As `StepDecoder.step`."""
        slot_of = self._slots(inputs)
        rows = _Rows(inputs, slot_of[inputs], self.depths[parents] + 1, states, tokens)
        ancestors = self.ancestors[parents]
        if rows.depth.max() >= ancestors.shape[1]:
            ancestors = np.pad(ancestors, ((0, 0), (0, ancestors.shape[1])))
        index = self.decoded.find(self.index[parents], tokens)
        new, known = np.flatnonzero(index < 0), np.flatnonzero(index >= 0)
        if len(new):
            kept, index[known] = self.decoded.select_below(index[known])
            levels = self._look_ahead(rows.select(new))
            kept_slots = slot_of[kept.inputs]
            places = self._free_places(levels, rows, ancestors, kept_slots, kept.places)
            self.decoded = kept.append(self._decode(levels, ancestors[new], places))
            index[new] = len(kept.inputs) + np.arange(len(new))
        ancestors[np.arange(len(index)), rows.depth] = self.decoded.places[index]
        self.index, self.depths = np.append(index, -1), np.append(rows.depth, -1)
        self.ancestors = np.concatenate([ancestors, np.zeros_like(ancestors[:1])])
        return self.decoded.continuations.select_rows(index)

    def _slots(self, inputs: IntArray) -> IntArray:
        """The slot of each input, by its number. When half of the slots are free, these are
        dropped."""
        slot_of = np.zeros(max(self.inputs.max(), inputs.max()) + 1, np.int64)
        slot_of[inputs] = 1
        is_live = slot_of[self.inputs] == 1
        if 2 * np.count_nonzero(is_live) <= len(is_live):
            self.decoder.keep_slots(np.flatnonzero(is_live))
            self.inputs = self.inputs[is_live]
        slot_of[self.inputs] = np.arange(len(self.inputs))
        return slot_of

    def _look_ahead(self, rows: "_Rows") -> List["_Level"]:
        """The rows to decode, [R], and level by level rows that may follow them, while there is
        room and the constraint expects some."""
        levels = [_Level(np.full(len(rows.token), -1), rows)]
        room = self.few_rows - len(rows.token)
        while room > 0:
            last = levels[-1].rows
            c = self.constraint.look_ahead(last.state)
            inner = np.flatnonzero(~c.is_end)
            n_before = np.cumsum(np.bincount(c.row[inner], minlength=len(last.token)))
            inner = inner[n_before[c.row[inner]] <= room]
            if not len(inner):
                break
            parent = c.row[inner]
            depth = last.depth[parent] + 1
            new = _Rows(
                last.input[parent], last.slot[parent], depth, c.state[inner], c.token[inner]
            )
            levels.append(_Level(parent, new))
            room -= len(inner)
        return levels

    def _free_places(
        self,
        levels: Sequence["_Level"],
        rows: "_Rows",
        ancestors: IntArray,
        kept_slots: IntArray,
        kept_places: IntArray,
    ) -> IntArray:
        """Places for the rows of all levels. Those of other rows ahead, and those to which rows of
        this step attend, are in use."""
        slots = np.concatenate([level.rows.slot for level in levels])
        rank, n_places = rank_in_group(slots), self.decoder.n_places
        if n_places.max() < MANY_PLACES:
            return n_places[slots] + rank
        in_use = np.zeros((len(n_places), n_places.max() + rank.max() + 1), bool)
        in_use[kept_slots, kept_places] = True
        row, depth = np.nonzero(np.arange(ancestors.shape[1]) < rows.depth[:, None])
        in_use[rows.slot[row], ancestors[row, depth]] = True
        free_slots, free_places = np.nonzero(~in_use)
        return free_places[np.searchsorted(free_slots, slots) + rank]

    def _decode(
        self, levels: Sequence["_Level"], ancestors: IntArray, places: IntArray
    ) -> "_DecodedRows":
        """Decode the rows of all levels.

        ancestors (IntArray): The places that those of the first level attend to.
        places (IntArray): A place for each row.
        """
        width = int(levels[0].rows.depth.max()) + len(levels)
        ancestors = np.pad(ancestors, ((0, 0), (0, max(0, width - ancestors.shape[1]))))[:, :width]
        # A row attends to the ancestors of its parent and, from its depth on, to itself.
        columns, all_ancestors, all_parents, start, before = np.arange(width), [], [], 0, 0
        for level in levels:
            end = start + len(level.parent)
            if start:
                ancestors = ancestors[level.parent]
            is_own = columns >= level.rows.depth[:, None]
            ancestors = np.where(is_own, places[start:end, None], ancestors)
            all_ancestors.append(ancestors)
            all_parents.append(level.parent + before)
            before, start = start, end
        rows = _Rows(*map(np.concatenate, zip(*(level.rows for level in levels), strict=True)))
        to_decode = DecoderRows(
            rows.slot, places, np.concatenate(all_ancestors), rows.depth, rows.token
        )
        logprobs = self.decoder.decode(to_decode)
        continuations = score_continuations(self.constraint, rows.state, logprobs, self.limit)
        parents = np.concatenate(all_parents)
        return _DecodedRows(rows.input, places, parents, rows.token, continuations)


class _Rows(NamedTuple):
    """Rows of the decoder, [R] each.

    input, slot (IntArray): The input, and its slot.
    depth (IntArray): The number of tokens before the row in its sequence.
    state, token (IntArray): The state that the sequence has reached, and its last token.
    """

    input: IntArray
    slot: IntArray
    depth: IntArray
    state: IntArray
    token: IntArray

    def select(self, index: IntArray) -> "_Rows":
        return _Rows(*(column[index] for column in self))


class _Level(NamedTuple):
    """Rows at the same distance from the rows that were asked for.

    parent (IntArray): [N], the row of the level before that each one continues; -1 in the first.
    rows (_Rows): [N].
    """

    parent: IntArray
    rows: _Rows


@dataclass(frozen=True)
class _DecodedRows:
    """Rows that were decoded, parents before their children.

    inputs (IntArray): [N], the input of each.
    places (IntArray): [N], the place of each.
    parents (IntArray): [N], the index of the row that each one continues; -1 if it is not here.
    tokens (IntArray): [N], the token of each.
    continuations (ScoredContinuations): What may follow each.
    """

    inputs: IntArray
    places: IntArray
    parents: IntArray
    tokens: IntArray
    continuations: ScoredContinuations

    @classmethod
    def empty(cls) -> "_DecodedRows":
        none = np.zeros(0, np.int64)
        return cls(none, none, none, none, ScoredContinuations.empty())

    @cached_property
    def _keys(self) -> Tuple[IntArray, IntArray]:
        """What identifies a row, its parent and its token, ascending; and the row of each key."""
        keys = (self.parents << 32) | self.tokens
        order = np.argsort(keys)
        return keys[order], order

    def find(self, parents: IntArray, tokens: IntArray) -> IntArray:
        """The row that continues each of some rows by a token, [R]; -1 where there is none."""
        keys, order = self._keys
        if not len(keys):
            return np.full(len(parents), -1)
        wanted = (parents << 32) | tokens
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        return np.where((keys[place] == wanted) & (parents >= 0), order[place], -1)

    def select_below(self, rows: IntArray) -> Tuple["_DecodedRows", IntArray]:
        """Some rows and all that continue them, directly or not; and the index of each of the
        former, which lose their parents."""
        is_kept = np.zeros(len(self.parents), bool)
        is_kept[rows] = True
        # Each round looks at twice as many generations.
        above = self.parents
        while len(below := np.flatnonzero(above >= 0)):
            is_kept[below] |= is_kept[above[below]]
            following = np.full_like(above, -1)
            following[below] = above[above[below]]
            above = following
        kept = np.flatnonzero(is_kept)
        new_index = np.full(len(is_kept) + 1, -1)  # with one for the parent -1
        new_index[kept] = np.arange(len(kept))
        selected = _DecodedRows(
            self.inputs[kept],
            self.places[kept],
            new_index[self.parents[kept]],
            self.tokens[kept],
            self.continuations.select_rows(kept),
        )
        return selected, new_index[rows]

    def append(self, other: "_DecodedRows") -> "_DecodedRows":
        """These rows, and others behind them."""
        n = len(self.inputs)
        if not n:
            return other
        parents = np.where(other.parents >= 0, other.parents + n, -1)
        shifted = other.continuations.shift_rows(n)
        return _DecodedRows(
            np.concatenate([self.inputs, other.inputs]),
            np.concatenate([self.places, other.places]),
            np.concatenate([self.parents, parents]),
            np.concatenate([self.tokens, other.tokens]),
            ScoredContinuations.join([self.continuations, shifted]),
        )
