"""NIF (Turtle), the format of GERBIL's data sets and of systems' results: contexts with their text,
and phrases in them with `itsrdf:taIdentRef`."""

import json
import re
from typing import Dict, Iterable, Iterator, List, Optional, Tuple
from urllib.parse import quote

from ...types import NIL
from ..texts import GoldMention, GoldText, shorten_repr
from .common import NOT_IN_KB, gold_mention, title_of_uri
from .turtle import objects_by_subject, read_turtle

NIF = "http://persistence.uni-leipzig.org/nlp2rdf/ontologies/nif-core#"
ITSRDF = "http://www.w3.org/2005/11/its/rdf#"
Properties = Dict[str, List[str]]
PREFIXES = f"""@prefix nif: <{NIF}> .
@prefix itsrdf: <{ITSRDF}> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
# The URI of a text that has none, by its number.
TEXT_URI = "http://example.org/text/{number}"
WIKIDATA_ID = re.compile(r"Q[1-9]\d*")


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
            yield GoldText(text, tuple(mentions), uri=subject)


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


# Writing


def to_nif(texts: Iterable[GoldText], language: str = "en") -> str:
    """Write texts with their mentions: data for GERBIL, or the result of a system.

    texts (Iterable[GoldText]): The texts. Those that were read from NIF keep their URIs.
    language (str): The Wikipedia that titles are from. Ids such as Q90 are those of Wikidata;
        mentions with the id "NIL" get a URI that GERBIL takes for an entity in no knowledge base.
    RETURNS (str): Turtle. Offsets count characters (code points), as NIF says.
    """
    parts = [PREFIXES]
    for number, text in enumerate(texts, start=1):
        base = (text.uri or TEXT_URI.format(number=number)).partition("#")[0]
        context = text.uri or f"{base}#char=0,{len(text.text)}"
        parts.append(_context(context, text.text))
        by_place: Dict[Tuple[int, int], List[GoldMention]] = {}
        for mention in text.mentions:
            by_place.setdefault((mention.start, mention.end), []).append(mention)
        for (start, end), mentions in sorted(by_place.items()):
            uris = [_entity_uri(mention, text.text, language) for mention in mentions]
            parts.append(_phrase(base, context, text.text, start, end, uris))
    return "\n".join(parts)


def _context(uri: str, text: str) -> str:
    return f"""<{uri}>
    a nif:RFC5147String , nif:String , nif:Context ;
    nif:beginIndex {_number(0)} ;
    nif:endIndex {_number(len(text))} ;
    nif:isString {_literal(text)} .
"""


def _phrase(base: str, context: str, text: str, start: int, end: int, uris: List[str]) -> str:
    return f"""<{base}#char={start},{end}>
    a nif:RFC5147String , nif:String , nif:Phrase ;
    nif:referenceContext <{context}> ;
    nif:beginIndex {_number(start)} ;
    nif:endIndex {_number(end)} ;
    nif:anchorOf {_literal(text[start:end])} ;
    itsrdf:taIdentRef {" , ".join(f"<{uri}>" for uri in dict.fromkeys(uris))} .
"""


def _entity_uri(mention: GoldMention, text: str, language: str) -> str:
    if not mention.title and mention.id in ("", NIL):
        name = text[mention.start : mention.end]
        return f"http://{NOT_IN_KB}{_quote(name)}"
    name = mention.title or mention.id
    if WIKIDATA_ID.fullmatch(name):
        return f"http://www.wikidata.org/entity/{name}"
    return f"http://{language}.wikipedia.org/wiki/{_quote(name)}"


def _quote(name: str) -> str:
    return quote(name.replace(" ", "_"), safe="()',:;!*@/")


def _number(value: int) -> str:
    return f'"{value}"^^xsd:nonNegativeInteger'


def _literal(text: str) -> str:
    # The escapes of JSON are some of Turtle's.
    return json.dumps(text, ensure_ascii=False) + "^^xsd:string"
