"""Changes to a trie without rewriting it: an editor, and snapshots that overlay the base trie."""

from bisect import bisect_left
from dataclasses import dataclass
from functools import cached_property
from typing import Callable, Dict, List, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from ..ragged import IntArray
from .trie import TokenTrie

# The names and redirects that end at a node of the base trie, each with the row of its name.
SpellingsAt = Callable[[int], List[Tuple[str, int]]]


@dataclass(frozen=True, eq=False)
class OverlayTrie:
    """An immutable snapshot of a base trie with changed and added nodes.

    It has the query methods of `TokenTrie`. Nodes of the base keep their numbers; new nodes are
    numbered after them. Only changed and new nodes ("slots") have lists of children here.

    base (TokenTrie): The base trie, with n nodes.
    changed (int64): [K], the nodes of the base whose children or ends have changed, ascending.
    first (int64): [K + M + 1], the start of each slot's children in `children_of`: first the K
        changed nodes, then the M new ones.
    children_of (int64): The children of all slots; each slot's are sorted by token.
    new_tokens (int64): [M], the token on the edge into each new node.
    new_parents (int64): [M], the parent of each new node.
    ends (bool): [K + M], whether a sequence ends at each slot.
    n_entries (int): The number of sequences.
    depth (int): An upper bound of the length of the longest sequence.
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
        """As `TokenTrie.max_token`, but the token may be one that was removed."""
        return int(self.new_tokens.max(initial=self.base.max_token))

    def _slots(self, nodes: IntArray) -> IntArray:
        """The slot of each node, -1 for unchanged nodes."""
        nodes = np.asarray(nodes, np.int64)
        index = np.searchsorted(self.changed, nodes)
        inside = index < len(self.changed)
        slots = np.full(len(nodes), -1)
        is_changed = np.zeros(len(nodes), bool)
        is_changed[inside] = self.changed[index[inside]] == nodes[inside]
        slots[is_changed] = index[is_changed]
        new = nodes >= self.base.n_nodes
        slots[new] = nodes[new] - self.base.n_nodes + len(self.changed)
        return slots

    def children(self, nodes: IntArray) -> Tuple[IntArray, IntArray]:
        """As `TokenTrie.children`."""
        nodes = np.asarray(nodes, np.int64)
        slots = self._slots(nodes)
        in_overlay = slots >= 0
        if not in_overlay.any():
            return self.base.children(nodes)
        base_nodes = np.where(in_overlay, 0, nodes)
        start = np.where(in_overlay, self.first[slots], self.base.first_child[base_nodes])
        count = self.n_children(nodes)
        rows = np.repeat(np.arange(len(nodes)), count)
        # Children of unchanged nodes are consecutive nodes; those of slots are looked up.
        children = np.arange(len(rows)) + np.repeat(start - (np.cumsum(count) - count), count)
        look_up = in_overlay[rows]
        children[look_up] = self.children_of[children[look_up]]
        return rows, children

    def n_children(self, nodes: IntArray) -> IntArray:
        """As `TokenTrie.n_children`."""
        slots = self._slots(nodes)
        in_overlay = slots >= 0
        count = self.base.n_children(np.where(in_overlay, 0, nodes))
        return np.where(in_overlay, self.first[slots + 1] - self.first[slots], count)

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
        in_overlay = slots >= 0
        ends = self.base.is_end(np.where(in_overlay, 0, nodes))
        ends[in_overlay] = self.ends[slots[in_overlay]]
        return ends

    def find(self, sequence: Sequence[int]) -> int:
        """As `TokenTrie.find`."""
        node = 0
        for token in sequence:
            _, children = self.children(np.asarray([node]))
            matches = children[self.token_of(children) == token]
            if not len(matches):
                return -1
            node = int(matches[0])
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
        """The unique sequences, concatenated in no fixed order, and their lengths."""
        base_ends = np.unique(self.base.entry_nodes).astype(np.int64)
        kept = base_ends[self.is_end(base_ends)]
        new = np.flatnonzero(self.ends[len(self.changed) :]) + self.base.n_nodes
        changed = self.changed[self.ends[: len(self.changed)]]
        paths = [self.path(int(n)) for n in np.unique(np.concatenate([kept, new, changed]))]
        lengths = np.fromiter(map(len, paths), np.int64, len(paths))
        return np.fromiter((t for path in paths for t in path), np.int64), lengths


class TrieEditor:
    """Adds and removes sequences of a trie, and makes snapshots of the result.

    base (TokenTrie): The base trie, which is not changed.
    """

    def __init__(self, base: TokenTrie) -> None:
        self.base = base
        self.children: Dict[int, List[int]] = {}  # of each changed or new node
        self.spellings: Dict[int, List[Tuple[str, int]]] = {}  # of each changed or new node
        self.tokens: List[int] = []  # of the new nodes
        self.parents: List[int] = []  # of the new nodes
        self.free: List[int] = []  # new nodes that are unused after a removal
        self.n_entries = len(base)
        self.depth = base.depth

    def add(
        self, sequence: Sequence[int], spelling: Tuple[str, int], spellings_at: SpellingsAt
    ) -> None:
        """Add a sequence.

        sequence (Sequence[int]): Token ids.
        spelling (Tuple[str, int]): The name or redirect, and the row of the name.
        spellings_at (SpellingsAt): The spellings at a node of the base.
        """
        node = 0
        for token in sequence:
            children = self._children_to_edit(node, spellings_at)
            i = bisect_left(children, token, key=self._token_of)
            if i == len(children) or self._token_of(children[i]) != token:
                children.insert(i, self._add_node(token, node))
            node = children[i]
        self._children_to_edit(node, spellings_at)
        self.spellings[node].append(spelling)
        self.n_entries += 1
        self.depth = max(self.depth, len(sequence))

    def remove(
        self, sequence: Sequence[int], spelling: Tuple[str, int], spellings_at: SpellingsAt
    ) -> None:
        """Remove a sequence that exists, and the nodes that no other sequence needs."""
        path = [0]
        for token in sequence:
            children = self._children_to_edit(path[-1], spellings_at)
            path.append(children[bisect_left(children, token, key=self._token_of)])
        self._children_to_edit(path[-1], spellings_at)
        self.spellings[path[-1]].remove(spelling)
        self.n_entries -= 1
        while len(path) > 1 and not self.children[path[-1]] and not self.spellings[path[-1]]:
            unused = path.pop()
            self.children[path[-1]].remove(unused)
            if unused >= self.base.n_nodes:
                self.free.append(unused)

    def _add_node(self, token: int, parent: int) -> int:
        """A new node without children; unused nodes are reused."""
        if self.free:
            node = self.free.pop()
            i = node - self.base.n_nodes
            self.tokens[i], self.parents[i] = token, parent
        else:
            node = self.base.n_nodes + len(self.tokens)
            self.tokens.append(token)
            self.parents.append(parent)
        self.children[node], self.spellings[node] = [], []
        return node

    def _token_of(self, node: int) -> int:
        n = self.base.n_nodes
        return int(self.base.tokens[node]) if node < n else self.tokens[node - n]

    def _children_to_edit(self, node: int, spellings_at: SpellingsAt) -> List[int]:
        """The mutable children of a node, copied from the base at its first change."""
        if node not in self.children:
            start, end = (int(self.base.first_child[node + i]) for i in (0, 1))
            self.children[node] = list(range(start, end))
            self.spellings[node] = list(spellings_at(node))
        return self.children[node]

    def snapshot(self) -> OverlayTrie:
        """The trie with all changes so far. Later changes do not affect it."""
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
