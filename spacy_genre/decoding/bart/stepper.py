"""Decoding a beam search step by step with BART, and some tokens ahead."""

from dataclasses import dataclass
from typing import List, NamedTuple, Sequence

import numpy as np

from ...ragged import IntArray
from ..constraint import Constraint
from ..scoring import ScoredContinuations, score_continuations
from .kv_cache import BartDecoder, DecoderRows, rank_in_group
from .model import Bart

# A state with more continuations is not decoded ahead: each of them seldom comes.
FEW_CONTINUATIONS = 2


class BartStepDecoder:
    """Steps of a BART or mBART; see `StepDecoder`.

    With few sequences most of a pass is spent on reading the weights, so some more rows take hardly
    longer. Where only one or two tokens can follow a sequence, the same pass decodes these as well,
    and what follows them, and so on. In a trie of titles nine in ten nodes have a single child.

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
        # The rows of the last step, and one more that stands for "no parent".
        self.depths = np.full(1, -1)
        self.ancestors = np.zeros((1, constraint.max_length), np.int64)
        self.ahead = _DecodedRows.empty(constraint.max_length)  # rows that may be asked for

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
        slots = self._slots(inputs)
        # A row's own place stands last among its ancestors.
        parent_places = np.where(self.depths[parents] < 0, -1, self.ancestors[parents, -1])
        keys = _keys(inputs, parent_places, tokens)
        index, known = self.ahead.find(keys), self.ahead
        new = np.flatnonzero(index < 0)
        if len(new):
            columns = (inputs, slots, parents, states, tokens, keys)
            decoded = self._decode(*(column[new] for column in columns))
            known = _DecodedRows.join(decoded, self.ahead)
            index += len(decoded.keys)
            index[new] = np.arange(len(new))
        if len(new) == len(known.keys):  # nothing was decoded ahead
            now, self.ahead = known, self.ahead.select(index[:0])
        else:
            waits = np.isin(known.inputs, inputs)
            waits[index] = False
            now, self.ahead = known.select(index), known.select(np.flatnonzero(waits))
        self.depths = np.append(now.depths, -1)
        self.ancestors = np.concatenate([now.ancestors, np.zeros_like(self.ancestors[:1])])
        return now.continuations

    def _slots(self, inputs: IntArray) -> IntArray:
        """The slot of each input. When half of the slots are free, these are dropped."""
        slot_of = np.zeros(max(self.inputs.max(), inputs.max()) + 1, np.int64)
        slot_of[inputs] = 1
        is_live = slot_of[self.inputs] == 1
        if 2 * np.count_nonzero(is_live) <= len(is_live):
            self.decoder.keep_slots(np.flatnonzero(is_live))
            self.inputs = self.inputs[is_live]
        slot_of[self.inputs] = np.arange(len(self.inputs))
        return slot_of[inputs]

    def _decode(
        self,
        inputs: IntArray,
        slots: IntArray,
        parents: IntArray,
        states: IntArray,
        tokens: IntArray,
        keys: IntArray,
    ) -> "_DecodedRows":
        """Decode rows that continue those of the last step, [R], and rows ahead of them."""
        levels = self._look_ahead(states, tokens)
        first = np.concatenate([level.first for level in levels])
        states = np.concatenate([level.state for level in levels])
        tokens = np.concatenate([level.token for level in levels])
        inputs, slots = inputs[first], slots[first]
        places = self.decoder.n_places[slots] + rank_in_group(slots)
        # A row attends to the ancestors of its parent and, from its depth on, to itself.
        columns = np.arange(self.ancestors.shape[1])
        level_depths, level_ancestors = self.depths[parents], self.ancestors[parents]
        all_depths, all_ancestors, all_keys, start = [], [], [keys], 0
        for level in levels:
            level_depths = level_depths[level.parent] + 1
            own = places[start : start + len(level.parent), None]
            if start:  # the first level has its keys already
                parent_places = level_ancestors[level.parent, -1]
                end = start + len(level.parent)
                all_keys.append(_keys(inputs[start:end], parent_places, level.token))
            is_own = columns >= level_depths[:, None]
            level_ancestors = np.where(is_own, own, level_ancestors[level.parent])
            all_depths.append(level_depths)
            all_ancestors.append(level_ancestors)
            start += len(level.parent)
        depths, ancestors = np.concatenate(all_depths), np.concatenate(all_ancestors)
        rows = DecoderRows(slots, places, ancestors[:, : depths.max() + 1], depths, tokens)
        logprobs = self.decoder.decode(rows)
        continuations = score_continuations(self.constraint, states, logprobs, self.limit)
        return _DecodedRows(inputs, np.concatenate(all_keys), depths, ancestors, continuations)

    def _look_ahead(self, states: IntArray, tokens: IntArray) -> List["_Level"]:
        """The rows to decode, [R], and level by level rows that may follow them, while there is
        room and few tokens can follow."""
        index = np.arange(len(states))
        levels = [_Level(index, index, states, tokens)]
        room = self.few_rows - len(states)
        while room > 0:
            last = levels[-1]
            count = self.constraint.n_continuations(last.state)
            some = np.flatnonzero((count > 0) & (count <= FEW_CONTINUATIONS))
            some = some[np.cumsum(count[some]) <= room]
            if not len(some):
                break
            c = self.constraint.continuations(last.state[some])
            inner = np.flatnonzero(~c.is_end)
            parent = some[c.row[inner]]
            levels.append(_Level(last.first[parent], parent, c.state[inner], c.token[inner]))
            room -= len(inner)
        return levels


class _Level(NamedTuple):
    """Rows at the same distance from the rows that were asked for.

    first (IntArray): [N], the row that was asked for from which each one continues.
    parent (IntArray): [N], the row of the level before that each one continues.
    state, token (IntArray): [N], the state that it has reached, and its token.
    """

    first: IntArray
    parent: IntArray
    state: IntArray
    token: IntArray


@dataclass(frozen=True)
class _DecodedRows:
    """Rows that were decoded.

    inputs (IntArray): [N], the input of each.
    keys (IntArray): [N], see `_keys`.
    depths (IntArray): [N], the number of tokens before each in its sequence.
    ancestors (IntArray): [N, T], the places that each attends to; see `DecoderRows`.
    continuations (ScoredContinuations): What may follow each.
    """

    inputs: IntArray
    keys: IntArray
    depths: IntArray
    ancestors: IntArray
    continuations: ScoredContinuations

    @classmethod
    def empty(cls, width: int) -> "_DecodedRows":
        none = np.zeros(0, np.int64)
        ancestors = np.zeros((0, width), np.int64)
        return cls(none, none, none, ancestors, ScoredContinuations.empty())

    @classmethod
    def join(cls, a: "_DecodedRows", b: "_DecodedRows") -> "_DecodedRows":
        if not len(b.keys):
            return a
        return cls(
            np.concatenate([a.inputs, b.inputs]),
            np.concatenate([a.keys, b.keys]),
            np.concatenate([a.depths, b.depths]),
            np.concatenate([a.ancestors, b.ancestors]),
            ScoredContinuations.join([a.continuations, b.continuations.shift_rows(len(a.keys))]),
        )

    def select(self, index: IntArray) -> "_DecodedRows":
        """Some of the rows, in a given order."""
        return _DecodedRows(
            self.inputs[index],
            self.keys[index],
            self.depths[index],
            self.ancestors[index],
            self.continuations.select_rows(index),
        )

    def find(self, keys: IntArray) -> IntArray:
        """The index of the row with each of some keys, [R]; -1 where there is none."""
        if not len(self.keys):
            return np.full(len(keys), -1)
        order = np.argsort(self.keys)
        place = np.searchsorted(self.keys, keys, sorter=order)
        place = order[np.minimum(place, len(order) - 1)]
        return np.where(self.keys[place] == keys, place, -1)


def _keys(inputs: IntArray, parent_places: IntArray, tokens: IntArray) -> IntArray:
    """What identifies a sequence: its input, the place of the row that it continues (-1 if there is
    none), and its last token, in one number."""
    return (inputs << 42) | ((parent_places + 1) << 21) | tokens
