"""The pages for users and developers: links, commands and length."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from spacy_genre.cli import genre_cli

ROOT = Path(__file__).parents[1]
PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/*.md"),
    ROOT / "embedded" / "README.md",
    ROOT / "spacy_genre" / "assets" / "genre_mini" / "README.md",
]
LINK = re.compile(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)")
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"^```bash\n(.*?)^```$|`([^`\n]+)`", re.MULTILINE | re.DOTALL)
GROUPS = ("titles", "corpus", "convert")


def anchors(page):
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", FENCED.sub("", page.read_text("utf8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def commands(page):
    """All commands of `python -m spacy genre` on a page, in words."""
    text = page.read_text("utf8").replace("\\\n", " ")
    lines = (line for match in CODE.finditer(text) for line in (match[1] or match[2]).splitlines())
    for line in lines:
        if found := re.match(r"python -m spacy genre ([a-z][^…]*?)(#.*)?$", line):
            yield found[1].split()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links(page):
    for path, anchor in LINK.findall(page.read_text("utf8")):
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), path
        assert not anchor or anchor in anchors(target), anchor


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands(page):
    for words in commands(page):
        group = words[:2] if words[0] in GROUPS else words[:1]
        result = CliRunner().invoke(genre_cli, [*group, "--help"], terminal_width=200)
        assert result.exit_code == 0, words
        options = [word for word in words if word.startswith("--") and "." not in word]
        assert [option for option in options if option not in result.output] == [], words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_programs_exist(page):
    text = page.read_text("utf8")
    for path in re.findall(r"python ((?:benchmarks|embedded|scripts)/\w+\.py)", text):
        assert (ROOT / path).exists(), path


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf8").splitlines()) <= 150
