"""Which names exist: the prefix tree of their tokens, and what each of them leads to."""

from .titleset import TitleSet
from .trie import TokenTrie

__all__ = ["TitleSet", "TokenTrie"]
