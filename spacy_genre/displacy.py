"""What displaCy draws with `manual=True`: entities and spans with links to a knowledge base.

displaCy itself links "NIL", too, and fills ids into a URL and into HTML as they are.
"""

from html import escape
from typing import Any, Dict
from urllib.parse import quote

from spacy import displacy
from spacy.tokens import Doc

from .types import NIL

WIKIPEDIA = "https://en.wikipedia.org/wiki/{}"
# Characters that need no percent-encoding in the path of a URL, beside letters and digits.
SAFE = "(),:'!*/@$;"


def parse_ents(doc: Doc, kb_url_template: str = WIKIPEDIA) -> Dict[str, Any]:
    """The entities of a Doc: `displacy.render(parse_ents(doc), style="ent", manual=True)`.

    doc (Doc): The Doc.
    kb_url_template (str): See `kb_url`.
    RETURNS (Dict[str, Any]): What `displacy.parse_ents` gives, with escaped links, and without any
        for entities that are not linked.
    """
    return _with_links(displacy.parse_ents(doc), "ents", kb_url_template)


def parse_spans(
    doc: Doc, kb_url_template: str = WIKIPEDIA, *, spans_key: str = "sc"
) -> Dict[str, Any]:
    """The spans of a Doc: `displacy.render(parse_spans(doc), style="span", manual=True)`.

    doc (Doc): The Doc.
    kb_url_template (str): See `kb_url`.
    spans_key (str): The spans are `doc.spans[spans_key]`.
    RETURNS (Dict[str, Any]): What `displacy.parse_spans` gives, with links as in `parse_ents`.
    """
    parse = displacy.parse_spans(doc, {"spans_key": spans_key})
    return _with_links(parse, "spans", kb_url_template)


def kb_url(kb_id: str, kb_url_template: str = WIKIPEDIA) -> str:
    """The URL of an entity.

    kb_id (str): The title or the id.
    kb_url_template (str): A URL with "{}" for the percent-encoded title or id. If it has "/wiki/",
        blanks become underscores, as in the URLs of Wikipedia.
    """
    written = kb_id.replace(" ", "_") if "/wiki/" in kb_url_template else kb_id
    return kb_url_template.format(quote(written, safe=SAFE))


def _with_links(parse: Dict[str, Any], key: str, kb_url_template: str) -> Dict[str, Any]:
    for span in parse[key]:
        kb_id = span["kb_id"] if span["kb_id"] != NIL else ""
        # displaCy draws no link for an empty id.
        span["kb_id"] = escape(kb_id)
        span["kb_url"] = escape(kb_url(kb_id, kb_url_template)) if kb_id else "#"
    return parse
