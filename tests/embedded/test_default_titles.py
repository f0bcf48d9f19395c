import bz2
import gzip
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import default_titles
import packages
import pytest
import srsly
import title_lists
import word_lists
from helpers.wikimedia import articles_xml

from spacy_genre import TitleSet
from spacy_genre.titles.loaders import EMBEDDED

DUMP = bz2.compress(
    articles_xml([("Anarchism", 0, None, "[[Nadar]] [[Iron Man]] [[Ming Dynasty]]")])
)
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
CLUBS = """\
TEAMS = [
    {'name': 'Man', 'country': 'England', 'aliases': ['Manchester United', 'Man Utd']},
]
"""
BRANDS = {
    "brands/shop/food": {
        "items": [
            {"tags": {"brand": "Mac", "brand:wikidata": "Q1", "brand:wikipedia": "en:McDonald's"}},
            {"tags": {"brand": "Kaufland", "brand:wikipedia": "de:Kaufland", "name": "K"}},
        ]
    }
}
REGIONS = [
    {"properties": {"nameEn": "France", "wikidata": "Q142"}},
    {"properties": {"nameEn": "Georgia", "wikidata": "Q230"}},
    {"properties": {"nameEn": "Cyprus", "wikidata": "Q6", "level": "sharedLandform"}},
]
AIRPORTS = """\
type,name,wikipedia_link
large_airport,Paris-Orly,https://en.wikipedia.org/wiki/Orly_Airport
small_airport,Field,https://en.wikipedia.org/wiki/Field
"""
NOUNS = """\
  1 This is the licence
1 15 n 02 France 0 French_Republic 0 001 @i 2 n 0000 | a republic
2 05 n 01 tiger 0 000 | a cat
"""
CONTENTS = {
    title_lists.VITAL: json.dumps(
        {"AT&amp;T": "", "Anarchism": "", "France": "", "Georgia (country)": "", "1984": ""}
        | {"Ming dynasty": "", "French language": "", "Bengal tiger": ""}
    ),
    title_lists.COMPANIES: COMPANIES,
    title_lists.MOST_READ: "export default `true¦iron man,list of cats,siberian tiger`",
    title_lists.BRANDS: json.dumps({"nsi": BRANDS}),
    title_lists.REGIONS: json.dumps({"features": REGIONS}),
    title_lists.LANGUAGES: json.dumps([{"label": "French", "wd": "Q150"}]),
    title_lists.AIRPORTS: gzip.compress(AIRPORTS.encode()),
    title_lists.CLUBS: CLUBS,
    word_lists.NOUNS: NOUNS,
    word_lists.VERBS: "3 29 v 01 go 0 000 | move\n",
    word_lists.ADJECTIVES: "4 00 a 01 big(p) 0 000 | large\n",
    word_lists.ADVERBS: "5 02 r 01 now 0 000 | at once\n",
    word_lists.FREQUENCIES: gzip.compress(b'{"tiger": -12, "iron": -10, "man": -8, "Man": -9}'),
    word_lists.ICONS: json.dumps([{"title": "GitHub"}]),
    default_titles.DUMP: DUMP,
    default_titles.SUMMARIES: json.dumps({"Tiger": {"extract": "The Siberian tiger is one."}}),
}


def write_packages(folder, contents):
    """Write the files of packages, each with all its members."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for source, content in contents.items():
        members = files.setdefault(folder / source.pattern.replace("*", "py3-none-any"), {})
        members[source.member] = content if isinstance(content, bytes) else content.encode()
    for path, members in files.items():
        if path.suffix == ".whl":
            with zipfile.ZipFile(path, "w") as wheel:
                for member, content in members.items():
                    wheel.writestr(member, content)
            continue
        with tarfile.open(path, "w:gz") as tarball:
            for member, content in members.items():
                info = tarfile.TarInfo(f"package/{member}")
                info.size = len(content)
                tarball.addfile(info, io.BytesIO(content))
    return folder


@pytest.fixture
def folder(tmp_path):
    return write_packages(tmp_path / "packages", CONTENTS)


def test_files(folder, tmp_path):
    default_titles.main(tmp_path / "new" / "folder", packages=folder)
    rows = srsly.read_jsonl(tmp_path / "new" / "folder" / "articles.jsonl")
    assert {row.pop("name"): row for row in rows} == {
        "AT&T": {"count": 1000},
        "Anarchism": {"count": 1000},
        "BMW": {},
        "Bengal tiger": {"count": 1000},
        "Deutsche Börse": {},
        "France": {"count": 1000, "id": "Q142", "redirects": ["French Republic"]},
        "French language": {"count": 1000, "id": "Q150"},
        "Georgia (country)": {"count": 1000},
        "Iron Man": {"count": 100},
        "Manchester United F.C.": {
            "redirects": ["Man", "Man United", "Man Utd", "Manchester United"]
        },
        "McDonald's": {"id": "Q1", "redirects": ["Mac"]},
        "Ming dynasty": {"count": 1000, "redirects": ["Ming Dynasty"]},
        "Orly Airport": {"redirects": ["Paris-Orly"]},
        "Siberian tiger": {"count": 100},
    }
    assert (tmp_path / "new" / "folder" / "enwiki-sample.xml.bz2").read_bytes() == DUMP


def test_package_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no file of gensim 4\.4\.0"):
        default_titles.main(tmp_path / "out", packages=tmp_path)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("source", [default_titles.DUMP, title_lists.MOST_READ])
def test_package_without_member(source, tmp_path):
    write_packages(tmp_path, {source._replace(member="other"): b""})
    with pytest.raises(ValueError, match=f"broken or lacks {source.member}"):
        packages.read_member(tmp_path, source)


@pytest.mark.parametrize("source", [default_titles.DUMP, title_lists.MOST_READ])
def test_package_broken(source, tmp_path):
    (tmp_path / source.pattern.replace("*", "any")).write_bytes(b"neither zip nor tar")
    with pytest.raises(ValueError, match="is broken or lacks"):
        packages.read_member(tmp_path, source)


def test_download_failure(monkeypatch, tmp_path):
    def run(command, **_):
        raise subprocess.CalledProcessError(1, command)

    monkeypatch.setattr(packages.subprocess, "run", run)
    with pytest.raises(RuntimeError, match=r"pip could not download .*name it with --packages"):
        default_titles.main(tmp_path / "out")


def test_npm_is_missing(monkeypatch, tmp_path):
    def run(command, **_):
        if command[0] == "npm":
            raise FileNotFoundError("npm")

    monkeypatch.setattr(packages.subprocess, "run", run)
    with pytest.raises(RuntimeError, match="Without npm or a package index"):
        default_titles.main(tmp_path / "out")


def test_download_is_pinned(monkeypatch, folder, tmp_path):
    commands = []

    def run(command, **_):
        commands.append(command)
        target = command[command.index("-d") + 1] if "-d" in command else command[3][19:]
        for file in folder.iterdir():
            (Path(target) / file.name).write_bytes(file.read_bytes())

    monkeypatch.setattr(packages.subprocess, "run", run)
    default_titles.main(tmp_path / "out")
    pip, npm = commands
    assert pip[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--no-deps", "--only-binary=:all:", "gensim==4.4.0"} < set(pip)
    assert npm[:2] == ["npm", "pack"]
    assert "@rapideditor/country-coder@5.6.1" in npm
    assert (tmp_path / "out").exists()


def test_other_spellings_are_redirects():
    links = "[[Ming Dynasty]] [[Doe, Jane|J.]] [[NATO]] [[ming dynasty]] [[Own Page]] [[Rome, New]]"
    pages = [("Anarchism", 0, None, links), ("Own Page", 0, None, "")]
    articles = {"Ming dynasty", "Jane Doe", "Nato", "Own page", "New York"}
    spellings = default_titles.find_spellings(articles, articles_xml(pages).decode())
    assert spellings == {"Ming dynasty": ["Ming Dynasty"], "Jane Doe": ["Doe, Jane"]}


def test_the_title_set_of_the_package():
    titles = TitleSet.open(EMBEDDED)
    for name, title in (
        ("Nietzsche, Friedrich", "Friedrich Nietzsche"),
        ("Ming Dynasty", "Ming dynasty"),
        ("US", "United States"),
        ("UK", "United Kingdom"),
        ("EU", "European Union"),
        ("Obama", "Barack Obama"),
        ("Man United", "Manchester United F.C."),
    ):
        assert titles.resolve(name) == title
        assert name not in titles
    assert titles.id_of("McDonald's") == "Q38076"
    assert titles.id_of("Germany") == "Q183"
    assert not {"1984", "July 4", "List of sovereign states"} & set(titles)
