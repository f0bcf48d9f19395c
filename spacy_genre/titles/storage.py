"""The file format of title sets: arrays in one safetensors file, opened by memory map."""

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


@contextmanager
def open_arrays(path: Path, *, check: bool = False) -> Iterator[Tuple[Arrays, Dict[str, Any]]]:
    """Open a file by memory map. Pages are read at the first access, and processes that open the
    same file share them. The arrays stay valid after the block. Inside the block the system does
    not read ahead, since validation reads only a few pages that are far apart.

    path (Path): The file.
    check (bool): As for `parse`.
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
