"""Pending changes of a title set: changes that are not yet compacted into its tables."""

from typing import Dict, List, Set, Tuple

import numpy as np

from .columns import MAX_COUNT
from .overlay import TrieEditor
from .tables import Tables
from .view import AddedName, TitleView


class PendingChanges:
    """Names and aliases that were added to tables or removed from them.

    Not thread-safe: `TitleSet` holds a lock around every change.

    base (Tables): The tables, which are not changed.
    """

    def __init__(self, base: Tables) -> None:
        self.base = base
        self.editor = TrieEditor(base.trie)
        self.added: Dict[int, AddedName] = {}
        self.removed: Set[int] = set()
        self.aliases: Dict[str, Dict[int, int]] = {}  # alias -> row -> count
        self.aliases_of: Dict[int, Set[str]] = {}  # row -> aliases
        self.rows: Dict[str, int] = {}  # added name -> row
        self.next_row = len(base.names) + len(base.redirects)
        # A view that changes along, for lookups of names between changes. `view` makes copies.
        self.live_view = TitleView(
            base, base.trie, self.added, self.removed, {}, self.aliases, self.rows
        )

    def add(self, name: AddedName) -> None:
        """Add a name that is not in the set."""
        row = self.next_row
        self.next_row += 1
        self.added[row] = name
        self.rows[name.name] = row
        self.editor.add(name.tokens, (name.name, row), self.base.spellings_at)

    def remove(self, row: int) -> None:
        """Remove a name that is in the set, with its redirects and aliases."""
        if row in self.added:
            name = self.added.pop(row)
            del self.rows[name.name]
            self.editor.remove(name.tokens, (name.name, row), self.base.spellings_at)
        else:
            self.removed.add(row)
            for node, spelling in self._base_spellings(row):
                path = self.base.trie.path(node)
                self.editor.remove(path, spelling, self.base.spellings_at)
        for alias in self.aliases_of.pop(row, ()):
            del self.aliases[alias][row]
            if not self.aliases[alias]:
                del self.aliases[alias]

    def _base_spellings(self, row: int) -> List[Tuple[int, Tuple[str, int]]]:
        """The trie entries of a name of the tables and of its redirects, as (node, spelling)."""
        base, n = self.base, len(self.base.names)
        matches = base.entry_names == row
        if len(base.entry_names) > n:  # redirects are generated too
            redirects = np.concatenate([np.zeros(n, bool), base.targets == row])
            matches |= redirects[base.entry_names]
        spellings = []
        for entry in np.flatnonzero(matches):
            entry_row = int(base.entry_names[entry])
            text = base.names[entry_row] if entry_row < n else base.redirects[entry_row - n]
            spellings.append((int(base.trie.entry_nodes[entry]), (text, row)))
        return spellings

    def add_alias(self, alias: str, row: int, count: int) -> None:
        counts = self.aliases.setdefault(alias, {})
        counts[row] = min(counts.get(row, 0) + count, MAX_COUNT)
        self.aliases_of.setdefault(row, set()).add(alias)

    def view(self) -> TitleView:
        """An immutable snapshot of the tables with all changes so far."""
        spellings = {node: tuple(texts) for node, texts in self.editor.spellings.items()}
        return TitleView(
            self.base,
            self.editor.snapshot() if self.added or self.removed else self.base.trie,
            dict(self.added),
            frozenset(self.removed),
            spellings,
            {alias: dict(counts) for alias, counts in self.aliases.items()},
            dict(self.rows),
        )
