"""Evaluation of document retrieval, and KILT's format."""

import json

import pytest
import srsly
from typer.testing import CliRunner

from spacy_genre.cli import genre_cli
from spacy_genre.evaluation.retrieval import (
    KILT_SETS,
    data_sets,
    evaluate_retrieval,
    score_predictions,
)


def row(key, text, *outputs):
    """A row of KILT; pages are given by title and id."""
    provenance = [
        {"provenance": [{"title": title, "wikipedia_id": id_} for title, id_ in pages]}
        for pages in outputs
    ]
    return {"id": key, "input": text, "output": provenance}


ROWS = [
    row("1", "Chicago", [("Chicago", " Q3 ")], [("Germany", "Q4"), ("Apple", "Q1")]),
    row("b", "Einstein", [("Einstein", "Q9")]),
]


@pytest.fixture
def write(tmp_path):
    def write(*rows, name="fever-dev-kilt.jsonl"):
        srsly.write_jsonl(tmp_path / name, rows)
        return tmp_path / name

    return write


@pytest.fixture
def retriever(page_nlp):
    return page_nlp.get_pipe("genre_retriever")


@pytest.fixture
def evaluate(page_nlp, retriever):
    return lambda path, **options: evaluate_retrieval(page_nlp, retriever, path, **options)


def test_kilt_by_id_and_by_title(write, evaluate):
    """The title set has ids, so that is how pages are told apart by default."""
    path = write(*ROWS)
    scores, _ = evaluate(path)
    assert (scores["texts"], scores["r_precision"], scores["recall_at_1"]) == (2, 0.5, 0.25)
    scores, _ = evaluate(path, rank_keys=["title"])  # of the redirect's target
    assert scores["r_precision"] == 1
    scores, _ = evaluate(path, rank_keys=["wikipedia_id", "title"])
    assert scores["r_precision"] == 0.5


def test_predictions_in_kilts_format(write, evaluate, titles, tmp_path):
    path = write(*ROWS)
    scores, rows = evaluate(path)
    assert rows[0]["id"] == "1"
    assert len(rows[0]["output"]) == 1
    first = rows[0]["output"][0]["provenance"][0]
    assert (first["title"], first["wikipedia_id"]) == ("Chicago", "Q3")
    guess = write(*reversed(rows), name="guess.jsonl")
    assert score_predictions(path, guess, titles, rank_keys=["wikipedia_id"]) == scores


def test_own_format(write, evaluate):
    rows = [{"text": "Chicago", "title": "Chicago"}, {"text": "none"}]
    scores, _ = evaluate(write(*rows))
    assert (scores["texts"], scores["recall_at_1"]) == (1, 1)
    with pytest.raises(ValueError, match=r"D039.*wikipedia_id"):
        evaluate(write(*rows), rank_keys=["wikipedia_id"])


def test_gold_pages_that_the_title_set_lacks(write, evaluate):
    scores, _ = evaluate(write({"text": "Rome", "title": "Rome"}))
    assert scores["r_precision"] == 0


def test_test_sets_without_gold(write, evaluate):
    scores, rows = evaluate(write({"id": 1, "input": "Chicago"}))
    assert (scores, rows[0]["id"]) == ({"texts": 0}, "1")


def test_the_data_sets_of_kilt_by_name(write, tmp_path):
    assert len(KILT_SETS) == 11
    for name in KILT_SETS:
        write(*ROWS, name=f"{name}-dev-kilt.jsonl")
    write(name="other-kilt.jsonl")
    assert {*data_sets(tmp_path)} == {f"{name}-dev-kilt" for name in KILT_SETS}
    assert [*data_sets(tmp_path / "fever-dev-kilt.jsonl").values()] == [
        tmp_path / "fever-dev-kilt.jsonl"
    ]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"id": "2"}, "no 'input'"),
        ({"input": "a"}, "no 'id'"),
        (row("2", " "), "'input' is ' '"),
        (row("2", "a", [("A", None)]), "a provenance has no 'wikipedia_id'"),
        ({"id": "2", "input": "a", "output": [{"provenance": [3]}]}, "objects only"),
        ({"id": "2", "input": "a", "output": "x"}, "'output' is 'x'"),
    ],
)
def test_broken_rows(write, evaluate, bad, message):
    with pytest.raises(ValueError, match=f"D002.*fever-dev-kilt.jsonl, line 3: .*{message}"):
        evaluate(write(*ROWS, bad))


def test_a_file_of_another_kind(tmp_path, evaluate):
    (tmp_path / "gold.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ValueError, match=r"D043.*it is a PNG image"):
        evaluate(tmp_path / "gold.png")


@pytest.mark.parametrize(
    ("guesses", "message"),
    [
        ([{"id": "1", "output": [{"provenance": []}]}], "D040.*for 1 texts.*'b'"),
        ([{"id": "1", "output": []}], "line 1: it has 0 outputs"),
        ([{"id": "1", "output": [{}]}, {"id": 1, "output": [{}]}], "line 2: the id '1' occurs"),
        ([{"id": "1", "output": [{"provenance": "x"}]}], "line 1: 'provenance' is 'x'"),
    ],
)
def test_broken_predictions(write, titles, guesses, message):
    gold, guess = write(*ROWS), write(*guesses, name="guess.jsonl")
    with pytest.raises(ValueError, match=message):
        score_predictions(gold, guess, titles, rank_keys=["wikipedia_id"])


def test_no_texts(write, evaluate):
    with pytest.raises(ValueError, match="D038"):
        evaluate(write({"text": "a", "mentions": [{"start": 0, "end": 1, "title": "A"}]}))


def run(*args):
    return CliRunner().invoke(genre_cli, ["evaluate", *map(str, args)])


def test_command(write, page_nlp, tmp_path):
    page_nlp.to_disk(tmp_path / "nlp")
    path, out = write(*ROWS), tmp_path / "scores.json"
    options = ["--retrieval", "--pipeline", tmp_path / "nlp", "--out", out]
    result = run(path, *options, "--predictions", tmp_path / "guess")
    assert result.exit_code == 0, result.output
    assert "R-precision" in result.output
    (scores,) = json.loads(out.read_text()).values()
    assert scores["r_precision"] == 0.5
    guess = tmp_path / "guess" / "fever-dev-kilt.jsonl"
    assert run(path, *options, "--guess", guess, "--rank-key", "title").exit_code == 0
    (scores,) = json.loads(out.read_text()).values()
    assert scores["r_precision"] == 1


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (["--retrieval", "--unconstrained"], "D041"),
        (["--guess", "x"], "D042"),
        (["--retrieval", "--rank-key", "page"], "D006"),
    ],
)
def test_options_that_do_not_fit(write, options, code):
    result = run(write(*ROWS), *options)
    assert result.exit_code == 1
    assert code in result.output


def test_a_pipeline_without_a_retriever(write, tmp_path):
    import spacy

    spacy.blank("en").to_disk(tmp_path / "blank")
    result = run(write(*ROWS), "--retrieval", "--pipeline", tmp_path / "blank")
    assert "D014" in result.output
