"""What is written about links: a table row or a JSON object for each mention or page."""

import re
from typing import Any, Dict, List, Optional, Sequence

from spacy.tokens import Doc, Span

from ..displacy import WIKIPEDIA, kb_url
from ..extensions import get_candidates, get_pages
from ..titles import TitleSet
from ..types import NIL

WIKIDATA = "https://www.wikidata.org/wiki/{}"
QID = re.compile(r"Q[1-9]\d*")
# The files of a Wikipedia's dump, in the header of a title set: "enwiki-20260101-page.sql.gz".
DUMP = re.compile(r"([a-z_]+)wiki-")
# The fields of a link of each kind, with the types of their values.
MENTION_FIELDS = {
    "start": "int",
    "end": "int",
    "mention": "str",
    "label": "str",
    "kb_id": "str",
    "title": "str",
    "id": "str",
    "url": "str",
    "probability": "float",
}
# Of a bare name. The mention is the whole text.
NAME_FIELDS = {key: MENTION_FIELDS[key] for key in ("kb_id", "title", "id", "url", "probability")}
PAGE_FIELDS = {
    "rank": "int",
    "title": "str",
    "id": "str",
    "url": "str",
    "score": "float",
    "probability": "float",
}
# Decimal places of scores and probabilities.
N_DECIMALS = 4
Link = Dict[str, Any]


class LinkMaker:
    """Makes the links of Docs that a component has annotated.

    titles (TitleSet): The component's title set.
    url_template (Optional[str]): The URL of an entity, with "{}" for its title or, if it has one,
        its id. None for Wikipedia, if the title set was built from one, or else Wikidata, for
        entities with a QID.
    spans_key (Optional[str]): Where the component writes its links; None for `doc.ents`.
    """

    def __init__(
        self, titles: TitleSet, *, url_template: Optional[str], spans_key: Optional[str] = None
    ) -> None:
        self.titles = titles
        self.url_template = url_template
        self.spans_key = spans_key
        self.wikipedia = wikipedia_template(titles.header)

    def spans(self, doc: Doc) -> Sequence[Span]:
        """The linked spans of a Doc."""
        if self.spans_key is None:
            return doc.ents
        return list(doc.spans[self.spans_key]) if self.spans_key in doc.spans else []

    def mentions(self, doc: Doc) -> List[Link]:
        """RETURNS (List[Link]): For each span of a Doc, the values of `MENTION_FIELDS`. One that is
        not linked has the kb_id "NIL", or "" if nothing has tried to link it, and no title."""
        return [self._mention(span) for span in self.spans(doc)]

    def _mention(self, span: Span) -> Link:
        kb_id = span.kb_id_
        candidates = get_candidates(span)
        found = next((c for c in candidates if c.kb_id == kb_id), None)
        # Another component may have set the kb_id.
        title = found.title if found else kb_id if kb_id in self.titles and kb_id != NIL else ""
        best = found or (candidates[0] if candidates and kb_id == NIL else None)
        return {
            "start": span.start_char,
            "end": span.end_char,
            "mention": span.text,
            "label": span.label_,
            "kb_id": kb_id,
            **self._entity(title),
            "probability": round(best.probability, N_DECIMALS) if best else None,
        }

    def pages(self, doc: Doc) -> List[Link]:
        """RETURNS (List[Link]): For each page of a Doc, the values of `PAGE_FIELDS`."""
        return [
            {
                "rank": rank,
                **self._entity(page.title),
                "score": round(page.score, N_DECIMALS),
                "probability": round(page.probability, N_DECIMALS),
            }
            for rank, page in enumerate(get_pages(doc), start=1)
        ]

    def _entity(self, title: str) -> Dict[str, str]:
        kb_id = (self.titles.id_of(title) or "") if title else ""
        return {"title": title, "id": kb_id, "url": self._url(title, kb_id)}

    def _url(self, title: str, kb_id: str) -> str:
        if not title:
            return ""
        if self.url_template is not None:
            return kb_url(kb_id or title, self.url_template)
        if self.wikipedia is not None:
            return kb_url(title, self.wikipedia)
        return kb_url(kb_id, WIKIDATA) if QID.fullmatch(kb_id) else ""


def wikipedia_template(header: Dict[str, Any]) -> Optional[str]:
    """The URL template of the Wikipedia from which a title set was built; None for another set."""
    sources = header.get("sources")
    for source in sources if isinstance(sources, list) else ():
        name = source.get("file") if isinstance(source, dict) else None
        if isinstance(name, str) and (match := DUMP.match(name)):
            return WIKIPEDIA.replace("//en.", f"//{match[1].replace('_', '-')}.")
    return None
