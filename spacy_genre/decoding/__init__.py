"""Generating names under a prefix tree. Knows torch, nothing of spaCy."""

from .beams import Path
from .search import constrained_search

__all__ = ["Path", "constrained_search"]
