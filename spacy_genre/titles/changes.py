"""The changes to a title set that have not been folded into its tables."""

from typing import Dict, List, Optional, Sequence, Set, Tuple

import numpy as np

from .overlay import TrieEditor
from .tables import Rows, Tables
from .view import Added, TitleView


class Changes:
    """What was added to some tables and removed from them, and the views that come of it.

    Not safe for threads by itself; a `TitleSet` sees to it that one changes it at a time.
    """

    def __init__(self, base: Tables) -> None:
        self.base = base
        self.editor = TrieEditor(base.trie)
        self.added: Dict[int, Added] = {}
        self.tokens: Dict[int, Sequence[int]] = {}
        self.removed: Set[int] = set()
        self.aliases: Dict[str, Dict[int, int]] = {}
        self.next_row = len(base.names) + len(base.redirects)

    def add(self, name: Added, tokens: Sequence[int]) -> None:
        """Add a name that is not there."""
        row = self.next_row
        self.next_row += 1
        self.added[row], self.tokens[row] = name, tokens
        self.editor.add(tokens, (name.name, row), self.base.spellings_at)

    def remove(self, row: int) -> None:
        """Remove a name that is there, with its redirects and aliases."""
        if row in self.added:
            spelling = (self.added.pop(row).name, row)
            self.editor.remove(self.tokens.pop(row), spelling, self.base.spellings_at)
        else:
            self.removed.add(row)
            for node, spelling in self._base_spellings(row):
                path = self.base.trie.path(node)
                self.editor.remove(path, spelling, self.base.spellings_at)
        for counts in self.aliases.values():
            counts.pop(row, None)

    def _base_spellings(self, row: int) -> List[Tuple[int, Tuple[str, int]]]:
        """The nodes at which a name of the tables and its redirects end, and as what."""
        base, n = self.base, len(self.base.names)
        rows = [row]
        if len(base.entry_names) > n:  # redirects are generated too
            rows += (np.flatnonzero(base.targets == row) + n).tolist()
        found = []
        for which in rows:
            (entry,) = np.flatnonzero(base.entry_names == which)
            text = base.names[which] if which < n else base.redirects[which - n]
            found.append((int(base.trie.entry_nodes[entry]), (text, row)))
        return found

    def add_alias(self, alias: str, row: int, count: int) -> None:
        counts = self.aliases.setdefault(alias, {})
        counts[row] = counts.get(row, 0) + count

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
            {added.name: row for row, added in self.added.items()},
        )

    def fold(self) -> Rows:
        """The rows of tables that have the changes in them."""
        rows, view = self.base.rows(), self.view()
        n = len(rows.names)
        kept = np.ones(n, bool)
        kept[list(self.removed)] = False
        order = [*np.flatnonzero(kept).tolist(), *self.added]
        order.sort(key=view.name_at)
        starts = np.cumsum(rows.lengths) - rows.lengths
        tokens = [
            np.asarray(self.tokens[row], np.uint32)
            if row in self.added
            else rows.tokens[starts[row] : starts[row] + rows.lengths[row]]
            for row in order
        ]
        names = {view.name_at(row) for row in order}
        gone = {self.base.names[row] for row in self.removed}
        redirects, redirect_tokens = _kept_redirects(rows, names, gone)
        aliases = {pair: count for pair, count in rows.aliases.items() if pair[1] not in gone}
        for alias, counts in self.aliases.items():
            for row, count in counts.items():
                pair = (alias, view.name_at(row))
                aliases[pair] = aliases.get(pair, 0) + count
        return Rows(
            [view.name_at(row) for row in order],
            [view.id_at(row) for row in order],
            np.asarray([view.prior_at(row) for row in order], np.float32),
            [view.description_at(row) for row in order],
            np.concatenate([np.zeros(0, np.uint32), *tokens]),
            np.fromiter(map(len, tokens), np.int64, len(tokens)),
            redirects,
            redirect_tokens,
            aliases,
        )


def _kept_redirects(
    rows: Rows, names: Set[str], gone: Set[str]
) -> Tuple[Dict[str, str], Optional[Tuple[np.ndarray, np.ndarray]]]:
    """The redirects, and their tokens if they are generated, without those that lead to names
    that are gone or have become names themselves."""
    ordered = sorted(rows.redirects)
    keep = [r not in names and rows.redirects[r] not in gone for r in ordered]
    redirects = {r: rows.redirects[r] for r, kept in zip(ordered, keep, strict=True) if kept}
    if rows.redirect_tokens is None:
        return redirects, None
    flat, lengths = rows.redirect_tokens
    mask = np.asarray(keep, bool)
    return redirects, (flat[np.repeat(mask, lengths)], lengths[mask])
