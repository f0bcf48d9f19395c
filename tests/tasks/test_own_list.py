"""A list of one's own, with ids and aliases, and the settings that a newcomer takes."""

import pytest
import spacy
from helpers.docs import mark

from spacy_genre import TitleSet

# Name, id, aliases. Two pairs share an alias, or all but the end of their names.
COMPANIES = [
    ("Meridian Insurance", "C-01", ["Meridian"]),
    ("Meridian Shipping Lines", "C-02", ["Meridian", "MSL"]),
    ("Harbour & Finch Brewery", "C-03", ["Harbour & Finch", "H&F"]),
    ("Nordwind Energie GmbH", "C-04", ["Nordwind"]),
    ("Castellan Bank", "C-05", ["Castellan", "CB Group"]),
    ("Castellan Pharmaceuticals", "C-06", ["Castellan", "Castellan Pharma"]),
    ("Bluefern Software", "C-07", ["Bluefern"]),
    ("Orsted Valley Railways", "C-08", ["O.V.R.", "Valley Railways"]),
    ("Tamarind Hotels", "C-09", ["Tamarind"]),
    ("Quillon Motors", "C-10", ["Quillon", "Quillon Cars"]),
]
MENTIONS = [
    ("The container ships of [Meridian] left the port of Rotterdam.", "C-02"),
    ("[Meridian] pays the insurance claims after the flood.", "C-01"),
    ("A new lager from [H&F] is sold in every pub.", "C-03"),
    ("Wind turbines built by [Nordwind] supply the island.", "C-04"),
    ("[Castellan Pharma]'s new vaccine was approved last week.", "C-06"),
    ("Customers moved their savings to [Castellan Bank] last year.", "C-05"),
    ("The app was written by [BLUEFERN] for the city council.", "C-07"),
    ("Trains of [OVR] were late again on Monday.", "C-08"),
    ("We stayed at the [Tamarind] near the beach.", "C-09"),
    ("[Quillon]'s electric car was shown in Geneva.", "C-10"),
    ("[Microsoft] released a new version of Windows.", "NIL"),
    ("He moved from [Berlin] to the country.", "NIL"),
    ("The album by [Coldplay] sold two million copies.", "NIL"),
    ("[Angela Merkel] met the ministers on Tuesday.", "NIL"),
    ("The shares of [Toyota] fell by two per cent.", "NIL"),
    ("Analysts of [Deutsche Bank] were more careful.", "NIL"),
    ("A flight with [Lufthansa] costs less in winter.", "NIL"),
]


@pytest.fixture(scope="module")
def linked():
    """The entity of each sentence."""
    nlp = spacy.blank("en")
    linker = nlp.add_pipe("genre_linker", config={"kb_id": "id", "dtype": "float32"})
    linker.titles = TitleSet.build(
        [name for name, _, _ in COMPANIES],
        linker.tokenizer,
        ids=[kb_id for _, kb_id, _ in COMPANIES],
        aliases={(alias, name): 1 for name, _, aliases in COMPANIES for alias in aliases},
    )
    return [doc.ents[0] for doc in nlp.pipe(mark(nlp, text) for text, _ in MENTIONS)]


def test_at_least_15_of_17_are_right(linked):
    links = [(text, gold, ent.kb_id_) for (text, gold), ent in zip(MENTIONS, linked, strict=True)]
    wrong = [link for link in links if link[1] != link[2]]
    assert len(wrong) <= 2, wrong


def test_outsiders_are_nil(linked):
    assert {ent.kb_id_ for ent in linked[10:]} == {"NIL"}


def test_an_alias_of_one_company_is_evidence_whatever_the_model_says(linked):
    for i in (2, 3, 7):
        first, second = linked[i]._.genre_candidates[:2]
        assert first.probability > 0.2 > second.probability
