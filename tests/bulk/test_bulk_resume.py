"""Interrupted runs go on where they stopped, and two runs can't write the same output."""

import json
import os
import signal
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import pytest

from spacy_genre import TitleSet
from spacy_genre.bulk import run as bulk_run
from spacy_genre.bulk.pipelines import PipelineOptions
from spacy_genre.bulk.readers import ReadOptions
from spacy_genre.bulk.run import BulkOptions, link_files
from spacy_genre.bulk.work import UnfinishedRun, locked_output, unfinished_folder
from spacy_genre.titles.loaders import EMBEDDED

WORDS = ("Paris", "Chicago", "nothing", "Germany and Paris")
ADD = UnfinishedRun.add


@pytest.fixture
def source(tmp_path, monkeypatch):
    """A file of 14 rows, which are linked in 4 shards."""
    monkeypatch.setattr(bulk_run, "SHARD_ROWS", 4)
    rows = (json.dumps({"text": f"Text {i} of {WORDS[i % 4]}."}) for i in range(14))
    (tmp_path / "in.jsonl").write_text("".join(f"{row}\n" for row in rows))
    return tmp_path / "in.jsonl"


@pytest.fixture
def options(pipeline):
    def make(**changes):
        given = {"pipeline": PipelineOptions(pipeline=str(pipeline)), "batch_size": 2}
        return BulkOptions(**{**given, **changes})

    return make


def run_killed(kill_at, is_recorded, *args):
    """Run in another process, which kills itself at a shard, after its file or its record."""

    def add(run, shard):
        is_last = len(run.shards) + 1 == kill_at
        if not is_last or is_recorded:
            ADD(run, shard)
        if is_last:
            os.kill(os.getpid(), signal.SIGKILL)

    def work():
        UnfinishedRun.add = add
        link_files(*args)

    process = get_context("fork").Process(target=work)
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("name", "is_recorded"),
    [("out.jsonl", True), ("out.csv", False), ("out.parquet", True), ("out", False)],
)
def test_a_killed_run_is_continued(source, options, tmp_path, name, is_recorded):
    out, expected = tmp_path / name, tmp_path / "undisturbed" / name
    link_files([source], expected, options())
    run_killed(2, is_recorded, [source], out, options())
    assert not out.exists()
    summary = link_files([source], out, options())
    assert summary.n_resumed == (8 if is_recorded else 4)
    assert (summary.n_rows, summary.n_links) == (14, 14)
    assert not unfinished_folder(out).exists()
    if name == "out":
        files = sorted(path.name for path in expected.iterdir())
        assert sorted(path.name for path in out.iterdir()) == files
        assert len(files) == 5
        assert all((out / f).read_bytes() == (expected / f).read_bytes() for f in files)
    else:
        assert out.read_bytes() == expected.read_bytes()


def test_workers_of_a_killed_run_end(source, options, tmp_path):
    """They would keep the lock of the output, and their memory."""
    out, expected = tmp_path / "out.jsonl", tmp_path / "expected.jsonl"
    run_killed(2, True, [source], out, options(n_process=2))
    summary = link_files([source], out, options(n_process=2))
    assert summary.n_resumed == 8
    link_files([source], expected, options())
    assert out.read_bytes() == expected.read_bytes()


def test_a_run_with_other_settings_is_not_continued(source, options, pipeline, tmp_path):
    out = tmp_path / "out.jsonl"
    run_killed(2, True, [source], out, options())
    changes = {
        "settings": {"pipeline": PipelineOptions(pipeline=str(pipeline), threshold=0.1)},
        "columns": {"reading": ReadOptions(lines=True)},
        "output": {"url_template": "http://kb/{}"},
    }
    for what, change in changes.items():
        with pytest.raises(ValueError, match=f"B055.*other {what}.*--force"):
            link_files([source], out, options(**change))
    with source.open("a") as file:
        file.write('{"text": "One more of Paris."}\n')
    with pytest.raises(ValueError, match=r"B055.*other inputs\."):
        link_files([source], out, options())
    summary = link_files([source], out, options(force=True))
    assert (summary.n_rows, summary.n_resumed) == (15, 0)


def test_the_title_set_and_the_model_count(source, tmp_path, tiny_folder, titles_path, tokenizer):
    def options(**changes):
        given = {"model": str(tiny_folder), "titles": str(own), **changes}
        reading = ReadOptions(name_column="text")
        return BulkOptions(PipelineOptions(**given), reading, batch_size=2)

    out, own = tmp_path / "out.jsonl", tmp_path / "own.titles"
    own.write_bytes(titles_path.read_bytes())
    run_killed(1, True, [source], out, options())
    TitleSet.build(["Paris"], tokenizer).save(own)
    bulk_run.load_pipeline.cache_clear()  # it has the first title set
    with pytest.raises(ValueError, match=r"B055.*other title set\."):
        link_files([source], out, options())
    own.write_bytes(titles_path.read_bytes())
    with pytest.raises(ValueError, match=r"B055.*other model"):
        link_files([source], out, options(model=None))
    assert link_files([source], out, options()).n_resumed == 4


def test_an_output_is_replaced_only_with_force(source, options, tmp_path):
    out = tmp_path / "out.jsonl"
    link_files([source], out, options())
    out.write_text("mine")
    with pytest.raises(ValueError, match=r"T015.*--force"):
        link_files([source], out, options())
    assert out.read_text() == "mine"
    link_files([source], out, options(force=True))
    assert out.read_text().count("\n") == 14


def test_a_failed_run_keeps_an_existing_output(source, options, tmp_path, monkeypatch):
    out = tmp_path / "out.jsonl"
    out.write_text("mine")

    def fail(*_):
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(UnfinishedRun, "finish_file", fail)
        with pytest.raises(OSError, match="full"):
            link_files([source], out, options(force=True))
    assert out.read_text() == "mine"
    assert link_files([source], out, options()).n_resumed == 14
    assert out.read_text().count("\n") == 14


def test_two_runs_can_t_write_the_same_output(source, options, tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_genre.bulk.work.LOCK_TIMEOUT", 0.1)
    out = tmp_path / "out.jsonl"
    with locked_output(out), pytest.raises(ValueError, match=r"B056.*out\.jsonl"):
        link_files([source], out, options(force=True))
    link_files([source], tmp_path / "other.jsonl", options())
    link_files([source], out, options())


def test_an_input_that_changes_is_an_error(source, options, tmp_path, monkeypatch):
    load = bulk_run.load_pipeline

    def change(given):
        with source.open("a") as file:
            file.write('{"text": "One more of Paris."}\n')
        return load(given)

    monkeypatch.setattr(bulk_run, "load_pipeline", change)
    with pytest.raises(ValueError, match=r"B061.*in\.jsonl"):
        link_files([source], tmp_path / "out.jsonl", options())
    assert not (tmp_path / "out.jsonl").exists()


def command(source, out):
    args = ("link", source, "-o", out, "--name-column", "name", "--batch-size", 32)
    return [sys.executable, "-m", "spacy", "genre", *map(str, args)]


@pytest.mark.slow
def test_ten_thousand_rows_with_a_kill(tmp_path):
    """With the model in the package: names that it has in its title set, and others."""
    names = list(TitleSet.open(EMBEDDED))[:: len(TitleSet.open(EMBEDDED)) // 9000][:9000]
    names += [f"{name} of {i}" for i, name in enumerate(names[:1000])]
    rows = (f'{i},"{name}"\n' for i, name in enumerate(name.replace('"', '""') for name in names))
    source, out, expected = (tmp_path / f"{name}.csv" for name in ("in", "out", "expected"))
    source.write_text("id,name\n" + "".join(rows), encoding="utf8")
    process = subprocess.Popen(command(source, out))
    shards = unfinished_folder(out)
    while len([*shards.glob("0*.csv")]) < 4:
        assert process.poll() is None
        time.sleep(0.05)
    process.kill()
    process.wait()
    assert not out.exists()
    printed = subprocess.run(command(source, out), check=True, capture_output=True, text=True)
    assert "rows were linked by an earlier run" in printed.stdout
    subprocess.run(command(source, expected), check=True)
    assert out.read_bytes() == expected.read_bytes()
    assert out.read_text("utf8").count("\n") == len(names) + 1
    assert Path(unfinished_folder(out)).exists() is False
