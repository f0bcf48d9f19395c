"""The rows of a table that MediaWiki's database dumps hold (`mysqldump` of one table).

The one package for these files, mwsql, splits rows at `),(` wherever it stands, and there are
titles that have it; it takes NULL for an empty text, and it decodes columns that are no text.
"""

import re
from typing import Generator, Iterator, Sequence, Tuple

from ..errors import Errors
from .files import BLOCK, SourceFile

# A longer row than this is none.
MAX_ROW = 64 * BLOCK
MAX_PREAMBLE = 4 * BLOCK
VALUE = rb"(?:NULL|(?:_binary )?'[^'\\]*(?:\\.[^'\\]*)*'|-?[\d.][-+.\deE]*|0x[\dA-Fa-f]+)"
ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
ESCAPES = {b"0": b"\0", b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"Z": b"\x1a"}
COLUMN = re.compile(rb"^\s+`(\w+)` ", re.MULTILINE)
TABLE = re.compile(rb"CREATE TABLE `(\w+)` \((.*?)^\)", re.MULTILINE | re.DOTALL)
# One of them stands behind the last row.
ENDINGS = (b"-- Dump completed", b"ENABLE KEYS", b"UNLOCK TABLES")


def table_name(start: bytes) -> str:
    """The table that a dump holds, by its first kilobytes; "" if it is no dump of a table."""
    match = TABLE.search(start)
    return match[1].decode("ascii") if match else ""


class SqlTable:
    """One pass over the rows of a table.

    source (SourceFile): The dump, at its beginning.
    columns (Sequence[str]): The columns to read, in any order; rows have them in this order.
    RAISES (ValueError): If it is no such dump, if the table lacks a column, if a row can't be read,
        or if the dump ends too early.
    """

    def __init__(self, source: SourceFile, columns: Sequence[str]) -> None:
        self.source = source
        self.columns = columns
        self.buffer = b""
        self.passed = 0  # bytes of the dump before the buffer
        self.lines = 1  # the line on which the buffer begins
        self.at = 0  # where in the buffer the last row begins

    def __iter__(self) -> Iterator[Tuple[bytes, ...]]:
        """The values of each row as they are written: see `unquote_value`."""
        name, row = self._read_preamble()
        insert = re.compile(rb"INSERT INTO `%s`(?: \([^)]*\))? VALUES\s*" % name.encode())
        at, tail = 0, b""
        while True:
            match = insert.search(self.buffer, at)
            if match:
                at = yield from self._statement(row, match.end())
                continue
            # The statement may begin in what is not read yet.
            kept = max(at, len(self.buffer) - 1000)
            tail = (tail + self.buffer[at:])[-500:]
            if not self._read_on(kept):
                break
            at = 0
        if not any(ending in tail for ending in ENDINGS):
            raise self._error(len(self.buffer), "the dump ends before its last line")

    def _read_preamble(self) -> Tuple[str, "re.Pattern[bytes]"]:
        """The name of the table, and the pattern of a row."""
        while not (match := TABLE.search(self.buffer)):
            if len(self.buffer) > MAX_PREAMBLE or not self._read_on(0):
                raise self._error(0, "it has no CREATE TABLE, so it is no dump of a table")
        known = [column.decode("ascii") for column in COLUMN.findall(match[2])]
        missing = [column for column in self.columns if column not in known]
        if missing:
            reason = f"the table {match[1].decode()!r} has no column {missing[0]!r}"
            raise self._error(match.start(), reason)
        values = (b"(%s)" % VALUE if column in self.columns else VALUE for column in known)
        row = re.compile(rb"\s*\(" + b",".join(values) + rb"\)\s*([,;])", re.DOTALL)
        self._order = [sorted(self.columns, key=known.index).index(c) for c in self.columns]
        return match[1].decode("ascii"), row

    def _statement(
        self, row: "re.Pattern[bytes]", at: int
    ) -> Generator[Tuple[bytes, ...], None, int]:
        """The rows of one INSERT, from its first; returns where it ends in the buffer."""
        order = self._order
        while True:
            match = row.match(self.buffer, at)
            if match is None:
                if len(self.buffer) - at > MAX_ROW or not self._read_on(at):
                    raise self._error(at, self._what_is_wrong(at))
                at = 0
                continue
            values = match.groups()
            self.at = at
            yield tuple([values[i] for i in order])
            at = match.end()
            if values[-1] == b";":
                return at

    def _read_on(self, at: int) -> bool:
        """Drop the buffer up to a place and read more; whether there was more."""
        more = self.source.stream.read(BLOCK)
        if more:
            self.lines += self.buffer.count(b"\n", 0, at)
            self.passed += at
            self.buffer = self.buffer[at:] + more
        return bool(more)

    def _what_is_wrong(self, at: int) -> str:
        if len(self.buffer) - at > MAX_ROW:
            return "here is no row of the table"
        start = self.buffer[at : at + 40]
        return f"the dump ends within a row, or here is none: {start.decode('utf8', 'replace')!a}"

    def error(self, reason: str) -> ValueError:
        """What to raise if the last row is wrong."""
        return self._error(self.at, reason)

    def _error(self, at: int, reason: str) -> ValueError:
        line = self.lines + self.buffer.count(b"\n", 0, at)
        return ValueError(
            Errors.F005.format(
                path=self.source.path, line=line, offset=self.passed + at, reason=reason
            )
        )


def unquote_value(value: bytes) -> bytes:
    """What a quoted value stands for."""
    value = value[value.index(b"'") + 1 : -1]
    if b"\\" in value:
        value = ESCAPED.sub(lambda match: ESCAPES.get(match[1], match[1]), value)
    return value
