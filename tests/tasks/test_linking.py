import warnings
from dataclasses import replace

import numpy as np
import pytest
import spacy
import torch
from helpers.docs import ENTS, LINKS, NAMES, TEXTS, kb_ids, make_doc, make_docs, nil_share
from helpers.models import make_bart
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from spacy_genre import Candidate, TitleSet
from spacy_genre.decoding.bart.stepper import BartStepDecoder
from spacy_genre.tasks import base
from spacy_genre.tasks.linker.scorer import score_links
from spacy_genre.titles import storage
from spacy_genre.tokenization import NameTokenizer


def test_entities_are_linked(nlp):
    doc = nlp(make_doc(nlp))
    assert [ent.kb_id_ for ent in doc.ents] == LINKS
    assert [doc[i].ent_kb_id_ for i in (0, 1, 3, 8, 9)] == [
        "Albert Einstein", "", "Germany", "Nobel Prize", "Nobel Prize"
    ]  # fmt: skip
    assert [ent.label_ for ent in doc.ents] == ["PERSON", "NORP", "WORK_OF_ART"]


def test_candidates(nlp, model_alone):
    doc = nlp(make_doc(nlp))
    candidates = doc.ents[0]._.genre_candidates
    assert candidates[0].title == candidates[0].kb_id == "Albert Einstein"
    assert len(candidates) == 5
    assert all(isinstance(candidate, Candidate) for candidate in candidates)
    assert {candidate.title for candidate in candidates} <= set(NAMES)
    scores = [candidate.score for candidate in candidates]
    assert scores == sorted(scores, reverse=True)
    nil = nil_share(nlp.get_pipe("genre_linker"), candidates[0])
    assert sum(candidate.probability for candidate in candidates) + nil == pytest.approx(1)
    assert all(candidate.logprob <= candidate.score < 0 for candidate in candidates)
    assert doc[1:2]._.genre_candidates == []
    assert Candidate(**candidates[0].to_dict()) == candidates[0]


def test_predict_does_not_write(nlp, linker):
    doc = make_doc(nlp)
    before = doc.to_bytes()
    (links,) = linker.predict([doc])
    assert doc.to_bytes() == before
    assert [(link.start, link.end, link.kb_id) for link in links] == [
        (start, end, kb_id) for (start, end, _), kb_id in zip(ENTS, LINKS, strict=True)
    ]


def test_a_new_entity_is_added_by_naming_it(nlp, linker):
    linker.threshold = None
    doc = make_doc(nlp, "Everybody is on Threads now.", [(3, 4, "PRODUCT")])
    assert nlp(doc).ents[0].kb_id_ != "Threads (social network)"
    linker.titles.add("Threads (social network)", id="Q1")
    assert nlp(doc).ents[0].kb_id_ == "Threads (social network)"
    linker.titles.remove("Threads (social network)")
    assert nlp(doc).ents[0].kb_id_ in NAMES


def test_docs_keep_their_candidates(nlp):
    doc = nlp(make_doc(nlp))
    expected = doc.ents[2]._.genre_candidates
    (stored,) = DocBin(docs=[doc], store_user_data=True).get_docs(nlp.vocab)
    assert stored.ents[2]._.genre_candidates == expected
    merged = Doc.from_docs([doc, doc])
    assert merged.ents[5]._.genre_candidates == expected
    assert doc[2:].as_doc(copy_user_data=True).ents[1]._.genre_candidates == expected


def test_probabilities(nlp, linker, model_alone, monkeypatch):
    """A softmax over the scores of the candidates and, if the model has one, the NIL score."""
    settings = linker.shim.settings

    def probabilities(temperature, nil_score):
        changed = replace(settings, temperature=temperature, nil_score=nil_score)
        monkeypatch.setattr(linker.shim, "settings", changed)
        candidates = nlp(make_doc(nlp)).ents[0]._.genre_candidates
        return [c.score for c in candidates], [c.probability for c in candidates]

    scores, shares = probabilities(0.5, None)
    assert shares == pytest.approx(np.exp(scores) ** 2 / sum(np.exp(scores) ** 2))
    scores, shares = probabilities(0.5, -1)
    weights = np.exp([*scores, -1]) ** 2
    assert shares == pytest.approx((weights / sum(weights))[:-1])
    linker.num_beams = 1  # a lone candidate as well is as likely as its score is high
    assert probabilities(0.5, None)[1] == [1]
    assert 0 < probabilities(0.5, -1)[1][0] < 1
    assert probabilities(0.5, 1000.0)[1] == [0]


def test_a_name_with_redirects_is_one_candidate(nlp, linker, model_alone, tokenizer):
    """However many of its names the model may write, with what the best of them has."""
    names = ["Albert Einstein", "Germany", "Chicago"]
    redirects = {"Einstein": "Albert Einstein", "A. Einstein": "Albert Einstein"}
    spelled = TitleSet.build([*names, *redirects], tokenizer)
    linker.titles = spelled
    rows = nlp(make_doc(nlp)).ents[0]._.genre_candidates
    assert len(rows) == 5
    best: dict = {}
    for row in rows:
        best.setdefault(redirects.get(row.title, row.title), row.score)
    linker.titles = TitleSet.build(names, tokenizer, redirects=redirects, trie="titles+redirects")
    found = nlp(make_doc(nlp)).ents[0]._.genre_candidates
    assert {row.title: row.score for row in found} == pytest.approx(best)
    assert [row.title for row in found] == list(best)
    nil = nil_share(linker, found[0])
    assert sum(row.probability for row in found) + nil == pytest.approx(1)


# Batches


@pytest.fixture
def expected(nlp):
    return kb_ids(nlp.pipe(make_docs(nlp)))


def test_pipe_with_any_batch_size(nlp, linker, expected):
    for batch_size in (1, 2, 64):
        assert kb_ids(nlp.pipe(make_docs(nlp), batch_size=batch_size)) == expected
    for linker.batch_tokens in (1, 20, 100_000):
        assert kb_ids(nlp.pipe(make_docs(nlp))) == expected


def test_pipe_as_tuples(nlp, expected):
    tuples = [(doc, i) for i, doc in enumerate(make_docs(nlp))]
    found = list(nlp.pipe(tuples, as_tuples=True))
    assert kb_ids(doc for doc, _ in found) == expected
    assert [i for _, i in found] == list(range(len(TEXTS)))


def test_the_same_mention_is_searched_once(nlp, linker, monkeypatch):
    n_inputs = []
    search = base.constrained_search

    def count(module, inputs, constraint, **options):
        n_inputs.append(len(inputs))
        return search(module, inputs, constraint, **options)

    monkeypatch.setattr(base, "constrained_search", count)
    assert kb_ids(nlp.pipe([make_doc(nlp) for _ in range(3)])) == [LINKS] * 3
    assert n_inputs == [len(LINKS)]


def test_many_beams_are_searched_in_smaller_batches(nlp, linker, monkeypatch):
    expected = kb_ids([nlp(make_doc(nlp))])
    monkeypatch.setattr(BartStepDecoder, "max_rows", 1)
    assert kb_ids([nlp(make_doc(nlp))]) == expected


def test_after_an_interruption_in_a_pipe_all_is_as_before(nlp, linker, monkeypatch):
    expected = kb_ids(nlp.pipe(make_docs(nlp), batch_size=2))
    step, steps = BartStepDecoder.step, iter(range(100))

    def interrupted(*args):
        if next(steps) == 3:
            raise KeyboardInterrupt  # as Ctrl-C does
        return step(*args)

    with monkeypatch.context() as patched:
        patched.setattr(BartStepDecoder, "step", interrupted)
        docs = make_docs(nlp)
        with pytest.raises(KeyboardInterrupt):
            list(nlp.pipe(docs, batch_size=2))
    assert kb_ids(nlp.pipe(docs, batch_size=2)) == expected
    assert kb_ids(nlp.pipe(make_docs(nlp))) == expected


# Ordinary and extraordinary text


def test_no_entities_and_no_text(nlp):
    assert kb_ids(nlp.pipe(make_docs(nlp)[2:4])) == [[], []]
    assert nlp.get_pipe("genre_linker").predict([]) == []


def test_entities_that_were_never_set(nlp):
    with pytest.warns(UserWarning, match="'ner'.*or 'entity_ruler'"):
        nlp("Einstein was a physicist.")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nlp("")
        nlp(make_doc(nlp, "Nothing here.", []))


def test_an_entity_longer_than_the_model_can_read(nlp):
    text = "word " * 600 + "and Chicago"
    doc = make_doc(nlp, text, [(0, 600, "ORG"), (601, 602, "GPE")])
    assert kb_ids([nlp(doc)]) == [["NIL", "Chicago"]]


def test_an_entity_that_the_tokenizer_does_not_see(nlp):
    doc = Doc(nlp.vocab, words=["In", "\u200b", "Chicago"])
    doc.ents = [Span(doc, 1, 2, "GPE"), Span(doc, 2, 3, "GPE")]
    assert kb_ids([nlp(doc)]) == [["NIL", "Chicago"]]


def test_a_very_long_doc(nlp):
    words = ["filler"] * 100_000
    words[0] = words[50_000] = words[-1] = "Chicago"
    doc = Doc(nlp.vocab, words=words)
    doc.ents = [Span(doc, i, i + 1, "GPE") for i in (0, 50_000, 99_999)]
    assert kb_ids([nlp(doc)]) == [["Chicago"] * 3]


@pytest.mark.parametrize(
    "text", ["(Chicago)", '"Chicago"', "Chicago\n\n\n", "\nChicago", "🎉Chicago"]
)
def test_punctuation_around_an_entity(nlp, text):
    start = text.index("Chicago")
    doc = nlp.make_doc(f"We saw {text} today")
    span = doc.char_span(7 + start, 14 + start, label="GPE", alignment_mode="expand")
    doc.ents = [span]
    assert kb_ids([nlp(doc)]) == [["Chicago"]]


def test_the_text_of_special_tokens_is_ordinary_text(nlp):
    doc = make_doc(nlp, "[SEP] [END_ENT] Chicago </s> [START_ENT] [PAD]", [])
    at = [token.text for token in doc].index("Chicago")
    doc.ents = [Span(doc, at, at + 1, "GPE")]
    assert nlp(doc).ents[0].kb_id_ in NAMES


# Bad input


def test_an_empty_title_set(nlp, linker, tokenizer):
    linker.titles = TitleSet.build([], tokenizer)
    with pytest.raises(ValueError, match="title set is empty"):
        nlp(make_doc(nlp))


def test_a_title_set_of_another_tokenizer(linker, hf_tokenizer):
    before = linker.titles
    other = TitleSet.build(["Paris"], NameTokenizer(hf_tokenizer, bos=False))
    with pytest.raises(ValueError, match="another tokenizer"):
        linker.titles = other
    with pytest.raises(ValueError, match="must be a TitleSet"):
        linker.titles = ["Paris"]
    assert linker.titles is before


def test_names_longer_than_the_model_can_write(tmp_path, hf_tokenizer):
    model = make_bart(30528, 0)  # writes 256 tokens at most
    model.save_pretrained(tmp_path)
    hf_tokenizer.save_pretrained(tmp_path)
    nlp = spacy.blank("en")
    linker = nlp.add_pipe("genre_linker", config={"model": {"name": str(tmp_path)}})
    linker.titles = TitleSet.build(["word " * 300], hf_tokenizer)
    with pytest.raises(ValueError, match=r"301 tokens.*only 255"):
        nlp(make_doc(nlp))


def test_broken_weights(nlp, linker):
    with torch.no_grad():
        linker.shim.transformer.final_logits_bias.fill_(float("nan"))
    with pytest.raises(ValueError, match="NaN or infinite"):
        nlp(make_doc(nlp))


def test_the_error_handler_gets_failing_docs(nlp, linker, tokenizer):
    failed = []
    nlp.set_error_handler(lambda name, proc, docs, err: failed.extend(docs))
    good = linker.titles
    linker.titles = TitleSet.build([], tokenizer)
    assert list(nlp.pipe([make_doc(nlp)])) == []
    assert len(failed) == 1
    linker.titles = good
    assert kb_ids(nlp.pipe([make_doc(nlp)])) == [LINKS]


def test_a_failing_doc_does_not_drop_its_batch(nlp, linker, monkeypatch):
    failed = []
    encode = linker.encode

    def encode_or_fail(spans):
        if any(span.text == "Apple" for span in spans):
            raise RuntimeError("no apples")
        return encode(spans)

    monkeypatch.setattr(linker, "encode", encode_or_fail)
    with pytest.raises(RuntimeError, match="no apples"):
        list(nlp.pipe(make_docs(nlp)))
    nlp.set_error_handler(lambda name, proc, docs, err: failed.append([doc.text for doc in docs]))
    docs = list(nlp.pipe(make_docs(nlp)))
    assert [doc.text for doc in docs] == [text for text, _ in TEXTS[:-1]]
    assert kb_ids(docs[:1]) == [LINKS]
    assert failed == [[TEXTS[-1][0]]]


def test_an_error_of_loading_is_not_repeated_for_each_doc(nlp, linker, monkeypatch):
    batches = []
    nlp.set_error_handler(lambda name, proc, docs, err: batches.append(len(docs)))

    def fail():
        raise ValueError("no network")

    monkeypatch.setattr(linker, "_titles", None)
    monkeypatch.setattr(linker, "_load_titles", fail)
    assert list(nlp.pipe([make_doc(nlp), make_doc(nlp)])) == []
    assert batches == [2]


def test_a_title_set_that_is_overwritten_during_a_batch_is_an_error(nlp, tmp_path, monkeypatch):
    """No annotations are made from two files."""
    monkeypatch.setattr(storage, "MAX_COPIED", 0)
    linker = nlp.get_pipe("genre_linker")
    path = tmp_path / "set"
    linker.titles.save(path)
    linker.titles = TitleSet.open(path)
    other = TitleSet.build(["Paris"] * 10, linker.tokenizer, ids=["Q1"] * 10).to_bytes()
    search = linker.search_names

    def overwrite(*args):
        hypotheses = search(*args)
        path.write_bytes(other.ljust(path.stat().st_size + 1, b"x"))
        return hypotheses

    monkeypatch.setattr(linker, "search_names", overwrite)
    doc = nlp.make_doc("Paris")
    doc.ents = [Span(doc, 0, 1, "GPE")]
    with pytest.raises(ValueError, match="T027"):
        linker(doc)
    assert doc.ents[0].kb_id_ == ""


def test_scores_of_nil_and_of_the_knowledge_base_are_apart(nlp, linker):
    ents = [(0, 1, "PERSON"), (3, 4, "NORP"), (8, 10, "WORK_OF_ART")]
    reference, predicted = make_doc(nlp, ents=ents), make_doc(nlp, ents=ents)
    for doc, kb_ids_of_doc in (
        (reference, ["Albert Einstein", "NIL", "Nobel Prize"]),
        (predicted, ["Albert Einstein", "NIL", "NIL"]),
    ):
        for ent, kb_id in zip(doc.ents, kb_ids_of_doc, strict=True):
            for token in ent:
                token.ent_kb_id_ = kb_id
    scores = score_links([Example(predicted, reference)])
    assert (scores["nel_in_kb_acc"], scores["nel_acc"]) == (0.5, pytest.approx(2 / 3))
    assert (scores["nel_nil_p"], scores["nel_nil_r"]) == (0.5, 1.0)
    assert scores["nel_nil_f"] == pytest.approx(2 / 3)
    assert score_links([])["nel_nil_p"] is None


def test_the_threshold_of_the_model_is_the_default(nlp, linker, monkeypatch):
    """With a number, that one counts; with null, all entities are linked."""

    def first(threshold):
        linker.threshold = threshold
        return nlp(make_doc(nlp)).ents[0].kb_id_

    def set_model(threshold):
        changed = replace(linker.shim.settings, threshold=threshold)
        monkeypatch.setattr(linker.shim, "settings", changed)

    assert linker.threshold == "auto"
    set_model(1.0)
    assert [first(value) for value in ("auto", 0.1, None)] == ["NIL", *["Albert Einstein"] * 2]
    set_model(None)
    assert first("auto") == "Albert Einstein"


def test_all_is_linked_as_before_where_no_alias_is_known(nlp, linker, tokenizer):
    linker.titles = TitleSet.build(NAMES, tokenizer)
    assert not linker.joins_priors(linker.titles.view)
    candidates = nlp(make_doc(nlp)).ents[0]._.genre_candidates
    nil = nil_share(linker, candidates[0])
    assert sum(c.probability for c in candidates) + nil == pytest.approx(1)


def test_an_alias_that_the_beams_do_not_find_is_a_candidate(nlp, linker):
    linker.num_beams = 1
    linker.titles.add_alias("German", "Chicago", count=50)
    doc, view = make_doc(nlp), linker.titles.view
    (found,) = linker.search([doc.ents[1]], linker.encode([doc.ents[1]]), view)
    assert {view.name_at(row) for row in found.best} == {"Germany", "Chicago"}
    assert found.n_found == 1
