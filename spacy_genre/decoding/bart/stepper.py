"""Step by step through the sequences of a BART, and a few steps ahead."""

from dataclasses import dataclass
from typing import List, Sequence, Tuple

import numpy as np

from ...ragged import IntArray
from ..continuations import Edges, Goal
from .kv_cache import PackedDecoder, Rows, rank_in_group
from .model import Bart

# What comes after more children than these is not computed before its turn: it seldom comes.
FEW_CHILDREN = 2


class PackedSteps:
    """Steps of a BART or mBART.

    While there are few sequences, a pass of the decoder takes about as long for some more, since
    most of it goes into reading the weights. So where only one or two tokens can follow a sequence,
    what comes after them is computed in the same pass, and so on; nine in ten nodes have a single
    child.

    bart (Bart): The model.
    goal (Goal): What is generated.
    """

    continuous = True
    max_rows = 256  # more make the multiplications no faster
    few_rows = 24
    rows_on_gpu = (1024, 128)  # the same there

    def __init__(self, bart: Bart, goal: Goal) -> None:
        self.goal, self.decoder = goal, PackedDecoder(bart)
        if bart.device.type == "cuda":
            self.max_rows, self.few_rows = self.rows_on_gpu
        self.mentions = np.zeros(0, np.int64)  # [M] whose each slot is
        # Of the sequences of the last step, and of one more that stands before each first token:
        self.depths, self.ancestors = np.full(1, -1), np.zeros((1, goal.trie.depth + 1), np.int64)
        # Sequences that may come.
        self.ahead = Computed.nothing(goal.trie.depth + 1)

    def admit(self, mentions: IntArray, inputs: Sequence[List[int]], live: IntArray) -> None:
        """As `Steps.admit`. The mentions take the slots of those that are done, then new ones."""
        free = np.flatnonzero(~np.isin(self.mentions, live))[: len(mentions)]
        n_more = len(mentions) - len(free)
        slots = np.concatenate([free, len(self.mentions) + np.arange(n_more)])
        self.mentions = np.pad(self.mentions, (0, n_more))
        self.mentions[slots] = mentions
        self.decoder.admit(inputs, slots)

    def step(
        self, mentions: IntArray, parents: IntArray, nodes: IntArray, tokens: IntArray
    ) -> Edges:
        """As `Steps.step`."""
        slots, keys = self._slots(mentions), mentions << 32 | nodes
        at, known = self.ahead.find(keys), self.ahead
        new = np.flatnonzero(at < 0)
        if len(new):
            computed = self._compute(keys[new], slots[new], parents[new], tokens[new])
            known = Computed.join(computed, self.ahead)
            at += len(computed.keys)
            at[new] = np.arange(len(new))
        if len(new) == len(known.keys):  # all that is known is what was asked for
            now, self.ahead = known, self.ahead.take(at[:0])
        else:
            waits = np.isin(known.keys >> 32, mentions)
            waits[at] = False
            now, self.ahead = known.take(at), known.take(np.flatnonzero(waits))
        self.depths = np.append(now.depths, -1)
        self.ancestors = np.concatenate([now.ancestors, np.zeros_like(self.ancestors[:1])])
        return now.edges

    def _slots(self, mentions: IntArray) -> IntArray:
        """The slot of each mention. When half of the slots are of others, these are given up."""
        slot_of = np.zeros(max(self.mentions.max(), mentions.max()) + 1, np.int64)
        slot_of[mentions] = 1
        is_alive = slot_of[self.mentions] == 1
        if 2 * np.count_nonzero(is_alive) <= len(is_alive):
            self.decoder.keep(np.flatnonzero(is_alive))
            self.mentions = self.mentions[is_alive]
        slot_of[self.mentions] = np.arange(len(self.mentions))
        return slot_of[mentions]

    def _compute(
        self, keys: IntArray, slots: IntArray, parents: IntArray, tokens: IntArray
    ) -> "Computed":
        """Compute sequences that continue those of the last step, and behind them what may come
        after them."""
        levels = self._below(keys & (2**32 - 1))
        start, nodes = (np.concatenate([level[i] for level in levels]) for i in (0, 1))
        keys, slots = keys[start] >> 32 << 32 | nodes, slots[start]
        places = self.decoder.used[slots] + rank_in_group(slots)
        # Each sees what the sequence did that it continues; its own place stands at its depth, and
        # on to the end.
        depths, ancestors = self.depths[parents], self.ancestors[parents]
        columns, found, n_before = np.arange(ancestors.shape[1]), [], 0
        for _, _, parent in levels:
            depths = depths[parent] + 1
            own = places[n_before : n_before + len(parent), None]
            ancestors = np.where(columns >= depths[:, None], own, ancestors[parent])
            found.append((depths, ancestors))
            n_before += len(parent)
        depths, ancestors = (np.concatenate(parts) for parts in zip(*found, strict=True))
        later = self.goal.trie.token_of(nodes[len(tokens) :]).astype(np.int64)
        rows = Rows(
            slots,
            places,
            ancestors[:, : depths.max() + 1],
            depths,
            np.concatenate([tokens, later]),
        )
        edges = self.goal.follow(nodes, self.decoder.evaluate(rows))
        return Computed(keys, depths, ancestors, edges)

    def _below(self, nodes: IntArray) -> List[Tuple[IntArray, ...]]:
        """Some nodes, and, if there is room, nodes below them.

        RETURNS (List[Tuple[IntArray, ...]]): Level by level, for each node which of
            the first ones it is below, the node itself, and which of the level above it follows.
        """
        trie, index = self.goal.trie, np.arange(len(nodes))
        levels: List[Tuple[IntArray, ...]] = [(index, nodes, index)]
        room = self.few_rows - len(nodes)
        while room > 0:
            start, nodes, _ = levels[-1]
            n_children = trie.n_children(nodes)
            some = np.flatnonzero((n_children > 0) & (n_children <= FEW_CHILDREN))
            some = some[np.cumsum(n_children[some]) <= room]
            if not len(some):
                break
            at, children = trie.children(nodes[some])
            levels.append((start[some[at]], children, some[at]))
            room -= len(children)
        return levels


@dataclass(frozen=True)
class Computed:
    """Sequences that the decoder has computed.

    keys (IntArray): [N], the mention times 2**32, plus the node.
    depths (IntArray): [N], how many tokens are before the last one.
    ancestors (IntArray): [N, T], the places that each one sees; see `Rows`.
    edges (Edges): What may follow each.
    """

    keys: IntArray
    depths: IntArray
    ancestors: IntArray
    edges: Edges

    @classmethod
    def nothing(cls, width: int) -> "Computed":
        none = np.zeros(0, np.int64)
        edges = Edges(none, none, none, none.astype(bool), none.astype(np.float32))
        return cls(none, none, np.zeros((0, width), np.int64), edges)

    @classmethod
    def join(cls, a: "Computed", b: "Computed") -> "Computed":
        if not len(b.keys):
            return a
        return cls(
            np.concatenate([a.keys, b.keys]),
            np.concatenate([a.depths, b.depths]),
            np.concatenate([a.ancestors, b.ancestors]),
            Edges.join([a.edges, b.edges.shifted(len(a.keys))]),
        )

    def take(self, index: IntArray) -> "Computed":
        edges = self.edges.of_rows(index)
        return Computed(self.keys[index], self.depths[index], self.ancestors[index], edges)

    def find(self, keys: IntArray) -> IntArray:
        """Where each of some keys is, [R]; -1 where it is not."""
        if not len(self.keys):
            return np.full(len(keys), -1)
        order = np.argsort(self.keys)
        at = np.searchsorted(self.keys, keys, sorter=order)
        found = np.full(len(keys), -1)
        inside = np.flatnonzero(at < len(order))
        at = order[at[inside]]
        is_there = self.keys[at] == keys[inside]
        found[inside[is_there]] = at[is_there]
        return found
