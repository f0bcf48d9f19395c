"""Constraints from prefix trees: one tree for all inputs, or a few candidates for each input."""

from typing import Sequence

import numpy as np

from ..ragged import IntArray
from ..titles.overlay import AnyTrie
from ..titles.trie import TokenTrie
from .constraint import Continuations, few_continuations


class TrieConstraint:
    """The sequences of one prefix tree, for all inputs (paper, section 3.2). A state is a node of
    the tree.

    trie (AnyTrie): The tree.
    n_inputs (int): B, the number of inputs.
    eos (int): The end token.
    """

    def __init__(self, trie: AnyTrie, n_inputs: int, eos: int) -> None:
        self.trie, self.eos = trie, eos
        self.start_states: IntArray = np.full(n_inputs, 0 if len(trie) else -1)
        self.max_length = trie.depth + 1
        self.max_token = trie.max_token

    def n_continuations(self, states: IntArray) -> IntArray:
        """As `Constraint.n_continuations`."""
        return self.trie.n_children(states)

    def continuations(self, states: IntArray) -> Continuations:
        """As `Constraint.continuations`. The state of an end token is the node that it follows."""
        row, node = self.trie.children(states)
        token = self.trie.token_of(node).astype(np.int64)
        ending = np.flatnonzero(self.trie.is_end(states))
        is_end = np.arange(len(row) + len(ending)) >= len(row)
        if not len(ending):
            return Continuations(row, token, node, is_end)
        n_inner = len(row)
        row = np.concatenate([row, ending])
        node = np.concatenate([node, states[ending]])
        token = np.concatenate([token, np.full(len(ending), self.eos)])
        if n_inner:
            order = np.argsort(row, kind="stable")
            row, token, node, is_end = row[order], token[order], node[order], is_end[order]
        return Continuations(row, token, node, is_end)

    def look_ahead(self, states: IntArray) -> Continuations:
        """As `Constraint.look_ahead`."""
        return few_continuations(self, states)


class CandidateTries(TrieConstraint):
    """A prefix tree of its own for each input, such as the candidates of a mention (paper, table
    1). A state is a node of the forest in which all trees are joined.

    tries (Sequence[TokenTrie]): [B], the tree of each input; it may be empty.
    eos (int): The end token.
    """

    def __init__(self, tries: Sequence[TokenTrie], eos: int) -> None:
        forest, roots = TokenTrie.forest(tries)
        super().__init__(forest, len(tries), eos)
        self.tries = tries
        self.start_states = roots
        # The first level of the forest identifies the tree: its tokens are numbers of trees.
        self.max_length = max(forest.depth, 1)
        self.max_token = max((trie.max_token for trie in tries), default=0)
