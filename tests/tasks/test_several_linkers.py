"""Several knowledge bases in one pipeline."""

import pytest
import spacy
from helpers.docs import make_doc
from spacy.tokens import Span
from spacy.training import Example

from spacy_genre import TitleSet

# Entities of the text in `helpers.docs`: Einstein, German, the Nobel Prize.
COMPANIES = ["Albert Einstein", "Nobel Prize"]
IDS = ["C-1", "C-2"]


@pytest.fixture
def both(nlp, tokenizer):
    """A linker to the small title set, and one to companies, in a group of spans."""
    config = {
        "kb_id": "id",
        "spans_key": "companies",
        "copy_ents": True,
        "candidates_attr": "company_candidates",
    }
    linker = nlp.add_pipe("genre_linker", name="companies", config=config)
    linker.titles = TitleSet.build(COMPANIES, tokenizer, ids=IDS)
    return nlp


def test_an_entity_has_links_to_both(both):
    doc = both(make_doc(both))
    assert [ent.kb_id_ for ent in doc.ents] == ["Albert Einstein", "Germany", "Nobel Prize"]
    spans = doc.spans["companies"]
    assert [(s.start, s.end, s.label_) for s in spans] == [
        (e.start, e.end, e.label_) for e in doc.ents
    ]
    assert [s.kb_id_ for s in spans][::2] == ["C-1", "C-2"]
    for ent, span in zip(doc.ents, spans, strict=True):
        assert ent._.genre_candidates[0].kb_id == ent.kb_id_
        assert span._.company_candidates[0].kb_id == span.kb_id_
        assert {c.title for c in ent._.company_candidates} == set(COMPANIES)
    # A second run finds the group.
    assert [s.kb_id_ for s in both(doc).spans["companies"]] == [s.kb_id_ for s in spans]


def test_links_of_another_linker_are_not_taken_over(both):
    both.get_pipe("companies").overwrite = False
    doc = both(make_doc(both))
    assert {s.kb_id_ for s in doc.spans["companies"]} <= set(IDS)
    # Docs without entities have an empty group.
    doc = both(make_doc(both, ents=[]))
    assert len(doc.spans["companies"]) == 0
    assert len(both("").ents) == 0


def test_a_saved_pipeline(both, tmp_path):
    expected = both(make_doc(both))
    both.to_disk(tmp_path / "nlp")
    Span.remove_extension("company_candidates")
    again = spacy.load(tmp_path / "nlp")
    doc = again(make_doc(again))
    assert [s.kb_id_ for s in doc.spans["companies"]] == [
        s.kb_id_ for s in expected.spans["companies"]
    ]
    assert doc.ents[0]._.company_candidates == expected.ents[0]._.company_candidates


def test_gold_links_are_those_of_the_entities(both):
    linker = both.get_pipe("companies")
    reference = make_doc(both)
    einstein, _, prize = reference.ents
    reference.ents = [
        Span(reference, einstein.start, einstein.end, einstein.label_, kb_id="C-1"),
        Span(reference, prize.start, prize.end, prize.label_, kb_id="C-2"),
    ]
    example = Example(both.make_doc(reference.text), reference)
    assert [(ent.text, name) for ent, name in linker.get_targets(example)] == [
        ("Einstein", "Albert Einstein"),
        ("Nobel Prize", "Nobel Prize"),
    ]
    assert linker.score([example])["nel_micro_f"] == 1.0


def test_wrong_attributes(nlp):
    linker = nlp.get_pipe("genre_linker")
    with pytest.raises(ValueError, match="candidates_attr"):
        linker.candidates_attr = "my candidates"
    with pytest.raises(ValueError, match="candidates_attr"):
        linker.candidates_attr = ""
    assert linker.candidates_attr == "genre_candidates"
