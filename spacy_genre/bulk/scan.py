"""The first reading of all inputs: whether they are valid, their size, columns and hashes."""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Dict, List, Optional, Sequence, Set, Tuple

from spacy.vocab import Vocab

from ..errors import Errors
from .parquet import read_schema
from .paths import InputFile
from .readers import ReadOptions, read_rows
from .rows import Row


@dataclass
class Scan:
    """What the inputs have.

    n_rows (int): The number of rows.
    columns (Dict[str, Set[str]]): The columns in the order in which they first occur, with the
        names of the Python types of their values.
    digests (List[str]): The SHA-256 of each file.
    longest (Tuple[int, str]): The length of the longest text in characters, and its place.
    without_ents (str): The place of the first text whose entities are not known; "" if there is
        none.
    schema (Optional[pyarrow.Schema]): The schema, if all files are Parquet and have the same.
    """

    n_rows: int = 0
    columns: Dict[str, Set[str]] = field(default_factory=lambda: defaultdict(set))
    digests: List[str] = field(default_factory=list)
    longest: Tuple[int, str] = (0, "")
    without_ents: str = ""
    schema: Optional[Any] = None


def scan_inputs(
    files: Sequence[InputFile], options: ReadOptions, *, progress: bool = False
) -> Scan:
    """Read all inputs once. This takes little time beside linking, and finds errors before it.

    files (Sequence[InputFile]): The files.
    options (ReadOptions): Which columns are read.
    progress (bool): Whether to show progress bars for large files.
    RETURNS (Scan): What they have.
    RAISES (OSError, ValueError): If one can't be read, with the line.
    """
    scan = Scan()
    for file in files:
        rows = read_rows(file, options, Vocab(), progress=progress, on_end=scan.digests.append)
        for row in rows:
            _add_row(scan, row)
    if files and all(file.format == "parquet" for file in files):
        schemas = [read_schema(file.path, file.name) for file in files]
        if all(schema.equals(schemas[0]) for schema in schemas):
            scan.schema = schemas[0]
    return scan


def _add_row(scan: Scan, row: Row) -> None:
    try:
        row.text.encode()
    except UnicodeEncodeError as err:
        raise ValueError(
            Errors.B065.format(where=row.where, character=err.object[err.start])
        ) from err
    scan.n_rows += 1
    for column, value in row.values.items():
        scan.columns[column].add(type(value).__name__)
    if row.doc is None and len(row.text) > scan.longest[0]:
        scan.longest = len(row.text), row.where
    if row.ents is None and row.text.strip() and not scan.without_ents:
        scan.without_ents = row.where
