"""Detection of a source file's kind by its content."""

import re
from pathlib import Path
from typing import List

from ..errors import Errors
from .columns import DETECTED, GivenColumns, UnclearColumns
from .files import SourceFile, open_source
from .layout import N_START_BYTES, find_layout
from .pageviews import is_pageviews
from .sql import table_name
from .sql_tables import TABLES
from .tables import unclear_table

# Names may begin with brackets, too ("<3 (album)", "{{citation}}"). So XML must have an attribute
# or a closing tag, and JSON a key or a first string.
XML = re.compile(
    rb"<\?xml\b|<!--|<!doctype\b|<[a-z_][\w:.-]*(\s+[\w:.-]+\s*=|\s*/>|\s*>.*</)",
    re.IGNORECASE | re.DOTALL,
)
KEY = rb"""\{\s*(["'])[^"'\n]*\1\s*:"""
JSON_OBJECT = re.compile(KEY + rb"|\{\s*\}\s*$")
JSON_ARRAY = re.compile(rb"\[\s*(?:" + KEY + rb"""|"(?:[^"\\\n]|\\.)*"\s*[,\]]|\]\s*$)""")


def detect_kind(path: Path, given: GivenColumns = DETECTED) -> str:
    """Detect the kind of a source file.

    path (Path): The file.
    given (GivenColumns): The columns of tables that the user names.
    RETURNS (str): "page", "redirect" or "page_props" (tables of MediaWiki's database), "titles"
        (its list of all titles), "articles" (its XML), "pageviews" (hourly views of all wikis), or
        "jsonl", "tsv", "csv" or "lines" (the user's own lists).
    RAISES (OSError, ValueError): If it can't be read, or is of another kind.
    """
    with open_source(path) as source:
        start = source.stream.read(N_START_BYTES)
        return _kind(source, start, given)


def _kind(source: SourceFile, start: bytes, given: GivenColumns) -> str:
    path = source.path
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        reason = "it is text in UTF-16; save it as UTF-8 (iconv -f UTF-16 -t UTF-8 FILE > NEW)"
        raise ValueError(Errors.F004.format(path=path, reason=reason))
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    first = (text.splitlines() or [b""])[0].strip()
    if table := table_name(start):
        if table not in TABLES:
            raise ValueError(Errors.F008.format(path=path, table=table))
        return table
    if XML.match(text):
        return _kind_of_xml(path, text[:2000].lower())
    if first.startswith((b"-- MySQL dump", b"-- MariaDB dump", b"/*M!")):
        reason = "it is a database dump without a table, or a truncated one"
        raise ValueError(Errors.F004.format(path=path, reason=reason))
    if first in (b"page_title", b"page_namespace\tpage_title"):
        return "titles"
    if is_pageviews(_complete_lines(start)):
        return "pageviews"
    if JSON_OBJECT.match(text):
        return "jsonl"
    if JSON_ARRAY.match(text):
        reason = "it is one JSON array; write one object per line (JSONL)"
        raise ValueError(Errors.F004.format(path=path, reason=reason))
    return _kind_of_list(source, start, given)


def _complete_lines(start: bytes) -> List[bytes]:
    """The first lines of a file, without one that may be incomplete."""
    lines = start.split(b"\n")
    return lines[:-1] if len(lines) > 1 else lines


def _kind_of_list(source: SourceFile, start: bytes, given: GivenColumns) -> str:
    lines = re.split(r"\r?\n", start.decode("utf-8-sig", "replace"))
    lines = [line for line in lines if line.strip()]
    if len(start) == N_START_BYTES and len(lines) > 1:
        lines.pop()  # it may be incomplete
    try:
        layout = find_layout(lines, given)
    except UnclearColumns as err:
        raise unclear_table(source, lines, err) from err
    if layout is None:
        return "lines"
    return "tsv" if layout.delimiter == "\t" else "csv"


def _kind_of_xml(path: Path, text: bytes) -> str:
    if b"<mediawiki" in text:
        return "articles"
    if b"<!doctype html" in text or b"<html" in text:
        raise ValueError(Errors.F003.format(path=path))
    reason = "it is XML or HTML, but not a MediaWiki dump"
    raise ValueError(Errors.F004.format(path=path, reason=reason))
