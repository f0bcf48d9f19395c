"""What the readers of several formats share: gold ids, URIs, spans, mentions in their context."""

from typing import Any, Iterable, List, Mapping, Tuple
from urllib.parse import unquote

from ...types import NIL
from ..texts import GoldMention, text_of

# Keys of a span that hold what it is linked to.
GOLD_KEYS = ("title", "kb_id")
# URIs that name a page of a wiki, or an entity, by their last part.
ENTITY_URIS = (
    "wikipedia.org/wiki/",
    "dbpedia.org/resource/",
    "dbpedia.org/page/",
    "wikidata.org/entity/",
    "wikidata.org/wiki/",
    "yago-knowledge.org/resource/",
)
# GERBIL's URIs of entities that no knowledge base has.
NOT_IN_KB = "aksw.org/notInWiki/"


def gold_mention(start: Any, end: Any, kb_id: Any, label: Any = "") -> GoldMention:
    """Make a mention from a value that is a title or an id: it is looked up as both.

    start, end (Any): Character offsets, not checked: see `GoldText.from_row`.
    kb_id (Any): A title, an id, or "NIL".
    label (Any): The entity's label, or "".
    RETURNS (GoldMention): The mention.
    """
    # As a kb_id, "NIL" means no entity. As a title, it could be the title of a page.
    title, gold_id = ("", NIL) if kb_id == NIL else (str(kb_id), "")
    return GoldMention(start, end, title, gold_id, label if isinstance(label, str) else "")


def mention_row(start: Any, end: Any, kb_id: Any, label: Any = "") -> Mapping[str, Any]:
    """RETURNS (Mapping[str, Any]): A mention as in our own format, which `GoldText.from_row`
    checks."""
    mention = gold_mention(start, end, kb_id, label)
    row = {"start": start, "end": end, "title": mention.title, "id": mention.id}
    return {**row, "label": mention.label}


def span_rows(spans: Iterable[Any], start: str, end: str) -> List[Mapping[str, Any]]:
    """The mentions of spans that are linked. Unlinked spans are left out.

    spans (Iterable[Any]): JSON objects with one of `GOLD_KEYS`, and `label`.
    start, end (str): The keys of their character offsets.
    RETURNS (List[Mapping[str, Any]]): The mentions as in our own format.
    """
    rows = []
    for span in spans:
        gold = [span.get(key) for key in GOLD_KEYS] if isinstance(span, Mapping) else []
        kb_id = next((value for value in gold if value not in (None, "")), None)
        if kb_id is not None:
            rows.append(mention_row(span.get(start), span.get(end), kb_id, span.get("label")))
    return rows


def title_of_uri(uri: str) -> str:
    """The title or id that a URI of Wikipedia, DBpedia, YAGO or Wikidata stands for.

    RETURNS (str): The title with spaces, the id, "NIL" for an entity that is in no knowledge base,
        or the URI itself if it is another one.
    """
    if NOT_IN_KB in uri:
        return NIL
    for part in ENTITY_URIS:
        _, found, name = uri.partition(part)
        if found and name:
            return unquote(name).replace("_", " ").strip()
    return uri


def join_context(left: str, mention: str, right: str) -> Tuple[str, int]:
    """Join a mention and its context, which data sets give without the spaces between them.

    RETURNS (Tuple[str, int]): The text, and where the mention starts.
    """
    stripped = right.strip()
    no_space = stripped[:1] in ".,;:!?)'’" and right[:1] != " "
    left, mention = left.strip(), mention.strip()
    before = f"{left} " if left else ""
    after = stripped if no_space or not stripped else f" {stripped}"
    return before + mention + after, len(before)


def has_text(row: Any, key: str) -> bool:
    """Whether an object has a text under a key that is not blank."""
    return bool(text_of(row, key).strip())
