"""Overlapping entities: the linker reads and writes a group of spans."""

import pytest
from spacy.tokens import Doc, Span, SpanGroup
from spacy.training import Example

TEXT = "Einstein left Chicago, Germany and Paris, Texas."
# start, end, label; "Paris" is a part of "Paris, Texas".
SPANS = [(0, 1, "PERSON"), (6, 9, "GPE"), (6, 7, "GPE"), (2, 3, "GPE")]
KB_IDS = ["Albert Einstein", "Paris, Texas", "Paris", "Chicago"]


@pytest.fixture
def linker(nlp):
    linker = nlp.get_pipe("genre_linker")
    linker.spans_key = "sc"
    return linker


def make_doc(nlp, kb_ids=("", "", "", "")):
    doc = nlp.make_doc(TEXT)
    doc.ents = [Span(doc, 4, 5, "GPE")]
    spans = [
        Span(doc, start, end, label, kb_id=kb_id, span_id="a")
        for (start, end, label), kb_id in zip(SPANS, kb_ids, strict=True)
    ]
    doc.spans["sc"] = SpanGroup(doc, name="sc", attrs={"by": "me"}, spans=spans)
    return doc


def links(doc):
    return [span.kb_id_ for span in doc.spans["sc"]]


def test_overlapping_spans_are_linked(nlp, linker):
    doc = nlp(make_doc(nlp))
    assert links(doc)[0] == "Albert Einstein"
    assert links(doc)[3] == "Chicago"
    group = doc.spans["sc"]
    assert group.attrs == {"by": "me"}
    assert [(s.start, s.end, s.label_, s.id_) for s in group] == [(*s, "a") for s in SPANS]
    assert [s._.genre_candidates[0].kb_id for s in group] == links(doc)
    # Entities are left alone.
    assert {token.ent_kb_id_ for token in doc} == {""}
    assert [ent._.genre_candidates for ent in doc.ents] == [[]]
    again = Doc(nlp.vocab).from_bytes(doc.to_bytes())
    assert links(again) == links(doc)
    assert again.spans["sc"][1]._.genre_candidates == group[1]._.genre_candidates


def test_links_are_those_of_entities(nlp, linker):
    doc = nlp(make_doc(nlp))
    linker.spans_key = None
    other = make_doc(nlp)
    other.ents = [span for span in other.spans["sc"] if len(span) == 1]
    by_text = {ent.text: ent.kb_id_ for ent in nlp(other).ents}
    assert by_text == {s.text: s.kb_id_ for s in doc.spans["sc"] if len(s) == 1}
    assert links(other) == [""] * len(SPANS)


def test_settings_apply_to_spans(nlp, linker):
    doc = make_doc(nlp)
    # The same offsets with a label that is not linked.
    doc.spans["sc"].append(Span(doc, 0, 1, "DATE"))
    linker.overwrite = False
    span = doc.spans["sc"][3]
    span.kb_id_ = "mine"
    doc.spans["sc"][3] = span
    nlp(doc)
    assert [links(doc)[i] for i in (0, 3, 4)] == ["Albert Einstein", "mine", "NIL"]
    assert doc.spans["sc"][0]._.genre_candidates
    assert doc.spans["sc"][3]._.genre_candidates == []


def test_a_missing_group(nlp, linker):
    doc = nlp.make_doc(TEXT)
    doc.spans["other"] = []
    with pytest.warns(UserWarning, match=r"W014.*doc.spans\['sc'\].*'other'.*spancat"):
        nlp(doc)
    doc.spans["sc"] = []
    assert links(nlp(doc)) == []


def test_scores_and_training_pairs(nlp, linker):
    gold = make_doc(nlp, ["Einstein", "Paris", "Nowhere", "Germany"])  # the first is a redirect
    example = Example(nlp.make_doc(TEXT), gold)
    scores = linker.score([example])
    assert scores["nel_f_per_type"]["PERSON"]["f"] == 1
    assert scores["nel_f_per_type"]["GPE"]["f"] < 1
    assert links(gold)[0] == "Einstein"
    pairs = linker.make_pairs([example])
    assert [pair.shown for pair in pairs] == [
        "'Einstein' -> 'Albert Einstein'", "'Paris, Texas' -> 'Paris'", "'Chicago' -> 'Germany'"
    ]  # fmt: skip
    linker.use_gold_ents = False
    assert linker.make_pairs([Example(make_doc(nlp), gold)]) == pairs
    predicted = make_doc(nlp, KB_IDS)
    predicted.spans["sc"] = list(predicted.spans["sc"])[:1]
    assert linker.make_pairs([Example(predicted, gold)]) == pairs[:1]
    assert linker.score([Example(predicted, gold)])["nel_micro_f"] == 1
