"""The columns of a user's table, and the keys of JSONL, by their common names."""

import re
from difflib import get_close_matches
from typing import Dict, List, NamedTuple, Optional, Sequence, Tuple

COLUMNS = ("name", "id", "aliases", "redirects", "description", "count")
# The common names of each column, in lower case and with underscores. If a table has several that
# may be the name, it is the first one; those in one string are equally likely.
NAMES = (
    "name",
    "canonical_name",
    "itemlabel",
    "title label preflabel pref_label preferred_label preferred_name wikipedia_title page_title",
)
SYNONYMS: Dict[str, Tuple[str, ...]] = {
    "id": (
        "id", "qid", "item", "item_id", "itemid", "concept_id", "entity_id", "kb_id", "wikidata",
        "wikidata_id", "wikidata_qid", "identifier",
    ),
    "aliases": (
        "aliases", "alias", "altlabel", "altlabels", "alt_label", "alt_labels", "itemaltlabel",
        "synonyms", "also_known_as", "alternative_names",
    ),
    "redirects": ("redirects", "redirect"),
    "description": ("description", "itemdescription", "definition", "desc"),
    "count": ("count", "sitelinks"),
}  # fmt: skip
# "en_label", "label_en", "label@en"
LANGUAGE = re.compile(r"(?:[a-z]{2}_)?(name|label|title)(?:[_@][a-z]{2})?")
# Wikidata's query service separates the aliases of an item by commas.
COMMA_SEPARATED = "altlabel"
ENTITY = re.compile(r"<?https?://www\.wikidata\.org/(?:entity|wiki)/(Q[1-9]\d*)>?|wd:(Q[1-9]\d*)")


class GivenColumns(NamedTuple):
    """The columns that the user names.

    name, id (Optional[str]): A column of the header, or its number, from 1, in a table without a
        header. None to detect it.
    """

    name: Optional[str] = None
    id: Optional[str] = None


DETECTED = GivenColumns()


class UnclearColumns(ValueError):
    """The columns of a table can't be identified. The message is the reason."""


def normalize_column(column: str) -> str:
    """The normal form of a column's name, for comparisons."""
    return re.sub(r"[ \-]+", "_", column.strip().lstrip("?").casefold())


def assign_columns(header: Sequence[str], given: GivenColumns = DETECTED) -> Dict[str, int]:
    """Find the known columns of a header, or the known keys of an object.

    header (Sequence[str]): The columns of a table.
    given (GivenColumns): The columns that the user names.
    RETURNS (Dict[str, int]): The index of each known column, by the names in `COLUMNS`. It has no
        "name" if no column is known as the name.
    RAISES (UnclearColumns): If a given column is missing, or if several may be the same one.
    """
    keys = [normalize_column(column) for column in header]
    found: Dict[str, int] = {}
    for what, column in (("name", given.name), ("id", given.id)):
        if column is not None:
            found[what] = find_column(column, header)
    if "name" not in found:
        found.update(_find_name(header, keys, found))
    for what, synonyms in SYNONYMS.items():
        if what not in found:
            indices = [i for i, key in enumerate(keys) if key in synonyms]
            indices = [i for i in indices if i not in found.values()]
            if index := _only_one(indices, header, what):
                found[what] = index[0]
    return found


def find_column(column: str, header: Sequence[str]) -> int:
    """The index of a column that the user names, if not exactly, then in its normal form.

    RAISES (UnclearColumns): If the header does not have it, or has several.
    """
    keys = [normalize_column(cell) for cell in header]
    exact = [i for i, cell in enumerate(header) if cell.strip() == column.strip()]
    indices = exact or [i for i, key in enumerate(keys) if key == normalize_column(column)]
    if len(indices) == 1:
        return indices[0]
    number = "several columns" if indices else "no column"
    raise UnclearColumns(f"it has {number} {column!r} (its columns are {quoted(header)})")


def _find_name(header: Sequence[str], keys: List[str], found: Dict[str, int]) -> Dict[str, int]:
    """The index of the name and, for a variable of a query with its label, of the id."""
    free = [i for i in range(len(keys)) if i not in found.values()]
    for group in NAMES:
        if index := _only_one([i for i in free if keys[i] in group.split()], header, "name"):
            return {"name": index[0]}
    # Wikidata's query service names the label of a variable ?city cityLabel.
    labels = [i for i in free if keys[i].endswith("label") and keys[i][: -len("label")] in keys]
    if index := _only_one(labels, header, "name"):
        variable = keys.index(keys[index[0]][: -len("label")])
        return {"id": variable, "name": index[0], **found}
    index = _only_one([i for i in free if LANGUAGE.fullmatch(keys[i])], header, "name")
    return {"name": index[0]} if index else {}


def _only_one(indices: List[int], header: Sequence[str], what: str) -> List[int]:
    if len(indices) > 1:
        columns = quoted([header[i] for i in indices])
        raise UnclearColumns(f"several of its columns may be the {what}: {columns}")
    return indices


def unknown_columns(header: Sequence[str], found: Dict[str, int]) -> List[str]:
    """The columns that are not used.

    RAISES (UnclearColumns): If one of them looks like a misspelled one.
    """
    unknown = [header[i] for i in range(len(header)) if i not in found.values()]
    for column in unknown:
        close = get_close_matches(normalize_column(column), COLUMNS, n=1, cutoff=0.85)
        if close and close[0] not in found:
            raise UnclearColumns(f"its column {column!r} is unknown (is it {close[0]!r}?)")
    return [column for column in unknown if column.strip()]


def kb_id_of(value: str) -> str:
    """An id as it is, or the QID in the address of a Wikidata item."""
    match = ENTITY.fullmatch(value.strip())
    return match[1] or match[2] if match else value.strip()


def quoted(texts: Sequence[str]) -> str:
    return ", ".join(repr(text.strip()) for text in texts)
