"""Generating names under a prefix tree. Knows torch, nothing of spaCy."""

from .beam_search import constrained_search, exact_search
from .beams import EarlyStopping, Path
from .exact import Found
from .sets import score_sets

__all__ = ["EarlyStopping", "Found", "Path", "constrained_search", "exact_search", "score_sets"]
