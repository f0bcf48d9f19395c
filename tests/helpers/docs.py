"""Names, docs, and what is computed from candidates."""

import math
import re

import spacy
from spacy.language import Language
from spacy.tokens import Doc

NAMES = [
    "Albert Einstein",
    "Apple",
    "Apple Inc.",
    "Chicago",
    "Germany",
    "Nobel Prize",
    "Paris",
    "Paris, Texas",
]
TEXT = "Einstein was a German physicist who received the Nobel Prize."
ENTS = [(0, 1, "PERSON"), (3, 4, "NORP"), (8, 10, "WORK_OF_ART")]
# What the embedded model links these entities to.
LINKS = ["Albert Einstein", "Germany", "Nobel Prize"]
# Texts with entities.
TEXTS = [
    (TEXT, ENTS),
    ("Paris, Texas, is a film; Paris is a city.", [(0, 3, "GPE"), (8, 9, "GPE")]),
    ("Nothing here.", []),
    ("", []),
    ("The Apple fell in Chicago", [(1, 2, "ORG"), (4, 5, "GPE")]),
]


def make_doc(nlp: Language, text: str = TEXT, ents=ENTS) -> Doc:
    """A doc with entities set, as an entity recognizer would leave it."""
    doc = nlp.make_doc(text)
    doc.ents = [spacy.tokens.Span(doc, start, end, label) for start, end, label in ents]
    return doc


def make_docs(nlp: Language) -> list[Doc]:
    """A doc for each of `TEXTS`."""
    return [make_doc(nlp, text, ents) for text, ents in TEXTS]


def kb_ids(docs) -> list[list[str]]:
    """The kb_ids of the entities of each doc."""
    return [[ent.kb_id_ for ent in doc.ents] for doc in docs]


def nil_share(linker, candidate) -> float:
    """How likely it is that no candidate is right, by what a candidate says."""
    model = linker.shim.settings
    more = (model.nil_score - candidate.score) / model.temperature
    return candidate.probability * math.exp(more)


def mark(nlp: Language, text: str) -> Doc:
    """A doc whose only entity stands in square brackets in the text."""
    left, mention, right = re.split(r"\[(.*)\]", text)
    doc = nlp.make_doc(left + mention + right)
    span = doc.char_span(len(left), len(left + mention), label="ORG", alignment_mode="expand")
    doc.ents = [span]
    return doc
