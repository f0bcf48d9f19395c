"""What kind of source a file is, by its content."""

from pathlib import Path

from ..errors import Errors
from .lists import delimiter_of
from .opening import open_source
from .sql import table_name
from .tables import TABLES

# So much of a file tells what it is.
START = 1 << 16


def kind_of(path: Path) -> str:
    """The kind of a source: "page", "redirect", "page_props" (tables of MediaWiki's database),
    "titles" (its list of all titles), "articles" (its XML), or the user's own "jsonl", "tsv",
    "csv" or "lines".

    RAISES (OSError, ValueError): If it can't be read or is none of these.
    """
    with open_source(path) as source:
        start = source.stream.read(START)
    return _kind(path, start)


def _kind(path: Path, start: bytes) -> str:
    lines = start.removeprefix(b"\xef\xbb\xbf").lstrip().splitlines() or [b""]
    first = lines[0].strip()
    low = start[:2000].lower()
    if table := table_name(start):
        if table not in TABLES:
            raise ValueError(Errors.F008.format(path=path, table=table))
        return table
    if b"<mediawiki" in low:
        return "articles"
    if b"<!doctype html" in low or b"<html" in low:
        raise ValueError(Errors.F003.format(path=path))
    if first.startswith(b"<"):
        reason = "it is XML or HTML, but no dump of MediaWiki's"
        raise ValueError(Errors.F004.format(path=path, reason=reason))
    if first.startswith((b"-- MySQL dump", b"-- MariaDB dump", b"/*M!")):
        reason = "it is a database dump without a table, or one that is cut"
        raise ValueError(Errors.F004.format(path=path, reason=reason))
    if first in (b"page_title", b"page_namespace\tpage_title"):
        return "titles"
    if first.startswith(b"{"):
        return "jsonl"
    if first in (b"[", b"[]") or first.startswith((b"[{", b'["')):
        reason = "it is one JSON array; write one object a line (JSONL)"
        raise ValueError(Errors.F004.format(path=path, reason=reason))
    if b"\t" in first or first == b"name":
        return "tsv"
    if delimiter_of(first.decode("utf8", "replace")):
        return "csv"
    return "lines"
