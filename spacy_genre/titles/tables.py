"""The arrays of a title set, made at once and never changed."""

from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Tuple

import numpy as np
from numpy.typing import NDArray

from ..errors import Errors
from .storage import Arrays
from .strings import StringTable
from .trie import TokenTrie

IntArray = NDArray[np.integer]


@dataclass(frozen=True, eq=False)
class Tables:
    """What a title set knows, for N names. Rows of names are in the order of the names.

    names (StringTable): [N], sorted, each once.
    ids (Optional[StringTable]): [N], empty where a name has none; None if no name has one.
    prior (Optional[float32]): [N], how common each name is, in any unit.
    redirects (StringTable): [R], sorted: other names that lead to one of the names.
    targets (uint32): [R], the row of the name that each redirect leads to.
    trie (TokenTrie): The tokens of the names.
    entry_names (uint32): [N], the row of the name that each entry of the trie stands for.
    header (Dict[str, Any]): How the set was made.
    """

    names: StringTable
    ids: Optional[StringTable]
    prior: Optional[NDArray[np.float32]]
    redirects: StringTable
    targets: IntArray
    trie: TokenTrie
    entry_names: IntArray
    header: Dict[str, Any] = field(default_factory=dict)

    @classmethod
    def build(
        cls,
        rows: Mapping[str, Tuple[str, float]],
        tokens: Tuple[IntArray, IntArray],
        redirects: Mapping[str, str],
        header: Dict[str, Any],
    ) -> "Tables":
        """Make the arrays.

        rows (Mapping[str, Tuple[str, float]]): For each name, in sorted order, its id ("" for
            none) and its prior.
        tokens (Tuple[IntArray, IntArray]): The token ids of the names, in that order, end to
            end; and the number of tokens of each.
        redirects (Mapping[str, str]): Redirect to target, each target a name.
        header (Dict[str, Any]): How the set was made.
        """
        names = StringTable.build(list(rows))
        ids = [kb_id for kb_id, _ in rows.values()]
        prior = np.fromiter((prior for _, prior in rows.values()), np.float32, len(rows))
        sources = sorted(redirects)
        trie, order = TokenTrie.from_ragged(*tokens)
        return cls(
            names,
            StringTable.build(ids) if any(ids) else None,
            prior if prior.any() else None,
            StringTable.build(sources),
            np.asarray([names.find(redirects[s]) for s in sources], np.uint32),
            trie,
            order.astype(np.uint32),
            header,
        )

    def rows(self) -> Dict[str, Tuple[str, float]]:
        """The names with their ids and priors, as `build` takes them."""
        return {name: (self.id_at(i), self.prior_at(i)) for i, name in enumerate(self.names)}

    def tokens(self) -> Tuple[IntArray, IntArray]:
        """The names' token ids end to end, and their lengths, in the order of the names."""
        flat, lengths = self.trie.sequences()
        starts = np.cumsum(lengths) - lengths
        entry_of_name = np.argsort(self.entry_names)
        lengths, starts = lengths[entry_of_name], starts[entry_of_name]
        shift = np.repeat(starts - (np.cumsum(lengths) - lengths), lengths)
        return flat[np.arange(len(flat)) + shift], lengths

    def redirect_map(self) -> Dict[str, str]:
        return {r: self.names[int(t)] for r, t in zip(self.redirects, self.targets, strict=True)}

    def id_at(self, row: int) -> str:
        return self.ids[row] if self.ids is not None else ""

    def prior_at(self, row: int) -> float:
        return float(self.prior[row]) if self.prior is not None else 0.0

    def rows_at(self, node: int) -> List[int]:
        """The rows of the names that end at a node of the trie."""
        return [int(self.entry_names[entry]) for entry in self.trie.entries(node)]

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
        }
        if self.ids is not None:
            arrays |= {"ids.data": self.ids.data, "ids.offsets": self.ids.offsets}
        if self.prior is not None:
            arrays["prior"] = self.prior
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Arrays, header: Dict[str, Any], where: str) -> "Tables":
        """RAISES (ValueError): If arrays are missing or don't fit together."""
        try:
            ids = (
                StringTable(arrays["ids.data"], arrays["ids.offsets"])
                if ("ids.data" in arrays)
                else None
            )
            tables = cls(
                StringTable(arrays["names.data"], arrays["names.offsets"]),
                ids,
                arrays.get("prior"),
                StringTable(arrays["redirects.data"], arrays["redirects.offsets"]),
                arrays["redirects.targets"],
                TokenTrie(
                    arrays["trie.tokens"], arrays["trie.first_child"], arrays["trie.entry_nodes"]
                ),
                arrays["trie.entry_names"],
                header,
            )
        except KeyError as err:
            reason = f"the array {err} is missing"
            raise ValueError(Errors.T002.format(path=where, reason=reason)) from err
        try:
            fit = tables._fit()
        except IndexError:  # an array that must not be empty is
            fit = False
        if not fit:
            reason = "its arrays don't fit together"
            raise ValueError(Errors.T002.format(path=where, reason=reason))
        return tables

    def _fit(self) -> bool:
        """Whether the arrays have the sizes that they must have (not whether each item is right:
        that would read them all)."""
        n, trie = len(self.names), self.trie
        strings = [self.names, self.redirects] + ([self.ids] if self.ids is not None else [])
        return (
            all(len(table) >= 0 and table.offsets[-1] == len(table.data) for table in strings)
            and (self.ids is None or len(self.ids) == n)
            and (self.prior is None or len(self.prior) == n)
            and len(self.targets) == len(self.redirects)
            and len(trie) == len(self.entry_names) == n
            and trie.n_nodes >= 1
            and len(trie.first_child) == trie.n_nodes + 1
            and int(trie.first_child[-1]) == trie.n_nodes
            and (n == 0 or int(trie.entry_nodes[-1]) < trie.n_nodes)
        )
