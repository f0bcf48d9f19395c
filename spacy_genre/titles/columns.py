"""Columns of a title set: ids, and aliases with their counts."""

import re
from bisect import bisect_left
from dataclasses import dataclass
from typing import Iterable, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from ..ragged import IntArray, RowEdit
from .storage import Arrays
from .strings import StringTable

QID = re.compile(r"Q[1-9][0-9]{0,8}")
MAX_COUNT = 2**32 - 1  # of an alias


@dataclass(frozen=True, eq=False)
class IdColumn:
    """The ids of N names, with an index from ids to names.

    values (Union[uint32, StringTable]): [N]. If all ids are Wikidata QIDs, their numbers (0 for
        no id); otherwise the ids as strings ("" for no id).
    by_id (uint32): [M], the rows that have an id, sorted by id.
    """

    values: Union[IntArray, StringTable]
    by_id: IntArray

    @classmethod
    def build(cls, ids: Sequence[str]) -> Optional["IdColumn"]:
        """ids (Sequence[str]): [N], "" for no id. RETURNS: None if no name has an id."""
        if not any(ids):
            return None
        if _are_qids(ids):
            return cls.of_numbers(_numbers(ids))
        rows = [row for row, kb_id in enumerate(ids) if kb_id]
        rows.sort(key=ids.__getitem__)
        return cls(StringTable.build(ids), np.asarray(rows, np.uint32))

    @classmethod
    def of_numbers(cls, numbers: IntArray) -> "IdColumn":
        """numbers (uint32): [N], the numbers of QIDs, 0 for no id."""
        rows = np.flatnonzero(numbers)
        by_id = rows[np.argsort(numbers[rows], kind="stable")]
        return cls(numbers, by_id.astype(np.uint32))

    def edited(self, edit: RowEdit, new: Sequence[str]) -> Optional["IdColumn"]:
        """The column after an edit of its rows. RETURNS: None if no id is left."""
        if not isinstance(self.values, StringTable) and _are_qids(new):
            numbers = edit.apply(self.values, _numbers(new))
            return self.of_numbers(numbers) if numbers.any() else None
        values = self._strings().edited(edit, StringTable.build(new))
        if not isinstance(self.values, StringTable) or _are_qids(values):
            return self.build(list(values))  # from numbers to strings, or back

        def key(row: int) -> Tuple[bytes, int]:
            return values.bytes_at(row), int(row)

        by_id = edit.row_map[self.by_id[edit.keep[self.by_id]]].astype(np.uint32)
        rows = sorted((row for row, i in zip(edit.inserted_rows, new, strict=True) if i), key=key)
        positions = [bisect_left(by_id, key(row), key=key) for row in rows]
        return IdColumn(values, np.insert(by_id, np.asarray(positions, np.int64), rows))

    def _strings(self) -> StringTable:
        if isinstance(self.values, StringTable):
            return self.values
        return StringTable.build([self[row] for row in range(len(self))])

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, row: int) -> str:
        if isinstance(self.values, StringTable):
            return self.values[row]
        number = int(self.values[row])
        return f"Q{number}" if number else ""

    def rows(self, kb_id: str) -> List[int]:
        """The rows of all names that have an id, ascending."""
        if isinstance(self.values, StringTable):
            key: Union[int, str] = kb_id
            value = self.values.__getitem__
        else:
            if not QID.fullmatch(kb_id):
                return []
            key, value = int(kb_id[1:]), self.values.__getitem__
        low, high = 0, len(self.by_id)
        while low < high:
            middle = (low + high) // 2
            if value(int(self.by_id[middle])) < key:  # type: ignore[operator]
                low = middle + 1
            else:
                high = middle
        rows = []
        while low < len(self.by_id) and value(int(self.by_id[low])) == key:
            rows.append(int(self.by_id[low]))
            low += 1
        return rows

    def to_arrays(self) -> Arrays:
        if isinstance(self.values, StringTable):
            columns = {"ids.data": self.values.data, "ids.offsets": self.values.offsets}
        else:
            columns = {"ids.numbers": self.values}
        return {**columns, "ids.by_id": self.by_id}

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> Optional["IdColumn"]:
        if "ids.by_id" not in arrays:
            return None
        if "ids.numbers" in arrays:
            return cls(arrays["ids.numbers"], arrays["ids.by_id"])
        values = StringTable(arrays["ids.data"], arrays["ids.offsets"])
        return cls(values, arrays["ids.by_id"])


def _are_qids(ids: Iterable[str]) -> bool:
    """Whether all non-empty ids are Wikidata QIDs."""
    return all(map(QID.fullmatch, filter(None, ids)))


def _numbers(qids: Sequence[str]) -> NDArray[np.uint32]:
    return np.fromiter((int(qid[1:]) if qid else 0 for qid in qids), np.uint32, len(qids))


@dataclass(frozen=True, eq=False)
class AliasTable:
    """The names of each alias, with counts, in a compressed sparse row (CSR) layout.

    strings (StringTable): [A], the aliases, sorted and unique.
    first (uint32): [A + 1], the pairs of alias i are first[i] to first[i + 1] - 1.
    rows (uint32): [P], the row of each pair's name; by alias, the most frequent name first.
    counts (uint32): [P], how often the alias refers to the name.
    """

    strings: StringTable
    first: IntArray
    rows: IntArray
    counts: IntArray

    @classmethod
    def build(cls, pairs: Mapping[Tuple[str, int], int]) -> "AliasTable":
        """pairs (Mapping[Tuple[str, int], int]): The count of each (alias, row)."""
        ordered = sorted(pairs.items(), key=lambda pair: (pair[0][0], -pair[1], pair[0][1]))
        strings = list(dict.fromkeys(alias for (alias, _), _ in ordered))
        index = {alias: i for i, alias in enumerate(strings)}
        of_pair = np.fromiter((index[alias] for (alias, _), _ in ordered), np.int64, len(ordered))
        first = np.searchsorted(of_pair, np.arange(len(strings) + 1))
        return cls(
            StringTable.build(strings),
            first.astype(np.uint32),
            np.fromiter((row for (_, row), _ in ordered), np.uint32, len(ordered)),
            np.fromiter((count for _, count in ordered), np.uint32, len(ordered)),
        )

    def edited(
        self, keep: NDArray[np.bool_], row_map: IntArray, added: Mapping[str, Mapping[int, int]]
    ) -> Tuple["AliasTable", RowEdit]:
        """The table after names were removed and aliases added.

        keep (bool): [N], which rows of names are kept.
        row_map (IntArray): [N], the new row of each kept name.
        added (Mapping[str, Mapping[int, int]]): Added aliases: alias -> new row -> count.
        RETURNS (Tuple[AliasTable, RowEdit]): The table, and the edit of its aliases.
        """
        pairs = {
            (alias, row): count for alias, counts in added.items() for row, count in counts.items()
        }
        keep_pair = keep[self.rows]
        # Aliases with added counts are removed here and inserted again with their sums.
        for alias in added:
            if (i := self.strings.find(alias)) >= 0:
                keep_pair[int(self.first[i]) : int(self.first[i + 1])] = False
                for row, count in self.rows_of(alias):
                    if keep[row]:
                        pair = (alias, int(row_map[row]))
                        pairs[pair] = min(pairs.get(pair, 0) + count, MAX_COUNT)
        new = self.build(pairs)
        n_pairs = np.diff(np.concatenate([[0], np.cumsum(keep_pair)])[self.first])
        insert_before = [self.strings.insertion_index(alias) for alias in new.strings]
        edit = RowEdit.between(n_pairs > 0, insert_before)
        n_new = np.diff(new.first)
        kept_rows, kept_counts = row_map[self.rows[keep_pair]], self.counts[keep_pair]
        rows, n_rows = edit.apply_ragged((kept_rows, n_pairs), (new.rows, n_new))
        counts, _ = edit.apply_ragged((kept_counts, n_pairs), (new.counts, n_new))
        first = np.concatenate([[0], np.cumsum(n_rows)])
        strings = self.strings.edited(edit, new.strings)
        return AliasTable(strings, first.astype(np.uint32), rows.astype(np.uint32), counts), edit

    def rows_of(self, alias: str) -> List[Tuple[int, int]]:
        """The (row, count) pairs of an alias, the most frequent name first."""
        i = self.strings.find(alias)
        if i < 0:
            return []
        pairs = range(int(self.first[i]), int(self.first[i + 1]))
        return [(int(self.rows[pair]), int(self.counts[pair])) for pair in pairs]

    def pairs(self) -> Iterable[Tuple[str, int, int]]:
        """All (alias, row, count) triples."""
        for i, alias in enumerate(self.strings):
            for pair in range(int(self.first[i]), int(self.first[i + 1])):
                yield alias, int(self.rows[pair]), int(self.counts[pair])

    def to_arrays(self) -> Arrays:
        return {
            "aliases.data": self.strings.data,
            "aliases.offsets": self.strings.offsets,
            "aliases.first": self.first,
            "aliases.rows": self.rows,
            "aliases.counts": self.counts,
        }

    @classmethod
    def from_arrays(cls, arrays: Arrays) -> "AliasTable":
        return cls(
            StringTable(arrays["aliases.data"], arrays["aliases.offsets"]),
            arrays["aliases.first"],
            arrays["aliases.rows"],
            arrays["aliases.counts"],
        )
