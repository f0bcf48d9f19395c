"""Evaluation of end-to-end linking: any pipeline, NIF, and the command."""

import json

import pytest
import spacy
import srsly
from hypothesis import given
from hypothesis import strategies as st
from spacy.language import Language
from spacy.tokens import Span
from typer.testing import CliRunner

from spacy_genre.cli import genre_cli
from spacy_genre.corpora.formats.nif import read_contexts, to_nif
from spacy_genre.corpora.readers import texts_in
from spacy_genre.corpora.texts import GoldMention, GoldText
from spacy_genre.evaluation.annotation import align_predictions, evaluate_end_to_end, score_texts

TEXT = "Einstein left Paris for Chicago."
ENTS = [(0, 1, "Einstein"), (2, 3, "Q6"), (4, 5, "NIL")]  # "Q6" is Paris in the title set


@Language.component("test_other_linker")
def other_linker(doc):
    """A component of another package that links entities, some by id."""
    if doc.text == TEXT:
        doc.ents = [Span(doc, s, e, label="X", kb_id=kb_id) for s, e, kb_id in ENTS]
    return doc


@pytest.fixture
def other_nlp():
    nlp = spacy.blank("en")
    nlp.add_pipe("test_other_linker")
    return nlp


def gold(**chicago):
    mentions = [
        {"start": 0, "end": 8, "title": "Albert_Einstein"},
        {"start": 14, "end": 19, "title": "Paris", "id": "Q6"},
        {"start": 24, "end": 31, "title": "Chicago", **chicago},
    ]
    return {"text": TEXT, "mentions": mentions}


@pytest.fixture
def write(tmp_path):
    def write(*rows):
        srsly.write_jsonl(tmp_path / "gold.jsonl", rows)
        return tmp_path / "gold.jsonl"

    return write


def test_any_pipeline(other_nlp, write, titles):
    texts = [*texts_in(write(gold(), {"text": "Nothing here.", "mentions": []}))]
    scores, found = evaluate_end_to_end(other_nlp, texts, titles)
    assert (scores["texts"], scores["mentions"], scores["in_set"]) == (2, 3, 1)
    assert scores["micro_p"] == 1
    assert scores["micro_r"] == pytest.approx(2 / 3)
    assert scores["macro_r"] == pytest.approx((2 / 3 + 1) / 2)
    assert [(m.title, m.id) for m in found[0].mentions] == [("Einstein", ""), ("", "Q6")]
    # Without a title set the redirect is another entity; the id is known from the gold mention.
    scores, _ = evaluate_end_to_end(other_nlp, texts)
    assert scores["micro_p"] == 0.5
    assert "in_set" not in scores


def test_optional_mentions(other_nlp, write, titles):
    texts = [*texts_in(write(gold(optional=True)))]
    scores, _ = evaluate_end_to_end(other_nlp, texts, titles)
    assert (scores["mentions"], scores["micro_f"]) == (2, 1)
    assert GoldText.from_row(texts[0].to_row()) == texts[0]


def test_a_group_of_spans(titles):
    """The group that a component of this package writes to."""
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("span_ruler", config={"spans_key": "names"})
    ruler.add_patterns([{"label": "X", "pattern": name} for name in ("Einstein", "Paris")])
    nlp.add_pipe("genre_linker", config={"spans_key": "names"}).titles = titles
    texts = [GoldText.from_row(gold())]
    scores, found = evaluate_end_to_end(nlp, texts)  # the pipeline's title set
    assert scores["detection_micro_p"] == 1
    assert scores["detection_micro_r"] == pytest.approx(2 / 3)
    assert len(found[0].mentions) == 2


def test_pages_are_read_as_a_whole(write):
    paragraphs = [
        {"text": "In 1984 we met.", "links": [{"start": 3, "end": 7, "title": "1984"}]},
        {"text": "No link.", "links": []},
    ]
    from spacy_genre.corpora.articles import ArticleOptions

    path = write({"title": "T", "paragraphs": paragraphs})
    texts = [*texts_in(path, options=ArticleOptions(complete=True))]
    assert [(len(text.mentions), text.complete) for text in texts] == [(1, True), (0, True)]
    marked = write({"title": "T", "complete": True, "paragraphs": paragraphs})
    assert [*texts_in(marked)] == texts


# NIF

CHARACTERS = st.text(
    st.sampled_from([*'ab "\\<>{}\n\t\r\u0001', "é", "\u0301", "😀", "中", "\u2028"]), max_size=15
)
TITLES = st.text(st.sampled_from([*"ABab (),%&?#'\"<>|^`\\", "é", "中", "😀"]), min_size=1)


@st.composite
def nif_texts(draw):
    texts = []
    for text in draw(st.lists(CHARACTERS.filter(str.strip), min_size=1, max_size=3)):
        starts = [i for i, c in enumerate(text) if c.strip()]
        mentions = []
        for start in draw(st.lists(st.sampled_from(starts), unique=True, max_size=3)):
            end = draw(st.integers(start + 1, len(text)))
            kind = draw(st.sampled_from(["title", "id", "nil"]))
            name = draw(TITLES).strip("_ ") or "A"
            title, kb_id = {"title": (name, ""), "id": ("", "Q42"), "nil": ("", "NIL")}[kind]
            mentions.append(GoldMention(start, end, title, kb_id))
        mentions.sort(key=lambda m: (m.start, m.end))
        end = draw(st.sampled_from(["#char=0,9", "?q=1", ""]))
        uri = f"http://a.org/{len(texts)}{end}" if end else ""
        texts.append(GoldText(text, tuple(mentions), uri=uri))
    return texts


@given(nif_texts())
def test_nif_is_read_as_it_was_written(texts):
    found = [*read_contexts(to_nif(texts).encode("utf8"))]
    assert [text.text for text in found] == [text.text for text in texts]
    for text, expected in zip(found, texts, strict=True):
        # An id is read as a title: both are looked up.
        assert [(m.start, m.end, m.title or m.id) for m in text.mentions] == [
            (m.start, m.end, m.title or m.id) for m in expected.mentions
        ]
        assert not expected.uri or text.uri == expected.uri


def test_nif_for_gerbil():
    mentions = GoldMention(3, 8, "Paris, Texas"), GoldMention(3, 8, "", "Q90")
    written = to_nif([GoldText('In Paris "x".', mentions)], "de")
    assert (
        "<http://de.wikipedia.org/wiki/Paris,_Texas> , <http://www.wikidata.org/entity/Q90> ."
        in (written)
    )
    assert 'nif:isString "In Paris \\"x\\"."^^xsd:string' in written
    assert "notInWiki/In>" in to_nif([GoldText("In", (GoldMention(0, 2, "", "NIL"),))])


# Predictions


def test_predictions_are_found_by_their_texts(tmp_path):
    a, b = GoldText("a", (GoldMention(0, 1, "A"),)), GoldText("b", (GoldMention(0, 1, "B"),))
    assert align_predictions([a, b], [b, a], "x") == [a, b]
    assert score_texts([a, b], align_predictions([a, b], [b, a], "x"))["micro_f"] == 1
    with pytest.raises(ValueError, match=r"D050.*x has no predictions for 1 texts.*'a'"):
        align_predictions([a, b], [b], "x")


def run(*args):
    return CliRunner().invoke(genre_cli, ["evaluate", *map(str, args)])


def test_command(write, titles, tmp_path):
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "X", "pattern": "Paris"}])
    nlp.add_pipe("genre_linker").titles = titles
    nlp.to_disk(tmp_path / "nlp")
    path, out = write(gold()), tmp_path / "scores.json"
    options = ["--end-to-end", "--pipeline", tmp_path / "nlp", "--out", out]
    result = run(path, *options, "--predictions", tmp_path / "nif")
    assert result.exit_code == 0, result.output
    assert "mention detection" in result.output
    (scores,) = json.loads(out.read_text()).values()
    assert scores["detection_micro_p"] == 1
    titles.save(tmp_path / "titles")
    guess = ["--guess", tmp_path / "nif" / "gold.ttl", "--titles", tmp_path / "titles"]
    result = run(path, "--end-to-end", *guess, "--out", out)
    assert result.exit_code == 0, result.output
    assert [*json.loads(out.read_text()).values()] == [scores]


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--end-to-end", "--retrieval"], "D041"),
        (["--end-to-end", "--candidates", "data"], "D041"),
        (["--end-to-end", "--rank-key", "title"], "D041"),
        (["--predictions", "x"], "D042"),
        (["--end-to-end", "--pipeline", "x", "--model", "y"], "D018"),
        (["--end-to-end"], "M013"),  # the model in the package, which links only
    ],
)
def test_options_that_do_not_fit(write, options, code):
    result = run(write(gold()), *options)
    assert result.exit_code == 1
    assert code in result.output


def test_no_gold_mentions(write):
    result = run(write({"text": "a", "mentions": []}, gold()), "--end-to-end", "--limit", 1)
    assert "D035" in result.output
