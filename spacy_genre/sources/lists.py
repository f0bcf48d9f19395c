"""Readers of the user's own lists of names: plain text and JSONL. Tables are in `tables`."""

import json
import re
from functools import lru_cache
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Sequence, Tuple

import srsly

from ..errors import Errors
from ..titles.normal_form import normal_form
from .columns import (
    COLUMNS,
    DETECTED,
    NAMES,
    GivenColumns,
    UnclearColumns,
    assign_columns,
    kb_id_of,
    quoted,
)
from .files import SourceFile, open_source
from .source_data import SourceData

# What to do with a file in another encoding. Most are written by Excel.
CONVERT = "convert the file, for example: iconv -f WINDOWS-1252 -t UTF-8 FILE > NEW"
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
Row = Dict[str, Any]


def read_lines(source: SourceFile, data: SourceData) -> None:
    """Read plain text: one name per line. Blank lines are skipped."""
    add_rows(source, data, ((number, {"name": line}) for number, line in read_nonblank(source)))


def read_jsonl(source: SourceFile, data: SourceData, given: GivenColumns = DETECTED) -> None:
    """Read JSONL: one object per line, with the key "name" and other keys of `COLUMNS`, or their
    common names.

    given (GivenColumns): The keys that the user names.
    """
    add_rows(source, data, _objects(source, given))


def _objects(source: SourceFile, given: GivenColumns) -> Iterator[Tuple[int, Row]]:
    for number, line in read_nonblank(source):
        try:
            row = srsly.json_loads(line)
        except ValueError as err:
            raise line_error(source, number, f"it is not JSON: {err}") from err
        if not isinstance(row, dict):
            raise line_error(source, number, f"it is {line[:40]!a}, not an object")
        try:
            yield number, _with_known_keys(row, given)
        except UnclearColumns as err:
            raise line_error(source, number, str(err)) from err


def _with_known_keys(row: Row, given: GivenColumns) -> Row:
    """A row with the keys of `COLUMNS` in place of their common names.

    RAISES (UnclearColumns): If no key is that of the name.
    """
    key_of = _known_keys(tuple(row), given)
    if all(what == key for what, key in key_of.items()):
        return row
    known_row = {k: v for k, v in row.items() if k not in {*key_of, *key_of.values()}}
    for what, key in key_of.items():
        value = row[key]
        if key != what:
            if what in ("aliases", "redirects") and isinstance(value, str):
                value = [value] if value.strip() else []
            if what in ("id", "description") and not isinstance(value, str):
                continue  # something else has the same key
        known_row[what] = value
    return known_row


@lru_cache(maxsize=1000)
def _known_keys(keys: Tuple[str, ...], given: GivenColumns) -> Dict[str, str]:
    """The key of each known column that an object has."""
    # The columns' own names come before their common ones.
    own = [key for key in COLUMNS if key in keys and getattr(given, key, None) is None]
    others = [key for key in keys if not assign_columns([key]).keys() & own]
    key_of = {what: others[i] for what, i in assign_columns(others, given).items()}
    key_of.update(zip(own, own, strict=True))
    if "name" not in key_of:
        known = ", ".join(" ".join(NAMES).split())
        reason = f"the keys are {quoted(keys) or 'none'}, and none of them is known as the name"
        raise UnclearColumns(f"{reason} ({known}); give it with --name-column KEY")
    return key_of


def add_rows(source: SourceFile, data: SourceData, rows: Iterator[Tuple[int, Row]]) -> None:
    """Add the rows of a list, with their line numbers."""
    before = len(data.listed)
    for number, row in rows:
        problem = problem_of(row) or _add_row(row, data)
        if problem:
            raise line_error(source, number, problem)
    if len(data.listed) == before and not before:
        raise ValueError(Errors.T017.format(path=source.path))


def problem_of(row: Row) -> Optional[str]:
    """Validate a single row. RETURNS (Optional[str]): The problem, or None if the row is valid."""
    name = row.get("name")
    if not isinstance(name, str) or not name.strip():
        return f"the name is {name!r}; it must be a string"
    if CONTROL.search(name.strip()):
        return f"the name {name!r} has a control character (a tab, say, or the end of a line)"
    # Unknown keys are ignored, unless they look like a misspelled known key.
    for key in row.keys() - set(COLUMNS):
        if _stem(key) in map(_stem, COLUMNS):
            return f"{name!r} has the key {key!r}; the keys are {', '.join(COLUMNS)}"
    for key in ("id", "description"):
        if not isinstance(row.get(key) or "", str):
            return f"the {key} of {name!r} is {row[key]!r}; it must be a string"
    for key in ("aliases", "redirects"):
        texts = row.get(key) or []
        if not isinstance(texts, list) or not all(isinstance(t, str) and t.strip() for t in texts):
            return f"the {key} of {name!r} are {texts!r}; they must be a list of strings"
    count = row.get("count") or 0
    if isinstance(count, bool) or not isinstance(count, (int, float)) or not count >= 0:
        return f"the count of {name!r} is {count!r}; it must be a number, 0 or more"
    return None


def _stem(key: str) -> str:
    """A common form of "alias" and "Aliases"."""
    return key.strip().lower().rstrip("es")


def _add_row(row: Row, data: SourceData) -> Optional[str]:
    """Add a row. RETURNS (Optional[str]): The problem if it contradicts an earlier row, or None."""
    name, kb_id = normal_form(row["name"].strip()), kb_id_of(row.get("id") or "")
    if kb_id:
        known = data.listed_ids.get(name)
        if known and known != kb_id:
            return f"the name {name!r} has the id {kb_id!r} here, and {known!r} before"
        other = data.name_of_id.setdefault(kb_id, name)
        if other != name and not data.shared_ids:
            return (
                f"the id {kb_id!r} is that of {name!r} here, and of {other!r} before. If they are "
                f"one, make the one an alias or redirect of the other; if both names shall be "
                "kept with the one id, say --shared-ids"
            )
        data.listed_ids[name] = kb_id
    data.listed[name] = None
    for redirect in map(normal_form, map(str.strip, row.get("redirects") or ())):
        if redirect == name:  # in another Unicode form
            continue
        target = data.listed_redirects.setdefault(redirect, name)
        if target != name:
            return f"the redirect {redirect!r} has the target {name!r} here, {target!r} before"
    for alias in map(normal_form, map(str.strip, row.get("aliases") or ())):
        data.aliases[alias, name] += 1
    if row.get("description"):
        data.descriptions[name] = row["description"]
    if row.get("count"):
        data.counts[name] += row["count"]
    return None


def read_nonblank(source: SourceFile) -> Iterator[Tuple[int, str]]:
    """All lines that are not blank, with their numbers."""
    return ((number, text) for number, text in read_texts(source) if text.strip())


def read_texts(source: SourceFile) -> Iterator[Tuple[int, str]]:
    """All lines with their numbers."""
    for number, line in enumerate(source.stream, start=1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf8").strip("\r\n")
        except UnicodeDecodeError as err:
            reason = f"byte {err.start} of the line is not UTF-8; {CONVERT}"
            raise line_error(source, number, reason) from err
        if "\0" in text:
            raise line_error(source, number, "it has a zero byte, so it is not a text file")
        yield number, text


def line_error(source: SourceFile, line: int, reason: str) -> ValueError:
    return ValueError(Errors.F010.format(path=source.path, line=line, reason=reason))


def find_line(paths: Sequence[Path], name: str) -> str:
    """The position of a name in some lists, for an error message.

    paths (Sequence[Path]): The lists.
    name (str): The name.
    RETURNS (str): "FILE, line N", or "" if the name is in none of the lists.
    """
    # Plain, with the escapes of JSON, or with the doubled quotes of CSV.
    spellings = (name, json.dumps(name), name.replace('"', '""'))
    encoded = [text.encode("utf8", "surrogatepass") for text in spellings]
    for path in paths:
        with open_source(path) as source:
            for number, line in enumerate(source.stream, start=1):
                is_found = any(text in line for text in encoded)
                if not is_found and not name.isascii() and not line.isascii():
                    is_found = name in normal_form(line.decode("utf8", "replace"))
                if is_found:
                    return f"{path}, line {number}"
    return ""
