"""Generating sequences under a constraint. Depends on torch and transformers, not on spaCy."""

from .beam_search import constrained_search
from .beams import EarlyStopping, Hypothesis
from .constraint import Constraint, Continuations
from .exhaustive import search_candidates
from .trie import CandidateTries, TrieConstraint

__all__ = [
    "CandidateTries",
    "Constraint",
    "Continuations",
    "EarlyStopping",
    "Hypothesis",
    "TrieConstraint",
    "constrained_search",
    "search_candidates",
]
