"""Generating names under a prefix tree. Knows torch, nothing of spaCy."""

from .beams import EarlyStopping, Path
from .exact import Found
from .search import constrained_search, exact_search
from .sets import score_sets

__all__ = ["EarlyStopping", "Found", "Path", "constrained_search", "exact_search", "score_sets"]
