"""Changes to a trie that is not rewritten."""

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import Callable, Dict, List, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from ..ragged import IntArray
from .trie import TokenTrie

# What ends at a node of the base: how it is spelled, and the row of the name it leads to.
SpellingsAt = Callable[[int], List[Tuple[str, int]]]


@dataclass(frozen=True, eq=False)
class OverlayTrie:
    """A trie with some of its nodes changed and some added, as it was at one moment.

    It answers what a `TokenTrie` answers. Nodes of the trie below keep their numbers; new nodes
    come after them. Only the changed and the new nodes ("slots") have lists of children here.

    base (TokenTrie): The trie below, with n nodes.
    changed (int64): [K], the nodes of the base whose children or ends are others now, ascending.
    first (int64): [K + M + 1], where the children of each slot begin: those of the K changed
        nodes, then of the M new ones.
    children_of (int64): The children of all slots, each slot's in the order of their tokens.
    new_tokens (int64): [M], the token on the edge into each new node.
    new_parents (int64): [M], the parent of each new node.
    ends (bool): [K + M], whether a sequence ends at each slot.
    n_entries (int): How many sequences there are in all.
    depth (int): At least the length of the longest one.
    """

    base: TokenTrie
    changed: IntArray
    first: IntArray
    children_of: IntArray
    new_tokens: IntArray
    new_parents: IntArray
    ends: NDArray[np.bool_]
    n_entries: int
    depth: int

    def __len__(self) -> int:
        return self.n_entries

    @cached_property
    def max_token(self) -> int:
        """As `TokenTrie.max_token`; perhaps one that is no longer used."""
        return int(self.new_tokens.max(initial=self.base.max_token))

    def _slots(self, nodes: IntArray) -> IntArray:
        """The slot of each node, -1 for those that are as they were."""
        nodes = np.asarray(nodes, np.int64)
        at = np.searchsorted(self.changed, nodes)
        inside = at < len(self.changed)
        slots = np.full(len(nodes), -1)
        hit = np.zeros(len(nodes), bool)
        hit[inside] = self.changed[at[inside]] == nodes[inside]
        slots[hit] = at[hit]
        new = nodes >= self.base.n_nodes
        slots[new] = nodes[new] - self.base.n_nodes + len(self.changed)
        return slots

    def children(self, nodes: IntArray) -> Tuple[IntArray, IntArray]:
        """As `TokenTrie.children`."""
        nodes = np.asarray(nodes, np.int64)
        slots = self._slots(nodes)
        ours = slots >= 0
        if not ours.any():
            return self.base.children(nodes)
        below = np.where(ours, 0, nodes)
        start = np.where(ours, self.first[slots], self.base.first_child[below])
        count = self.n_children(nodes)
        rows = np.repeat(np.arange(len(nodes)), count)
        place = np.arange(len(rows)) + np.repeat(start - (np.cumsum(count) - count), count)
        in_ours = ours[rows]
        place[in_ours] = self.children_of[place[in_ours]]
        return rows, place

    def n_children(self, nodes: IntArray) -> IntArray:
        """As `TokenTrie.n_children`."""
        slots = self._slots(nodes)
        ours = slots >= 0
        count = self.base.n_children(np.where(ours, 0, nodes))
        return np.where(ours, self.first[slots + 1] - self.first[slots], count)

    def height(self, nodes: IntArray) -> IntArray:
        """As `TokenTrie.height`, but a bound that is not tight."""
        return np.full(len(nodes), self.depth)

    def token_of(self, nodes: IntArray) -> IntArray:
        """As `TokenTrie.token_of`."""
        nodes = np.asarray(nodes, np.int64)
        new = nodes >= self.base.n_nodes
        tokens = self.base.tokens[np.where(new, 0, nodes)].astype(np.int64)
        tokens[new] = self.new_tokens[nodes[new] - self.base.n_nodes]
        return tokens

    def is_end(self, nodes: IntArray) -> NDArray[np.bool_]:
        """As `TokenTrie.is_end`."""
        nodes = np.asarray(nodes, np.int64)
        slots = self._slots(nodes)
        ours = slots >= 0
        ends = self.base.is_end(np.where(ours, 0, nodes))
        ends[ours] = self.ends[slots[ours]]
        return ends

    def find(self, sequence: Sequence[int]) -> int:
        """As `TokenTrie.find`."""
        node = 0
        for token in sequence:
            _, children = self.children(np.asarray([node]))
            same = children[self.token_of(children) == token]
            if not len(same):
                return -1
            node = int(same[0])
        return node

    def path(self, node: int) -> List[int]:
        """As `TokenTrie.path`."""
        tail: List[int] = []
        while node >= self.base.n_nodes:
            new = node - self.base.n_nodes
            tail.append(int(self.new_tokens[new]))
            node = int(self.new_parents[new])
        return [*self.base.path(node), *reversed(tail)]

    def sequences(self) -> Tuple[IntArray, IntArray]:
        """The different sequences, end to end in no fixed order, and their lengths."""
        base_ends = np.unique(self.base.entry_nodes).astype(np.int64)
        nodes = base_ends[self.is_end(base_ends)]
        new = np.flatnonzero(self.ends[len(self.changed) :]) + self.base.n_nodes
        fresh = self.changed[self.ends[: len(self.changed)]]
        paths = [self.path(int(n)) for n in np.unique(np.concatenate([nodes, new, fresh]))]
        lengths = np.fromiter(map(len, paths), np.int64, len(paths))
        return np.fromiter((t for path in paths for t in path), np.int64), lengths


class TrieEditor:
    """Adds and removes sequences on top of a trie, and gives snapshots of the result.

    base (TokenTrie): The trie below; it is not changed.
    """

    def __init__(self, base: TokenTrie) -> None:
        self.base = base
        self.children: Dict[int, List[int]] = {}  # of every node that differs from the base
        self.spellings: Dict[int, List[Tuple[str, int]]] = {}  # what ends at such a node
        self.tokens: List[int] = []  # of the new nodes
        self.parents: List[int] = []
        self.free: List[int] = []  # new nodes that no sequence goes through any more
        self.n_entries = len(base)
        self.depth = base.depth

    def add(self, sequence: Sequence[int], spelling: Tuple[str, int], ends: SpellingsAt) -> None:
        """Add a sequence that is spelled so and leads to a row.

        ends (SpellingsAt): What ends at a node of the base.
        """
        node = 0
        for token in sequence:
            children = self._children_to_edit(node, ends)
            at = bisect_left(children, token, key=self._token_of)
            if at == len(children) or self._token_of(children[at]) != token:
                children.insert(at, self._add_node(token, node))
            node = children[at]
        self._children_to_edit(node, ends)
        self.spellings[node].append(spelling)
        self.n_entries += 1
        self.depth = max(self.depth, len(sequence))

    def remove(self, sequence: Sequence[int], spelling: Tuple[str, int], ends: SpellingsAt) -> None:
        """Remove a sequence that is there, and the nodes that then lead nowhere."""
        path = [0]
        for token in sequence:
            children = self._children_to_edit(path[-1], ends)
            path.append(children[bisect_left(children, token, key=self._token_of)])
        self._children_to_edit(path[-1], ends)
        self.spellings[path[-1]].remove(spelling)
        self.n_entries -= 1
        while len(path) > 1 and not self.children[path[-1]] and not self.spellings[path[-1]]:
            dead = path.pop()
            self.children[path[-1]].remove(dead)
            if dead >= self.base.n_nodes:
                self.free.append(dead)

    def _add_node(self, token: int, parent: int) -> int:
        """A node that nothing follows yet: one that became free, if there is any."""
        if self.free:
            node = self.free.pop()
            at = node - self.base.n_nodes
            self.tokens[at], self.parents[at] = token, parent
        else:
            node = self.base.n_nodes + len(self.tokens)
            self.tokens.append(token)
            self.parents.append(parent)
        self.children[node], self.spellings[node] = [], []
        return node

    def _token_of(self, node: int) -> int:
        n = self.base.n_nodes
        return int(self.base.tokens[node]) if node < n else self.tokens[node - n]

    def _children_to_edit(self, node: int, ends: SpellingsAt) -> List[int]:
        """The children of a node, to change."""
        if node not in self.children:
            start, end = (int(self.base.first_child[node + i]) for i in (0, 1))
            self.children[node] = list(range(start, end))
            self.spellings[node] = list(ends(node))
        return self.children[node]

    def snapshot(self) -> OverlayTrie:
        """The trie as it is now; later changes don't touch it."""
        n = self.base.n_nodes
        changed = sorted(node for node in self.children if node < n)
        slots = [*changed, *range(n, n + len(self.tokens))]
        counts = [len(self.children[node]) for node in slots]
        flat = (child for node in slots for child in self.children[node])
        return OverlayTrie(
            self.base,
            np.asarray(changed, np.int64),
            np.concatenate([[0], np.cumsum(counts, dtype=np.int64)]).astype(np.int64),
            np.fromiter(flat, np.int64, sum(counts)),
            np.asarray(self.tokens, np.int64),
            np.asarray(self.parents, np.int64),
            np.fromiter((bool(self.spellings[node]) for node in slots), bool, len(slots)),
            self.n_entries,
            self.depth,
        )


AnyTrie = Union[TokenTrie, OverlayTrie]
