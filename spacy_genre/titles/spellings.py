"""Which of the names that share their tokens is meant."""

from .subset import SearchableNames


def best_name_at(view: SearchableNames, node: int, surface: str) -> int:
    """The row of the best name that ends at a node of the trie.

    Tokenizers may write several names with the same tokens ("US" and "us" in lower case). The
    one that is written exactly like the mention wins, then the one with the highest prior, then
    the one with as many capitals as the mention, as a share of its letters ("integral" is no
    "INTEGRAL"), then the first in sorted order. A redirect counts as the name that it leads to.

    view (SearchableNames): A title set, or some names of it.
    node (int): A node where at least one name ends.
    surface (str): The mention, as it is written in the document.
    RETURNS (int): The row of the name.
    """
    spellings = view.spellings_at(node)
    if len(spellings) == 1:
        return spellings[0][1]

    def rank(spelling: tuple) -> tuple:
        text, row = spelling
        name = view.name_at(row)
        unlike = abs(_capitals(text) - _capitals(surface))
        return (text != surface, -view.prior_at(row), unlike, text != name, name)

    return min(spellings, key=rank)[1]


def _capitals(text: str) -> float:
    """The share of the letters that are capitals."""
    return sum(map(str.isupper, text)) / max(1, sum(map(str.isalpha, text)))
