"""Detection of the layout of a user's table: its delimiter, its header and its columns."""

import csv
import re
from collections import Counter
from itertools import pairwise
from typing import Dict, List, NamedTuple, Optional, Sequence

from .columns import (
    DETECTED,
    GivenColumns,
    UnclearColumns,
    assign_columns,
    quoted,
    unknown_columns,
)

# The number of bytes at the start of a file from which the layout is detected.
N_START_BYTES = 1 << 16
DELIMITERS = "\t,;|"
# Excel writes and reads this line to declare the delimiter.
DECLARATION = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
# A table's rows have equally many cells. Some may be damaged.
MIN_SHARE = 0.8
# A header of one cell. Any other word may be the first name of a plain list.
SINGLE_HEADERS = ("name", "title", "label", "itemLabel", "canonical_name")
QUOTED = re.compile(r'\s*".+"\s*')
ID = re.compile(r"Q[1-9]\d*|https?://\S+")


class Layout(NamedTuple):
    """The layout of a table.

    delimiter (str): Separates cells. Tables with tabs have no quotes.
    n_before (int): The number of lines that are not blank before the header or the first row.
    header (List[str]): The names of its columns; empty if it has no header.
    columns (Dict[str, int]): The index of each known column, by the names in `COLUMNS`.
    unknown (List[str]): The columns that are not used.
    """

    delimiter: str
    n_before: int
    header: List[str]
    columns: Dict[str, int]
    unknown: List[str]


def find_layout(lines: Sequence[str], given: GivenColumns = DETECTED) -> Optional[Layout]:
    """Detect whether lines are a table, and find its columns.

    Names may contain commas, semicolons and quotes ("Paris, Texas"). So lines are a table only if

    - the first one is a header with a column that is known as the name; or
    - the first one has a tab; or
    - they have the same number of cells. A comma before a space, or between digits, is not a
      delimiter here.

    lines (Sequence[str]): The first lines of a file, without blank ones.
    given (GivenColumns): The columns that the user names.
    RETURNS (Optional[Layout]): The layout, None for a plain list with one name per line.
    RAISES (UnclearColumns): If the lines are a table, but its columns can't be identified.
    """
    declared = DECLARATION.fullmatch(lines[0].strip()) if lines else None
    n_before = 1 if declared else 0
    lines = lines[n_before:]
    if not lines:
        return None
    has_tab = "\t" in lines[0]
    delimiters = declared[1] if declared else "\t" if has_tab else DELIMITERS[1:]
    if given.name is not None and given.name.isdigit():
        return _without_header(lines, delimiters, n_before, given)
    problem: Optional[UnclearColumns] = None
    for delimiter in delimiters:
        header = split_line(lines[0], delimiter)
        is_certain = delimiter == "\t" or declared is not None
        try:
            columns = assign_columns(header, given)
            if "name" not in columns:
                continue
            if given.name or is_certain or _is_header(header, columns, lines, delimiter):
                unknown = unknown_columns(header, columns)
                if len(header) == 1 and not lines[0].lstrip().startswith('"'):
                    delimiter = "\t"  # names may have commas and quotes
                return Layout(delimiter, n_before, header, columns, unknown)
        except UnclearColumns as err:
            if is_certain or _is_table(lines, delimiter) or _has_name(header):
                problem = problem or err
    if problem:
        raise problem
    if declared or has_tab or any(_is_table(lines, d) for d in delimiters):
        raise UnclearColumns(f"none of its columns is known as the name: {_describe(lines[0])}")
    if len(lines) > 1 and all(map(QUOTED.fullmatch, lines)):
        raise UnclearColumns("each line is in quotes, and there is no header")
    return None


def _without_header(
    lines: Sequence[str], delimiters: str, n_before: int, given: GivenColumns
) -> Layout:
    """The layout of a table whose columns are given by number."""
    columns = {}
    for what, number in (("name", given.name), ("id", given.id)):
        if number is not None:
            if not number.isdigit() or int(number) < 1:
                reason = f"the column {number!r} is not a number, and that of the name is"
                raise UnclearColumns(reason)
            columns[what] = int(number) - 1
    # The delimiter that divides the lines most evenly, into most cells.
    rank = {d: (_is_table(lines, d), len(split_line(lines[0], d))) for d in delimiters}
    delimiter = max(delimiters, key=lambda d: rank[d])
    width = len(split_line(lines[0], delimiter))
    if max(columns.values()) >= width:
        raise UnclearColumns(f"it has only {width} columns")
    return Layout(delimiter, n_before, [], columns, [])


def _is_header(
    header: List[str], columns: Dict[str, int], lines: Sequence[str], delimiter: str
) -> bool:
    """Whether the first line is a header. It has a column that may be the name."""
    if _has_name(header):
        return True
    if len(header) == 1:
        return header[0] in SINGLE_HEADERS
    if all(i in columns.values() or not cell for i, cell in enumerate(header)):
        return True
    if len(columns) > 1 and len(lines) > 1:
        rows = [split_line(line, delimiter) for line in lines]
        same = sum(len(row) == len(header) for row in rows)
        if same >= MIN_SHARE * len(rows):
            return True
    return _is_table(lines, delimiter)


def _has_name(header: List[str]) -> bool:
    return "name" in header


def _is_table(lines: Sequence[str], delimiter: str) -> bool:
    """Whether all lines have the same number of cells, and more than one."""
    try:
        rows = [row for row in csv.reader(_with_ends(lines), delimiter=delimiter) if row]
    except csv.Error:
        return False
    widths = [_width(row, delimiter) for row in rows]
    if len(rows) == 1:
        return widths[0] > 1 and any(map(ID.fullmatch, rows[0]))
    (width, n), *_ = Counter(widths).most_common(1)
    return width > 1 and n >= MIN_SHARE * len(rows) and widths[0] == width


def _width(cells: List[str], delimiter: str) -> int:
    """The number of cells. Delimiters that may belong to a name don't count."""
    width = 1
    for before, after in pairwise(cells):
        is_text = after.startswith(" ")
        if delimiter == ",":
            is_text |= before[-1:].isdigit() and after[:1].isdigit()
        width += not is_text
    return width


def _with_ends(lines: Sequence[str]) -> List[str]:
    return [line + "\n" for line in lines]


def split_line(line: str, delimiter: str) -> List[str]:
    """The cells of one line, without surrounding spaces."""
    if delimiter == "\t":
        cells = line.split("\t")
    else:
        try:
            (cells,) = csv.reader([line], delimiter=delimiter, skipinitialspace=True, strict=True)
        except (csv.Error, ValueError):
            return [line]
    return [cell.strip() for cell in cells]


def _describe(line: str) -> str:
    delimiter = max(DELIMITERS, key=line.count)
    return quoted(split_line(line, delimiter)[:10])
