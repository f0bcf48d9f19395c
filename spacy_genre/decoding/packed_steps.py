"""Step by step through the sequences of a BART, and a few steps ahead."""

from dataclasses import dataclass
from typing import List, Sequence, Tuple

import numpy as np

from ..ragged import IntArray
from .bart import Bart
from .edges import Edges, Goal
from .packed import PackedDecoder, Rows, rank_in_group


class PackedSteps:
    """Steps of a BART or mBART.

    While there are few sequences, a pass of the decoder takes about as long for some more, since
    most of it goes into reading the weights. So where only one token can follow a sequence, the one
    after that is computed in the same pass, and so on; nine in ten nodes have a single child.

    bart (Bart): The model.
    goal (Goal): What is generated.
    """

    continuous = True
    max_rows = 256  # more make the multiplications no faster
    few_rows = 16

    def __init__(self, bart: Bart, goal: Goal) -> None:
        self.goal, self.decoder = goal, PackedDecoder(bart)
        self.mentions = np.zeros(0, np.int64)  # [M] whose each slot is
        # Of the sequences of the last step, and of one more that stands before each first token:
        self.depths, self.ancestors = np.full(1, -1), np.zeros((1, goal.trie.depth + 1), np.int64)
        # Sequences that may come.
        self.ahead = Computed.nothing(goal.trie.depth + 1)

    def admit(self, mentions: IntArray, inputs: Sequence[List[int]]) -> None:
        """As `Steps.admit`."""
        self.decoder.admit(inputs)
        self.mentions = np.concatenate([self.mentions, mentions])

    def step(
        self, mentions: IntArray, parents: IntArray, nodes: IntArray, tokens: IntArray
    ) -> Edges:
        """As `Steps.step`."""
        slots, keys = self._slots(mentions), mentions << 32 | nodes
        at = self.ahead.find(keys)
        new = np.flatnonzero(at < 0)
        known = self.ahead
        if len(new):
            computed = self._compute(keys[new], slots[new], parents[new], tokens[new])
            known = Computed.join(computed, self.ahead)
            at += len(computed.keys)
            at[new] = np.arange(len(new))
        now = known.take(at)
        self.depths = np.append(now.depths, -1)
        self.ancestors = np.pad(now.ancestors, ((0, 1), (0, 0)))
        waits = np.isin(known.keys >> 32, mentions)
        waits[at] = False
        self.ahead = known.take(np.flatnonzero(waits))
        return now.edges

    def _slots(self, mentions: IntArray) -> IntArray:
        """The slot of each mention. When half of the slots are of others, these are given up."""
        is_alive = np.isin(self.mentions, mentions)
        if 2 * is_alive.sum() <= len(is_alive):
            self.decoder.keep(np.flatnonzero(is_alive))
            self.mentions = self.mentions[is_alive]
        slot_of = np.zeros(self.mentions.max() + 1, np.int64)
        slot_of[self.mentions] = np.arange(len(self.mentions))
        return slot_of[mentions]

    def _compute(
        self, keys: IntArray, slots: IntArray, parents: IntArray, tokens: IntArray
    ) -> "Computed":
        """Compute sequences that continue those of the last step, and behind them what must come
        after them."""
        start, level, nodes = self._chains(keys & (2**32 - 1))
        slots, first = slots[start], self.depths[parents[start]] + 1
        depths = first + level
        places = self.decoder.used[slots] + rank_in_group(slots)
        place_of = np.zeros((len(keys), level.max() + 1), np.int64)
        place_of[start, level] = places
        # Each sees what the sequence did that it continues, then those before it in its chain; its
        # own place stands at its depth, and on to the end.
        ancestors = self.ancestors[parents[start]]
        for i in range(place_of.shape[1]):
            at = np.flatnonzero(level >= i)
            ancestors[at, first[at] + i] = place_of[start[at], i]
        later = np.arange(ancestors.shape[1]) >= depths[:, None]
        ancestors = np.where(later, places[:, None], ancestors)
        tokens = np.where(level > 0, self.goal.trie.token_of(nodes), tokens[start])
        rows = Rows(slots, places, ancestors[:, : depths.max() + 1], depths, tokens)
        edges = self.goal.follow(nodes, self.decoder.evaluate(rows))
        return Computed(keys[start] >> 32 << 32 | nodes, depths, ancestors, edges)

    def _chains(self, nodes: IntArray) -> Tuple[IntArray, IntArray, IntArray]:
        """Some nodes, and behind them those below that nothing else can follow, if there is room.

        RETURNS (Tuple[IntArray, IntArray, IntArray]): For each node the one that it follows, how
            far it is below that, and the node itself.
        """
        trie = self.goal.trie
        chains = [(np.arange(len(nodes)), np.zeros_like(nodes), nodes)]
        room = self.few_rows - len(nodes)
        while room > 0:
            start, level, nodes = chains[-1]
            only = np.flatnonzero(trie.n_children(nodes) == 1)[:room]
            if not len(only):
                break
            chains.append((start[only], level[only] + 1, trie.children(nodes[only])[1]))
            room -= len(only)
        start, level, nodes = (np.concatenate(parts) for parts in zip(*chains, strict=True))
        return start, level, nodes


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
        order = np.argsort(self.keys)
        at = np.searchsorted(self.keys, keys, sorter=order)
        found = np.full(len(keys), -1)
        inside = np.flatnonzero(at < len(order))
        at = order[at[inside]]
        is_there = self.keys[at] == keys[inside]
        found[inside[is_there]] = at[is_there]
        return found
