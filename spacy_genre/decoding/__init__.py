"""Generating names under a prefix tree. Knows torch, nothing of spaCy."""

from .search import Path, constrained_search

__all__ = ["Path", "constrained_search"]
