"""The changes to a title set that have not been folded into its tables."""

from typing import Dict, List, Set, Tuple

import numpy as np

from .columns import MAX_COUNT
from .overlay import TrieEditor
from .tables import Tables
from .view import AddedName, TitleView


class PendingChanges:
    """What was added to some tables and removed from them, and the views that come of it.

    Not safe for threads by itself; a `TitleSet` sees to it that one changes it at a time.
    """

    def __init__(self, base: Tables) -> None:
        self.base = base
        self.editor = TrieEditor(base.trie)
        self.added: Dict[int, AddedName] = {}
        self.removed: Set[int] = set()
        self.aliases: Dict[str, Dict[int, int]] = {}
        self.aliases_of: Dict[int, Set[str]] = {}  # the same by row
        self.rows: Dict[str, int] = {}  # of the added names
        self.next_row = len(base.names) + len(base.redirects)
        # To look names up between changes; views for others to keep are copies.
        self.live_view = TitleView(base, base.trie, self.added, self.removed, {}, self.aliases, self.rows)

    def add(self, name: AddedName) -> None:
        """Add a name that is not there."""
        row = self.next_row
        self.next_row += 1
        self.added[row] = name
        self.rows[name.name] = row
        self.editor.add(name.tokens, (name.name, row), self.base.spellings_at)

    def remove(self, row: int) -> None:
        """Remove a name that is there, with its redirects and aliases."""
        if row in self.added:
            name = self.added.pop(row)
            del self.rows[name.name]
            self.editor.remove(name.tokens, (name.name, row), self.base.spellings_at)
        else:
            self.removed.add(row)
            for node, spelling in self._base_entries(row):
                path = self.base.trie.path(node)
                self.editor.remove(path, spelling, self.base.spellings_at)
        for alias in self.aliases_of.pop(row, ()):
            del self.aliases[alias][row]
            if not self.aliases[alias]:
                del self.aliases[alias]

    def _base_entries(self, row: int) -> List[Tuple[int, Tuple[str, int]]]:
        """The nodes at which a name of the tables and its redirects end, and as what."""
        base, n = self.base, len(self.base.names)
        is_its = base.entry_names == row
        if len(base.entry_names) > n:  # redirects are generated too
            lead_here = np.concatenate([np.zeros(n, bool), base.targets == row])
            is_its |= lead_here[base.entry_names]
        found = []
        for entry in np.flatnonzero(is_its):
            which = int(base.entry_names[entry])
            text = base.names[which] if which < n else base.redirects[which - n]
            found.append((int(base.trie.entry_nodes[entry]), (text, row)))
        return found

    def add_alias(self, alias: str, row: int, count: int) -> None:
        counts = self.aliases.setdefault(alias, {})
        counts[row] = min(counts.get(row, 0) + count, MAX_COUNT)
        self.aliases_of.setdefault(row, set()).add(alias)

    def view(self) -> TitleView:
        """The title set as it is now."""
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
