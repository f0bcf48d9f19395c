"""Reader of the user's own tables of names: CSV, TSV and the like."""

import csv
import re
import warnings
from itertools import chain
from typing import Iterator, List, Tuple

from ..errors import Errors, Warnings
from .columns import (
    COMMA_SEPARATED,
    DETECTED,
    GivenColumns,
    UnclearColumns,
    normalize_column,
    quoted,
)
from .files import SourceFile
from .layout import N_START_BYTES, Layout, find_layout
from .lists import Row, add_rows, line_error, read_texts
from .source_data import SourceData

# Separates several aliases or redirects in one cell.
SEPARATOR = "|"
# RDF's terms in tables of Wikidata's query service: "Berlin"@en
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"(?:@[\w-]+|\^\^<[^>]*>)?')
Line = Tuple[int, str]


def read_table(source: SourceFile, data: SourceData, given: GivenColumns = DETECTED) -> None:
    """Read a table. Its delimiter and its columns are detected; see `find_layout`.

    given (GivenColumns): The columns that the user names.
    RAISES (ValueError): If its columns can't be identified, or if a row is not valid.
    """
    texts = read_texts(source)
    start, size = [], 0
    for line in texts:
        start.append(line)
        size += len(line[1].encode("utf8")) + 1
        if size > N_START_BYTES:
            break
    lines = [text for _, text in start if text.strip()]
    if size > N_START_BYTES and len(lines) > 1:  # as in `detect_kind`
        lines.pop()
    try:
        layout = find_layout(lines, given)
        if layout is None:
            raise UnclearColumns("its rows have unequal numbers of cells")
    except UnclearColumns as err:
        raise unclear_table(source, lines, err) from err
    if layout.unknown:
        columns = quoted(layout.unknown)
        warnings.warn(Warnings.W007.format(path=source.path, columns=columns), stacklevel=4)
    cells = _cells(source, chain(start, texts), layout)
    if layout.header:
        next(cells)
    add_rows(source, data, _rows(source, cells, layout))


def unclear_table(source: SourceFile, lines: List[str], reason: UnclearColumns) -> ValueError:
    """The error for a table whose columns can't be identified."""
    rows = "\n".join(f"  {line.strip()[:100]}" for line in lines[:3])
    return ValueError(Errors.F016.format(path=source.path, reason=reason, rows=rows))


def _cells(
    source: SourceFile, lines: Iterator[Line], layout: Layout
) -> Iterator[Tuple[int, List[str]]]:
    """The cells of each row, with the number of its first line."""
    for _ in range(layout.n_before):
        next(line for line in lines if line[1].strip())
    if layout.delimiter == "\t":
        for number, text in lines:
            if text.strip():
                yield number, text.split("\t")
        return
    first, header = next(line for line in lines if line[1].strip())
    rows = csv.reader(
        (text + "\n" for text in chain([header], (text for _, text in lines))),
        delimiter=layout.delimiter,
        skipinitialspace=True,
        strict=True,
    )
    start = first
    try:
        for cells in rows:
            if any(map(str.strip, cells)):
                yield start, cells
            start = first + rows.line_num
    except csv.Error as err:
        reason = f"the row that begins here is not CSV ({err}); a cell with quotes in it is "
        raise line_error(source, start, reason + 'written "with ""them"" doubled"') from err


def _rows(
    source: SourceFile, rows: Iterator[Tuple[int, List[str]]], layout: Layout
) -> Iterator[Tuple[int, Row]]:
    header, columns = layout.header, layout.columns
    is_rdf = any(column.strip().startswith("?") for column in header)
    for number, cells in rows:
        if header and len(cells) > len(header):
            reason = f"there are {len(cells)} cells below {len(header)} columns"
            raise line_error(source, number, reason)
        if is_rdf:
            cells = [_plain_text(cell.strip()) for cell in cells]
        row: Row = {what: cells[i].strip() for what, i in columns.items() if i < len(cells)}
        for what in ("aliases", "redirects"):
            if what in row:
                separator = _separator(row[what], header[columns[what]])
                texts = map(str.strip, row[what].split(separator))
                row[what] = [text for text in texts if text]
        if row.get("count"):
            try:
                row["count"] = float(row["count"])
            except ValueError:
                reason = f"the count {row['count']!r} is not a number"
                raise line_error(source, number, reason) from None
        yield number, {what: value for what, value in row.items() if value}


def _separator(cell: str, column: str) -> str:
    is_list = normalize_column(column).endswith(COMMA_SEPARATED) and SEPARATOR not in cell
    return ", " if is_list else SEPARATOR


def _plain_text(term: str) -> str:
    """The text of a term of RDF: of a literal in quotes, or of an address."""
    match = LITERAL.fullmatch(term)
    return re.sub(r"\\(.)", r"\1", match[1]) if match else term
