"""All sequences of small tries, such as the candidates of one mention, in one decoder pass."""

from dataclasses import dataclass
from typing import Iterator, List, Sequence, Tuple

import numpy as np

from ..ragged import IntArray
from ..titles.overlay import AnyTrie
from .bart.kv_cache import PackedDecoder, Rows, rank_in_group
from .bart.model import Bart
from .continuations import Edges, Goal, check_finite

# Nodes that sequences have reached, as a structured array: whose sequence it is; the node; the last
# token before it and how many there are; the row that it continues; and the sum of the
# log-probabilities. For a complete sequence the node is the one at which it ends.
REACHED = [
    ("mention", np.int64),
    ("node", np.int64),
    ("token", np.int64),
    ("length", np.int64),
    ("parent", np.int64),
    ("logprob", np.float32),
]


@dataclass(frozen=True)
class Forest:
    """All nodes below some roots, those of a root side by side, parents before children.

    root (IntArray): [R], which of the roots each is below, ascending.
    node (IntArray): [R], the node.
    parent (IntArray): [R], which row its parent is, -1 for the roots themselves.
    depth (IntArray): [R], how far below the root it is.
    """

    root: IntArray
    node: IntArray
    parent: IntArray
    depth: IntArray

    def levels(self) -> Iterator[IntArray]:
        """The rows at each depth but the roots, from the top down."""
        for depth in range(1, self.depth.max() + 1):
            yield np.flatnonzero(self.depth == depth)


def count_nodes(trie: AnyTrie, roots: IntArray, limit: int) -> IntArray:
    """How many nodes there are below each of some roots, themselves included, [B]; for those with
    more than the limit at least some number above it."""
    counts = np.zeros(len(roots), np.int64)
    root, node = np.arange(len(roots)), roots
    while len(node):
        counts += np.bincount(root, minlength=len(roots))
        # One level more is known without looking at it.
        more = counts + np.bincount(root, trie.n_children(node), len(roots)).astype(np.int64)
        few = more <= limit
        counts = np.where(few, counts, more)
        at, children = trie.children(node[few[root]])
        root, node = root[few[root]][at], children
    return counts


def grow(trie: AnyTrie, roots: IntArray) -> Forest:
    """All nodes below some roots, [B]."""
    levels: List[Tuple[IntArray, ...]] = []
    root, node, n_before = np.arange(len(roots)), roots, 0
    parent, depth = np.full(len(roots), -1), 0
    while len(node):
        levels.append((root, node, parent, np.full(len(node), depth)))
        at, children = trie.children(node)
        root, node, parent, depth = root[at], children, n_before + at, depth + 1
        n_before += len(levels[-1][0])
    root, node, parent, depths = (np.concatenate(parts) for parts in zip(*levels, strict=True))
    order = np.argsort(root, kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    parent = np.where(parent >= 0, place[parent], -1)
    return Forest(root[order], node[order], parent[order], depths[order])


def score_all(bart: Bart, goal: Goal, inputs: Sequence[List[int]], roots: IntArray) -> np.ndarray:
    """Score every sequence of some tries in one pass, in which each node sees its ancestors.

    bart (Bart): The model.
    goal (Goal): What is generated.
    inputs (Sequence[List[int]]): B lists of token ids.
    roots (IntArray): [B], the node at which each input begins.
    RETURNS (REACHED): All sequences of all inputs, [E], those of an input side by side.
    """
    forest = grow(goal.trie, roots)
    # Each row sees its own place and, level by level, what its parent sees.
    places = rank_in_group(forest.root)
    ancestors = np.repeat(places[:, None], forest.depth.max() + 1, axis=1)
    for rows in forest.levels():
        depth = forest.depth[rows[0]]
        ancestors[rows, :depth] = ancestors[forest.parent[rows], :depth]
    tokens = np.where(forest.depth > 0, goal.trie.token_of(forest.node), goal.start)
    decoder = PackedDecoder(bart)
    decoder.admit(inputs, np.arange(len(inputs)))
    logprobs = decoder.evaluate(Rows(forest.root, places, ancestors, forest.depth, tokens))
    edges = goal.follow(forest.node, logprobs)
    check_finite(edges, bart.dtype)
    return _sum(forest, edges)


def _sum(forest: Forest, edges: Edges) -> np.ndarray:
    """Add up the log-probabilities along all paths, from those of all edges of a forest."""
    # Each edge that is no end leads to a row: the same pairs of parent and node in both.
    inner, rows = np.flatnonzero(~edges.is_end), np.flatnonzero(forest.parent >= 0)
    inner = inner[np.lexsort((edges.node[inner], edges.row[inner]))]
    rows = rows[np.lexsort((forest.node[rows], forest.parent[rows]))]
    logprob = np.zeros(len(forest.node), np.float32)
    logprob[rows] = edges.logprob[inner]
    for level in forest.levels():
        logprob[level] += logprob[forest.parent[level]]
    last = np.flatnonzero(edges.is_end)
    at = edges.row[last]
    ends = np.zeros(len(last), REACHED)
    ends["mention"], ends["node"], ends["parent"] = forest.root[at], edges.node[last], at
    ends["token"], ends["length"] = edges.token[last], forest.depth[at] + 1
    ends["logprob"] = logprob[at] + edges.logprob[last]
    return ends
