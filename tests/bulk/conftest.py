from functools import lru_cache
from pathlib import Path

import pytest
import spacy
from helpers.docs import NAMES
from typer.testing import CliRunner

from spacy_genre import TitleSet
from spacy_genre.bulk import run as bulk_run
from spacy_genre.cli import genre_cli

# Loading takes most of the time of a small run.
load_once = lru_cache(bulk_run.load_pipeline)


@pytest.fixture(autouse=True)
def _pipelines_are_loaded_once(monkeypatch):
    monkeypatch.setattr(bulk_run, "load_pipeline", load_once)


@pytest.fixture(scope="session")
def titles_path(tmp_path_factory, tokenizer) -> Path:
    path = tmp_path_factory.mktemp("titles") / "own.titles"
    TitleSet.build(NAMES, tokenizer, ids=[f"Q{i + 1}" for i in range(len(NAMES))]).save(path)
    return path


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory, tiny_folder, titles_path) -> Path:
    """A saved pipeline with a random model, that finds entities by patterns."""
    nlp = spacy.blank("xx")
    patterns = [{"label": "GPE", "pattern": name} for name in ("Paris", "Chicago", "Germany")]
    nlp.add_pipe("entity_ruler").add_patterns(patterns)
    titles = {"@misc": "spacy_genre.TitleSet.v1", "path": str(titles_path)}
    nlp.add_pipe("genre_linker", config={"model": {"name": str(tiny_folder)}, "titles": titles})
    path = tmp_path_factory.mktemp("pipeline") / "pipeline"
    nlp.to_disk(path)
    return path


@pytest.fixture
def link(monkeypatch, tmp_path, tiny_folder, titles_path):
    """Runs the command in a folder of its own, and gives its output on one line."""
    monkeypatch.chdir(tmp_path)

    def run(*args, code=0, model=tiny_folder, titles=titles_path, stdin=None):
        options = [] if titles is None else ["--titles", titles]
        options += [] if model is None else ["--model", model]
        command = ["link", *args, *options]
        command = [*map(str, command)]
        result = CliRunner().invoke(genre_cli, command, input=stdin, catch_exceptions=False)
        assert result.exit_code == code, result.output
        return " ".join(result.output.split())

    return run


@pytest.fixture
def link_texts(link, pipeline):
    """The same with the pipeline."""

    def run(*args, **options):
        return link(*args, "--pipeline", pipeline, model=None, titles=None, **options)

    return run
