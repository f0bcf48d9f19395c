"""Reading word lists that are packed by `efrt`, a JavaScript library.

A packed list is a trie as text: nodes separated by ";". A node has letters, each run of which is
followed by "," (or the end) if a word ends there, or by a reference to the node that continues it.
A reference is a number in letters: an index into a table of frequent nodes at the start of the
text, or the distance to a later node. A node that starts with "!" also ends a word itself.
"""

import re
from typing import List, Tuple

DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
SYMBOL = re.compile(r"([0-9A-Z]+):([0-9A-Z]+)")
REFERENCE = re.compile(r"([A-Z0-9,]+)")


def unpack(packed: str) -> List[str]:
    """Unpack the words of all categories.

    packed (str): "CATEGORY¦TRIE", or several of them with "|" in between.
    RETURNS (List[str]): The words.
    RAISES (ValueError): If it is not a packed list.
    """
    words: List[str] = []
    for part in packed.split("|"):
        category, separator, trie = part.partition("¦")
        if not separator or not trie:
            raise ValueError(f"it starts with {category[:50]!r}, not with a category and a trie")
        words += _words(trie.split(";"))
    return words


def _words(nodes: List[str]) -> List[str]:
    symbols = {}
    for node in nodes:
        match = SYMBOL.fullmatch(node)
        if match is None:
            break
        symbols[_number(match[1])] = _number(match[2])
    nodes = nodes[len(symbols) :]
    words: List[str] = []
    stack: List[Tuple[int, str]] = [(0, "")]
    while stack:
        index, prefix = stack.pop()
        if not 0 <= index < len(nodes) or len(prefix) > 1000:
            raise ValueError(f"a reference after {prefix[:50]!r} leads nowhere")
        node = nodes[index]
        if node.startswith("!"):
            words.append(prefix)
            node = node[1:]
        pieces = [*REFERENCE.split(node), ","]
        for letters, reference in zip(pieces[::2], pieces[1::2], strict=False):
            if not letters:
                continue
            if reference == ",":
                words.append(prefix + letters)
                continue
            number = _number(reference)
            later = index + number + 1 - len(symbols)
            stack.append((symbols.get(number, later), prefix + letters))
    return words


def _number(text: str) -> int:
    """The number of "0", "1", …, "Z", "00", "01", …"""
    number = 0
    for digit in text:
        if digit not in DIGITS:
            raise ValueError(f"{text[:50]!r} is not a reference")
        number = number * len(DIGITS) + DIGITS.index(digit)
    return number + sum(len(DIGITS) ** places for places in range(1, len(text)))
