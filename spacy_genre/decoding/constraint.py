"""The protocol of constraints: which tokens a search may generate."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ..ragged import IntArray


@dataclass(frozen=True)
class Continuations:
    """The tokens that may follow some states.

    row (IntArray): [C], the index of the state that each token follows, ascending.
    token (IntArray): [C], the token.
    state (IntArray): [C], the state after the token. For an end token, the state that identifies
        the complete sequence.
    is_end (bool): [C], whether the token is the end token.
    """

    row: IntArray
    token: IntArray
    state: IntArray
    is_end: NDArray[np.bool_]


class Constraint(Protocol):
    """A deterministic automaton over tokens, for a batch of inputs: a state and a token lead to at
    most one state.

    States are numbers, 0 or more; a constraint may number them as it likes, also while it is used.
    Several token sequences may lead to the same state: searches identify a sequence by its
    tokens, not by its state. Every state needs at least one continuation, and from every state an
    end token must be reachable within `max_length` tokens.

    start_states (IntArray): [B], the state in which the sequences of each input begin; -1 for an
        input that can generate nothing.
    max_length (int): The length of the longest sequence in tokens, with its end token.
    max_token (int): The highest token id that the constraint may ask for, the end token aside.
    """

    start_states: IntArray
    max_length: int
    max_token: int

    def n_continuations(self, states: IntArray) -> IntArray:
        """The number of tokens other than the end token that may follow each of R states, [R]."""

    def continuations(self, states: IntArray) -> Continuations:
        """All tokens that may follow each of R states, [R]."""

    def look_ahead(self, states: IntArray) -> Continuations:
        """The continuations of R states, [R], that are worth decoding before a search asks for
        them, since it probably will. It never changes the result, only the speed; see
        `few_continuations`."""


# A state with more continuations is not decoded ahead: each of them seldom comes.
FEW = 2


def few_continuations(constraint: Constraint, states: IntArray) -> Continuations:
    """The continuations of the states that have few of them, for `Constraint.look_ahead`. In a trie
    of titles nine in ten nodes have a single child."""
    count = constraint.n_continuations(states)
    some = np.flatnonzero((count > 0) & (count <= FEW))
    c = constraint.continuations(states[some])
    return Continuations(some[c.row], c.token, c.state, c.is_end)
