"""What all components share, and what a task has to define."""

from functools import partial

import pytest
import spacy
from helpers.docs import ENTS, NAMES, TEXT, make_doc
from spacy.tokens import Doc
from spacy.training import Example

from spacy_genre.extensions import get_evidence
from spacy_genre.model.seq2seq import Seq2Seq_v1
from spacy_genre.tasks.base import GenreComponent
from spacy_genre.tasks.linker.component import GenreLinker, LinkingComponent
from spacy_genre.tasks.lookup import find_component
from spacy_genre.tasks.trainable import TrainableGenreComponent
from spacy_genre.titles.spellings import best_name_at
from spacy_genre.training.task import TrainableComponent

Doc.set_extension("tests_pages", default=None)


class Retriever(TrainableGenreComponent):
    """A task in a few lines: the whole text leads to a name."""

    def get_spans(self, doc):
        return [doc[:]] if len(doc) else []

    def encode(self, spans):
        tokenizer = self.shim.name_tokenizer
        pieces = tokenizer.pieces([span.text for span in spans])
        return [[*tokenizer.before, *ids, *tokenizer.after] for ids in pieces]

    def decode(self, doc, results):
        return [
            result.names.name_at(best_name_at(result.names, hypothesis.state, ""))
            for result in results
            for hypothesis in result.hypotheses
        ]

    def set_annotations(self, docs, annotations):
        for doc, pages in zip(docs, annotations, strict=True):
            doc._.tests_pages = pages

    def get_targets(self, example):
        name = self.gold_name(get_evidence(example.reference)[0][0])
        return [(example.reference[:], name)] if name else []


@pytest.fixture
def retriever(titles):
    vocab = spacy.blank("en").vocab
    return Retriever(vocab, Seq2Seq_v1(), "retriever", titles=partial(lambda t: t, titles))


def test_another_task(nlp, retriever):
    docs = [nlp.make_doc("Chicago"), nlp.make_doc(""), nlp.make_doc("Germany")]
    docs = list(retriever.pipe(docs))
    assert [doc._.tests_pages[:1] for doc in docs] == [["Chicago"], [], ["Germany"]]
    assert set(docs[0]._.tests_pages) <= set(NAMES)
    retriever.num_beams = 2
    assert len(retriever(docs[0])._.tests_pages) == 2


def test_pairs_of_another_task(nlp, retriever):
    doc = nlp.make_doc("He works for Apple.")
    doc._.genre_gold_pages = [["Einstein"]]
    (pair,) = retriever.make_pairs([Example(nlp.make_doc(doc.text), doc)])
    assert retriever.tokenizer.decode(pair.input) == "[CLS] he works for apple. [SEP]"
    assert pair.shown.endswith("-> 'Albert Einstein'")


def test_a_component_is_found_by_its_class_or_protocol(nlp, linker):
    nlp.add_pipe("sentencizer", first=True)
    for kind in (GenreComponent, GenreLinker, LinkingComponent, TrainableComponent):
        assert find_component(nlp, kind) == ("genre_linker", linker)
    nlp.rename_pipe("genre_linker", "links")
    assert find_component(nlp, LinkingComponent) == ("links", linker)
    with pytest.raises(ValueError, match=r"D014.*sentencizer, links"):
        find_component(nlp, Retriever)


def test_to_look_for_a_component_loads_nothing():
    nlp = spacy.blank("en")
    linker = nlp.add_pipe("genre_linker")
    find_component(nlp, TrainableComponent)
    assert linker.model.shims[0].transformer is None


def test_the_linker_is_what_the_protocols_ask_for(linker):
    assert isinstance(linker, LinkingComponent)
    assert isinstance(linker, TrainableComponent)


def test_the_context_is_what_may_be_masked(nlp, linker):
    doc = make_doc(nlp, TEXT, ENTS[1:2])
    (ids,) = linker.encode(linker.ents_to_link(doc))
    is_context = linker.maskable_tokens(ids)
    kept = [token for token, masked in zip(ids, is_context, strict=True) if not masked]
    assert linker.tokenizer.decode(kept) == "[CLS] [START_ENT] german [END_ENT] [SEP]"
    assert sum(is_context) == len(ids) - len(kept) > 5


def test_pairs_depend_on_settings_of_the_linker(linker):
    before = linker.pair_settings()
    linker.num_beams = 2
    assert linker.pair_settings() == before
    linker.context_tokens = 3
    assert {key for key, value in linker.pair_settings().items() if value != before[key]} == {
        "context_tokens"
    }
    linker.titles.add("Zebra")
    assert linker.pair_settings()["title set"] != before["title set"]
