import os
import subprocess
import sys

import pytest
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_genre.cli  # noqa: F401  (adds its commands to the app)
from spacy_genre import TitleSet


def run(*args):
    return CliRunner().invoke(app, ["genre", "titles", *map(str, args)])


@pytest.fixture
def names(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("\ufeffParis\n  Chicago \r\n\nSão Paulo\nParis\n", encoding="utf8")
    return path


def test_build(names, tmp_path, tokenizer):
    result = run("build", names, tmp_path / "out" / "set.titles")
    assert result.exit_code == 0, result.output
    assert "Wrote 3 names" in result.output
    titles = TitleSet.open(tmp_path / "out" / "set.titles", tokenizer=tokenizer)
    assert list(titles) == ["Chicago", "Paris", "São Paulo"]


def test_build_for_another_model(names, tmp_path, tiny_folder):
    assert run("build", names, tmp_path / "set", "--model", tiny_folder).exit_code == 0
    result = run("build", names, tmp_path / "other", "--model", tmp_path / "nothing")
    assert result.exit_code == 1
    assert "no config.json" in result.output
    assert not (tmp_path / "other").exists()


def test_an_existing_file_is_kept(names, tmp_path):
    out = tmp_path / "set"
    out.write_text("mine")
    assert run("build", names, out).exit_code == 1
    assert out.read_text() == "mine"
    assert run("build", names, out, "--force").exit_code == 0
    assert len(TitleSet.open(out)) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no names"),
        (b"\n \n\t\n", "has no names"),
        (b"Paris\nM\xfcnchen\n", "line 2: byte 1 of the line is not UTF-8"),
        (b"Paris\n\x00\x01", "line 2: it has a zero byte"),
        ("Paris\n\u200b\n".encode(), "1 of 2 names can't be used"),
        (None, "No such file"),
    ],
)
def test_bad_lists(tmp_path, content, message):
    path = tmp_path / "names.txt"
    if content is not None:
        path.write_bytes(content)
    result = run("build", path, tmp_path / "out")
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert os.listdir(tmp_path) == ([] if content is None else ["names.txt"])


def test_names_can_be_left_out(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("Paris\n\u200b\n")
    result = run("build", path, tmp_path / "out", "--skip-invalid")
    assert result.exit_code == 0
    assert "Left out 1 name" in result.output
    assert list(TitleSet.open(tmp_path / "out")) == ["Paris"]


def test_the_command_is_spacys():
    result = subprocess.run(
        [sys.executable, "-m", "spacy", "genre", "titles", "build", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "one name a line" in result.stdout
