"""What displaCy draws: links are escaped, and NIL has none."""

import pytest
import spacy
from spacy import displacy
from spacy.tokens import Span, SpanGroup

from spacy_genre.displacy import kb_url, parse_ents, parse_spans

WIKIDATA = "https://www.wikidata.org/wiki/{}"


@pytest.fixture
def doc():
    doc = spacy.blank("en")("Zog left AC/DC for 50% of C++")
    doc.ents = [
        Span(doc, 0, 1, "PERSON", kb_id='Zog <i>"& Co'),
        Span(doc, 2, 3, "ORG", kb_id="AC/DC"),
        Span(doc, 4, 5, "PERCENT", kb_id="NIL"),
        Span(doc, 7, 8, "WORK"),
    ]
    doc.spans["sc"] = SpanGroup(doc, spans=[*doc.ents, Span(doc, 2, 8, "X", kb_id="What? 100%")])
    return doc


def test_entities(doc):
    parse = parse_ents(doc)
    assert [ent["kb_id"] for ent in parse["ents"]] == [
        "Zog &lt;i&gt;&quot;&amp; Co", "AC/DC", "", ""
    ]  # fmt: skip
    page = displacy.render(parse, style="ent", manual=True, jupyter=False)
    assert 'href="https://en.wikipedia.org/wiki/Zog_%3Ci%3E%22%26_Co"' in page
    assert 'href="https://en.wikipedia.org/wiki/AC/DC"' in page
    assert page.count("<a ") == 2
    assert "NIL" not in page
    assert "<i>" not in page


def test_spans(doc):
    page = displacy.render(parse_spans(doc), style="span", manual=True, jupyter=False)
    assert 'href="https://en.wikipedia.org/wiki/What%3F_100%25"' in page
    assert page.count("<a ") == 3
    assert "NIL" not in page


def test_urls(doc):
    assert kb_url("C#, A&B") == "https://en.wikipedia.org/wiki/C%23,_A%26B"
    assert kb_url("Q937", WIKIDATA) == "https://www.wikidata.org/wiki/Q937"
    assert kb_url("Łódź 2", "https://kb.example/?name={}") == (
        "https://kb.example/?name=%C5%81%C3%B3d%C5%BA%202"
    )
    assert parse_ents(doc, WIKIDATA)["ents"][1]["kb_url"] == "https://www.wikidata.org/wiki/AC/DC"
