"""Attributes of Doc and Span survive all ways in which spaCy stores and copies a Doc."""

import copy
import json
import pickle

import pytest
import spacy
import srsly
from spacy.tokens import Doc, DocBin, Span

from spacy_genre import Candidate
from spacy_genre.extensions import register_candidates, set_candidates, set_pages
from spacy_genre.types import DocPages, Page

CANDIDATES = [
    Candidate("Paris", "Q90", -0.25, -0.5, 0.75),
    Candidate("Paris, Texas", "", -2, -4, 0),
]
PAGES = (Page("Paris", "Q90", -0.25, 0.5), Page("Berlin", "", -1.0, 0.25))
OTHER = [Candidate("Paris Inc.", "C-1", -0.5, -1.0, 0.5)]


@pytest.fixture(scope="module")
def nlp():
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    register_candidates("company_candidates")
    return nlp


@pytest.fixture
def doc(nlp):
    doc = nlp("We saw Paris and Berlin. It was nice there.")
    doc.ents = [Span(doc, 2, 3, "GPE", kb_id="Q90"), Span(doc, 4, 5, "GPE", kb_id="NIL")]
    set_candidates(doc.ents[0], CANDIDATES)
    set_candidates(doc.ents[0], OTHER, "company_candidates")
    set_pages(doc, DocPages(PAGES, ((0, 6, PAGES[:1]),)))
    doc.spans["links"] = list(doc.ents)
    return doc


def through_docbin(doc):
    data = DocBin(docs=[doc], store_user_data=True).to_bytes()
    return next(DocBin().from_bytes(data).get_docs(doc.vocab))


ATTRIBUTES = ["genre_candidates", "company_candidates", "genre_pages"]


def through_json(doc):
    return Doc(doc.vocab).from_json(json.loads(json.dumps(doc.to_json(underscore=ATTRIBUTES))))


def through_srsly(doc):
    data = srsly.json_dumps(doc.to_json(underscore=ATTRIBUTES))
    return Doc(doc.vocab).from_json(srsly.json_loads(data))


WAYS = {
    "DocBin": through_docbin,
    "to_json": through_json,
    "to_json, srsly": through_srsly,
    "to_bytes": lambda doc: Doc(doc.vocab).from_bytes(doc.to_bytes()),
    "Doc.copy": lambda doc: doc.copy(),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda doc: pickle.loads(pickle.dumps(doc)),
}


@pytest.mark.parametrize("way", WAYS)
def test_all_values_survive(doc, way):
    again = WAYS[way](doc)
    paris, berlin = again.ents
    assert paris._.genre_candidates == CANDIDATES
    assert paris._.company_candidates == OTHER
    assert berlin._.genre_candidates == berlin._.company_candidates == []
    assert again._.genre_pages == list(PAGES)
    assert next(again.sents)._.genre_pages == list(PAGES[:1])
    assert isinstance(again._.genre_pages[0], Page)


@pytest.mark.parametrize("way", WAYS)
def test_ids_survive(doc, way):
    again = WAYS[way](doc)
    if "json" in way:  # spaCy's JSON has the ids of span groups only
        again.ents = again.spans["links"]
    assert [ent.kb_id_ for ent in again.ents] == ["Q90", "NIL"]


@pytest.mark.filterwarnings("ignore:.*W101")  # of values of the whole Doc
def test_values_of_spans_move_with_them(doc):
    part = doc[2:6].as_doc(copy_user_data=True)
    assert part.ents[0]._.genre_candidates == CANDIDATES
    joined = Doc.from_docs([doc, doc])
    assert [len(ent._.genre_candidates) for ent in joined.ents] == [2, 0, 2, 0]
    with doc.retokenize() as retokenizer:
        retokenizer.merge(doc[0:2])
    assert doc.ents[0]._.genre_candidates == CANDIDATES


def test_dicts_for_json(doc):
    page = doc._.genre_pages[0].to_dict()
    assert page == {"title": "Paris", "id": "Q90", "score": -0.25, "probability": 0.5}
    assert doc.ents[0]._.genre_candidates[0].to_dict()["kb_id"] == "Q90"


def test_names_of_attributes():
    for name in ("", "my candidates", "1st"):
        with pytest.raises(ValueError, match="C050"):
            register_candidates(name)
    Span.set_extension("of_another_program", default=None)
    try:
        with pytest.raises(ValueError, match="C051"):
            register_candidates("of_another_program")
    finally:
        Span.remove_extension("of_another_program")
    register_candidates("company_candidates")  # again
