"""A subset of a title set: the candidates of one mention."""

from dataclasses import dataclass
from typing import List, Sequence, Tuple, Union

from ..tokenization import NameTokenizer
from .trie import TokenTrie
from .view import TitleView


@dataclass(frozen=True, eq=False)
class NameSubset:
    """A subset of a title set's names, with a trie of its own. It has the methods of `TitleView`
    that decoding needs.

    view (TitleView): The title set.
    trie (TokenTrie): The tokens of the names. Redirects are not generated.
    rows (Tuple[int, ...]): [entries of the trie], the row in the title set of each entry's name.
    """

    view: TitleView
    trie: TokenTrie
    rows: Tuple[int, ...]

    @classmethod
    def of(cls, view: TitleView, rows: Sequence[int], tokenizer: NameTokenizer) -> "NameSubset":
        """Build a subset.

        view (TitleView): The title set.
        rows (Sequence[int]): The unique rows of the names.
        tokenizer (NameTokenizer): The tokenizer of the title set.
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


# The names that may be generated for a mention: all, or some.
SearchableNames = Union[TitleView, NameSubset]
