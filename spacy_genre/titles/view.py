"""A title set as it was at one moment: its tables, and the changes on top of them."""

from dataclasses import dataclass, field
from heapq import merge
from typing import AbstractSet, Dict, Iterator, List, Mapping, NamedTuple, Optional, Sequence, Tuple

import numpy as np

from .columns import MAX_COUNT
from .overlay import AnyTrie
from .tables import Tables


class AddedName(NamedTuple):
    """A name that was added, and its token ids."""

    name: str
    id: str
    prior: float
    tokens: Sequence[int]


@dataclass(frozen=True, eq=False)
class TitleView:
    """What a title set knows at one moment. Later changes make other views and leave it as it is.

    Names are told by rows: those of the tables, then the added ones.

    base (Tables): The tables, with N names.
    trie (AnyTrie): The tokens of the names that can be generated now.
    added (Mapping[int, AddedName]): The added names by row, N and above.
    removed (AbstractSet[int]): The rows of the tables that are gone.
    spellings (Mapping[int, Tuple[Tuple[str, int], ...]]): What ends at the nodes of the trie at
        which something changed.
    aliases (Mapping[str, Mapping[int, int]]): Added aliases: how often each stands for a row.
    rows_added (Mapping[str, int]): The rows of the added names.
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
        """The number of redirects whose name is still there."""
        gone = np.isin(self.base.targets, list(self.removed))
        return len(self.base.redirects) - int(np.count_nonzero(gone))

    def find(self, name: str) -> int:
        """The row of a name, or -1."""
        if name in self.rows_added:
            return self.rows_added[name]
        row = self.base.names.find(name)
        return -1 if row in self.removed else row

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
        left = self.base.ids.by_id if self.base.ids is not None else ()
        added = any(added.id for added in self.added.values())
        return added or any(int(row) not in self.removed for row in left)

    def spellings_at(self, node: int) -> List[Tuple[str, int]]:
        """As `Tables.spellings_at`."""
        if node in self.spellings:
            return list(self.spellings[node])
        return self.base.spellings_at(node)

    def target(self, name: str) -> int:
        """The row of a name, or of the name that a redirect leads to, or -1."""
        row = self.find(name)
        if row < 0 and (redirect := self.base.redirects.find(name)) >= 0:
            row = int(self.base.targets[redirect])
            return -1 if row in self.removed else row
        return row

    def rows_of_id(self, kb_id: str) -> List[int]:
        """The rows of all names that have an id."""
        rows = self.base.ids.rows(kb_id) if self.base.ids is not None and kb_id else []
        new = [row for row, added in self.added.items() if kb_id and added.id == kb_id]
        return [row for row in rows if row not in self.removed] + new

    def get_candidates(self, mention: str) -> List[Tuple[int, int]]:
        """The rows that a mention may stand for and how often it was seen to: as an alias, a
        redirect or a name (0 times if it was never counted), the most frequent first; of those that
        were as often seen, the one with the highest prior."""
        counts: Dict[int, int] = {}
        pairs = [*self.base.aliases.rows_of(mention), *self.aliases.get(mention, {}).items()]
        if (row := self.target(mention)) >= 0:
            pairs.append((row, 0))
        for row, count in pairs:
            if row not in self.removed:
                counts[row] = min(counts.get(row, 0) + count, MAX_COUNT)

        def rank(item: Tuple[int, int]) -> tuple:
            row, count = item
            return (-count, -self.prior_at(row), self.name_at(row))

        return sorted(counts.items(), key=rank)

    def starting_with(self, prefix: str, limit: Optional[int]) -> List[str]:
        """The first names, sorted, that start with a prefix."""
        rows = self.base.names.rows_with_prefix(prefix)
        kept = (self.base.names[row] for row in rows if row not in self.removed)
        new = sorted(name for name in self.rows_added if name.startswith(prefix))
        found: List[str] = []
        for name in merge(kept, new):
            if limit is not None and len(found) == limit:
                break
            found.append(name)
        return found
