"""Title sets: the names that may be generated, their prefix tree, and their ids."""

from .titleset import TitleSet
from .trie import TokenTrie

__all__ = ["TitleSet", "TokenTrie"]
