"""BM25 as a second ranker of pages, and reciprocal rank fusion."""

import pickle

import pytest
import spacy
import srsly

from spacy_genre import TitleSet
from spacy_genre.tasks.retriever.lexical import BM25_v1, fuse
from spacy_genre.types import Page

pytest.importorskip("bm25s")


@pytest.fixture
def pages(tmp_path):
    """A file of pages of which one is not in the title set, and one is named by its redirect."""
    rows = [
        {"title": "Chicago", "paragraphs": [{"text": "A windy city on a lake."}]},
        {"title": "Einstein", "paragraphs": [{"text": "A physicist with a violin."}]},
        {"title": "Nobody", "paragraphs": [{"text": "A windy nobody."}]},
    ]
    srsly.write_jsonl(tmp_path / "pages.jsonl", rows)
    return tmp_path / "pages.jsonl"


def test_over_titles(titles):
    rank = BM25_v1()
    found = rank(titles, ["Who founded Apple Inc.?", "nothing of it", ""], 2)
    assert found == [["Apple Inc.", "Apple"], [], []]
    assert len(rank(titles, ["paris texas"], 100)[0]) == 2


def test_over_titles_and_text(titles, pages):
    rank = BM25_v1(pages)
    found = rank(titles, ["a violin", "the windy lake", "Germany"], 3)
    assert found == [["Albert Einstein"], ["Chicago"], ["Germany"]]


def test_changes_of_the_title_set(titles):
    rank = BM25_v1()
    assert rank(titles, ["a zebra"], 3) == [[]]
    titles.add("Zebra")
    assert rank(titles, ["a zebra"], 3) == [["Zebra"]]
    assert pickle.loads(pickle.dumps(rank))(titles, ["a zebra"], 3) == [["Zebra"]]


def test_names_without_words(tokenizer):
    assert BM25_v1()(TitleSet.build(["The", "A"], tokenizer), ["the a"], 3) == [[]]


def test_without_the_package(monkeypatch):
    monkeypatch.setattr("spacy_genre.tasks.retriever.lexical.find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"F019.*spacy_genre\[bm25\]"):
        BM25_v1()


def test_a_file_that_is_missing(titles, tmp_path):
    with pytest.raises(OSError, match=r"none\.jsonl"):
        BM25_v1(tmp_path / "none.jsonl")(titles, ["x"], 1)


def test_fusion(titles):
    pages = (Page("Apple", "Q1", -0.1, 0.6), Page("Paris", "Q6", -0.9, 0.3))
    fused = fuse(pages, ["Chicago", "Paris"], titles)
    assert [page.title for page in fused] == ["Paris", "Apple", "Chicago"]
    expected = [0.6 / 62 + 0.4 / 62, 0.6 / 61, 0.4 / 61]  # 0.6 is the model's probability
    assert [page.score for page in fused] == pytest.approx(expected)
    assert [(page.id, page.probability) for page in fused] == [("Q6", 0.3), ("Q1", 0.6), ("Q3", 0)]
    assert [page.title for page in fuse((), ["Paris"], titles)] == ["Paris"]


def test_the_component_with_a_ranker(titles, retrieval_folder, pages):
    config = {
        "model": {"name": str(retrieval_folder)},
        "ranker": {"@misc": "spacy_genre.BM25.v1", "pages": str(pages)},
        "num_beams": 2,
    }
    nlp = spacy.blank("en")
    nlp.add_pipe("genre_retriever", config=config).titles = titles
    found = nlp("Germany and the violin")._.genre_pages
    assert len(found) == 2
    assert {page.title for page in found} >= {"Germany"}
    nlp.get_pipe("genre_retriever").top_k = 5  # more than beams, without a warning
    assert "Albert Einstein" in [page.title for page in nlp("the violin")._.genre_pages]
    again = spacy.blank("en").from_config(nlp.config)
    assert again.get_pipe("genre_retriever").ranker.pages == pages
