"""The annotator and the retriever, entities in the input, and what reads the output."""

import csv
import json
import shutil

import pytest
import spacy
import srsly
from spacy.tokens import DocBin, Span
from typer.testing import CliRunner

from spacy_genre.cli import genre_cli

BLOCK = {
    "marker": "[unused1]",
    "open_mention": "[unused3]",
    "close_mention": "[unused4]",
    "open_name": "[unused5]",
    "close_name": "[unused6]",
}


@pytest.fixture(scope="module")
def annotator_folder(tiny_folder, tmp_path_factory):
    """A random model that counts as trained to annotate texts."""
    path = shutil.copytree(tiny_folder, tmp_path_factory.mktemp("model") / "tiny")
    config = srsly.read_json(path / "config.json")
    srsly.write_json(
        path / "config.json", {**config, "genre": {"tasks": ["annotation"], "annotation": BLOCK}}
    )
    return path


def test_pages_to_each_format(link, tmp_path):
    (tmp_path / "in.txt").write_text("What is <b>Paris</b>?\nWho was Einstein?\n")
    retrieve = ("in.txt", "--lines", "--task", "retriever", "-o")
    assert "pages with a title" in link(*retrieve, "out.jsonl")
    rows = list(srsly.read_jsonl(tmp_path / "out.jsonl"))
    assert [row["text"] for row in rows] == ["What is <b>Paris</b>?", "Who was Einstein?"]
    for row in rows:
        assert [page["rank"] for page in row["pages"]] == [*range(1, len(row["pages"]) + 1)]
        assert all(page["title"] and page["id"] and page["url"] for page in row["pages"])
    link(*retrieve, "out.csv")
    with (tmp_path / "out.csv").open(newline="") as file:
        found = [(row["text"], row["link_title"]) for row in csv.DictReader(file)]
    assert found == [(row["text"], page["title"]) for row in rows for page in row["pages"]]
    link(*retrieve, "out.html")
    page = (tmp_path / "out.html").read_text("utf8")
    assert page.count("<li>") == sum(len(row["pages"]) for row in rows)
    assert "&lt;b&gt;" in page
    link(*retrieve, "out.spacy")
    docs = DocBin().from_disk(tmp_path / "out.spacy").get_docs(spacy.vocab.Vocab())
    for doc, row in zip(docs, rows, strict=True):
        assert [page.title for page in doc._.genre_pages] == [p["title"] for p in row["pages"]]


def test_annotator(link, tmp_path, annotator_folder):
    (tmp_path / "in.csv").write_text("text\nHe left Paris for Chicago.\n")
    link("in.csv", "-o", "out.jsonl", "--task", "annotator", model=annotator_folder)
    (row,) = srsly.read_jsonl(tmp_path / "out.jsonl")
    for mention in row["mentions"]:
        assert row["text"][mention["start"] : mention["end"]] == mention["mention"]
        assert mention["title"]


def test_given_entities_are_linked(link, tmp_path, titles_path):
    text = "He left Paris, for Chicago."
    nlp = spacy.blank("en")
    doc = nlp(text)
    doc.ents = [Span(doc, 2, 3, "GPE"), Span(doc, 5, 6, "GPE")]
    DocBin(docs=[doc]).to_disk(tmp_path / "docs.spacy")
    spans = [{"start": ent.start_char, "end": ent.end_char, "label": "GPE"} for ent in doc.ents]
    for key in ("mentions", "ents", "spans"):
        srsly.write_jsonl(tmp_path / f"{key}.jsonl", [{"text": text, key: spans}])
        link(f"{key}.jsonl", "-o", f"{key}.csv")
    link("docs.spacy", "-o", "docs.csv")
    outputs = []
    for name in ("mentions", "ents", "spans", "docs"):
        with (tmp_path / f"{name}.csv").open(newline="") as file:
            rows = csv.DictReader(file)
            outputs.append([[v for k, v in row.items() if k.startswith("link_")] for row in rows])
    assert [row[2] for row in outputs[0]] == ["Paris", "Chicago"]
    assert all(rows == outputs[0] for rows in outputs)


def test_the_output_is_a_corpus(link_texts, tmp_path, titles_path):
    (tmp_path / "in.jsonl").write_text(json.dumps({"text": "He left Paris, for Chicago."}))
    link_texts("in.jsonl", "-o", "links.jsonl")
    command = ["corpus", "build", "links.jsonl", "corpus", "--titles", str(titles_path)]
    result = CliRunner().invoke(genre_cli, command)
    assert result.exit_code == 0, result.output
    assert "Wrote 1 texts" in result.output


def test_help_has_examples():
    result = CliRunner().invoke(genre_cli, ["link", "--help"], terminal_width=200)
    assert result.exit_code == 0
    for part in ("python -m spacy genre link texts/ -o", "Exit codes", "--name-column"):
        assert part in result.output


def test_interrupted_by_the_user(link_texts, tmp_path, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    (tmp_path / "in.csv").write_text("text\nIn Paris\n")
    monkeypatch.setattr("spacy_genre.bulk.run._write", interrupt)
    assert "same command continues" in link_texts("in.csv", "-o", "out.csv", code=130)
