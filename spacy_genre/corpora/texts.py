"""What training and evaluation are fed with: texts whose mentions are known, and their row of JSON.

A row is `{"text": ..., "mentions": [{"start": ..., "end": ..., "title": ...}]}`. A mention has a
`title` or an `id` of the title set (one whose title is null is passed over), and may have `label`,
`kind` (see `KINDS`) and `candidates`; a row may have `page` (the title of the page that it is
from), `opening` and `about` (see `GoldText`). The offsets count characters.
"""

from dataclasses import dataclass, replace
from typing import Any, Dict, List, Mapping, Tuple

# Where a pair of mention and title comes from.
LINK = "link"
OWN_TITLE = "own title"
REPEAT = "repeat"
SHORT_FORM = "short form"
ALIAS = "alias"
LEAD = "lead"
DESCRIPTION = "description"
KINDS = (LINK, OWN_TITLE, REPEAT, SHORT_FORM, ALIAS, LEAD, DESCRIPTION)


@dataclass(frozen=True)
class GoldMention:
    """A mention whose entity is known: characters start to end of a text.

    title (str): The entity's title, or "" if only its id is known.
    id (str): Its id in the title set, or "".
    label (str): What kind of entity it is, or "".
    kind (str): Where the pair comes from, one of `KINDS`.
    candidates (Tuple[str, ...]): The titles that a data set lets a system choose from.
    """

    start: int
    end: int
    title: str
    id: str = ""
    label: str = ""
    kind: str = LINK
    candidates: Tuple[str, ...] = ()


@dataclass(frozen=True)
class GoldText:
    """A text and what is known of it.

    mentions (Tuple[GoldMention, ...]): They may overlap.
    page (str): The title of the page that it is from, or "".
    about (str): The title of the page that a system should find for the text as a whole, or ""
        (paper, section 4.3: document retrieval).
    kind (str): Where the pair of text and `about` comes from, one of `KINDS`.
    opening (str): How the document begins that the text is a part of, or "".
    """

    text: str
    mentions: Tuple[GoldMention, ...] = ()
    page: str = ""
    about: str = ""
    kind: str = LINK
    opening: str = ""

    def to_row(self) -> Dict[str, Any]:
        """The text as a row of JSON; what is empty is left out."""
        row = {"page": self.page, "about": self.about, "opening": self.opening, "text": self.text}
        if self.about:
            row["kind"] = self.kind
        mentions = [_without_defaults(mention) for mention in self.mentions]
        return {**{key: value for key, value in row.items() if value}, "mentions": mentions}

    @classmethod
    def from_row(cls, row: Any) -> "GoldText":
        """RAISES (ValueError): If the row is no such text, with the reason."""
        text = text_of(row, "text", needed=True)
        rows = list_of(row, "mentions")
        mentions = tuple(_mention(row, text) for row in rows if not _is_open(row))
        given = {key: text_of(row, key) for key in ("page", "about", "opening")}
        return cls(text, mentions, kind=text_of(row, "kind") or LINK, **given)

    def with_mentions(self, mentions: List[GoldMention]) -> "GoldText":
        """The same text with other mentions."""
        return replace(self, mentions=tuple(mentions))


def _without_defaults(mention: GoldMention) -> Dict[str, Any]:
    row: Dict[str, Any] = {"start": mention.start, "end": mention.end}
    for key, default in (("title", ""), ("id", ""), ("label", ""), ("kind", LINK)):
        if (value := getattr(mention, key)) != default:
            row[key] = value
    if mention.candidates:
        row["candidates"] = list(mention.candidates)
    return row


def _is_open(row: Any) -> bool:
    """Whether it is said that nothing is known of a mention: its title or id is null or empty."""
    keys = {"title", "id"}.intersection(row) if isinstance(row, Mapping) else ()
    return bool(keys) and not any(row[key] for key in keys)


def _mention(row: Any, text: str) -> GoldMention:
    title, kb_id = text_of(row, "title"), text_of(row, "id")
    start, end = row.get("start"), row.get("end")
    if not all(type(offset) is int for offset in (start, end)) or not 0 <= start < end <= len(text):
        raise ValueError(
            f"the mention of {title or kb_id!r} is from {short(start)} to {short(end)}; they "
            f"must be offsets of characters in a text of {len(text)}"
        )
    if not title and not kb_id:
        raise ValueError(f"the mention from {start} to {end} has no 'title' and no 'id'")
    mention = text[start:end]
    if not mention.strip():
        raise ValueError(f"the mention of {title or kb_id!r} from {start} to {end} is blank")
    # Links take up the space beside them; no token begins or ends there.
    start, end = start + len(mention) - len(mention.lstrip()), start + len(mention.rstrip())
    candidates = row.get("candidates") or []
    if not isinstance(candidates, list) or not all(isinstance(c, str) for c in candidates):
        raise ValueError(f"the candidates of {title or kb_id!r} must be a list of titles")
    candidates = [_valid(name, "candidates") for name in candidates]
    kind = text_of(row, "kind") or LINK
    return GoldMention(start, end, title, kb_id, text_of(row, "label"), kind, tuple(candidates))


def text_of(row: Any, key: str, *, needed: bool = False) -> str:
    """A text in a row of JSON, or "" if there is none.

    RAISES (ValueError): If it is no text, or no valid Unicode; if it is needed, and missing or
        blank.
    """
    if not isinstance(row, Mapping):
        raise ValueError(f"{short(row)} must be an object")
    value = row.get(key)
    if value is None and not needed:
        return ""
    if not isinstance(value, str) or (needed and not value.strip()):
        raise ValueError(f"{key!r} is {short(value)}; it must be a text")
    return _valid(value, key)


def list_of(row: Mapping[str, Any], key: str) -> List[Any]:
    """A list in a row of JSON, empty if there is none. RAISES (ValueError): If it is no list."""
    value = row.get(key) or []
    if not isinstance(value, list):
        raise ValueError(f"{key!r} is {short(value)}; it must be a list")
    return value


def _valid(text: str, key: str) -> str:
    """The text itself. RAISES (ValueError): If it has half a character, which JSON can escape but
    no file can hold as UTF-8."""
    try:
        text.encode("utf8")
    except UnicodeEncodeError as err:
        around = short(text[max(err.start - 20, 0) : err.end + 20])
        reason = f"{key!r} is no valid Unicode: half of a surrogate pair in {around}"
        raise ValueError(reason) from err
    return text


def short(value: Any) -> str:
    """A value as it is shown in a message."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
