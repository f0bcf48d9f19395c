"""Immutable snapshots of a title set."""

from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property
from heapq import merge
from itertools import islice
from typing import (
    AbstractSet,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

import numpy as np

from .columns import MAX_COUNT
from .lookup import find_entries, relaxed_forms, relaxed_key, same_at_closest_form
from .normal_form import normal_form, stored_forms
from .overlay import AnyTrie
from .tables import Tables


class AddedName(NamedTuple):
    """A name that was added after the tables were built, with its token ids."""

    name: str
    id: str
    prior: float
    tokens: Sequence[int]


@dataclass(frozen=True, eq=False)
class TitleView:
    """A snapshot of a title set: its tables with the pending changes. Later changes of the set
    make new views.

    A name is identified by its row: those of the tables come first, then those of added names.

    base (Tables): The tables, with N names.
    trie (AnyTrie): The tokens of all names.
    added (Mapping[int, AddedName]): Row -> added name; rows are N or more.
    removed (AbstractSet[int]): The rows of the tables that were removed.
    spellings (Mapping[int, Tuple[Tuple[str, int], ...]]): Changed or new node of the trie -> its
        spellings, as `spellings_at`.
    aliases (Mapping[str, Mapping[int, int]]): Added aliases: alias -> row -> count.
    rows_added (Mapping[str, int]): Added name -> row.
    """

    base: Tables
    trie: AnyTrie
    added: Mapping[int, AddedName] = field(default_factory=dict)
    removed: AbstractSet[int] = frozenset()
    spellings: Mapping[int, Tuple[Tuple[str, int], ...]] = field(default_factory=dict)
    aliases: Mapping[str, Mapping[int, int]] = field(default_factory=dict)
    rows_added: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.base.names) - len(self.removed) + len(self.added)

    def __iter__(self) -> Iterator[str]:
        """The names, sorted."""
        kept = (name for i, name in enumerate(self.base.names) if i not in self.removed)
        return merge(kept, sorted(self.rows_added))

    @property
    def n_redirects(self) -> int:
        """The number of redirects whose name was not removed."""
        removed = np.isin(self.base.targets, list(self.removed))
        return len(self.base.redirects) - int(np.count_nonzero(removed))

    def find(self, name: str) -> int:
        """The row of a name in any Unicode form, or -1."""
        for form in stored_forms(name):
            if form in self.rows_added:
                return self.rows_added[form]
            row = self.base.names.find(form)
            if row >= 0 and row not in self.removed:
                return row
        return -1

    def name_at(self, row: int) -> str:
        return self.added[row].name if row in self.added else self.base.name_at(row)

    def id_at(self, row: int) -> str:
        return self.added[row].id if row in self.added else self.base.id_at(row)

    def prior_at(self, row: int) -> float:
        return self.added[row].prior if row in self.added else self.base.prior_at(row)

    def description_at(self, row: int) -> str:
        return "" if row in self.added else self.base.description_at(row)

    @property
    def has_ids(self) -> bool:
        """Whether any name has an id."""
        rows_with_id = self.base.ids.by_id if self.base.ids is not None else ()
        added = any(added.id for added in self.added.values())
        return added or any(int(row) not in self.removed for row in rows_with_id)

    def spellings_at(self, node: int) -> List[Tuple[str, int]]:
        """As `Tables.spellings_at`."""
        if node in self.spellings:
            return list(self.spellings[node])
        return self.base.spellings_at(node)

    def target(self, name: str) -> int:
        """The row of a name or of a redirect's name, or -1."""
        row = self.find(name)
        if row >= 0:
            return row
        for form in stored_forms(name):
            if (redirect := self.base.redirects.find(form)) >= 0:
                row = int(self.base.targets[redirect])
                return -1 if row in self.removed else row
        return -1

    def rows_of_id(self, kb_id: str) -> List[int]:
        """The rows of all names that have an id."""
        rows = self.base.ids.rows(kb_id) if self.base.ids is not None and kb_id else []
        new = [row for row, added in self.added.items() if kb_id and added.id == kb_id]
        return [row for row in rows if row not in self.removed] + new

    def get_candidates(self, mention: str) -> List[Tuple[int, int]]:
        """The candidates of a mention that is an alias, a redirect or a name.

        mention (str): The mention's text.
        RETURNS (List[Tuple[int, int]]): The row and count of each candidate (0 if the pair was
            never counted), sorted by count, then by prior, both descending.
        """
        counts: Dict[int, int] = {}
        pairs: List[Tuple[int, int]] = []
        for form in stored_forms(mention):
            pairs += [*self.base.aliases.rows_of(form), *self.aliases.get(form, {}).items()]
        if (row := self.target(mention)) >= 0:
            pairs.append((row, 0))
        for row, count in pairs:
            if row not in self.removed:
                counts[row] = min(counts.get(row, 0) + count, MAX_COUNT)

        return sorted(counts.items(), key=self._candidate_rank)

    @property
    def has_aliases(self) -> bool:
        """Whether there are aliases or redirects."""
        return bool(self.aliases) or self.base.has_aliases

    def look_up(self, mention: str) -> Tuple[int, List[Tuple[int, int]]]:
        """The candidates of a mention in the least relaxed form in which it has any.

        mention (str): The mention's text.
        RETURNS (Tuple[int, List[Tuple[int, int]]]): The number of the form, 0 for the text itself
            (see `relaxed_forms`), and the candidates, as `get_candidates` returns them.
        """
        if candidates := self.get_candidates(mention):
            return 0, candidates
        forms = relaxed_forms(mention)
        in_tables = find_entries(self.base.index, self.base.texts, forms[-1])
        texts = dict.fromkeys([*in_tables, *self._added_texts.get(forms[-1], ())])
        while texts:
            level, same = same_at_closest_form(forms, [(t, relaxed_forms(t)) for t in texts])
            counts: Counter[int] = Counter()
            for text in same:
                counts.update(dict(self.get_candidates(text)))
            if counts:
                return level, sorted(counts.items(), key=self._candidate_rank)
            for text in same:  # its names were removed
                del texts[text]
        return 0, []

    @cached_property
    def _added_texts(self) -> Dict[str, List[str]]:
        """The added names and aliases by their relaxed keys."""
        texts: Dict[str, List[str]] = {}
        for text in (*self.rows_added, *self.aliases):
            texts.setdefault(relaxed_key(text), []).append(text)
        return texts

    def _candidate_rank(self, item: Tuple[int, int]) -> tuple:
        row, count = item
        return (-count, -self.prior_at(row), self.name_at(row))

    def starting_with(
        self, prefix: str, limit: Optional[int], *, ignore_case: bool = False
    ) -> List[str]:
        """The first `limit` names in sorted order that start with a prefix."""
        prefix, names = normal_form(prefix), self.base.names
        rows: Iterable[int]
        if ignore_case:
            key = prefix.casefold()
            rows = names.rows_with_prefix_in_any_case(prefix)
            new = sorted(name for name in self.rows_added if name.casefold().startswith(key))
        else:
            rows = names.rows_with_prefix(prefix)
            new = sorted(name for name in self.rows_added if name.startswith(prefix))
        kept = (names[row] for row in rows if row not in self.removed)
        return list(islice(merge(kept, new), limit))

    def get_candidates_in_any_case(self, mention: str) -> List[Tuple[int, int]]:
        """As `get_candidates`, for all spellings of the mention that differ only in case."""
        mention = normal_form(mention)
        spellings = {mention}
        tables = (self.base.aliases.strings, self.base.redirects, self.base.names)
        for table in tables:
            spellings.update(table[row] for row in table.rows_with_prefix_in_any_case(mention))
        spellings.update(self.aliases, self.rows_added)
        counts: Counter[int] = Counter()
        for spelling in spellings:
            if spelling.casefold() == mention.casefold():
                counts.update(dict(self.get_candidates(spelling)))
        return sorted(counts.items(), key=self._candidate_rank)
