"""Parquet files, read and written with pyarrow (the extra "parquet")."""

import json
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, Mapping, Optional, Sequence

from ..errors import Errors
from .values import plain

# Rows that are read at once.
BATCH_SIZE = 1024


def pyarrow() -> Any:
    """RETURNS (module): pyarrow, with pyarrow.parquet.
    RAISES (ImportError): If it is not installed.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as err:
        raise ImportError(Errors.B062) from err
    return pyarrow


def _open(path: Path, name: str) -> Any:
    pa = pyarrow()
    if not path.is_file():
        raise ValueError(Errors.B064.format(path=name, reason="it is not a regular file"))
    try:
        return pa.parquet.ParquetFile(path)
    except pa.ArrowException as err:
        reason = f"it is not a Parquet file, or is truncated ({err})"
        raise ValueError(Errors.B064.format(path=name, reason=reason)) from err


def read_parquet_rows(path: Path, name: str) -> Iterator[Dict[str, Any]]:
    """Read the rows of a Parquet file, some at a time.

    path (Path): The file.
    name (str): Its name for messages.
    YIELDS (Dict[str, Any]): The values of each row, by column.
    RAISES (ValueError): If it is not a Parquet file.
    RAISES (ImportError): If pyarrow is not installed.
    """
    with _open(path, name) as file:
        for batch in file.iter_batches(batch_size=BATCH_SIZE):
            yield from batch.to_pylist()


def read_schema(path: Path, name: str) -> Any:
    """RETURNS (pyarrow.Schema): The columns of a Parquet file, with their types.
    RAISES (ImportError, ValueError): As `read_parquet_rows`.
    """
    with _open(path, name) as file:
        return file.schema_arrow.remove_metadata()


def make_schema(
    columns: Mapping[str, Iterable[str]], schema: Optional[Any], links: Mapping[str, str], many: str
) -> Any:
    """The columns of the output.

    columns (Mapping[str, Iterable[str]]): The columns of the inputs, with the names of the Python
        types of their values.
    schema (Optional[pyarrow.Schema]): The schema of the inputs, if they are all Parquet and alike.
    links (Mapping[str, str]): The fields of a link, with the names of Python types.
    many (str): The column with the list of links; "" if each row has one link, in columns.
    RETURNS (pyarrow.Schema): The schema. A column with values of several types has JSON.
    """
    pa = pyarrow()
    types = {"str": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    fields = {name: _type_of({*found} - {"NoneType"}, types) for name, found in columns.items()}
    if schema is not None:
        fields.update({field.name: field.type for field in schema if field.name in fields})
    of_links = {name: types[kind] for name, kind in links.items()}
    fields.update({many: pa.list_(pa.struct([*of_links.items()]))} if many else of_links)
    return pa.schema([*fields.items()])


def _type_of(found: set, types: Mapping[str, Any]) -> Any:
    if found == {"int", "float"}:
        return types["float"]
    (kind,) = found if len(found) == 1 else ("str",)
    return types.get(kind, types["str"])


def write_table(path: Path, rows: Sequence[Dict[str, Any]], schema: Any) -> None:
    """Write rows to a Parquet file.

    path (Path): The file.
    rows (Sequence[Dict[str, Any]]): The values of each row.
    schema (pyarrow.Schema): The columns.
    RAISES (ValueError): If a value does not fit its column.
    """
    pa = pyarrow()
    texts = {field.name for field in schema if pa.types.is_string(field.type)}
    try:
        table = pa.Table.from_pylist([_with_texts(row, texts) for row in rows], schema=schema)
    except OverflowError as err:
        raise ValueError(str(err)) from err
    pa.parquet.write_table(table, path)


def _with_texts(row: Dict[str, Any], texts: set) -> Dict[str, Any]:
    """A row whose values are strings in columns of strings: other values are written as JSON."""
    return {key: _text_of(value) if key in texts else value for key, value in row.items()}


def _text_of(value: Any) -> Optional[str]:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(plain(value), ensure_ascii=False)


def merge_tables(paths: Sequence[Path], out: Path, schema: Any) -> None:
    """Join Parquet files into one, a row group for each.

    paths (Sequence[Path]): Files with the same columns.
    out (Path): The file to write.
    schema (pyarrow.Schema): Their columns.
    """
    pa = pyarrow()
    with pa.parquet.ParquetWriter(out, schema) as writer:
        for path in paths:
            writer.write_table(pa.parquet.read_table(path, schema=schema))
