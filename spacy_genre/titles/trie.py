"""A prefix tree (trie) of token sequences in three flat arrays."""

from dataclasses import dataclass
from functools import cached_property
from typing import List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from ..errors import Errors
from ..ragged import IntArray


@dataclass(frozen=True, eq=False)
class TokenTrie:
    """The prefix tree of N token sequences. Nodes are numbered breadth first; the root is 0.

    The children of a node have consecutive numbers and are sorted by token. So two arrays hold
    the whole tree, and the children of a batch of nodes take a few array operations. The end
    token is not stored: a sequence ends at the node of its last token. A node where a sequence
    ends may have children (one name is a prefix of another), and several sequences may end at
    one node (names with the same tokens).

    tokens (uint16 or uint32): [n_nodes], the token on the edge into each node; 0 for the root.
    first_child (uint32): [n_nodes + 1], the children of node n are the nodes first_child[n] to
        first_child[n + 1] - 1.
    entry_nodes (uint32): [N], the node at which each sequence ("entry") ends, ascending.
    """

    tokens: IntArray
    first_child: IntArray
    entry_nodes: IntArray

    @classmethod
    def build(cls, sequences: Sequence[Sequence[int]]) -> Tuple["TokenTrie", IntArray]:
        """Build the trie of some sequences.

        sequences (Sequence[Sequence[int]]): Token ids without the end token, in any order.
        RETURNS (Tuple[TokenTrie, IntArray]): The trie, and the index in `sequences` of each of
            its entries, [N].
        RAISES (ValueError): If a sequence is empty.
        """
        lengths = np.fromiter(map(len, sequences), np.int64, len(sequences))
        flat = np.fromiter((t for seq in sequences for t in seq), np.int64, int(lengths.sum()))
        return cls.from_ragged(flat, lengths)

    @classmethod
    def from_ragged(cls, flat: IntArray, lengths: IntArray) -> Tuple["TokenTrie", IntArray]:
        """Like `build`, from the concatenated sequences and their lengths, [N]."""
        if (lengths == 0).any():
            raise ValueError(Errors.T013.format(row=int(np.flatnonzero(lengths == 0)[0])))
        starts = np.cumsum(lengths) - lengths
        width = int(flat.max(initial=0)) + 1
        node_of_row = np.zeros(len(lengths), np.int64)
        rows = np.arange(len(lengths))
        level_start, n_nodes, depth = 0, 1, 0
        tokens, n_children = [np.zeros(1, np.int64)], []
        # One level of the tree at a time: rows with the same (parent, token) share a node.
        while len(rows):
            edges = node_of_row[rows] * width + flat[starts[rows] + depth]
            edges, node_of_edge = np.unique(edges, return_inverse=True)
            parents = edges // width - level_start
            n_children.append(np.bincount(parents, minlength=n_nodes - level_start))
            tokens.append(edges % width)
            node_of_row[rows] = n_nodes + node_of_edge
            level_start, n_nodes, depth = n_nodes, n_nodes + len(edges), depth + 1
            rows = rows[lengths[rows] > depth]
        n_children.append(np.zeros(n_nodes - level_start, np.int64))
        first_child = np.ones(n_nodes + 1, np.int64)
        first_child[1:] += np.cumsum(np.concatenate(n_children))
        order = np.argsort(node_of_row, kind="stable")
        trie = cls(
            np.concatenate(tokens).astype(np.uint16 if width <= 2**16 else np.uint32),
            first_child.astype(np.uint32),
            node_of_row[order].astype(np.uint32),
        )
        return trie, order

    @classmethod
    def forest(cls, tries: Sequence["TokenTrie"]) -> Tuple["TokenTrie", IntArray]:
        """Join several tries under one root, so that one batch can search all of them.

        tries (Sequence[TokenTrie]): The tries, for instance one for each mention of a batch.
        RETURNS (Tuple[TokenTrie, IntArray]): The joined trie, and the node in it that is the root
            of each trie, [len(tries)]; -1 for an empty trie.
        """
        flats, lengths = [], []
        for i, trie in enumerate(tries):
            flat, length = trie.sequences()
            # The index of the trie is put in front of its sequences as if it were a token.
            starts = np.cumsum(length) - length
            flats.append(np.insert(flat.astype(np.int64), starts, i))
            lengths.append(length + 1)
        empty = np.zeros(0, np.int64)
        forest, _ = cls.from_ragged(
            np.concatenate([empty, *flats]), np.concatenate([empty, *lengths])
        )
        roots = np.asarray([forest.child(0, i) for i in range(len(tries))], np.int64)
        return forest, roots

    @property
    def n_nodes(self) -> int:
        return len(self.tokens)

    @property
    def depth(self) -> int:
        """The length of the longest sequence, 0 if there is none."""
        return len(self._levels()) - 3

    def _levels(self) -> List[int]:
        """The first node of each level, from the root's level to an empty one below the deepest,
        and the end of the empty level."""
        levels = [0, 1]
        while levels[-2] < levels[-1]:
            levels.append(int(self.first_child[levels[-1]]))
        return levels

    @cached_property
    def max_token(self) -> int:
        """The highest token id."""
        return int(self.tokens.max())

    def __len__(self) -> int:
        """The number of entries."""
        return len(self.entry_nodes)

    def children(self, nodes: IntArray) -> Tuple[IntArray, IntArray]:
        """All children of a batch of nodes.

        nodes (IntArray): [R], nodes.
        RETURNS (Tuple[IntArray, IntArray]): For each of the C children of all nodes, the index of
            its parent in `nodes`, [C], ascending; and the child's node, [C].
        RAISES (ValueError): If the arrays are damaged.
        """
        start = self.first_child[nodes].astype(np.int64)
        count = self.first_child[np.asarray(nodes) + 1] - start
        if count.max(initial=0) > self.n_nodes:  # a damaged file must not fill the memory
            raise ValueError(Errors.T025)
        rows = np.repeat(np.arange(len(start)), count)
        first_of_row = np.cumsum(count) - count
        return rows, np.arange(len(rows)) + np.repeat(start - first_of_row, count)

    def n_children(self, nodes: IntArray) -> IntArray:
        """The number of children of each node, [R]."""
        nodes = np.asarray(nodes)
        return self.first_child[nodes + 1].astype(np.int64) - self.first_child[nodes]

    def token_of(self, nodes: IntArray) -> IntArray:
        """The token on the edge into each node, [R]."""
        return self.tokens[nodes]

    def is_end(self, nodes: IntArray) -> NDArray[np.bool_]:
        """Whether a sequence ends at each node, [R]."""
        nodes = np.asarray(nodes, self.entry_nodes.dtype)  # else numpy converts all entries
        index = np.searchsorted(self.entry_nodes, nodes)
        ends = np.zeros(len(nodes), bool)
        inside = index < len(self)
        ends[inside] = self.entry_nodes[index[inside]] == nodes[inside]
        return ends

    def entries(self, node: int) -> range:
        """The entries that end at a node: several if sequences are equal."""
        key = self.entry_nodes.dtype.type(node)
        left, right = (np.searchsorted(self.entry_nodes, key, side) for side in ("left", "right"))
        return range(int(left), int(right))

    def child(self, node: int, token: int) -> int:
        """The child of a node by its token, or -1."""
        start, end = int(self.first_child[node]), int(self.first_child[node + 1])
        if not 0 <= token <= np.iinfo(self.tokens.dtype).max:
            return -1
        node = start + int(np.searchsorted(self.tokens[start:end], self.tokens.dtype.type(token)))
        return node if node < end and self.tokens[node] == token else -1

    def find(self, sequence: Sequence[int]) -> int:
        """The node of a sequence of tokens, or -1."""
        node = 0
        for token in sequence:
            node = self.child(node, token)
            if node < 0:
                break
        return node

    def path(self, node: int) -> List[int]:
        """The tokens from the root to a node."""
        tokens = []
        while node > 0:
            tokens.append(int(self.tokens[node]))
            key = self.first_child.dtype.type(node)  # else numpy converts the whole array
            parent = int(np.searchsorted(self.first_child, key, side="right")) - 1
            if parent >= node:  # a damaged file must not cause an endless loop
                raise ValueError(Errors.T025)
            node = parent
        return tokens[::-1]

    def sequences(self) -> Tuple[IntArray, IntArray]:
        """The sequences of all entries, in the order of the entries.

        RETURNS (Tuple[IntArray, IntArray]): The concatenated sequences and their lengths, [N].
            `from_ragged` builds the same trie from them.
        """
        levels = self._levels()
        # Nodes are numbered level by level, so entries are sorted by length.
        lengths = np.searchsorted(np.asarray(levels[:-1]), self.entry_nodes, side="right") - 1
        starts = np.cumsum(lengths) - lengths
        flat = np.empty(int(lengths.sum()), self.tokens.dtype)
        nodes = np.array(self.entry_nodes)
        # From the deepest level to the root: write one token of all entries of that level or below.
        for level in range(len(levels) - 3, 0, -1):
            entries = slice(int(np.searchsorted(lengths, level)), None)
            flat[starts[entries] + level - 1] = self.tokens[nodes[entries]]
            parent_level, this_level = levels[level - 1 : level + 1]
            n_children = np.diff(self.first_child[parent_level : this_level + 1])
            parents = np.arange(parent_level, this_level, dtype=nodes.dtype)
            nodes[entries] = np.repeat(parents, n_children)[nodes[entries] - this_level]
        return flat, lengths
