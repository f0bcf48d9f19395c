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
# What users of the workflow custom put there.
OWN_ASSETS = {f"assets/{name}.jsonl" for name in ("names", "train", "dev")}


@pytest.mark.parametrize("folder", [ROOT, ROOT / "embedded"], ids=["users", "embedded"])
def test_every_input_is_made_or_given(folder):
    """Every input of a command is in the repository, made by a command before it, or an asset."""
    project = load_project_config(folder)
    commands = {command["name"]: command for command in project["commands"]}
    assets = {asset["dest"] for asset in project["assets"]} | OWN_ASSETS
    assert {name for steps in project["workflows"].values() for name in steps} == set(commands)
    for steps in project["workflows"].values():
        available = set(assets)
        for name in steps:
            command = commands[name]
            deps = command.get("deps", ())
            assert all(dep in available or (folder / dep).exists() for dep in deps)
            available |= {*command.get("outputs", ()), *command.get("outputs_no_cache", ())}


@pytest.mark.parametrize("folder", [ROOT, ROOT / "embedded"], ids=["users", "embedded"])
def test_every_command_and_option_exists(folder):
    for command in load_project_config(folder)["commands"]:
        for line in command["script"]:
            words = line.split()
            if words[1:4] == ["-m", "spacy", "genre"]:
                group = words[4:6] if words[4] in ("titles", "corpus") else words[4:5]
                result = CliRunner().invoke(genre_cli, [*group, "--help"], terminal_width=200)
                options = [word for word in words if word.startswith("--") and "." not in word]
                assert [o for o in options if o not in result.output] == []
            elif words[0] == "python" and words[1].endswith(".py"):
                assert (folder / words[1]).exists()


def in_this_process(command, **options):
    """Run a command that weasel would run in a new process. Six starts take most of a minute."""
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


def test_workflow_sample(tmp_path, monkeypatch, capsys):
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, tmp_path / part)
    monkeypatch.setattr("weasel.cli.run.run_command", in_this_process)
    small = {"pages": 20, "steps": 2, "texts": 3, "batch": 4}
    small = {f"vars.sample_{key}": value for key, value in small.items()}
    project_run(tmp_path, "sample", overrides=small)
    (metrics,) = srsly.read_json(tmp_path / "build/sample/metrics.json").values()
    assert metrics["mentions"] > 10
    assert metrics["in_set"] == 1.0
    assert metrics["accuracy_in_set"] > 0.3
    assert "</html>" in (tmp_path / "build/sample/metrics.html").read_text("utf8")
    capsys.readouterr()
    project_run(tmp_path, "sample", overrides=small)
    assert capsys.readouterr().out.count("nothing changed") == 6


@pytest.mark.slow
def test_workflow_sample_in_processes_of_its_own(tmp_path):
    for part in PARTS:
        copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copy
        copy(ROOT / part, tmp_path / part)
    command = [sys.executable, "-m", "spacy", "project", "run", "sample"]
    subprocess.run(command, cwd=tmp_path, check=True)
    (metrics,) = srsly.read_json(tmp_path / "build/sample/metrics.json").values()
    assert metrics["mentions"] > 100
    assert metrics["accuracy_in_set"] > 0.5


def test_docs_project_md_is_current(tmp_path):
    """docs/project.md is what `make project-docs` writes."""
    project_document(ROOT, tmp_path / "project.md")
    expected = (tmp_path / "project.md").read_text("utf8")
    current = (ROOT / "docs" / "project.md").read_text("utf8")
    assert current == expected.replace("](project.yml)", "](../project.yml)")
