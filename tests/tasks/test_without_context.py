"""Mentions without context, and names that share an id."""

from pathlib import Path

import pytest
import spacy
from spacy.tokens import Span

from spacy_genre import TitleSet
from spacy_genre.tasks.linker.encoding import n_context_words, strip_article
from spacy_genre.tasks.linker.prior import NAME_PRIOR, text_prior

FAMOUS = Path(__file__).parents[2] / "benchmarks" / "famous_names.txt"


def bare(nlp, text, ent=None):
    """A Doc with one entity: all of the text, or a part of it."""
    doc = nlp.make_doc(text)
    start = text.index(ent or text)
    doc.ents = [doc.char_span(start, start + len(ent or text), label="ENT")]
    return doc


def test_famous_names_alone():
    nlp = spacy.blank("en")
    nlp.add_pipe("genre_linker", config={"dtype": "float32"})
    names = FAMOUS.read_text("utf8").split("\n")[:-1]
    assert len(names) == 51
    found = [doc.ents[0].kb_id_ for doc in nlp.pipe(bare(nlp, name) for name in names)]
    assert sum(map(str.__eq__, names, found)) >= 49


def test_the_name_itself_then_the_prior_decides(nlp):
    linker = nlp.get_pipe("genre_linker")
    aliases = {("Windy City", "Chicago"): 9, ("Windy City", "Paris"): 3, ("Chicago", "Paris"): 4}
    names = ["Chicago", "Paris", "Chicago (band)"]
    linker.titles = TitleSet.build(names, linker.tokenizer, aliases=aliases)
    for text, title in {
        "Chicago": "Chicago",
        "Windy City": "Chicago",
        " Chicago. ": "Chicago",
    }.items():
        (ent,) = linker(bare(nlp, text, text.strip(" ."))).ents
        assert ent.kb_id_ == title
        candidates = ent._.genre_candidates
        assert [c.title for c in candidates] == ["Chicago", "Paris"]
        assert candidates[0].probability > candidates[1].probability
    (ent,) = linker(bare(nlp, "Unheard-of")).ents  # the model decides
    assert len(ent._.genre_candidates) == 3


def test_an_article_is_no_part_of_the_name(nlp):
    (ent,) = nlp(bare(nlp, "the Nobel Prize")).ents
    assert ent.kb_id_ == "Nobel Prize"
    assert ent._.genre_candidates[0].probability == pytest.approx(NAME_PRIOR)
    assert strip_article("the Nobel Prize") == "Nobel Prize"
    assert strip_article("The Beatles") == "The Beatles"
    assert strip_article("the") == "the"


def test_words_of_context_are_counted(nlp):
    doc = nlp.make_doc("1. - Paris, is big")
    assert n_context_words(doc[3:4], 9) == 2
    assert n_context_words(doc[3:4], 1) == 1
    doc._.genre_opening = "A list of 3 cities"
    assert n_context_words(doc[3:4], 9) == 6


def test_the_prior_of_a_text(titles):
    view = titles.view
    assert text_prior(view, "unknown") is None
    prior = text_prior(view, "Einstein")
    assert prior.shares == {view.find("Albert Einstein"): pytest.approx(NAME_PRIOR)}
    assert prior.rest == pytest.approx(1 - NAME_PRIOR)
    titles.add_alias("Paris", "Paris, Texas", count=30)
    prior = text_prior(titles.view, "Paris")
    assert sum(prior.shares.values()) + prior.rest == pytest.approx(1)
    assert prior.shares[titles.view.find("Paris, Texas")] == pytest.approx(30 / 40)
    assert prior.shares[titles.view.find("Paris")] == pytest.approx(9.4 / 40)
    assert text_prior(titles.view, "the Paris") == prior


def test_names_with_one_id_are_one_candidate(nlp):
    linker = nlp.get_pipe("genre_linker")
    linker.kb_id, linker.threshold, linker.dtype = "id", 0.5, "float32"
    names = {f"Springfield Power {x}": "C-1" for x in ("Company", "Inc.", "Corporation", "Group")}
    names |= {"Shelbyville Water": "C-2", "Ogdenville Rail": "C-3"}
    linker.titles = TitleSet.build([*names], linker.tokenizer, ids=[*names.values()])
    text = "The strike at Springfield Power ended on Friday."
    doc = nlp.make_doc(text)
    doc.ents = [Span(doc, 3, 5, "ORG")]
    (ent,) = linker(doc).ents
    assert ent.kb_id_ == "C-1"
    ids = [candidate.kb_id for candidate in ent._.genre_candidates]
    assert ids[0] == "C-1"
    assert len(set(ids)) == len(ids)
    assert ent._.genre_candidates[0].probability > 0.7


def test_names_without_ids_stay_apart(nlp):
    linker = nlp.get_pipe("genre_linker")
    linker.titles = TitleSet.build(["Paris", "Paris, Texas", "Paris Hilton"], linker.tokenizer)
    text = "She flew to Paris last week to see a film."
    (ent,) = linker(bare(nlp, text, "Paris")).ents
    assert len(ent._.genre_candidates) == 3
