"""Look-up of texts that are written a little differently: other case, accents, endings, points."""

import re
import unicodedata
from bisect import bisect_left
from typing import Iterator, List, Sequence, Tuple
from zlib import crc32

import numpy as np

from ..ragged import IntArray, RowEdit
from .normal_form import normal_form
from .strings import StringTable

POSSESSIVE = re.compile(r"(?<=\w)['\u2019`]s?$|(?<=\w\.)['\u2019`]s?$")
PUNCTUATION = re.compile(r"[^\w\s&+#]|_")
# Single letters side by side: "j k rowling" is "jk rowling".
INITIALS = re.compile(r"\b(\w) (?=\w\b)")
# Words of two and more ASCII letters and digits: only case, plural and article are relaxed.
SIMPLE = re.compile(r"[A-Za-z0-9]{2,}(?: [A-Za-z0-9]{2,})*")
# Endings of words that are no plurals, and the shortest plural.
SINGULAR = ("ss", "us", "is")
MIN_PLURAL = 4

Forms = Tuple[str, ...]


def relaxed_forms(text: str) -> Forms:
    """The forms of a text, from its own to the most relaxed one. Each form also ignores what the
    forms before it ignore: 1. case, 2. accents, 3. a possessive ending, 4. a plural ending, 5.
    points of initials ("U.S.", "J. K. Rowling") and other punctuation, 6. the article "the".

    text (str): A name, alias or mention.
    RETURNS (Forms): The seven forms. The last one is never empty, unless the text is.
    """
    own = normal_form(text)
    case = " ".join(own.casefold().split())
    accents = case if case.isascii() else _without_accents(case)
    possessive = POSSESSIVE.sub("", accents)
    plural = _singular(possessive)
    initials = _without_points(plural)
    article = initials.removeprefix("the ") or initials
    return own, case, accents, possessive, plural, initials, article


def relaxed_key(text: str) -> str:
    """The most relaxed form of a text. Texts with another key are never found for it."""
    if SIMPLE.fullmatch(text):  # most names: three times as fast
        key = _singular(text.lower())
        return key.removeprefix("the ") or key
    return relaxed_forms(text)[-1]


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(char for char in decomposed if not unicodedata.combining(char)) or text


def _singular(text: str) -> str:
    """The text without the plural ending of its last word: "churches", "bodies", "cars"."""
    start = text.rfind(" ") + 1
    if len(text) - start < MIN_PLURAL or text[-1] != "s" or text.endswith(SINGULAR):
        return text
    if text.endswith("ies"):
        return text[:-3] + "y"
    return text[:-2] if text.endswith(("ches", "shes", "xes", "sses")) else text[:-1]


def _without_points(text: str) -> str:
    if text.isalnum():
        return text
    # A point or an apostrophe joins what stands on both sides, other marks separate it.
    joined = text.replace(".", " " if ". " in text else "").replace("'", "").replace("\u2019", "")
    words = " ".join(PUNCTUATION.sub(" ", joined).split())
    return INITIALS.sub(r"\1", words) or text


# An index of tables of strings: the entries sorted by the hash of their relaxed key. Only the order
# is stored: a search computes the hashes of the entries that it meets. An entry is a string's
# number, counted through all tables.


def build_index(tables: Sequence[StringTable]) -> IntArray:
    """The index of some tables, uint32, [number of strings]."""
    hashes = [_hash(text) for table in tables for text in table]
    return np.argsort(np.asarray(hashes, np.uint32), kind="stable").astype(np.uint32)


def edit_index(
    index: IntArray, edits: Sequence[RowEdit], tables: Sequence[StringTable]
) -> IntArray:
    """The index after edits of the tables.

    index (IntArray): The index of the old tables.
    edits (Sequence[RowEdit]): The edit of each table.
    tables (Sequence[StringTable]): The new tables.
    """
    starts = np.cumsum([0, *map(len, tables)])[:-1]
    keep = np.concatenate([edit.keep for edit in edits])
    parts = zip(edits, starts, strict=True)
    new_entry = np.concatenate([edit.row_map + start for edit, start in parts])
    kept = new_entry[index[keep[index]]]
    parts = zip(edits, starts, strict=True)
    inserted = np.concatenate([edit.inserted_rows + start for edit, start in parts])

    def rank(entry: int) -> Tuple[int, int]:
        return _hash(_text(entry, tables)), int(entry)

    added = sorted(inserted.tolist(), key=rank)
    places = [bisect_left(kept, rank(entry), key=rank) for entry in added]
    return np.insert(kept, np.asarray(places, np.int64), added).astype(np.uint32)


def find_entries(index: IntArray, tables: Sequence[StringTable], key: str) -> Iterator[str]:
    """The strings whose relaxed key is this one. A string may be in several tables."""
    wanted = crc32(key.encode("utf8", "surrogatepass"))
    place = bisect_left(index, wanted, key=lambda entry: _hash(_text(entry, tables)))
    for entry in index[place:]:
        text = _text(entry, tables)
        if _hash(text) != wanted:
            return
        if relaxed_key(text) == key:
            yield text


def _text(entry: int, tables: Sequence[StringTable]) -> str:
    entry = int(entry)
    for table in tables:
        if entry < len(table):
            return table[entry]
        entry -= len(table)
    raise IndexError(entry)


def _hash(text: str) -> int:
    return crc32(relaxed_key(text).encode("utf8", "surrogatepass"))


def same_at_closest_form(
    mention: Forms, texts: Sequence[Tuple[str, Forms]]
) -> Tuple[int, List[str]]:
    """The texts that equal a mention in the least relaxed form in which any does.

    mention (Forms): The forms of the mention.
    texts (Sequence[Tuple[str, Forms]]): Texts and their forms.
    RETURNS (Tuple[int, List[str]]): The number of the form, 0 for the mention itself, and the
        texts; none if no form is the same.
    """
    for level, form in enumerate(mention):
        same = [text for text, forms in texts if forms[level] == form]
        if same:
            return level, same
    return len(mention), []
