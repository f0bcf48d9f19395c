"""Parser of MediaWiki's database dumps (`mysqldump` of one table).

The package mwsql is not used: it splits rows at every `),(`, which titles may contain, it reads
NULL as an empty string, and it decodes binary columns.
"""

import re
from typing import Generator, Iterator, Sequence, Tuple

from ..errors import Errors
from .files import BLOCK, SourceFile

# The maximum length of a row in bytes.
MAX_ROW = 64 * BLOCK
MAX_PREAMBLE = 4 * BLOCK
VALUE = rb"(?:NULL|(?:_binary )?'[^'\\]*(?:\\.[^'\\]*)*'|-?[\d.][-+.\deE]*|0x[\dA-Fa-f]+)"
ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
ESCAPES = {b"0": b"\0", b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"Z": b"\x1a"}
COLUMN = re.compile(rb"^\s+`(\w+)` ", re.MULTILINE)
TABLE = re.compile(rb"CREATE TABLE `(\w+)` \((.*?)^\)", re.MULTILINE | re.DOTALL)
# One of them follows the last row.
ENDINGS = (b"-- Dump completed", b"ENABLE KEYS", b"UNLOCK TABLES")


def table_name(start: bytes) -> str:
    """The name of the table in a dump, or "" if it is not a dump of a table.

    start (bytes): The first kilobytes of the file.
    """
    match = TABLE.search(start)
    return match[1].decode("ascii") if match else ""


class SqlTable:
    """Iterates once over the rows of a table.

    source (SourceFile): The dump, at its beginning.
    columns (Sequence[str]): The columns to read, in any order. Rows have them in this order.
    RAISES (ValueError): If it is not such a dump, if the table lacks a column, if a row can't be
        parsed, or if the dump is truncated.
    """

    def __init__(self, source: SourceFile, columns: Sequence[str]) -> None:
        self.source = source
        self.columns = columns
        self.buffer = b""
        self.offset = 0  # bytes of the dump before the buffer
        self.line = 1  # the line number of the start of the buffer
        self.row_start = 0  # the position in the buffer of the last row

    def __iter__(self) -> Iterator[Tuple[bytes, ...]]:
        """The raw values of each row; see `unquote_value`."""
        name, row = self._read_preamble()
        insert = re.compile(rb"INSERT INTO `%s`(?: \([^)]*\))? VALUES\s*" % name.encode())
        position, tail = 0, b""
        while True:
            match = insert.search(self.buffer, position)
            if match:
                position = yield from self._statement(row, match.end())
                continue
            # The next statement may begin at the end of the buffer.
            keep_from = max(position, len(self.buffer) - 1000)
            tail = (tail + self.buffer[position:])[-500:]
            if not self._read_more(keep_from):
                break
            position = 0
        if not any(ending in tail for ending in ENDINGS):
            raise self._error(len(self.buffer), "the dump ends before its last line")

    def _read_preamble(self) -> Tuple[str, "re.Pattern[bytes]"]:
        """The name of the table, and the pattern of a row."""
        while not (match := TABLE.search(self.buffer)):
            if len(self.buffer) > MAX_PREAMBLE or not self._read_more(0):
                raise self._error(0, "it has no CREATE TABLE, so it is not a dump of a table")
        all_columns = [column.decode("ascii") for column in COLUMN.findall(match[2])]
        missing = [column for column in self.columns if column not in all_columns]
        if missing:
            reason = f"the table {match[1].decode()!r} has no column {missing[0]!r}"
            raise self._error(match.start(), reason)
        values = (b"(%s)" % VALUE if column in self.columns else VALUE for column in all_columns)
        row = re.compile(rb"\s*\(" + b",".join(values) + rb"\)\s*([,;])", re.DOTALL)
        in_table_order = sorted(self.columns, key=all_columns.index)
        self._order = [in_table_order.index(column) for column in self.columns]
        return match[1].decode("ascii"), row

    def _statement(
        self, row: "re.Pattern[bytes]", position: int
    ) -> Generator[Tuple[bytes, ...], None, int]:
        """The rows of one INSERT statement.

        row (re.Pattern[bytes]): Matches a row.
        position (int): The position in the buffer of the first row.
        RETURNS (int): The position in the buffer of the end of the statement.
        """
        order = self._order
        while True:
            match = row.match(self.buffer, position)
            if match is None:
                if len(self.buffer) - position > MAX_ROW or not self._read_more(position):
                    raise self._error(position, self._syntax_error(position))
                position = 0
                continue
            values = match.groups()
            self.row_start = position
            yield tuple([values[i] for i in order])
            position = match.end()
            if values[-1] == b";":
                return position

    def _read_more(self, position: int) -> bool:
        """Drop the buffer before a position and read the next block. RETURNS (bool): False at the
        end of the file."""
        block = self.source.stream.read(BLOCK)
        if block:
            self.line += self.buffer.count(b"\n", 0, position)
            self.offset += position
            self.buffer = self.buffer[position:] + block
        return bool(block)

    def _syntax_error(self, position: int) -> str:
        if len(self.buffer) - position > MAX_ROW:
            return "this is not a row of the table"
        start = self.buffer[position : position + 40].decode("utf8", "replace")
        return f"the dump ends within a row, or this is not a row: {start!a}"

    def error(self, reason: str) -> ValueError:
        """An error about the last row."""
        return self._error(self.row_start, reason)

    def _error(self, position: int, reason: str) -> ValueError:
        line = self.line + self.buffer.count(b"\n", 0, position)
        return ValueError(
            Errors.F005.format(
                path=self.source.path, line=line, offset=self.offset + position, reason=reason
            )
        )


def unquote_value(value: bytes) -> bytes:
    """Decode a quoted value."""
    value = value[value.index(b"'") + 1 : -1]
    if b"\\" in value:
        value = ESCAPED.sub(lambda match: ESCAPES.get(match[1], match[1]), value)
    return value
