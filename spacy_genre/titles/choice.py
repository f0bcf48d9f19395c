"""Which of the names that share their tokens is meant."""

from .tables import Tables


def choose_name(tables: Tables, node: int, surface: str) -> int:
    """The row of the best name that ends at a node of the trie.

    Tokenizers may write several names with the same tokens ("US" and "us" in lower case). The
    one that is written exactly like the mention wins, then the one with the highest prior, then
    the first in sorted order.

    tables (Tables): A title set's tables.
    node (int): A node where at least one name ends.
    surface (str): The mention, as it is written in the document.
    RETURNS (int): The row of the name.
    """
    rows = tables.rows_at(node)
    if len(rows) == 1:
        return rows[0]
    return max(rows, key=lambda row: (tables.names[row] == surface, tables.prior_at(row), -row))
