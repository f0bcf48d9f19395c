"""Reading of plain or compressed files as a stream, with a checksum and a progress bar."""

import bz2
import gzip
import hashlib
import io
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Iterator, cast
from zipfile import BadZipFile, ZipFile

from tqdm import tqdm

from ..errors import Errors

BLOCK = 1 << 20
SPREADSHEETS = {
    ".xlsx": "an Excel workbook",
    ".xlsm": "an Excel workbook",
    ".ods": "an OpenDocument spreadsheet",
}
# Other files that are given by mistake, by their first bytes.
NO_TEXT = {
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"%PDF-": "a PDF document",
}


class ForeignFileError(ValueError):
    """A file is of a kind that is never read, such as an image.

    path (Path): The file.
    kind (str): What it is.
    remedy (str): How its names can be read all the same; "" if they can't.
    """

    def __init__(self, path: Path, kind: str, remedy: str = "") -> None:
        super().__init__(path, kind, remedy)
        self.path, self.kind, self.remedy = path, kind, remedy

    def __str__(self) -> str:
        reason = f"it is {self.kind}; {self.remedy}" if self.remedy else f"it is {self.kind}"
        return Errors.F004.format(path=self.path, reason=reason)


class SourceFile:
    """A source file that is being read.

    path (Path): The file.
    raw (_HashingReader): Its bytes, as they are on disk.
    stream (BinaryIO): Its decompressed content.
    """

    def __init__(self, path: Path, raw: "_HashingReader", stream: BinaryIO) -> None:
        self.path = path
        self.raw = raw
        self.stream = stream

    def finish(self) -> str:
        """Read the rest of the file. RETURNS (str): The SHA-256 of the file, as it is on disk."""
        while self.stream.read(BLOCK):
            pass
        while self.raw.read(BLOCK):
            pass
        return self.raw.digest.hexdigest()


class _HashingReader(io.RawIOBase):
    """A file object that computes a hash and updates a progress bar while it is read."""

    def __init__(self, file: BinaryIO, bar: Any) -> None:
        self.file, self.bar = file, bar
        self.digest = hashlib.sha256()
        self.position = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        n = self.file.readinto(buffer)  # type: ignore[attr-defined]
        self.digest.update(memoryview(buffer)[:n])
        self.position += n
        self.bar.update(n)
        return int(n)


@contextmanager
def open_source(path: Path, *, progress: bool = False) -> Iterator[SourceFile]:
    """Open a plain file, or one that is compressed with gzip or bzip2 (in one or many streams).
    Compression is detected by the first bytes, not by the file's name.

    path (Path): The file.
    progress (bool): Whether to show a progress bar.
    YIELDS (SourceFile): The file.
    RAISES (OSError, ValueError): If it can't be read, or if it is truncated or damaged;
        `ForeignFileError` if it is a spreadsheet, an image or the like.
    """
    if not path.exists():
        raise FileNotFoundError(Errors.F001.format(path=path))
    if not path.is_file():  # a pipe can be read only once
        raise ForeignFileError(path, "not a regular file")
    size = path.stat().st_size
    bar = tqdm(total=size, desc=path.name, unit="B", unit_scale=True, disable=not progress)
    with path.open("rb") as file, bar:
        magic = file.read(6)
        file.seek(0)
        _check_no_document(path, magic)
        raw = _HashingReader(cast(BinaryIO, file), bar)
        try:
            yield SourceFile(path, raw, _decompressed(path, raw, magic))
        except (EOFError, gzip.BadGzipFile, zlib.error) as err:
            message = Errors.F002.format(path=path, reason=err, offset=raw.position)
            raise ValueError(message) from err
        except OSError as err:
            if err.errno is not None:  # an error of the disk, not of bzip2
                raise
            message = Errors.F002.format(path=path, reason=err, offset=raw.position)
            raise ValueError(message) from err


def _check_no_document(path: Path, magic: bytes) -> None:
    """RAISES (ValueError): If a file is a spreadsheet, an image or another kind of document."""
    suffix = path.suffix.lower()
    kind = None
    if magic.startswith(b"PK\x03\x04") and (suffix in SPREADSHEETS or _is_spreadsheet(path)):
        kind = SPREADSHEETS.get(suffix, "a spreadsheet")
    elif magic.startswith(b"\xd0\xcf\x11\xe0"):
        kind = "a document of Excel or Word"
    elif magic.startswith(b"PAR1"):
        kind = "a Parquet file"
    if kind:
        raise ForeignFileError(path, kind, "save it as CSV in UTF-8")
    for start, what in NO_TEXT.items():
        if magic.startswith(start):
            raise ForeignFileError(path, what)


def _is_spreadsheet(path: Path) -> bool:
    try:
        with ZipFile(path) as archive:
            names = archive.namelist()
    except BadZipFile:
        return False
    return any(name.startswith("xl/") or name == "content.xml" for name in names)


def _decompressed(path: Path, raw: _HashingReader, magic: bytes) -> BinaryIO:
    buffered = io.BufferedReader(raw, BLOCK)
    if magic.startswith(b"\x1f\x8b"):
        return cast(BinaryIO, io.BufferedReader(gzip.GzipFile(fileobj=buffered), BLOCK))
    if magic.startswith(b"BZh"):
        return cast(BinaryIO, io.BufferedReader(bz2.BZ2File(buffered), BLOCK))
    for start, kind in (
        (b"\x28\xb5\x2f\xfd", "zstd"),
        (b"\xfd7zXZ\0", "xz"),
        (b"7z\xbc\xaf\x27\x1c", "7z"),
        (b"PK\x03\x04", "zip"),
    ):
        if magic.startswith(start):
            remedy = "decompress it, or get it as .gz or .bz2"
            raise ForeignFileError(path, f"compressed with {kind}", remedy)
    return buffered
