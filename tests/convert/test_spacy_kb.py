import pytest
import spacy
from spacy.cli._util import app
from spacy.kb import InMemoryLookupKB
from spacy.tokens import Span
from spacy.training import Example
from typer.testing import CliRunner

import spacy_genre.cli  # noqa: F401  (adds its commands to the app)
from spacy_genre import Candidate, TitleSet
from spacy_genre.convert import titles_from_kb
from spacy_genre.convert.spacy_kb import LinkerCandidates_v1
from spacy_genre.extensions import set_candidates

ENTITIES = {"Q90": 100.0, "Q830149": 20.0, "Q64": 50.0, "Q1": 0.5}
ALIASES = {"Paris": {"Q90": 0.9, "Q830149": 0.1}, "Berlin": {"Q64": 1.0}, "Paree": {"Q90": 0.5}}


def make_kb(vocab):
    kb = InMemoryLookupKB(vocab, entity_vector_length=3)
    vectors = [[float(i), 1.0, 0.0] for i in range(len(ENTITIES))]
    kb.set_entities(list(ENTITIES), list(ENTITIES.values()), vectors)
    for alias, probabilities in ALIASES.items():
        kb.add_alias(alias, list(probabilities), list(probabilities.values()))
    return kb


@pytest.fixture
def kb():
    return make_kb(spacy.blank("en").vocab)


def test_a_title_set_in_one_call(kb, tokenizer):
    titles = titles_from_kb(kb, tokenizer)
    # The most probable alias is the name; Q1 has none, and Q830149 shares its only one.
    assert list(titles) == ["Berlin", "Paris (Q830149)", "Paris (Q90)", "Q1"]
    assert [titles.id_of(name) for name in titles] == ["Q64", "Q830149", "Q90", "Q1"]
    assert titles.get_candidates("Paris") == [("Paris (Q90)", 900), ("Paris (Q830149)", 100)]
    assert titles.get_candidates("Paree") == [("Paris (Q90)", 500)]
    view = titles.view
    assert view.prior_at(view.find("Berlin")) == 50


@pytest.mark.parametrize("kind", [dict, lambda names: names.get], ids=["dict", "function"])
def test_names_by_id(kb, tokenizer, kind):
    names = kind({"Q90": "Paris", "Q830149": "Paris, Texas", "Q1": "Universe"})
    titles = titles_from_kb(kb, tokenizer, names=names)
    assert list(titles) == ["Berlin", "Paris", "Paris, Texas", "Universe"]
    assert titles.get_candidates("Paris") == [("Paris", 900), ("Paris, Texas", 100)]


def test_wrong_knowledge_bases(tokenizer):
    with pytest.raises(ValueError, match="X057"):
        titles_from_kb(InMemoryLookupKB(spacy.blank("en").vocab, 3), tokenizer)
    with pytest.raises(ValueError, match=r"X056.*dict"):
        titles_from_kb({}, tokenizer)


# Candidates for spaCy's own linker


def candidate(title, kb_id, probability):
    return Candidate(title, kb_id, -1.0, -2.0, probability)


def make_ent(kb, *candidates, text="Paris"):
    doc = spacy.blank("en")(f"{text} is here")
    doc.ents = [Span(doc, 0, 1, label="GPE")]
    set_candidates(doc.ents[0], candidates)
    return doc.ents[0]


def test_candidates_of_the_linker(kb):
    given = [
        candidate("Berlin", "Berlin", 0.1),  # not in the knowledge base
        candidate("Paris", "Q90", 0.6),
        candidate("Q830149", "Paris, Texas", 0.2),  # by its title
        candidate("City of Paris", "Q90", 0.1),
    ]
    found = LinkerCandidates_v1()(kb, make_ent(kb, *given))
    assert {c.entity_: round(c.prior_prob, 3) for c in found} == {"Q90": 0.7, "Q830149": 0.2}
    assert [list(c.entity_vector) for c in found] == [[0, 1, 0], [1, 1, 0]]
    assert {c.alias_ for c in found} == {"Paris"}


def test_without_candidates_those_of_the_knowledge_base_are_used(kb):
    ent = make_ent(kb)
    assert {c.entity_ for c in LinkerCandidates_v1()(kb, ent)} == {"Q90", "Q830149"}
    assert LinkerCandidates_v1(fallback=False)(kb, ent) == []


def add_entity_linker(nlp):
    """Add spaCy's own linker, with the candidates of ours."""
    config = {
        "get_candidates": {"@misc": "spacy_genre.LinkerCandidates.v1"},
        "entity_vector_length": 3,
        "incl_context": False,
    }
    linker = nlp.add_pipe("entity_linker", config=config)
    doc = nlp.make_doc("Berlin")
    doc.ents = [Span(doc, 0, 1, label="GPE", kb_id="Q64")]
    linker.initialize(lambda: [Example(doc, doc)], nlp=nlp, kb_loader=make_kb)


def test_spacys_linker_with_our_candidates(kb, tokenizer):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "GPE", "pattern": name} for name in ("Paris", "Berlin")])
    names = {"Q90": "Paris", "Q830149": "Paris, Texas", "Q64": "Berlin"}
    linker = nlp.add_pipe("genre_linker", config={"kb_id": "id"})
    linker.titles = titles_from_kb(kb, tokenizer, names=names)
    add_entity_linker(nlp)
    doc = nlp("We saw Paris and Berlin.")
    assert [ent.kb_id_ for ent in doc.ents] == ["Q90", "Q64"]
    assert doc.ents[0]._.genre_candidates


def test_the_command(kb, tokenizer, tmp_path):
    nlp = spacy.blank("en")
    add_entity_linker(nlp)
    nlp.to_disk(tmp_path / "nlp")
    out, names = tmp_path / "out.titles", tmp_path / "names.titles"
    result = run("kb", tmp_path / "nlp", out)
    assert result.exit_code == 0, result.output
    assert list(TitleSet.open(out)) == ["Berlin", "Paris (Q830149)", "Paris (Q90)", "Q1"]
    TitleSet.build(["Paris", "Universe"], tokenizer, ids=["Q90", "Q1"]).save(names)
    assert run("kb", tmp_path / "nlp", out, "--force", "--names", names).exit_code == 0
    # Without a name, Q830149 is named by its alias, which is the name of Q90, too.
    assert list(TitleSet.open(out)) == ["Berlin", "Paris (Q830149)", "Paris (Q90)", "Universe"]
    result = run("kb", tmp_path / "nlp", out, "--force", "--component", "linker")
    assert result.exit_code == 1
    assert "X063" in result.output


def run(*args):
    return CliRunner().invoke(app, ["genre", "convert", *map(str, args)])
