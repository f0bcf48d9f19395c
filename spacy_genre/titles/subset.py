"""Some names of a title set: all that may be generated for a mention."""

from dataclasses import dataclass
from typing import List, Sequence, Tuple, Union

from ..tokenization import NameTokenizer
from .trie import TokenTrie
from .view import TitleView


@dataclass(frozen=True, eq=False)
class NameSubset:
    """Some names of a title set. It answers what a `TitleView` answers of the names in its trie.

    view (TitleView): The title set.
    trie (TokenTrie): The tokens of the names; redirects are not generated.
    rows (Tuple[int, ...]): For each entry of the trie the row of its name in the title set.
    """

    view: TitleView
    trie: TokenTrie
    rows: Tuple[int, ...]

    @classmethod
    def of(cls, view: TitleView, rows: Sequence[int], tokenizer: NameTokenizer) -> "NameSubset":
        """Make a subset.

        rows (Sequence[int]): The rows of the names, each once.
        tokenizer (NameTokenizer): That of the title set.
        """
        trie, order = TokenTrie.build(tokenizer.encode([view.name_at(row) for row in rows]))
        return cls(view, trie, tuple(rows[i] for i in order.tolist()))

    def spellings_at(self, node: int) -> List[Tuple[str, int]]:
        """As `TitleView.spellings_at`."""
        rows = (self.rows[entry] for entry in self.trie.entries(node))
        return [(self.view.name_at(row), row) for row in rows]

    def name_at(self, row: int) -> str:
        return self.view.name_at(row)

    def id_at(self, row: int) -> str:
        return self.view.id_at(row)

    def prior_at(self, row: int) -> float:
        return self.view.prior_at(row)


# What may be generated for a mention.
SearchableNames = Union[TitleView, NameSubset]
