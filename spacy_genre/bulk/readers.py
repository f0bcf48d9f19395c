"""Readers of all input formats: streams of rows."""

import csv
import json
from dataclasses import dataclass
from itertools import chain
from typing import Any, Callable, Dict, Iterator, List, Mapping, Optional, Tuple

from spacy.tokens import DocBin
from spacy.vocab import Vocab

from ..errors import Errors
from ..sources.columns import UnclearColumns, find_column, quoted
from ..sources.files import ForeignFileError, SourceFile, open_source
from ..sources.layout import DELIMITERS, split_line
from ..sources.lists import CONVERT, line_error, read_nonblank, read_texts
from .digests import digest_of
from .parquet import read_parquet_rows
from .paths import InputFile
from .rows import Ent, Row, columns_of_doc, ents_of_doc, ents_of_json, name_row

# A progress bar is shown for the first reading of files with more bytes.
LARGE = 1 << 26
# The largest limit that the csv module has on all systems; its default is 128 KB.
MAX_CELL = (1 << 31) - 1


@dataclass(frozen=True)
class ReadOptions:
    """How inputs are read.

    text_column (str): The column or key of the texts.
    name_column (Optional[str]): The column or key of bare names, each of which is a mention. There
        are no texts then. A number, from 1, in a CSV file without a header.
    lines (bool): Whether each line of a plain text file is a text, instead of the whole file.
    """

    text_column: str = "text"
    name_column: Optional[str] = None
    lines: bool = False

    @property
    def column(self) -> str:
        """The column or key that is read."""
        return self.text_column if self.name_column is None else self.name_column


def read_rows(
    file: InputFile,
    options: ReadOptions,
    vocab: Vocab,
    *,
    progress: bool = False,
    on_end: Optional[Callable[[str], None]] = None,
) -> Iterator[Row]:
    """Read a file.

    file (InputFile): The file. Files other than Parquet may be compressed with gzip or bzip2.
    options (ReadOptions): Which columns are read.
    vocab (Vocab): The vocabulary of Docs.
    progress (bool): Whether to show a progress bar for large files.
    on_end (Optional[Callable[[str], None]]): Called with the file's SHA-256 after the last row.
    YIELDS (Row): Its rows, in order.
    RAISES (OSError, ValueError): If it can't be read, with the line.
    """
    if file.format == "parquet":
        yield from _read_parquet(file, options)
        if on_end is not None:
            on_end(digest_of(file.path))
        return
    progress = progress and file.path.is_file() and file.path.stat().st_size > LARGE
    try:
        with open_source(file.path, progress=progress) as source:
            yield from READERS[file.format](source, file, options, vocab)
            if on_end is not None:
                on_end(source.finish())
    except ForeignFileError as err:
        reason = f"it is {err.kind}"
        raise ValueError(Errors.B064.format(path=file.name, reason=reason)) from err


def _read_txt(
    source: SourceFile, file: InputFile, options: ReadOptions, vocab: Vocab
) -> Iterator[Row]:
    """The whole file as a text, or each line that is not blank as a text or a name."""
    if options.lines or options.name_column is not None:
        for number, line in read_nonblank(source):
            yield _make_row(f"{file.name}, line {number}", line, {"text": line}, options)
        return
    content = source.stream.read()
    try:
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError as err:
        number = content.count(b"\n", 0, err.start) + 1
        reason = f"byte {err.start} of the file is not UTF-8; {CONVERT}"
        raise line_error(source, number, reason) from err
    yield Row(file.name, text, values={"text": text})


def _read_csv(
    source: SourceFile, file: InputFile, options: ReadOptions, vocab: Vocab
) -> Iterator[Row]:
    lines = read_texts(source)
    first = next((line for line in lines if line[1].strip()), None)
    if first is None:
        return
    delimiter = "\t" if file.format == "tsv" else _delimiter(first[1], options.column)
    cells = _cells(source, chain([first], lines), delimiter)
    number, header = next(cells)
    if options.column.isdigit() and options.column not in header:  # there is no header
        cells = chain([(number, header)], cells)
        header = [str(i + 1) for i in range(len(header))]
    header = [cell.strip() for cell in header]
    if double := sorted({cell for cell in header if header.count(cell) > 1}):
        raise line_error(source, number, f"several of its columns are named {quoted(double)}")
    column = header[_find(file.name, options, header)]
    for number, row in cells:
        if len(row) != len(header):
            reason = f"there are {len(row)} cells below {len(header)} columns"
            raise line_error(source, number, reason)
        values = dict(zip(header, row, strict=True))
        yield _make_row(f"{file.name}, line {number}", values[column], values, options)


def _delimiter(header: str, column: str) -> str:
    """The delimiter with which the header has the column, or the most frequent one."""
    for delimiter in DELIMITERS:
        if len(cells := split_line(header, delimiter)) > 1 and column in cells:
            return delimiter
    best = max(DELIMITERS, key=header.count)
    return best if best in header else ","


def _cells(
    source: SourceFile, lines: Iterator[Tuple[int, str]], delimiter: str
) -> Iterator[Tuple[int, List[str]]]:
    """The cells of each row that is not blank, with the number of its first line."""
    csv.field_size_limit(MAX_CELL)
    # Rows may have several lines.
    first, line = next(lines)
    texts = (f"{text}\n" for text in chain([line], (text for _, text in lines)))
    rows = csv.reader(texts, delimiter=delimiter, strict=True)
    start = first
    try:
        for row in rows:
            if row:
                yield start, row
            start = first + rows.line_num
    except csv.Error as err:
        reason = f"the row that begins here is not CSV ({err}); a cell with quotes in it is "
        raise line_error(source, start, reason + 'written "with ""them"" doubled"') from err


def _read_jsonl(
    source: SourceFile, file: InputFile, options: ReadOptions, vocab: Vocab
) -> Iterator[Row]:
    for number, line in read_nonblank(source):
        try:
            values = json.loads(line)  # srsly's parser rounds numbers
        except ValueError as err:
            raise line_error(source, number, f"it is not JSON: {err}") from err
        if not isinstance(values, dict):
            raise line_error(source, number, f"it is {line[:40]!a}, not an object")
        try:
            yield _row_of(values, f"{file.name}, line {number}", options)
        except UnclearColumns:
            raise
        except ValueError as err:
            raise line_error(source, number, str(err)) from err


def _read_spacy(
    source: SourceFile, file: InputFile, options: ReadOptions, vocab: Vocab
) -> Iterator[Row]:
    try:
        docs = DocBin().from_bytes(source.stream.read()).get_docs(vocab)
        for number, doc in enumerate(docs, start=1):
            values = columns_of_doc(doc)
            yield Row(f"{file.name}, Doc {number}", doc.text, ents_of_doc(doc), values, doc)
    except (ValueError, KeyError, TypeError, OSError) as err:
        reason = f"it is not a DocBin, or is truncated ({err})"
        raise ValueError(Errors.B064.format(path=file.name, reason=reason)) from err


def _read_parquet(file: InputFile, options: ReadOptions) -> Iterator[Row]:
    for number, values in enumerate(read_parquet_rows(file.path, file.name), start=1):
        where = f"{file.name}, row {number}"
        try:
            yield _row_of(values, where, options)
        except UnclearColumns:
            raise
        except ValueError as err:
            raise ValueError(Errors.D002.format(path=file.name, line=number, reason=err)) from err


def _row_of(values: Dict[str, Any], where: str, options: ReadOptions) -> Row:
    """A row of an object.

    RAISES (UnclearColumns, ValueError): If it has no text, or its entities are not valid.
    """
    column, keys = options.column, [*values]
    if column not in values:
        column = keys[_find(where, options, keys)]
    text = values[column]
    if text is not None and not isinstance(text, str):
        raise ValueError(f"{column!r} is {str(text)[:40]!r}; it must be a string")
    text = text or ""
    ents = None if options.name_column is not None else ents_of_json(values, text)
    return _make_row(where, text, values, options, ents)


def _make_row(
    where: str,
    text: str,
    values: Mapping[str, Any],
    options: ReadOptions,
    ents: Optional[Tuple[Ent, ...]] = None,
) -> Row:
    if options.name_column is not None:
        return name_row(where, text, values)
    return Row(where, text, ents, values)


def _find(where: str, options: ReadOptions, header: List[str]) -> int:
    """The index of the column that is read."""
    try:
        return find_column(options.column, header)
    except UnclearColumns as err:
        raise UnclearColumns(Errors.B051.format(path=where, reason=err)) from err


READERS: Dict[str, Callable[[SourceFile, InputFile, ReadOptions, Vocab], Iterator[Row]]] = {
    "txt": _read_txt,
    "csv": _read_csv,
    "tsv": _read_csv,
    "jsonl": _read_jsonl,
    "spacy": _read_spacy,
}
