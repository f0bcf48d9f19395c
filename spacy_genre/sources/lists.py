"""Reading the user's own lists of names: plain text, TSV or JSONL."""

import json
import re
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import srsly

from ..errors import Errors
from .found import Found
from .opening import SourceFile, open_source

COLUMNS = ("name", "id", "aliases", "redirects", "description", "count")
# Between several aliases in one cell of a TSV.
SEPARATOR = "|"
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
Row = Dict[str, Any]


def read_lines(source: SourceFile, found: Found) -> None:
    """A name a line. Blank lines are passed over."""
    _take_all(source, found, ((number, {"name": line}) for number, line in _lines(source)))


def read_tsv(source: SourceFile, found: Found) -> None:
    """A table with tabs, its columns named in the first line; nothing is quoted."""
    lines = _lines(source)
    _, header = next(lines)
    columns = header.split("\t")
    if set(columns) - set(COLUMNS) or "name" not in columns or len(set(columns)) < len(columns):
        reason = f"the columns are {', '.join(columns)}; there must be 'name', and there may be "
        raise _error(source, 1, reason + f"{', '.join(COLUMNS[1:])}, each once")
    _take_all(source, found, _cells(source, lines, columns))


def _cells(
    source: SourceFile, lines: Iterator[Tuple[int, str]], columns: List[str]
) -> Iterator[Tuple[int, Row]]:
    for number, line in lines:
        cells = line.split("\t")
        if len(cells) > len(columns):
            reason = f"there are {len(cells)} cells below {len(columns)} columns"
            raise _error(source, number, reason)
        row: Row = {key: cell.strip() for key, cell in zip(columns, cells, strict=False)}
        for key in ("aliases", "redirects"):
            if key in row:
                row[key] = [text.strip() for text in row[key].split(SEPARATOR) if text.strip()]
        if row.get("count"):
            try:
                row["count"] = float(row["count"])
            except ValueError:
                raise _error(source, number, f"the count {row['count']!r} is no number") from None
        yield number, {key: value for key, value in row.items() if value}


def read_jsonl(source: SourceFile, found: Found) -> None:
    """An object a line, with "name" and what else is known of it."""
    _take_all(source, found, _objects(source))


def _objects(source: SourceFile) -> Iterator[Tuple[int, Row]]:
    for number, line in _lines(source):
        try:
            row = srsly.json_loads(line)
        except ValueError as err:
            raise _error(source, number, f"it is not JSON: {err}") from err
        if not isinstance(row, dict):
            raise _error(source, number, f"it is {line[:40]!a}, not an object")
        yield number, row


def _take_all(source: SourceFile, found: Found, rows: Iterator[Tuple[int, Row]]) -> None:
    before = len(found.listed)
    for number, row in rows:
        problem = _problem(row) or _take(row, found)
        if problem:
            raise _error(source, number, problem)
    if len(found.listed) == before and not before:
        raise ValueError(Errors.T017.format(path=source.path))


def _problem(row: Row) -> Optional[str]:
    """What is wrong with a row, taken by itself, if anything."""
    name = row.get("name")
    if not isinstance(name, str) or not name.strip():
        return f"the name is {name!r}; it must be a text"
    if CONTROL.search(name.strip()):
        return f"the name {name!r} has a control character (a tab, say, or the end of a line)"
    # Other keys are passed over, but not those that must be meant to be one of ours.
    for key in row.keys() - set(COLUMNS):
        if _stem(key) in map(_stem, COLUMNS):
            return f"{name!r} has the key {key!r}; the keys are {', '.join(COLUMNS)}"
    for key in ("id", "description"):
        if not isinstance(row.get(key) or "", str):
            return f"the {key} of {name!r} is {row[key]!r}; it must be a text"
    for key in ("aliases", "redirects"):
        texts = row.get(key) or []
        if not isinstance(texts, list) or not all(isinstance(t, str) and t.strip() for t in texts):
            return f"the {key} of {name!r} are {texts!r}; they must be a list of texts"
    count = row.get("count") or 0
    if isinstance(count, bool) or not isinstance(count, (int, float)) or not count >= 0:
        return f"the count of {name!r} is {count!r}; it must be a number, 0 or more"
    return None


def _stem(key: str) -> str:
    """What "alias" and "Aliases" have in common."""
    return key.strip().lower().rstrip("es")


def _take(row: Row, found: Found) -> Optional[str]:
    """Note a row, unless it contradicts another; returns what is wrong then."""
    name, kb_id = row["name"].strip(), row.get("id")
    if kb_id:
        known = found.listed_ids.get(name)
        if known and known != kb_id:
            return f"the name {name!r} has the id {kb_id!r} here, and {known!r} before"
        other = found.name_of_id.setdefault(kb_id, name)
        if other != name and not found.shared_ids:
            return (
                f"the id {kb_id!r} is that of {name!r} here, and of {other!r} before. If they are "
                f"one, make the one an alias or redirect of the other; if both names shall be "
                "kept with the one id, say --shared-ids"
            )
        found.listed_ids[name] = kb_id
    found.listed[name] = None
    for redirect in map(str.strip, row.get("redirects") or ()):
        target = found.listed_redirects.setdefault(redirect, name)
        if target != name:
            return f"the redirect {redirect!r} leads to {name!r} here, and to {target!r} before"
    for alias in map(str.strip, row.get("aliases") or ()):
        found.aliases[alias, name] += 1
    if row.get("description"):
        found.descriptions[name] = row["description"]
    if row.get("count"):
        found.counts[name] += row["count"]
    return None


def _lines(source: SourceFile) -> Iterator[Tuple[int, str]]:
    """The lines that have any text, with their numbers."""
    for number, line in enumerate(source.stream, start=1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf8").strip("\r\n")
        except UnicodeDecodeError as err:
            raise _error(source, number, f"byte {err.start} of the line is not UTF-8") from err
        if "\0" in text:
            raise _error(source, number, "it has a zero byte, so it is no text file")
        if text.strip():
            yield number, text


def _error(source: SourceFile, line: int, reason: str) -> ValueError:
    return ValueError(Errors.F010.format(path=source.path, line=line, reason=reason))


def find_line(paths: Sequence[Path], name: str) -> str:
    """Where a name stands in some lists, for an error: "FILE, line N", or "" if it is in none."""
    # As it is, or with the escapes of JSON.
    written = (name.encode("utf8", "surrogatepass"), json.dumps(name).encode())
    for path in paths:
        with open_source(path) as source:
            for number, line in enumerate(source.stream, start=1):
                if any(text in line for text in written):
                    return f"{path}, line {number}"
    return ""
