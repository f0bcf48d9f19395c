"""The file format of title sets: arrays in one safetensors file. Large files are opened by memory
map."""

import json
import mmap
import os
import struct
import weakref
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Tuple, Union

import numpy as np
from safetensors.numpy import save as safetensors_save

from ..errors import Errors

FORMAT = 1
KIND = "spacy_genre.TitleSet"
# A file of at most this number of bytes is read into memory, which takes up to 4 ms. It can be
# overwritten while it is in use. A larger one is mapped (see `MappedFile`).
MAX_COPIED = 8 << 20
Arrays = Dict[str, np.ndarray]
DTYPES = {"U8": np.uint8, "U16": np.uint16, "U32": np.uint32, "U64": np.uint64, "F32": np.float32}


def dump(arrays: Arrays, header: Dict[str, Any]) -> bytes:
    """Serialize arrays and a header. `parse` is the inverse."""
    # One key only: safetensors writes keys in no fixed order, and equal sets must be equal files.
    content = {"format": FORMAT, "checksum": checksum(arrays, header), "header": header}
    metadata = {KIND: json.dumps(content)}
    return safetensors_save({k: np.ascontiguousarray(v) for k, v in arrays.items()}, metadata)


def checksum(arrays: Arrays, header: Dict[str, Any]) -> int:
    """The CRC-32 of all arrays and the header."""
    value = zlib.crc32(json.dumps(header, sort_keys=True).encode("utf8"))
    for name, array in sorted(arrays.items()):
        value = zlib.crc32(f"{name} {array.dtype.str} {len(array)}".encode(), value)
        value = zlib.crc32(np.ascontiguousarray(array).data, value)
    return value


def parse(
    data: Union[bytes, mmap.mmap], where: str, *, check: bool = False
) -> Tuple[Arrays, Dict[str, Any]]:
    """Deserialize the content of a file. The arrays are views of it; nothing is copied.

    data (Union[bytes, mmap.mmap]): The content.
    where (str): The name of the file for error messages.
    check (bool): Whether to read all arrays and compare the checksum.
    RETURNS (Tuple[Dict[str, np.ndarray], Dict[str, Any]]): Read-only arrays, and the header.
    RAISES (ValueError): If the file is not a title set, is truncated, has another format version,
        or has a wrong checksum.
    """
    try:
        (size,) = struct.unpack("<Q", data[:8])
        if size > len(data) - 8:
            raise ValueError("it is shorter than its header says")
        tensors = json.loads(data[8 : 8 + size])
        metadata = tensors.pop("__metadata__", {})
        if KIND not in metadata:
            raise ValueError("it is another kind of safetensors file")
        content = json.loads(metadata[KIND])
        file_format, header = content["format"], dict(content["header"])
        ends = [info["data_offsets"][1] for info in tensors.values()]
        if 8 + size + max(ends) != len(data):
            raise ValueError("its length is not what its header says")
        arrays = {k: _array(data, 8 + size, info) for k, info in tensors.items()}
    # A damaged header may raise any exception in the lines above.
    except Exception as err:
        reason = str(err) if type(err) is ValueError else "its header can't be read"
        raise ValueError(Errors.T002.format(path=where, reason=reason)) from err
    if file_format != FORMAT:
        raise ValueError(Errors.T003.format(path=where, found=file_format, expected=FORMAT))
    if check and content.get("checksum") != checksum(arrays, header):
        raise ValueError(Errors.T002.format(path=where, reason="its checksum is wrong"))
    return arrays, header


def _array(data: Union[bytes, mmap.mmap], base: int, info: Dict[str, Any]) -> np.ndarray:
    start, end = info["data_offsets"]
    (length,) = info["shape"]
    dtype = np.dtype(DTYPES[info["dtype"]])
    if not 0 <= start <= end <= len(data) - base or end - start != length * dtype.itemsize:
        raise ValueError("its header contradicts itself")
    return np.frombuffer(data, dtype, length, base + start)


class MappedFile:
    """A memory-mapped file. It detects that the file was overwritten in place, for instance by
    `cp`: then arrays have the new content at the old offsets, and reading beyond the end of a
    shorter file ends the process (SIGBUS). A file that was replaced by a rename is another file;
    the mapped one is unchanged.

    path (Path): The file.
    descriptor (int): An open file descriptor. It is closed with this object.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)
        self._status = self._read_status()
        self._header = b""  # with the checksum of the content

    def map(self) -> mmap.mmap:
        """Map the file. RETURNS (mmap.mmap): The content, read-only."""
        return mmap.mmap(self._descriptor, 0, access=mmap.ACCESS_READ)

    def remember_header(self, data: mmap.mmap) -> None:
        """Remember the header of the file's format, for `check`."""
        (size,) = struct.unpack("<Q", data[:8])
        self._header = data[: 8 + size]

    def check(self) -> None:
        """RAISES (ValueError): If the content of the file has changed since it was mapped."""
        status = self._read_status()
        if status == self._status:
            return
        # A new time of modification (`touch`) alone is no change of the content.
        if status[0] != self._status[0] or not self._has_equal_header():
            raise ValueError(Errors.T027.format(path=self.path))
        self._status = status

    def _read_status(self) -> Tuple[int, int]:
        """The size in bytes and the time of the last modification."""
        status = os.fstat(self._descriptor)
        return status.st_size, status.st_mtime_ns

    def _has_equal_header(self) -> bool:
        if not self._header or not hasattr(os, "pread"):  # Windows has none
            return False
        return os.pread(self._descriptor, len(self._header), 0) == self._header


@contextmanager
def open_arrays(
    path: Path, *, check: bool = False
) -> Iterator[Tuple[Arrays, Dict[str, Any], Optional[MappedFile]]]:
    """Open a file. A small one is read into memory, and its checksum is compared. A large one is
    opened by memory map: pages are read at the first access, and processes that open the same file
    share them. The arrays stay valid after the block. Inside the block the system does not read
    ahead, since validation reads only a few pages that are far apart.

    path (Path): The file.
    check (bool): As for `parse`.
    YIELDS (Tuple[Dict[str, np.ndarray], Dict[str, Any], Optional[MappedFile]]): Read-only arrays,
        the header, and the file if it is mapped.
    RAISES: As `parse`.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if size == 0:
                raise ValueError(Errors.T002.format(path=path, reason="it is empty"))
            content = file.read() if size <= MAX_COPIED else None
            mapped = MappedFile(path, os.dup(file.fileno())) if content is None else None
    except FileNotFoundError:
        raise FileNotFoundError(Errors.T001.format(path=path)) from None
    except IsADirectoryError:
        raise ValueError(Errors.T002.format(path=path, reason="it is a folder")) from None
    if mapped is None:
        yield *parse(content or b"", str(path), check=True), None
        return
    data = mapped.map()
    can_advise = hasattr(data, "madvise")  # not on Windows
    if can_advise and not check:
        data.madvise(mmap.MADV_RANDOM)
    arrays, header = parse(data, str(path), check=check)
    mapped.remember_header(data)
    mapped.check()
    yield arrays, header, mapped
    if can_advise:
        data.madvise(mmap.MADV_NORMAL)
