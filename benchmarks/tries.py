"""Three tries of the same token ids: TokenTrie, nested dicts (the paper's code) and marisa-trie
(mGENRE's)."""

import os
import pickle
from pathlib import Path
from typing import Any, Dict, List, Protocol, Sequence

import marisa_trie
import numpy as np

from spacy_genre import TitleSet, TokenTrie
from spacy_genre.ragged import flatten

Sequences = Sequence[List[int]]


class Trie(Protocol):
    """A kind of trie, with the operations that are timed.

    n_bytes (int): Its size.
    """

    n_bytes: int

    def build(self) -> Any:
        """Build the trie of all sequences."""

    def store(self, built: Any) -> None:
        """Keep a trie for look-ups, and write it to a file."""

    def look_up(self) -> Any:
        """Look up the tokens that may follow each prefix."""

    def open(self) -> Any:
        """Open the trie from its file."""


class FlatTrie:
    """`TokenTrie`, opened as a part of a title set."""

    def __init__(self, sequences: Sequences, prefixes: Sequences, path: Path) -> None:
        self.ragged, self.prefixes, self.path = flatten(sequences), prefixes, path
        self.n_bytes = 0

    def build(self) -> Any:
        return TokenTrie.from_ragged(*self.ragged)[0]

    def store(self, built: TokenTrie) -> None:
        self.trie = built
        arrays = (built.tokens, built.first_child, built.entry_nodes)
        self.n_bytes = sum(array.nbytes for array in arrays)
        # Nodes in place of prefixes, since the search keeps the nodes of its beams.
        self.nodes = np.asarray([built.find(prefix) for prefix in self.prefixes])

    def look_up(self) -> Any:
        return look_up_nodes(self.trie, self.nodes)

    def open(self) -> Any:
        return TitleSet.open(self.path)


def look_up_nodes(trie: TokenTrie, nodes: np.ndarray) -> Any:
    """Look up the tokens that may follow each node, and whether a name ends there."""
    _, children = trie.children(nodes)
    return trie.token_of(children), trie.is_end(nodes)


class DictTrie:
    """Nested dicts in a pickle."""

    def __init__(self, sequences: Sequences, prefixes: Sequences, path: Path) -> None:
        self.sequences, self.prefixes, self.path = sequences, prefixes, path
        self.n_bytes = 0

    def build(self) -> Any:
        before, root = resident(), {}  # type: ignore[var-annotated]
        for sequence in self.sequences:
            node = root
            for token in sequence:
                node = node.setdefault(token, {})
            node[-1] = {}
        # Only measured the first time, before freed memory can be reused.
        self.n_bytes = self.n_bytes or resident() - before
        return root

    def store(self, built: Dict) -> None:
        self.root = built
        with self.path.open("wb") as file:
            pickle.dump(built, file)

    def look_up(self) -> Any:
        continuations: List[Any] = []
        for prefix in self.prefixes:
            node = self.root
            for token in prefix:
                node = node[token]
            continuations.append(list(node))
        return continuations

    def open(self) -> Any:
        return pickle.loads(self.path.read_bytes())


class MarisaTrie:
    """`marisa_trie.Trie`, with token ids as characters."""

    def __init__(self, sequences: Sequences, prefixes: Sequences, path: Path) -> None:
        self.keys = [_text(sequence) for sequence in sequences]
        self.prefixes, self.path = [_text(prefix) for prefix in prefixes], path
        self.n_bytes = 0

    def build(self) -> Any:
        return marisa_trie.Trie(self.keys)

    def store(self, built: marisa_trie.Trie) -> None:
        self.trie = built
        built.save(str(self.path))
        self.n_bytes = self.path.stat().st_size

    def look_up(self) -> Any:
        continuations: List[Any] = []
        for prefix in self.prefixes:
            n = len(prefix)
            continuations.append({key[n] for key in self.trie.keys(prefix) if len(key) > n})
        return continuations

    def open(self) -> Any:
        return marisa_trie.Trie().mmap(str(self.path))


def _text(tokens: List[int]) -> str:
    return "".join(chr(t) if t < 55_000 else chr(t + 10_000) for t in tokens)


def resident() -> int:
    """The resident memory of this process, in bytes."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
