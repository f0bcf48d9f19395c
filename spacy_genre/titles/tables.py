"""The immutable arrays of a title set."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Dict, Iterator, List, Mapping, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from ..errors import Errors
from ..ragged import IntArray
from .columns import AliasTable, IdColumn
from .lookup import build_index
from .storage import Arrays, MappedFile
from .strings import StringTable
from .trie import TokenTrie


@dataclass
class NameRows:
    """The input of `Tables.build`: N names, sorted and unique, with their values.

    names (List[str]): [N].
    ids, descriptions (List[str]): [N], "" for no value.
    prior (float32): [N], how common each name is, in any unit.
    tokens (uint32): The concatenated token ids of the names.
    lengths (int64): [N], the number of token ids of each name.
    redirects (Dict[str, str]): Redirect -> name.
    redirect_tokens (Optional[Tuple[uint32, int64]]): Token ids and lengths of the sorted
        redirects, if redirects are generated too.
    aliases (Dict[Tuple[str, str], int]): The count of each (alias, name).
    """

    names: List[str]
    ids: List[str]
    prior: NDArray[np.float32]
    descriptions: List[str]
    tokens: IntArray
    lengths: IntArray
    redirects: Dict[str, str] = field(default_factory=dict)
    redirect_tokens: Optional[Tuple[IntArray, IntArray]] = None
    aliases: Mapping[Tuple[str, str], int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Tables:
    """The data of a title set of N names, column by column. A row is the index of a name.

    names (StringTable): [N], sorted and unique.
    ids (Optional[IdColumn]): [N], None if no name has an id.
    prior (Optional[float32]): [N], how common each name is, in any unit.
    descriptions (Optional[StringTable]): [N], "" for no description.
    redirects (StringTable): [R], sorted.
    targets (uint32): [R], the row of each redirect's name.
    aliases (AliasTable): The names of each alias, with counts.
    trie (TokenTrie): The tokens of the names, and of the redirects if they are generated too.
    entry_names (uint32): [entries of the trie], the row of each entry's name, or N + i for
        redirect i.
    header (Dict[str, Any]): How the set was built.
    file (Optional[MappedFile]): The file that the arrays are views of, None if they are in memory.
    stored_index (Optional[uint32]): The index of `texts`, as `lookup.build_index` makes it; None
        without redirects and aliases, and in files of earlier versions.
    """

    names: StringTable
    ids: Optional[IdColumn]
    prior: Optional[NDArray[np.float32]]
    descriptions: Optional[StringTable]
    redirects: StringTable
    targets: IntArray
    aliases: AliasTable
    trie: TokenTrie
    entry_names: IntArray
    header: Dict[str, Any] = field(default_factory=dict)
    file: Optional[MappedFile] = None
    stored_index: Optional[IntArray] = None

    @property
    def texts(self) -> Tuple[StringTable, StringTable, StringTable]:
        """All that a mention is looked up in: names, redirects and aliases."""
        return self.names, self.redirects, self.aliases.strings

    @property
    def has_aliases(self) -> bool:
        """Whether there are aliases or redirects."""
        return len(self.aliases.strings) > 0 or len(self.redirects) > 0

    @cached_property
    def index(self) -> IntArray:
        """The index of `texts`. It is built now if it was not stored."""
        return build_index(self.texts) if self.stored_index is None else self.stored_index

    @classmethod
    def build(cls, rows: NameRows, header: Dict[str, Any]) -> "Tables":
        names = StringTable.build(rows.names)
        sources = sorted(rows.redirects)
        # A dict, since a binary search for each of millions of redirects is slow.
        need_rows = rows.redirects or rows.aliases
        row_of = {name: row for row, name in enumerate(rows.names)} if need_rows else {}
        tokens, lengths = rows.tokens, rows.lengths
        if rows.redirect_tokens is not None:
            tokens = np.concatenate([tokens, rows.redirect_tokens[0]])
            lengths = np.concatenate([lengths, rows.redirect_tokens[1]])
        trie, order = TokenTrie.from_ragged(tokens, lengths)
        pairs = {(a, row_of[name]): count for (a, name), count in rows.aliases.items()}
        tables = cls(
            names,
            IdColumn.build(rows.ids),
            rows.prior if rows.prior.any() else None,
            StringTable.build(rows.descriptions) if any(rows.descriptions) else None,
            StringTable.build(sources),
            np.fromiter((row_of[rows.redirects[s]] for s in sources), np.uint32, len(sources)),
            AliasTable.build(pairs),
            trie,
            order.astype(np.uint32),
            header,
        )
        return replace(tables, stored_index=tables.index) if tables.has_aliases else tables

    def redirect_items(self) -> Iterator[Tuple[str, str]]:
        """All (redirect, name) pairs."""
        for redirect, target in zip(self.redirects, self.targets, strict=True):
            yield redirect, self.names[int(target)]

    def name_at(self, row: int) -> str:
        return self.names[row]

    def id_at(self, row: int) -> str:
        return self.ids[row] if self.ids is not None else ""

    def prior_at(self, row: int) -> float:
        return float(self.prior[row]) if self.prior is not None else 0.0

    def description_at(self, row: int) -> str:
        return self.descriptions[row] if self.descriptions is not None else ""

    def spellings_at(self, node: int) -> List[Tuple[str, int]]:
        """The names and redirects that end at a node of the trie, each with the row of its name."""
        n = len(self.names)
        spellings = []
        for entry in self.trie.entries(node):
            row = int(self.entry_names[entry])
            if row < n:
                spellings.append((self.names[row], row))
            else:
                spellings.append((self.redirects[row - n], int(self.targets[row - n])))
        return spellings

    def to_arrays(self) -> Arrays:
        arrays: Arrays = {
            "names.data": self.names.data,
            "names.offsets": self.names.offsets,
            "redirects.data": self.redirects.data,
            "redirects.offsets": self.redirects.offsets,
            "redirects.targets": self.targets,
            "trie.tokens": self.trie.tokens,
            "trie.first_child": self.trie.first_child,
            "trie.entry_nodes": self.trie.entry_nodes,
            "trie.entry_names": self.entry_names,
            **self.aliases.to_arrays(),
        }
        if self.ids is not None:
            arrays |= self.ids.to_arrays()
        if self.prior is not None:
            arrays["prior"] = self.prior
        if self.stored_index is not None:
            arrays["lookup.index"] = self.stored_index
        if self.descriptions is not None:
            arrays["descriptions.data"] = self.descriptions.data
            arrays["descriptions.offsets"] = self.descriptions.offsets
        return arrays

    def check_file(self) -> None:
        """RAISES (ValueError): If the file of the arrays was overwritten in place."""
        if self.file is not None:
            self.file.check()

    @classmethod
    def from_arrays(
        cls,
        arrays: Arrays,
        header: Dict[str, Any],
        file: Optional[MappedFile] = None,
        *,
        where: str,
    ) -> "Tables":
        """RAISES (ValueError): If arrays are missing or their lengths contradict each other."""
        try:
            tables = cls(
                StringTable(arrays["names.data"], arrays["names.offsets"]),
                IdColumn.from_arrays(arrays),
                arrays.get("prior"),
                StringTable(arrays["descriptions.data"], arrays["descriptions.offsets"])
                if "descriptions.data" in arrays
                else None,
                StringTable(arrays["redirects.data"], arrays["redirects.offsets"]),
                arrays["redirects.targets"],
                AliasTable.from_arrays(arrays),
                TokenTrie(
                    arrays["trie.tokens"], arrays["trie.first_child"], arrays["trie.entry_nodes"]
                ),
                arrays["trie.entry_names"],
                header,
                file,
                arrays.get("lookup.index"),
            )
        except KeyError as err:
            reason = f"the array {err} is missing"
            raise ValueError(Errors.T002.format(path=where, reason=reason)) from err
        try:
            consistent = tables._has_consistent_lengths()
        except IndexError:  # an array is empty that must not be
            consistent = False
        if not consistent:
            reason = "its arrays don't fit together"
            raise ValueError(Errors.T002.format(path=where, reason=reason))
        return tables

    def _has_consistent_lengths(self) -> bool:
        """Whether the lengths of the arrays fit together. Their items are not read; that is what
        `TitleSet.check` does."""
        n, trie, aliases = len(self.names), self.trie, self.aliases
        texts = [self.names, self.redirects, aliases.strings, self.descriptions]
        if self.ids is not None:
            texts.append(self.ids.values if isinstance(self.ids.values, StringTable) else None)
        columns = (self.ids, self.prior, self.descriptions)
        return (
            all(t is None or (len(t) >= 0 and t.offsets[-1] == len(t.data)) for t in texts)
            and all(column is None or len(column) == n for column in columns)
            and len(self.targets) == len(self.redirects)
            and (self.stored_index is None or len(self.stored_index) == sum(map(len, self.texts)))
            and len(aliases.first) == len(aliases.strings) + 1
            and int(aliases.first[-1]) == len(aliases.rows) == len(aliases.counts)
            and len(trie) == len(self.entry_names)
            and len(trie) in (n, n + len(self.redirects))
            and trie.n_nodes >= 1
            and len(trie.first_child) == trie.n_nodes + 1
            and int(trie.first_child[-1]) == trie.n_nodes
            and (len(trie) == 0 or int(trie.entry_nodes[-1]) < trie.n_nodes)
        )
