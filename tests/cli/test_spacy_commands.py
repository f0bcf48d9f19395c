"""spaCy's own commands with a pipeline of this package."""

import json
import re
from pathlib import Path

import pytest
import spacy
import srsly
from helpers.docs import NAMES, make_docs
from spacy.cli._util import app
from spacy.tokens import DocBin
from typer.testing import CliRunner

import spacy_genre.cli  # noqa: F401
from spacy_genre import TitleSet

CONFIGS = Path(__file__).parents[2] / "configs"
GOLD = ["Albert Einstein", "Germany", "Nobel Prize"]


def run(*args, code=0):
    result = CliRunner().invoke(app, [*map(str, args)])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="module")
def folder(tmp_path_factory, tiny_folder, tokenizer):
    """A saved pipeline with a random model, and gold Docs."""
    folder = tmp_path_factory.mktemp("commands")
    TitleSet.build(NAMES, tokenizer).save(folder / "titles")
    nlp = spacy.blank("xx")
    patterns = [{"label": "GPE", "pattern": name} for name in ("Paris", "Chicago", "Einstein")]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)
    titles = {"@misc": "spacy_genre.TitleSet.v1", "path": str(folder / "titles")}
    nlp.add_pipe("genre_linker", config={"model": {"name": str(tiny_folder)}, "titles": titles})
    nlp.to_disk(folder / "pipeline")
    docs = make_docs(nlp)
    for ent, title in zip(docs[0].ents, GOLD, strict=True):
        for token in ent:
            token.ent_kb_id_ = title
    DocBin(docs=docs[:1] * 4, store_user_data=True).to_disk(folder / "gold.spacy")
    return folder


def test_apply(folder, tmp_path):
    (tmp_path / "texts.jsonl").write_text('{"text": "Einstein left Paris."}\n' * 3)
    run("apply", folder / "pipeline", tmp_path / "texts.jsonl", tmp_path / "out.spacy")
    docs = list(DocBin().from_disk(tmp_path / "out.spacy").get_docs(spacy.vocab.Vocab()))
    assert len(docs) == 3
    for doc in docs:
        assert [ent.text for ent in doc.ents] == ["Einstein", "Paris"]
        assert {ent.kb_id_ for ent in doc.ents} <= {*NAMES}
        assert all(ent._.genre_candidates for ent in doc.ents)


def test_evaluate(folder, tmp_path):
    """The scores of entity linking are in the JSON: spaCy prints those of its fixed list only."""
    out = tmp_path / "scores.json"
    args = (folder / "pipeline", folder / "gold.spacy", "--output", out)
    assert "SPEED" in run("evaluate", *args)
    assert 0 <= srsly.read_json(out)["nel_micro_f"] <= 1
    run("evaluate", *args, "--per-component")
    assert "nel_micro_p" in srsly.read_json(out)["genre_linker"]


def test_benchmark_speed(folder):
    args = (folder / "pipeline", folder / "gold.spacy", "--batches", 30, "--warmup", 1)
    assert "words/s" in run("benchmark", "speed", *args, "--batch-size", 2)


def test_find_threshold(folder):
    args = ("genre_linker", "threshold", "nel_micro_f", "--n_trials", 3)
    printed = run("find-threshold", folder / "pipeline", folder / "gold.spacy", *args)
    rows = [line.split() for line in printed.splitlines() if re.match(r"\d\.\d+ ", line)]
    assert [row[0] for row in rows] == ["0.0", "0.5", "1.0"]
    # Few links of a random model are certain.
    assert float(rows[0][1]) >= float(rows[2][1])


def test_package(folder, tmp_path):
    """The package has the model and the title set, and needs this one."""
    args = (folder / "pipeline", tmp_path, "--name", "places", "--version", "1.2.3")
    run("package", *args, "--build", "none")
    requirements = srsly.read_json(next(tmp_path.rglob("meta.json")))["requirements"]
    assert any(r.startswith("spacy_genre") for r in requirements)
    nlp = spacy.load(next(tmp_path.rglob("config.cfg")).parent)
    assert nlp("Paris").ents[0].kb_id_ == "Paris"


@pytest.fixture
def config_options(folder, tiny_folder, tmp_path):
    row = {"text": "See Paris here.", "mentions": [{"start": 4, "end": 9, "title": "Paris"}]}
    (tmp_path / "gold.jsonl").write_text(f"{json.dumps(row)}\n" * 100)  # fewer are an error
    paths = {"titles": folder / "titles", "model": tiny_folder}
    paths.update(train=tmp_path / "gold.jsonl", dev=tmp_path / "gold.jsonl")
    options = [str(part) for key, path in paths.items() for part in (f"--paths.{key}", path)]
    # spaCy can't resolve the variable ${training.max_steps} in the optimizer's block by itself.
    return [*options, "--training.optimizer.learn_rate.total_steps", "400"]


def test_assemble(config_options, tmp_path):
    run("assemble", CONFIGS / "finetune.cfg", tmp_path / "out", *config_options)
    nlp = spacy.load(tmp_path / "out")
    assert nlp.pipe_names == ["genre_linker"]
    assert [*nlp.get_pipe("genre_linker").titles] == NAMES


def test_debug_config(config_options):
    printed = run("debug", "config", CONFIGS / "finetune.cfg", "--show-functions", *config_options)
    for name in ("spacy_genre.Seq2Seq.v1", "spacy_genre.TitleSet.v1", "spacy_genre.Corpus.v1"):
        assert name in printed


def test_debug_data(config_options):
    printed = run("debug", "data", CONFIGS / "finetune.cfg", *config_options)
    assert "Corpus is loadable" in printed
    assert "100 training docs" in printed
