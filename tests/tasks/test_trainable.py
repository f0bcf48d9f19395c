import warnings

import numpy as np
import pytest
from helpers.docs import ENTS, LINKS, TEXT, kb_ids, make_doc
from spacy.tokens import Span
from spacy.training import Example


def gold(nlp, kb_ids=tuple(LINKS)):
    doc = nlp.make_doc(TEXT)
    doc.ents = [
        Span(doc, start, end, label, kb_id=kb_id)
        for (start, end, label), kb_id in zip(ENTS, kb_ids, strict=True)
    ]
    return Example(nlp.make_doc(TEXT), doc)


def test_evaluate(nlp, linker):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the pipeline itself has no entities
        scores = nlp.evaluate([gold(nlp)])
        assert scores["nel_micro_f"] == scores["nel_micro_p"] == scores["nel_micro_r"] == 1.0
        half = nlp.evaluate([gold(nlp, ("Albert Einstein", "Paris", "Apple"))])
        assert half["nel_micro_f"] == pytest.approx(1 / 3)
        assert half["nel_f_per_type"]["PERSON"]["f"] == 1.0


def test_update_lowers_the_loss_and_changes_what_is_linked(nlp, linker):
    examples = [gold(nlp, ("Paris", "Chicago", "Apple"))]
    optimizer = nlp.initialize(lambda: examples)
    optimizer.learn_rate = 0.0003
    losses = [nlp.update(examples, sgd=optimizer)["genre_linker"] for _ in range(25)]
    assert losses[-1] < losses[0] / 3  # label smoothing leaves some
    assert np.isfinite(losses).all()
    assert kb_ids([nlp(make_doc(nlp))]) == [["Paris", "Chicago", "Apple"]]


def test_update_learns_from_ids_and_redirects(nlp, linker):
    assert linker.gold_name("Einstein") == "Albert Einstein"
    linker.kb_id = "id"
    assert linker.gold_name("Q0") == "Albert Einstein"
    assert linker.gold_name("NIL") is linker.gold_name("") is linker.gold_name("Q99") is None


def test_links_that_lead_nowhere_are_an_error_of_initialize(nlp):
    message = r"D031.*none of the 2 gold kb_ids .*'Nobody', 'Nothing'.* kb_id is 'title'"
    with pytest.raises(ValueError, match=message):
        nlp.initialize(lambda: [gold(nlp, ("Nobody", "Nothing", "NIL"))])
    with pytest.raises(ValueError, match=r"D031.*'Q0'.* kb_id is 'title'"):
        nlp.initialize(lambda: [gold(nlp, ("Q0", "Q0", "Q0"))])
    unlinked = gold(nlp, ("", "", ""))
    with pytest.warns(UserWarning, match=r"W011.* 3 entities .*frozen_components"):
        nlp.initialize(lambda: [unlinked])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        empty = nlp.make_doc("Nothing here.")
        nlp.initialize(lambda: [Example(empty, empty)] * 10 + [gold(nlp)])
        nlp.initialize()


def test_a_training_without_pairs_stops(nlp, monkeypatch):
    """spaCy would report a loss of 0.00 to the end."""
    monkeypatch.setattr("spacy_genre.tasks.trainable.MAX_EXAMPLES_WITHOUT_PAIRS", 4)
    optimizer = nlp.initialize()
    unlinked = [gold(nlp, ("", "NIL", "Nobody"))] * 2
    assert nlp.update(unlinked, sgd=optimizer)["genre_linker"] == 0.0
    with pytest.raises(ValueError, match=r"D032.* last 4 texts .*'title'.*frozen_components"):
        nlp.update(unlinked, sgd=optimizer)
    optimizer = nlp.initialize()
    for _ in range(3):  # texts with something to learn in between
        nlp.update([*unlinked, gold(nlp)], sgd=optimizer)
