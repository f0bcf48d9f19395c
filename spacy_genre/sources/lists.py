"""Readers of the user's own lists of names: plain text, CSV, TSV or JSONL."""

import csv
import json
import re
from itertools import chain
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import srsly

from ..errors import Errors
from .files import SourceFile, open_source
from .source_data import SourceData

COLUMNS = ("name", "id", "aliases", "redirects", "description", "count")
# Separates several aliases or redirects in one cell of a table.
SEPARATOR = "|"
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
Row = Dict[str, Any]


def read_lines(source: SourceFile, data: SourceData) -> None:
    """Read plain text: one name per line. Blank lines are skipped."""
    _add_rows(source, data, ((number, {"name": line}) for number, line in _lines(source)))


def read_tsv(source: SourceFile, data: SourceData) -> None:
    """Read a table with tabs. The first line names the columns. There are no quotes."""
    _add_table(source, data, ((number, line.split("\t")) for number, line in _lines(source)))


def read_csv(source: SourceFile, data: SourceData) -> None:
    """Read a table with commas or semicolons. The first line names the columns. Cells may be
    quoted."""
    _add_table(source, data, _csv_cells(source))


def delimiter_of(header: str) -> Optional[str]:
    """The delimiter of a CSV file, or None if the line is not the header of one.

    Names may contain commas, semicolons and quotes, so a line is only taken for a header if it has
    a column "name". If that is capitalized, all other columns must be known ones, too.

    header (str): The first line of a file.
    """
    for delimiter in ",;":
        try:
            (cells,) = csv.reader([header], **_dialect(delimiter))
        except csv.Error:
            continue
        columns = [cell.strip() for cell in cells]
        if "name" in columns or (len(columns) > 1 and _are_known_columns(columns)):
            return delimiter
    return None


def _are_known_columns(columns: List[str]) -> bool:
    """Whether "name" is a column and all columns are known, ignoring case."""
    lower = {column.lower() for column in columns}
    return "name" in lower and lower <= {*COLUMNS}


def _dialect(delimiter: str) -> Dict[str, Any]:
    return {"delimiter": delimiter, "skipinitialspace": True, "strict": True}


def _csv_cells(source: SourceFile) -> Iterator[Tuple[int, List[str]]]:
    """The cells of each row, with the number of its first line."""
    texts = _texts(source)
    first, header = next((number, text) for number, text in texts if text.strip())
    lines = chain([header], (text for _, text in texts))
    rows = csv.reader((line + "\n" for line in lines), **_dialect(delimiter_of(header) or ","))
    start = first
    try:
        for cells in rows:
            if any(map(str.strip, cells)):
                yield start, cells
            start = first + rows.line_num
    except csv.Error as err:
        reason = f"the row that begins here is not CSV ({err}); a cell with quotes in it is "
        raise _error(source, start, reason + 'written "with ""them"" doubled"') from err


def _add_table(
    source: SourceFile, data: SourceData, cells: Iterator[Tuple[int, List[str]]]
) -> None:
    """Add the rows below a header."""
    number, header = next(cells)
    columns = [column.strip() for column in header]
    unknown = [repr(column) for column in columns if column not in COLUMNS]
    if unknown or "name" not in columns or len(set(columns)) < len(columns):
        reason = f"the columns are {', '.join(columns)}"
        reason += f", and {', '.join(unknown)} is unknown" if unknown else ""
        reason += f"; there must be 'name', and there may be {', '.join(COLUMNS[1:])}, each once"
        raise _error(source, number, reason)
    _add_rows(source, data, _rows(source, cells, columns))


def _rows(
    source: SourceFile, rows: Iterator[Tuple[int, List[str]]], columns: List[str]
) -> Iterator[Tuple[int, Row]]:
    for number, cells in rows:
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
                raise _error(
                    source, number, f"the count {row['count']!r} is not a number"
                ) from None
        yield number, {key: value for key, value in row.items() if value}


def read_jsonl(source: SourceFile, data: SourceData) -> None:
    """Read JSONL: one object per line, with the key "name" and other keys of `COLUMNS`."""
    _add_rows(source, data, _objects(source))


def _objects(source: SourceFile) -> Iterator[Tuple[int, Row]]:
    for number, line in _lines(source):
        try:
            row = srsly.json_loads(line)
        except ValueError as err:
            raise _error(source, number, f"it is not JSON: {err}") from err
        if not isinstance(row, dict):
            raise _error(source, number, f"it is {line[:40]!a}, not an object")
        yield number, row


def _add_rows(source: SourceFile, data: SourceData, rows: Iterator[Tuple[int, Row]]) -> None:
    before = len(data.listed)
    for number, row in rows:
        problem = problem_of(row) or _add_row(row, data)
        if problem:
            raise _error(source, number, problem)
    if len(data.listed) == before and not before:
        raise ValueError(Errors.T017.format(path=source.path))


def problem_of(row: Row) -> Optional[str]:
    """Validate a single row. RETURNS (Optional[str]): The problem, or None if the row is valid."""
    name = row.get("name")
    if not isinstance(name, str) or not name.strip():
        return f"the name is {name!r}; it must be a text"
    if CONTROL.search(name.strip()):
        return f"the name {name!r} has a control character (a tab, say, or the end of a line)"
    # Unknown keys are ignored, unless they look like a misspelled known key.
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
    """A common form of "alias" and "Aliases"."""
    return key.strip().lower().rstrip("es")


def _add_row(row: Row, data: SourceData) -> Optional[str]:
    """Add a row. RETURNS (Optional[str]): The problem if it contradicts an earlier row, or None."""
    name, kb_id = row["name"].strip(), row.get("id")
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
    for redirect in map(str.strip, row.get("redirects") or ()):
        target = data.listed_redirects.setdefault(redirect, name)
        if target != name:
            return f"the redirect {redirect!r} leads to {name!r} here, and to {target!r} before"
    for alias in map(str.strip, row.get("aliases") or ()):
        data.aliases[alias, name] += 1
    if row.get("description"):
        data.descriptions[name] = row["description"]
    if row.get("count"):
        data.counts[name] += row["count"]
    return None


def _lines(source: SourceFile) -> Iterator[Tuple[int, str]]:
    """All lines that are not blank, with their numbers."""
    return ((number, text) for number, text in _texts(source) if text.strip())


def _texts(source: SourceFile) -> Iterator[Tuple[int, str]]:
    """All lines with their numbers."""
    for number, line in enumerate(source.stream, start=1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf8").strip("\r\n")
        except UnicodeDecodeError as err:
            raise _error(source, number, f"byte {err.start} of the line is not UTF-8") from err
        if "\0" in text:
            raise _error(source, number, "it has a zero byte, so it is not a text file")
        yield number, text


def _error(source: SourceFile, line: int, reason: str) -> ValueError:
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
                if any(text in line for text in encoded):
                    return f"{path}, line {number}"
    return ""
