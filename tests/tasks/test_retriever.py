"""`genre_retriever`: document retrieval."""

import pickle

import pytest
import spacy
import srsly
from helpers.docs import NAMES
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin
from spacy.training import Example

from spacy_genre import TitleSet
from spacy_genre.extensions import set_masked
from spacy_genre.model.seq2seq import shim_of
from spacy_genre.tasks.lookup import find_component
from spacy_genre.tasks.retriever.component import GenreRetriever
from spacy_genre.types import Page


def titles_of(pages):
    return [page.title for page in pages]


def decoded(retriever, doc):
    return [retriever.tokenizer.decode(ids) for ids in retriever.encode(retriever.get_spans(doc))]


def gold_example(nlp, text, *evidence):
    reference = nlp.make_doc(text)
    reference._.genre_gold_pages = [list(titles) for titles in evidence]
    return Example(nlp.make_doc(text), reference)


# The pages


def test_pages(page_nlp):
    first, *others = page_nlp("Chicago")._.genre_pages
    assert first == Page("Chicago", "Q3", first.score, first.probability)
    assert first.to_dict()["title"] == "Chicago"
    assert 0.5 < first.probability <= 1
    assert sum(page.probability for page in [first, *others]) < 1
    scores = [page.score for page in [first, *others]]
    assert scores == sorted(scores, reverse=True)
    assert len(others) < 10
    assert {page.title for page in others} < set(NAMES)


@pytest.mark.parametrize("text", ["", " \n ", "\u200b"])
def test_nothing_to_read(page_nlp, text):
    assert page_nlp(text)._.genre_pages == []


def test_pipe_gives_the_same(page_nlp):
    texts = ["Chicago", "", "A German physicist.", "Chicago"]
    one_by_one = [page_nlp(text)._.genre_pages for text in texts]
    batch = [doc._.genre_pages for doc in page_nlp.pipe(texts)]
    assert list(map(titles_of, batch)) == list(map(titles_of, one_by_one))
    assert batch[0] == batch[3]


def test_predict_does_not_change_the_doc(page_nlp, retriever):
    doc = page_nlp.make_doc("Chicago")
    (found,) = retriever.predict([doc])
    assert (doc.user_data, doc._.genre_pages) == ({}, [])
    assert titles_of(found.pages)[0] == "Chicago"


def test_settings_of_the_ranking(page_nlp, retriever):
    retriever.top_k = 2
    first, second = page_nlp("Paris")._.genre_pages
    retriever.threshold = (first.probability + second.probability) / 2
    assert page_nlp("Paris")._.genre_pages == [first]
    retriever.threshold, retriever.top_k, retriever.num_beams = None, 4, 3
    with pytest.warns(UserWarning, match=r"W015.*num_beams = 3"):
        assert len(page_nlp("Paris")._.genre_pages) == 3


def test_redirects_and_duplicates_are_one_page(page_nlp, retriever, tokenizer):
    names = ["Albert Einstein", "A. Einstein", "Chicago"]
    redirects = {"Einstein": "Albert Einstein", "Prof. Einstein": "Albert Einstein"}
    retriever.titles = TitleSet.build(
        names, tokenizer, ids=["Q1", "Q1", "Q2"], redirects=redirects, trie="titles+redirects"
    )
    (first, second) = page_nlp("Einstein")._.genre_pages
    assert (first.id, second.title) == ("Q1", "Chicago")
    assert first.title in names[:2]


def test_of_names_with_equal_tokens_the_one_in_the_text_is_taken(page_nlp, retriever, tokenizer):
    retriever.titles = TitleSet.build(["IT", "It"], tokenizer)
    assert titles_of(page_nlp("It is a novel.")._.genre_pages) == ["It"]
    assert titles_of(page_nlp("The IT department.")._.genre_pages) == ["IT"]


# Inputs


def test_the_input_is_that_of_the_training(page_nlp, retriever):
    doc = page_nlp.make_doc("Who was Einstein?")
    assert decoded(retriever, doc) == ["[CLS] [unused2] who was einstein? [SEP]"]


def test_a_model_without_a_marker(titles, tiny_folder):
    nlp = spacy.blank("en")
    retriever = nlp.add_pipe("genre_retriever", config={"model": {"name": str(tiny_folder)}})
    assert decoded(retriever, nlp.make_doc("Chicago")) == ["[CLS] chicago [SEP]"]
    (ids,) = retriever.encode([nlp.make_doc("a " * 2000)[:]])
    assert len(ids) == retriever.max_length


def test_a_long_text_is_cut(page_nlp, retriever):
    (ids,) = retriever.encode([page_nlp.make_doc("Chicago " * 300)[:]])
    assert len(ids) == 96
    assert ids[-1] == retriever.tokenizer.sep_token_id
    retriever.max_tokens = 12
    (ids,) = retriever.encode([page_nlp.make_doc("Chicago " * 300)[:]])
    assert retriever.tokenizer.decode(ids) == "[CLS] [unused2] " + "chicago " * 9 + "[SEP]"
    doc = Doc(page_nlp.vocab, ["Chicago", *["word"] * 100_000])
    assert titles_of(retriever(doc)._.genre_pages)[0] == "Chicago"


WORDS = st.lists(st.sampled_from(["Ann", "lives", "in", "Bonn", ",", "\n", "ünder"]), max_size=30)


@settings(max_examples=15)
@given(WORDS, st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=3))
def test_masked_parts(tokenizer, words, masked):
    """As the mask token in the text, which transformers tokenizes and cuts."""
    from spacy_genre.model.settings import RetrievalSettings
    from spacy_genre.tasks.retriever.encoding import TextEncoder, unmasked_parts

    doc = spacy.blank("en").make_doc(" ".join(words))
    text, expected, end = doc.text, "", 0
    set_masked(doc, [(start, start + n) for start, n in masked])
    for start, n in sorted(masked):
        if end <= start < min(start + n, len(text)):
            expected += text[end:start] + "[MASK]"
            end = min(start + n, len(text))
    encoder = TextEncoder(tokenizer, RetrievalSettings(marker="[unused2]"), 20)
    (ids,) = encoder.encode([unmasked_parts(doc[:], 20)])
    ends = tokenizer.hf(expected + text[end:], truncation=True, max_length=19)["input_ids"]
    has_text = any(
        token not in (101, 102, 103) for token in tokenizer.hf(expected + text[end:])["input_ids"]
    )
    assert ids == ([ends[0], 3, *ends[1:]] if has_text else None)


def test_the_model_does_not_see_masked_parts(page_nlp, retriever):
    doc = page_nlp.make_doc("Chicago is a city.")
    set_masked(doc, [(0, 7)])
    assert decoded(retriever, doc) == ["[CLS] [unused2] [MASK] is a city. [SEP]"]


def test_sentences(page_nlp, retriever):
    retriever.unit = "sentence"
    with pytest.raises(ValueError, match=r"C005.*sentencizer"):
        page_nlp("Chicago. Germany.")
    page_nlp.add_pipe("sentencizer", first=True)
    doc = page_nlp("Chicago. Germany.")
    assert [titles_of(sent._.genre_pages)[0] for sent in doc.sents] == ["Chicago", "Germany"]
    assert set(titles_of(doc._.genre_pages)[:2]) == {"Chicago", "Germany"}
    assert len(set(titles_of(doc._.genre_pages))) == len(doc._.genre_pages)
    retriever.unit = "doc"
    doc = retriever(doc)
    assert [sent._.genre_pages for sent in doc.sents] == [[], []]


def test_spans_of_a_group(page_nlp, retriever):
    retriever.spans_key = "claims"
    doc = page_nlp.make_doc("In Chicago or Germany")
    with pytest.warns(UserWarning, match=r"W014.*'claims'"):
        assert retriever(doc)._.genre_pages == []
    doc.spans["claims"] = [doc[1:2], doc[3:4], doc[1:4]]
    doc = retriever(doc)
    found = [titles_of(span._.genre_pages)[0] for span in doc.spans["claims"]]
    assert found[:2] == ["Chicago", "Germany"]


# The model's tasks


def test_a_model_that_was_trained_for_something_else(new_page_nlp, tmp_path):
    page_nlp, retriever = new_page_nlp, new_page_nlp.get_pipe("genre_retriever")
    module = retriever.shim.transformer
    module.config.genre = {**module.config.genre, "tasks": ["linking"]}
    shim_of(retriever.model).set_hf(retriever.shim._hf)
    with pytest.warns(UserWarning, match="W022.*not trained for retrieval, but for linking"):
        page_nlp("Chicago")
    page_nlp("Chicago")  # no second warning
    retriever.initialize(lambda: [gold_example(page_nlp, "A city", ["Chicago"])])
    page_nlp.to_disk(tmp_path)
    config = srsly.read_json(tmp_path / "genre_retriever" / "model" / "config.json")
    assert config["genre"]["tasks"] == ["linking", "retrieval"]


def test_a_marker_that_is_no_token_is_text(new_page_nlp):
    page_nlp, retriever = new_page_nlp, new_page_nlp.get_pipe("genre_retriever")
    module = retriever.shim.transformer
    module.config.genre = {**module.config.genre, "retrieval": {"marker": "retrieve:"}}
    shim_of(retriever.model).set_hf(retriever.shim._hf)
    assert decoded(retriever, page_nlp.make_doc("Rome")) == ["[CLS] retrieve : rome [SEP]"]


# Saving


def test_saving(page_nlp, tmp_path):
    page_nlp.get_pipe("genre_retriever").top_k = 3
    expected = page_nlp("Chicago")._.genre_pages
    page_nlp.to_disk(tmp_path)
    for again in (spacy.load(tmp_path), pickle.loads(pickle.dumps(page_nlp))):
        assert again("Chicago")._.genre_pages == expected
    other = spacy.blank("en")
    other.add_pipe("genre_retriever").from_bytes(page_nlp.get_pipe("genre_retriever").to_bytes())
    assert other("Chicago")._.genre_pages == expected


def test_pages_are_saved_with_docs(page_nlp):
    doc = page_nlp("Chicago")
    data = DocBin(docs=[doc], store_user_data=True).to_bytes()
    (again,) = DocBin().from_bytes(data).get_docs(page_nlp.vocab)
    assert again._.genre_pages == doc._.genre_pages != []


def test_wrong_settings():
    nlp = spacy.blank("en")
    for config, message in (
        ({"unit": "page"}, 'C001.*"doc" or "sentence"'),
        ({"max_tokens": 3}, "C001.*8 or more"),
        ({"top_k": 0}, "C001.*1 or more"),
    ):
        with pytest.raises(ValueError, match=message):
            nlp.add_pipe("genre_retriever", config=config)


def test_a_title_set_of_another_tokenizer(retriever, tokenizer):
    other = TitleSet.build(["Rome"], tokenizer)
    other._changes.base.header["tokenizer"] = "x"
    with pytest.raises(ValueError, match="T004"):
        retriever.titles = other


# Training and evaluation


def test_each_gold_page_is_a_pair(page_nlp, retriever):
    example = gold_example(page_nlp, "A city", ["Chicago", "Einstein"], ["Nobody"], ["Chicago"])
    shown = [pair.shown for pair in retriever.make_pairs([example])]
    assert [text.partition("-> ")[2] for text in shown] == ["'Chicago'", "'Albert Einstein'"]
    assert retriever.make_pairs([gold_example(page_nlp, "A city", ["Nobody"])]) == []


def test_it_learns(new_page_nlp):
    page_nlp = new_page_nlp
    examples = [gold_example(page_nlp, "Which windy place?", ["Germany"])]
    optimizer = page_nlp.initialize(lambda: examples)
    optimizer.learn_rate = 3e-4
    losses = [page_nlp.update(examples, sgd=optimizer)["genre_retriever"] for _ in range(3)]
    assert losses[-1] < losses[0]


def test_only_the_text_is_masked_in_training(page_nlp, retriever):
    (ids,) = retriever.encode([page_nlp.make_doc("A city")[:]])
    assert retriever.maskable_tokens(ids).tolist() == [False, False, True, True, False]


def test_pairs_depend_on_the_longest_text(retriever):
    before = retriever.pair_settings()
    retriever.max_tokens = 20
    assert retriever.pair_settings() != before


def test_evaluation_in_spacy(page_nlp):
    examples = [
        gold_example(page_nlp, "Chicago", ["Chicago"]),
        gold_example(page_nlp, "Germany", ["Paris"], ["Germany", "Einstein"]),
        gold_example(page_nlp, "no gold"),
    ]
    scores = page_nlp.evaluate(examples)
    assert scores["pages_recall_at_1"] == 0.5
    assert scores["pages_r_precision"] in (0.75, 1)
    assert page_nlp.evaluate(examples[2:])["pages_r_precision"] is None


def test_it_is_found_beside_a_linker(page_nlp, retriever):
    page_nlp.add_pipe("genre_linker", first=True)
    assert find_component(page_nlp, GenreRetriever) == ("genre_retriever", retriever)
