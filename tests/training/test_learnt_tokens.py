"""Tokens of a pair that are not learnt: the gradient, and which they are for the annotator."""

from contextlib import nullcontext

import numpy as np
import pytest
import spacy
import srsly
import torch
from helpers.annotator import annotation_model, make_annotator
from helpers.models import make_bart
from helpers.training import StubTask
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import DocBin, Span
from spacy.training import Example
from torch.nn.functional import cross_entropy

from spacy_genre.corpora.articles import ArticleOptions
from spacy_genre.corpora.building import CorpusOptions, build_corpus
from spacy_genre.corpora.examples import ExampleMaker
from spacy_genre.corpora.readers import Corpus_v1, texts_in
from spacy_genre.corpora.texts import GoldMention, GoldText
from spacy_genre.decoding.markup import Markers
from spacy_genre.model.loading import HFObjects
from spacy_genre.model.seq2seq import Seq2Seq_v1, shim_of
from spacy_genre.model.settings import AnnotationSettings
from spacy_genre.tasks.annotator.encoding import WindowEncoder
from spacy_genre.tasks.annotator.targets import mark_up
from spacy_genre.training.pairs import Pair
from spacy_genre.training.settings import TrainingSettings
from spacy_genre.training.trainer import Trainer

SETTINGS = {"label_smoothing": 0.0, "dtype": "float32"}
NAME, LEARNT = [7, 8, 9, 7], [False, True, False, True]


def make_trainer(hf_tokenizer, **settings):
    model = Seq2Seq_v1()
    module = make_bart(30528, seed=0)
    for key in ("dropout", "attention_dropout", "activation_dropout"):
        setattr(module.config, key, 0.0)
    shim_of(model).set_hf(HFObjects(hf_tokenizer, module))
    return Trainer(model, TrainingSettings(**SETTINGS, **settings), StubTask()), module


@pytest.mark.parametrize("others", [[], [Pair([101, 9, 102], [4, 5, 6, 7, 8, 9], "")]])
@pytest.mark.parametrize("settings", [{}, {"hard_negatives": 1e-12}])
def test_the_gradient_ignores_them(hf_tokenizer, others, settings):
    """It is that of the loss of the learnt tokens, computed by hand."""
    trainer, module = make_trainer(hf_tokenizer, **settings)
    pairs = [Pair([101, 5, 6, 102], NAME, "", learnt=LEARNT), *others]
    loss = trainer.accumulate(pairs, nullcontext, drop=1e-9)
    found = [weight.grad.clone() for weight in trainer.weights]
    module.zero_grad()
    total, n = 0.0, 0
    for pair in pairs:
        inputs, eos = torch.tensor([pair.input]), module.config.eos_token_id
        logits = module(
            input_ids=inputs, decoder_input_ids=torch.tensor([[eos, *pair.name]])
        ).logits
        for i, label in enumerate([*pair.name, eos]):
            if i == len(pair.name) or pair.learnt is None or pair.learnt[i]:
                total, n = total + cross_entropy(logits[0, i], torch.tensor(label)), n + 1
    assert n == sum(pair.n_learnt for pair in pairs)
    (total / n).backward()
    assert loss == pytest.approx(float(total.detach() / n), abs=1e-5)
    expected = torch.cat([weight.grad.flatten() for weight in trainer.weights])
    difference = torch.cat([gradient.flatten() for gradient in found]) - expected
    assert difference.norm() < 1e-4 * expected.norm()


# What the annotator learns

MARKERS = ("[unused3]", "[unused4]", "[unused5]", "[unused6]")
BLANK = spacy.blank("en")
TEXT = "Einsteinium left Paris for Zwickau and Nowheresville."


@pytest.fixture(scope="module")
def encoder(tokenizer):
    settings = AnnotationSettings("[unused1]", *MARKERS)
    return WindowEncoder(tokenizer, settings, max_length=256)


def shown(encoder, marked):
    """The text with its learnt tokens in upper case."""
    words = encoder.tokenizer.hf.convert_ids_to_tokens(marked.tokens)
    for marker, sign in zip(MARKERS, "{}[]", strict=True):
        words = [word.replace(marker, sign) for word in words]
    cased = [w.upper() if ok else w for w, ok in zip(words, marked.learnt, strict=True)]
    return " ".join(cased).replace(" ##", "")


@pytest.mark.parametrize(
    ("complete", "expected"),
    [
        (True, "EINSTEINIUM LEFT { PARIS } [ PAN ] FOR zwickau AND NOWHERESVILLE ."),
        (False, "einsteinium left { PARIS } [ PAN ] for zwickau and nowheresville ."),
    ],
)
def test_unlinked_names_teach_no_silence(encoder, tokenizer, complete, expected):
    mentions = GoldMention(17, 22, "Pan"), GoldMention(27, 34, "", "NIL")
    text = GoldText(TEXT, mentions, complete=complete)
    doc = ExampleMaker(BLANK)(text).reference
    (window,) = encoder.encode([doc[:]])
    pan = tokenizer.pieces(["pan"])[0]
    named = [(ent, pan if ent.kb_id_ == "Pan" else None) for ent in doc.ents]
    found = shown(encoder, mark_up(window, named, encoder.markers))
    # `upper` changes letters only: compare without the tokens' own spelling of pieces.
    assert found.replace("##", "").replace(" ", "") == expected.replace(" ", "")


ENTS = st.lists(st.tuples(st.integers(0, 7), st.integers(1, 3), st.booleans()), max_size=4)


@given(ENTS, st.lists(st.booleans(), min_size=8, max_size=8), st.integers(0, 4), st.integers(5, 8))
def test_slow_reference(encoder, ents, known, first, last):
    doc = BLANK.make_doc("Antwerpen, Zwickau e\u0301tat x 😀 Nowheresville and")[:8].as_doc()
    named = []
    for start, length, has_name in ents:
        taken = {t for ent, _ in named for t in range(ent.start, ent.end)}
        end = min(start + length, len(doc))
        if start < end and taken.isdisjoint(range(start, end)):
            named.append((Span(doc, start, end, label="X"), [5, 6] if has_name else None))
    named.sort(key=lambda pair: pair[0].start)
    missing = [doc[i : i + 1] for i in range(len(doc)) if not known[i]]
    doc.set_ents([], missing=missing, default="outside")
    doc.set_ents([ent for ent, _ in named], default="unmodified")
    (window,) = encoder.encode([doc[first:last]])
    if window is None:
        return
    marked = mark_up(window, named, encoder.markers)
    tokens, learnt, position = [], [], 0
    markers: Markers = encoder.markers
    while position < len(window.source):
        starts = [int(t) for t in window.starts[: position + 1] if t >= 0]
        token = starts[-1]
        inside = [(ent, name) for ent, name in named if ent.start <= token < ent.end]
        ends = {int(t): i + 1 for i, t in enumerate(window.ends) if t >= 0}
        ent, name = inside[0] if inside else (None, None)
        if name and window.starts[position] == ent.start and ent.end in ends:
            mention = window.source[position : ends[ent.end]]
            mention = [markers.open_mention, *mention, markers.close_mention]
            mention += [markers.open_name, *name, markers.close_name]
            tokens, learnt = tokens + mention, learnt + [True] * len(mention)
            position = ends[ent.end]
            continue
        tokens.append(window.source[position])
        learnt.append(not inside and known[token])
        position += 1
    assert marked == (tokens, learnt)


# Whether the annotation of a text is complete

ROW = {"text": "In Paris and Rome.", "mentions": [{"start": 3, "end": 8, "title": "Paris"}]}


def iobs(reader):
    return [[token.ent_iob for token in example.reference] for example in reader(BLANK)]


def test_the_data_or_the_reader_says_it(tmp_path):
    path = tmp_path / "gold.jsonl"
    srsly.write_jsonl(path, [ROW, {**ROW, "complete": True}])
    missing, outside = [0, 3, 0, 0, 0], [2, 3, 2, 2, 2]
    assert iobs(Corpus_v1(path)) == [missing, outside]
    assert iobs(Corpus_v1(path, complete=True)) == [outside] * 2
    assert iobs(Corpus_v1(path, complete=False)) == [missing] * 2
    # A DocBin has it by itself.
    docs = [example.reference for example in Corpus_v1(path)(BLANK)]
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "gold.spacy")
    assert [text.complete for text in texts_in(tmp_path / "gold.spacy")] == [False, True]
    srsly.write_jsonl(path, [{**ROW, "complete": "yes"}])
    with pytest.raises(ValueError, match="'complete' is 'yes'; it must be true or false"):
        [*texts_in(path)]


def test_a_corpus_keeps_what_is_known(tmp_path, titles):
    """Mentions without a name, and texts without mentions, of complete texts."""
    nil = {"start": 13, "end": 17, "title": "Rome"}
    row = {**ROW, "mentions": [*ROW["mentions"], nil]}
    rows = [row, {**row, "complete": True}, {"text": "No.", "mentions": [], "complete": True}]
    srsly.write_jsonl(tmp_path / "gold.jsonl", [*rows, {"text": "None.", "mentions": []}])
    options = CorpusOptions(articles=ArticleOptions(), shards=1)
    build_corpus([tmp_path / "gold.jsonl"], tmp_path / "corpus", titles, options)
    texts = sorted(texts_in(tmp_path / "corpus" / "train"), key=lambda t: (t.complete, t.text))
    found = [[(m.title, m.id) for m in text.mentions] for text in texts]
    assert found == [[("Paris", "")], [("Paris", ""), ("", "NIL")], []]


def test_texts_of_which_nothing_is_learnt(tmp_path, tiny_folder, tokenizer):
    """The annotator makes no pairs of them."""
    nlp = make_annotator(annotation_model(tiny_folder, tmp_path / "model"), tokenizer)
    make = nlp.get_pipe("genre_annotator").make_pairs
    for complete in (False, True):
        text = GoldText("Nothing is linked here.", complete=complete)
        assert len(make([ExampleMaker(nlp)(text)])) == complete
    doc = nlp.make_doc("Nothing is linked here.")
    doc.ents = []
    assert len(make([Example(nlp.make_doc(doc.text), doc)])) == 1
    (pair,) = make([ExampleMaker(nlp)(GoldText("Paris is it.", (GoldMention(0, 5, "Paris"),)))])
    assert np.flatnonzero(pair.learnt).tolist() == list(range(len(pair.learnt) - 3))
