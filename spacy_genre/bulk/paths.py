"""The files that are read and written, and their formats."""

import shutil
import sys
from collections import Counter
from pathlib import Path
from typing import BinaryIO, Collection, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import Errors

STDIN = "-"
# The formats by the endings of files. HTML is only written.
ENDINGS = {
    ".txt": "txt",
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    ".spacy": "spacy",
}
OUTPUT_ENDINGS = {**ENDINGS, ".html": "html"}
COMPRESSED = (".gz", ".bz2")


class InputFile(NamedTuple):
    """A file to read.

    path (Path): The file.
    format (str): A value of `ENDINGS`.
    name (str): Its name for messages and for the output.
    """

    path: Path
    format: str
    name: str


def format_of(path: Path) -> Optional[str]:
    """The format of an input by its ending; None if it is another one."""
    name = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
    return ENDINGS.get(name.suffix.lower())


def find_inputs(
    inputs: Sequence[Path], format: Optional[str], out: Path, stdin: Optional[Path] = None
) -> Tuple[List[InputFile], Counter[str]]:
    """Find all input files. Folders are searched for files with known endings, in the order of
    their names. Hidden files and folders are left out.

    inputs (Sequence[Path]): Files and folders; "-" for the standard input.
    format (Optional[str]): The format of files with other endings; that of the standard input is
        "txt" by default.
    out (Path): The output. It is no input, even if it is in one of the folders.
    stdin (Optional[Path]): The file to which the standard input was copied.
    RETURNS (Tuple[List[InputFile], Counter[str]]): The files, and the endings of files in folders
        that are left out, with their number.
    RAISES (OSError, ValueError): If a file does not exist, has an unknown format, or is the output.
    """
    files: List[InputFile] = []
    ignored: Counter[str] = Counter()
    for given in inputs:
        if str(given) == STDIN:
            if stdin is not None:
                files.append(InputFile(stdin, format or "txt", "stdin"))
        elif not given.exists():
            raise FileNotFoundError(Errors.F001.format(path=given))
        elif given.is_dir():
            files += _files_in(given, format, out, ignored)
        elif given.resolve() == out.resolve():
            raise ValueError(Errors.B057.format(path=out))
        else:
            kind = format_of(given) or format
            if kind is None:
                endings = ", ".join(ENDINGS)
                message = Errors.B052.format(path=given, endings=endings, option="--input-format")
                raise ValueError(message)
            files.append(InputFile(given, kind, str(given)))
    return files, ignored


def _files_in(
    folder: Path, format: Optional[str], out: Path, ignored: Counter[str]
) -> List[InputFile]:
    files = []
    for path in sorted(folder.rglob("*")):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        # The output may be in the folder: a file, or a folder of shards.
        is_output = out.resolve() in (path.resolve(), *path.resolve().parents)
        if is_hidden or is_output or not path.is_file():
            continue
        kind = format_of(path) or format
        if kind is None:
            ignored[path.suffix or path.name] += 1
        else:
            files.append(InputFile(path, kind, str(path)))
    return files


class Output(NamedTuple):
    """What is written.

    path (Path): The file or folder.
    format (str): A value of `OUTPUT_ENDINGS`.
    is_folder (bool): Whether it is a folder, with a file for each shard.
    """

    path: Path
    format: str
    is_folder: bool


def find_output(path: Path, format: Optional[str], inputs: Collection[str]) -> Output:
    """The format of an output: that of its ending; for a folder the given one, or that of the
    inputs.

    path (Path): The file or folder. A name without an ending is that of a folder.
    format (Optional[str]): The format of a folder.
    inputs (Collection[str]): The formats of the inputs.
    RETURNS (Output): The output.
    RAISES (ValueError): If it has no known format.
    """
    is_folder = path.is_dir() or not path.suffix
    found = format or _only(inputs) if is_folder else OUTPUT_ENDINGS.get(path.suffix.lower())
    if found is None:
        reason = "it is a folder, and the inputs have several formats or none"
        if not is_folder:
            reason = f"{path.suffix!r} is another ending"
        endings = ", ".join(OUTPUT_ENDINGS)
        raise ValueError(Errors.B053.format(path=path, reason=reason, endings=endings))
    return Output(path, found, is_folder)


def _only(formats: Collection[str]) -> Optional[str]:
    return next(iter(formats)) if len({*formats}) == 1 else None


def copy_stdin(path: Path, stream: Optional[BinaryIO] = None) -> None:
    """Copy the standard input to a file, since it is read twice.

    path (Path): The file to write.
    stream (Optional[BinaryIO]): Another stream to copy.
    """
    with path.open("wb") as file:
        shutil.copyfileobj(stream or sys.stdin.buffer, file)
