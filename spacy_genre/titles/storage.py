"""One file for many arrays: safetensors, open_arrays by memory map."""

import json
import mmap
import os
import struct
import zlib
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Dict, Iterator, Tuple, Union

import numpy as np
from safetensors.numpy import save as safetensors_save

from ..errors import Errors

FORMAT = 1
KIND = "spacy_genre.TitleSet"
Arrays = Dict[str, np.ndarray]
DTYPES = {"U8": np.uint8, "U16": np.uint16, "U32": np.uint32, "U64": np.uint64, "F32": np.float32}


def dump(arrays: Arrays, header: Dict[str, Any]) -> bytes:
    """The content of a file that `parse` reads."""
    # One key, since safetensors writes several in any order, and equal sets shall be equal files.
    known = {"format": FORMAT, "checksum": checksum(arrays, header), "header": header}
    metadata = {KIND: json.dumps(known)}
    return safetensors_save({k: np.ascontiguousarray(v) for k, v in arrays.items()}, metadata)


def checksum(arrays: Arrays, header: Dict[str, Any]) -> int:
    """A CRC-32 of everything that a file says."""
    value = zlib.crc32(json.dumps(header, sort_keys=True).encode("utf8"))
    for name, array in sorted(arrays.items()):
        value = zlib.crc32(f"{name} {array.dtype.str} {len(array)}".encode(), value)
        value = zlib.crc32(np.ascontiguousarray(array).data, value)
    return value


def parse(
    data: Union[bytes, mmap.mmap], where: str, *, check: bool = False
) -> Tuple[Arrays, Dict[str, Any]]:
    """Find the arrays in the content of a file, without copying or reading them.

    data (Union[bytes, mmap.mmap]): The content.
    where (str): What to call it in an error.
    check (bool): Whether to read all of it and compare the checksum.
    RETURNS (Tuple[Dict[str, np.ndarray], Dict[str, Any]]): Read-only arrays, and the header.
    RAISES (ValueError): If it is no such file, is cut, has another format, or fails the check.
    """
    try:
        (size,) = struct.unpack("<Q", data[:8])
        if size > len(data) - 8:
            raise ValueError("it is shorter than its header says")
        tensors = json.loads(data[8 : 8 + size])
        metadata = tensors.pop("__metadata__", {})
        if KIND not in metadata:
            raise ValueError("it is another kind of safetensors file")
        known = json.loads(metadata[KIND])
        found, header = known["format"], dict(known["header"])
        ends = [info["data_offsets"][1] for info in tensors.values()]
        if 8 + size + max(ends) != len(data):
            raise ValueError("its length is not what its header says")
        arrays = {k: _array(data, 8 + size, info) for k, info in tensors.items()}
    # A header that is damaged may break any of these lines, each in its own way.
    except Exception as err:
        reason = str(err) if type(err) is ValueError else "its header can't be read"
        raise ValueError(Errors.T002.format(path=where, reason=reason)) from err
    if found != FORMAT:
        raise ValueError(Errors.T003.format(path=where, found=found, expected=FORMAT))
    if check and known.get("checksum") != checksum(arrays, header):
        raise ValueError(Errors.T002.format(path=where, reason="its checksum is wrong"))
    return arrays, header


def _array(data: Union[bytes, mmap.mmap], base: int, info: Dict[str, Any]) -> np.ndarray:
    start, end = info["data_offsets"]
    (length,) = info["shape"]
    dtype = np.dtype(DTYPES[info["dtype"]])
    if not 0 <= start <= end <= len(data) - base or end - start != length * dtype.itemsize:
        raise ValueError("its header contradicts itself")
    return np.frombuffer(data, dtype, length, base + start)


@contextmanager
def open_arrays(path: Path, *, check: bool = False) -> Iterator[Tuple[Arrays, Dict[str, Any]]]:
    """Open a file by memory map: nothing is read before it is looked at, and processes that
    open the same file share its pages. The arrays outlast the block, in which the system does not
    read ahead: to see whether they fit together takes a few pages, far from each other.

    YIELDS and RAISES: As `parse`.
    """
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                raise ValueError(Errors.T002.format(path=path, reason="it is empty"))
            data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        raise FileNotFoundError(Errors.T001.format(path=path)) from None
    except IsADirectoryError:
        raise ValueError(Errors.T002.format(path=path, reason="it is a folder")) from None
    can_advise = hasattr(data, "madvise")  # not on Windows
    if can_advise and not check:
        data.madvise(mmap.MADV_RANDOM)
    yield parse(data, str(path), check=check)
    if can_advise:
        data.madvise(mmap.MADV_NORMAL)
