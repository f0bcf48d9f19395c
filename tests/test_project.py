import runpy
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import srsly
from typer.testing import CliRunner
from weasel.cli.document import project_document
from weasel.cli.run import project_run
from weasel.util import load_project_config

from spacy_genre.cli import genre_cli

ROOT = Path(__file__).parents[1]
PARTS = ("project.yml", "configs", "scripts")


def test_the_project_is_whole():
    """Every input is there, made by a command before it, or an asset; every command exists."""
    project = load_project_config(ROOT)
    commands = {command["name"]: command for command in project["commands"]}
    given = {asset["dest"] for asset in project["assets"]}
    given |= {f"assets/{name}.jsonl" for name in ("names", "train", "dev")}  # the user's own
    assert {name for steps in project["workflows"].values() for name in steps} == set(commands)
    for steps in project["workflows"].values():
        made = set(given)
        for name in steps:
            command = commands[name]
            assert all(dep in made or (ROOT / dep).exists() for dep in command.get("deps", ()))
            made |= {*command.get("outputs", ()), *command.get("outputs_no_cache", ())}
    for command in commands.values():
        for line in command["script"]:
            words = line.split()
            if words[1:4] == ["-m", "spacy", "genre"]:
                group = words[4:6] if words[4] in ("titles", "corpus") else words[4:5]
                shown = CliRunner().invoke(genre_cli, [*group, "--help"], terminal_width=200)
                options = [word for word in words if word.startswith("--") and "." not in word]
                assert [o for o in options if o not in shown.output] == []


def in_this_process(command, **options):
    """What weasel starts a Python for: six starts are most of a minute."""
    assert command[0] == sys.executable
    module = command[2] if command[1] == "-m" else None
    run = (
        partial(runpy.run_module, module, alter_sys=True)
        if module
        else partial(runpy.run_path, command[1])
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", command[2 if module else 1 :])
        with pytest.raises(SystemExit) as exit:
            run(run_name="__main__")
    assert not exit.value.code, command


def test_the_workflow_sample(tmp_path, monkeypatch, capsys):
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, tmp_path / part)
    monkeypatch.setattr("weasel.cli.run.run_command", in_this_process)
    small = {"pages": 20, "steps": 2, "texts": 3, "batch": 4}
    small = {f"vars.sample_{key}": value for key, value in small.items()}
    project_run(tmp_path, "sample", overrides=small)
    (found,) = srsly.read_json(tmp_path / "build/sample/metrics.json").values()
    assert found["mentions"] > 10
    assert found["in_set"] == 1.0
    assert found["accuracy_in_set"] > 0.3
    assert "</html>" in (tmp_path / "build/sample/metrics.html").read_text("utf8")
    capsys.readouterr()
    project_run(tmp_path, "sample", overrides=small)
    assert capsys.readouterr().out.count("nothing changed") == 6


@pytest.mark.slow
def test_the_workflow_sample_as_a_user_runs_it(tmp_path):
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, tmp_path / part)
    command = [sys.executable, "-m", "spacy", "project", "run", "sample"]
    subprocess.run(command, cwd=tmp_path, check=True)
    (found,) = srsly.read_json(tmp_path / "build/sample/metrics.json").values()
    assert found["mentions"] > 100
    assert found["accuracy_in_set"] > 0.5


def test_the_document_of_the_project_is_current(tmp_path):
    """docs/project.md is what `make project-docs` writes."""
    project_document(ROOT, tmp_path / "project.md")
    expected = (tmp_path / "project.md").read_text("utf8")
    found = (ROOT / "docs" / "project.md").read_text("utf8")
    assert found == expected.replace("](project.yml)", "](../project.yml)")
