"""The choice between names that have the same tokens."""

from .normal_form import normal_form
from .subset import SearchableNames


def best_name_at(view: SearchableNames, node: int, surface: str) -> int:
    """The best name that ends at a node of the trie.

    A lowercasing tokenizer gives "US" and "us" the same tokens. The order of preference is: the
    name that is spelled exactly like the mention, the name with the highest prior, the name whose
    share of capital letters is closest to the mention's ("integral" is not "INTEGRAL"), the
    first in sorted order. A redirect stands for its name.

    view (SearchableNames): A title set, or a subset of it.
    node (int): A node where at least one name ends.
    surface (str): The mention's text.
    RETURNS (int): The row of the name.
    """
    spellings = view.spellings_at(node)
    if len(spellings) == 1:
        return spellings[0][1]
    surface = normal_form(surface)

    def rank(spelling: tuple) -> tuple:
        text, row = spelling
        name = view.name_at(row)
        difference = abs(_capital_ratio(text) - _capital_ratio(surface))
        return (text != surface, -view.prior_at(row), difference, text != name, name)

    return min(spellings, key=rank)[1]


def _capital_ratio(text: str) -> float:
    """The share of capitals among the letters."""
    return sum(map(str.isupper, text)) / max(1, sum(map(str.isalpha, text)))
