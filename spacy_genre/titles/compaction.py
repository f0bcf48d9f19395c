"""Compaction: the pending changes of a title set are merged into new tables.

All steps are array operations; no Python object is made for an unchanged name.
"""

from dataclasses import replace
from typing import List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray

from ..ragged import IntArray, RowEdit, flatten
from .columns import IdColumn
from .lookup import build_index, edit_index
from .strings import StringTable
from .tables import Tables
from .trie import TokenTrie
from .view import TitleView


def compact_tables(view: TitleView) -> Tables:
    """Merge the changes of a view into its tables.

    view (TitleView): A snapshot of a title set.
    RETURNS (Tables): The tables that `Tables.build` would make of all names of the view.
    """
    base, added = view.base, view.added
    if not (added or view.removed or view.aliases):
        return base
    rows = sorted(added, key=lambda row: added[row].name)
    new = [added[row] for row in rows]
    keep = np.ones(len(base.names), bool)
    keep[list(view.removed)] = False
    names = RowEdit.between(keep, [base.names.insertion_index(name.name) for name in new])
    redirects = RowEdit.between(keep[base.targets], [])
    new_row = dict(zip(rows, names.inserted_rows.tolist(), strict=True))
    aliases = {
        alias: {
            int(new_row[row] if row in new_row else names.row_map[row]): count
            for row, count in counts.items()
        }
        for alias, counts in view.aliases.items()
    }
    alias_table, alias_edit = base.aliases.edited(keep, names.row_map, aliases)
    trie, entry_names = _compact_trie(base, names, redirects, [name.tokens for name in new])
    tables = Tables(
        base.names.edited(names, StringTable.build([name.name for name in new])),
        _compact_ids(base.ids, names, [name.id for name in new]),
        _compact_prior(base.prior, names, [name.prior for name in new]),
        _compact_descriptions(base.descriptions, names),
        base.redirects.edited(redirects, StringTable.build([])),
        names.row_map[base.targets[redirects.keep]].astype(np.uint32),
        alias_table,
        trie,
        entry_names,
        dict(base.header),
    )
    if not tables.has_aliases:
        return tables
    edits = (names, redirects, alias_edit)
    has_index = base.stored_index is not None
    index = edit_index(base.index, edits, tables.texts) if has_index else build_index(tables.texts)
    return replace(tables, stored_index=index)


def _compact_trie(
    base: Tables, names: RowEdit, redirects: RowEdit, tokens: List[Sequence[int]]
) -> Tuple[TokenTrie, IntArray]:
    """The trie, and the row of the name or redirect of each entry."""
    n_names = int(names.keep.sum()) + len(names.insert_at)
    row_map = np.concatenate([names.row_map, n_names + redirects.row_map])
    keep = np.concatenate([names.keep, redirects.keep])[base.entry_names]
    # The trie does not depend on the order of its sequences, so new ones are appended.
    edit = RowEdit(keep, np.full(len(tokens), keep.sum()))
    old = base.trie.sequences()
    trie, order = TokenTrie.from_ragged(*edit.apply_ragged(old, flatten(tokens)))
    rows = edit.apply(row_map[base.entry_names], names.inserted_rows)[order]
    # Entries that end at the same node are sorted by row.
    return trie, rows[np.lexsort((rows, trie.entry_nodes))].astype(np.uint32)


def _compact_ids(ids: Optional[IdColumn], edit: RowEdit, new: List[str]) -> Optional[IdColumn]:
    if ids is None:
        ids = IdColumn.of_numbers(np.zeros(len(edit.keep), np.uint32))
    return ids.edited(edit, new)


def _compact_prior(
    prior: Optional[NDArray[np.float32]], edit: RowEdit, new: List[float]
) -> Optional[NDArray[np.float32]]:
    if prior is None:
        prior = np.zeros(len(edit.keep), np.float32)
    prior = edit.apply(prior, new)
    return prior if prior.any() else None


def _compact_descriptions(
    descriptions: Optional[StringTable], edit: RowEdit
) -> Optional[StringTable]:
    """Added names have no description."""
    if descriptions is None:
        return None
    descriptions = descriptions.edited(edit, StringTable.build([""] * len(edit.insert_at)))
    return descriptions if len(descriptions.data) else None
