"""NIF (Turtle), the format of GERBIL's data sets: contexts with their text, and phrases in them
with `itsrdf:taIdentRef`."""

from typing import Dict, Iterator, List, Optional, Tuple

from ...types import NIL
from ..texts import GoldMention, GoldText, shorten_repr
from .common import gold_mention, title_of_uri
from .turtle import objects_by_subject, read_turtle

NIF = "http://persistence.uni-leipzig.org/nlp2rdf/ontologies/nif-core#"
ITSRDF = "http://www.w3.org/2005/11/its/rdf#"
Properties = Dict[str, List[str]]


def is_nif(head: bytes) -> bool:
    """Whether a file that begins like this is NIF in Turtle."""
    start = head.lstrip()[:1]
    return start in (b"@", b"<", b"#", b"P", b"p") and b"nlp2rdf/ontologies/nif-core" in head


def read_contexts(content: bytes) -> Iterator[GoldText]:
    """Read the contexts of a file.

    content (bytes): The file.
    YIELDS (GoldText): The text of a context; its phrases with an entity are the mentions.
    RAISES (ValueError): If it is not valid.
    """
    subjects = objects_by_subject(read_turtle(content.decode("utf-8-sig")))
    phrases: Dict[str, List[Properties]] = {}
    for properties in subjects.values():
        if f"{ITSRDF}taIdentRef" in properties:
            phrases.setdefault(_first(properties, "referenceContext"), []).append(properties)
    for subject, properties in subjects.items():
        if text := _first(properties, "isString"):
            found = (_mention(phrase, text) for phrase in phrases.get(subject, []))
            mentions = sorted(found, key=lambda mention: (mention.start, mention.end))
            yield GoldText(text, tuple(mentions))


def _first(properties: Properties, name: str) -> str:
    return properties.get(NIF + name, [""])[0]


def _mention(phrase: Properties, text: str) -> GoldMention:
    titles = [title_of_uri(uri) for uri in phrase[f"{ITSRDF}taIdentRef"]]
    title = next((title for title in titles if title != NIL), NIL)
    offsets = [_first(phrase, key) for key in ("beginIndex", "endIndex")]
    anchor = _first(phrase, "anchorOf")
    for start, end in _ways_to_count(offsets, text):
        if text[start:end].strip() and anchor in ("", text[start:end]):
            return gold_mention(start, end, title)
    raise ValueError(
        f"the phrase {shorten_repr(anchor)} of {title!r} is not from {' to '.join(offsets)} in "
        f"{shorten_repr(text)}"
    )


def _ways_to_count(offsets: List[str], text: str) -> Iterator[Tuple[int, int]]:
    """The offsets as characters, and as UTF-16 code units, which Java counts."""
    if not all(offset.isdecimal() for offset in offsets):
        return
    start, end = map(int, offsets)
    yield start, end
    characters = [_utf16_to_character(offset, text) for offset in (start, end)]
    if None not in characters:
        yield characters[0] or 0, characters[1] or 0


def _utf16_to_character(offset: int, text: str) -> Optional[int]:
    try:
        return len(text.encode("utf-16-le")[: 2 * offset].decode("utf-16-le"))
    except UnicodeDecodeError:
        return None
