"""Texts with gold mentions, which training and evaluation read, and their JSON format.

One line of JSONL is one text:

    {"text": ..., "mentions": [{"start": ..., "end": ..., "title": ...}]}

`start` and `end` are character offsets. A mention has a `title` or an `id` of the title set; a
mention whose title or id is null is ignored. A mention may also have `label`, `kind` (see `KINDS`),
`candidates` and `optional`. A text may also have `complete`, `page`, `title` and `opening` (see
`GoldText`), and in place of `title`, if several pages are needed or right, `evidence`:
`[["Page A", "Page B"], ["Page C"]]`.
"""

from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Dict, FrozenSet, Iterable, List, Mapping, Tuple

from ..types import EvidenceSets

# Where a training pair comes from.
LINK = "link"
WEAK_LINK = "weak link"
OWN_TITLE = "own title"
REPEAT = "repeat"
SHORT_FORM = "short form"
ALIAS = "alias"
LEAD = "lead"
DESCRIPTION = "description"
KINDS = (LINK, WEAK_LINK, OWN_TITLE, REPEAT, SHORT_FORM, ALIAS, LEAD, DESCRIPTION)


@dataclass(frozen=True)
class GoldMention:
    """A mention whose entity is known.

    start, end (int): Character offsets in the text.
    title (str): The entity's title, or "" if only its id is known.
    id (str): The entity's id in the title set, or "".
    label (str): The entity's label, or "".
    kind (str): Where the pair of mention and title comes from, one of `KINDS`.
    candidates (Tuple[str, ...]): The titles that a data set allows for the mention.
    optional (bool): Whether a system may leave it out (evaluation of end-to-end linking).
    """

    start: int
    end: int
    title: str
    id: str = ""
    label: str = ""
    kind: str = LINK
    candidates: Tuple[str, ...] = ()
    optional: bool = False


@dataclass(frozen=True)
class GoldText:
    """A text with gold annotations.

    mentions (Tuple[GoldMention, ...]): The gold mentions; they may overlap.
    page (str): The title of the page that the text is from, or "".
    evidence (EvidenceSets): The titles of the text's gold pages (document retrieval; paper, section
        4.3). All pages of a set are needed; several sets are alternatives.
    kind (str): Where the pair of text and page comes from, one of `KINDS`.
    opening (str): The beginning of the document that the text is a part of, or "".
    uri (str): The URI of the text in a NIF file, or "".
    complete (bool): Whether all mentions of the text are annotated, so that a model may learn where
        there is none. In a complete text, mentions without a name in a title set have the id "NIL".
    """

    text: str
    mentions: Tuple[GoldMention, ...] = ()
    page: str = ""
    evidence: EvidenceSets = ()
    kind: str = LINK
    opening: str = ""
    uri: str = ""
    complete: bool = False

    @property
    def titles(self) -> List[str]:
        """The titles of all pages in `evidence`, each once."""
        return list(dict.fromkeys(chain.from_iterable(self.evidence)))

    def to_row(self) -> Dict[str, Any]:
        """RETURNS (Dict[str, Any]): The text as a JSON object, without empty fields."""
        row: Dict[str, Any] = {"page": self.page, **_evidence_to_row(self.evidence)}
        row.update(opening=self.opening, text=self.text)
        row["complete"] = self.complete
        if self.evidence:
            row["kind"] = self.kind
        mentions = [_mention_to_row(mention) for mention in self.mentions]
        return {**{key: value for key, value in row.items() if value}, "mentions": mentions}

    @classmethod
    def from_row(cls, row: Any) -> "GoldText":
        """Read a JSON object.

        RAISES (ValueError): If it is not a valid text, with the reason.
        """
        text = text_of(row, "text", required=True)
        rows = list_of(row, "mentions")
        mentions = tuple(_mention_from_row(row, text) for row in rows if not is_unlinked(row))
        return cls(
            text,
            mentions,
            page=text_of(row, "page"),
            evidence=_evidence_from_row(row),
            kind=text_of(row, "kind") or LINK,
            opening=text_of(row, "opening"),
            complete=flag_of(row, "complete"),
        )

    def with_mentions(self, mentions: List[GoldMention]) -> "GoldText":
        """RETURNS (GoldText): A copy with other mentions."""
        return replace(self, mentions=tuple(mentions))


def _evidence_to_row(sets: EvidenceSets) -> Dict[str, Any]:
    """The evidence sets as `title`, if there is one title only, or as `evidence`."""
    if [len(titles) for titles in sets] == [1]:
        return {"title": sets[0][0]}
    return {"evidence": [list(titles) for titles in sets]}


def _evidence_from_row(row: Any) -> EvidenceSets:
    # Corpora of earlier versions have "about".
    title = text_of(row, "title") or text_of(row, "about")
    sets = list_of(row, "evidence")
    if not all(isinstance(titles, list) and titles for titles in sets):
        raise ValueError(
            f"'evidence' is {shorten_repr(sets)}; it must be a list of lists of titles"
        )
    named = [[text_of({"evidence": t}, "evidence", required=True) for t in s] for s in sets]
    return evidence_sets(named or [[title]])


def evidence_sets(sets: Iterable[Iterable[str]]) -> EvidenceSets:
    """RETURNS (EvidenceSets): The sets without empty and repeated titles, and without empty and
    repeated sets."""
    unique: Dict[FrozenSet[str], Tuple[str, ...]] = {}
    for titles in (tuple(dict.fromkeys(filter(None, titles))) for titles in sets):
        if titles:
            unique.setdefault(frozenset(titles), titles)
    return tuple(unique.values())


def _mention_to_row(mention: GoldMention) -> Dict[str, Any]:
    row: Dict[str, Any] = {"start": mention.start, "end": mention.end}
    for key, default in (("title", ""), ("id", ""), ("label", ""), ("kind", LINK)):
        if (value := getattr(mention, key)) != default:
            row[key] = value
    if mention.candidates:
        row["candidates"] = list(mention.candidates)
    if mention.optional:
        row["optional"] = True
    return row


def is_unlinked(row: Any) -> bool:
    """Whether a mention's title or id is given as null or empty."""
    keys = {"title", "id"}.intersection(row) if isinstance(row, Mapping) else ()
    return bool(keys) and not any(row[key] for key in keys)


def _mention_from_row(row: Any, text: str) -> GoldMention:
    title, kb_id = text_of(row, "title"), text_of(row, "id")
    start, end = row.get("start"), row.get("end")
    if not all(type(offset) is int for offset in (start, end)) or not 0 <= start < end <= len(text):
        raise ValueError(
            f"the mention of {title or kb_id!r} is from {shorten_repr(start)} to "
            f"{shorten_repr(end)}; these must be character offsets in a text of {len(text)} "
            "characters"
        )
    if not title and not kb_id:
        raise ValueError(f"the mention from {start} to {end} has no 'title' and no 'id'")
    mention = text[start:end]
    if not mention.strip():
        raise ValueError(f"the mention of {title or kb_id!r} from {start} to {end} is blank")
    # Links often include surrounding whitespace, where no token begins or ends.
    start, end = start + len(mention) - len(mention.lstrip()), start + len(mention.rstrip())
    candidates = row.get("candidates") or []
    if not isinstance(candidates, list) or not all(isinstance(c, str) for c in candidates):
        raise ValueError(f"the candidates of {title or kb_id!r} must be a list of titles")
    candidates = [_check_unicode(name, "candidates") for name in candidates]
    kind, label = text_of(row, "kind") or LINK, text_of(row, "label")
    is_optional = flag_of(row, "optional")
    return GoldMention(start, end, title, kb_id, label, kind, tuple(candidates), is_optional)


def text_of(row: Any, key: str, *, required: bool = False) -> str:
    """Read a text from a JSON object.

    required (bool): Whether the text must be there and not be blank.
    RETURNS (str): The text, or "" if there is none.
    RAISES (ValueError): If the value is not a text or not valid Unicode, or if it is required and
        missing.
    """
    if not isinstance(row, Mapping):
        raise ValueError(f"{shorten_repr(row)} must be an object")
    value = row.get(key)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value.strip()):
        raise ValueError(f"{key!r} is {shorten_repr(value)}; it must be a string")
    return _check_unicode(value, key)


def flag_of(row: Mapping[str, Any], key: str) -> bool:
    """Read true or false from a JSON object; false if there is none.

    RAISES (ValueError): If the value is something else.
    """
    value = row.get(key)
    if value not in (None, True, False) or isinstance(value, float):
        raise ValueError(f"{key!r} is {shorten_repr(value)}; it must be true or false")
    return bool(value)


def list_of(row: Mapping[str, Any], key: str) -> List[Any]:
    """Read a list from a JSON object.

    RETURNS (List[Any]): The list, empty if there is none.
    RAISES (ValueError): If the value is not a list.
    """
    value = row.get(key) or []
    if not isinstance(value, list):
        raise ValueError(f"{key!r} is {shorten_repr(value)}; it must be a list")
    return value


def _check_unicode(text: str, key: str) -> str:
    """JSON can escape half of a surrogate pair, but UTF-8 can't encode it."""
    try:
        text.encode("utf8")
    except UnicodeEncodeError as err:
        context = shorten_repr(text[max(err.start - 20, 0) : err.end + 20])
        reason = f"{key!r} is not valid Unicode: half of a surrogate pair in {context}"
        raise ValueError(reason) from err
    return text


def shorten_repr(value: Any) -> str:
    """RETURNS (str): A value's `repr` for a message, at most 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
