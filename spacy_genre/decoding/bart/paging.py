"""Releasing the memory of memory-mapped weights that inference does not need."""

import ctypes
import mmap
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, List, Optional, Tuple

MADV_PAGEOUT = 21  # Linux 5.4 and later; Python has no name for it


class MappedFiles:
    """The memory of this process that is mapped from files; none where the system is not Linux.

    transformers maps the weights of a float32 `model.safetensors`. When their inference weights
    are made, every page has been read. The system is asked to reclaim these pages; a later use
    reads them from the file again. Changed pages stay: nothing is lost.
    """

    def __init__(self) -> None:
        self.ranges: List[Tuple[int, int]] = []
        self.libc: Optional[Any] = None
        if sys.platform == "linux":
            with suppress(OSError, ValueError):
                self.libc = ctypes.CDLL(None)
                self.ranges = _file_ranges(Path("/proc/self/maps").read_text())

    def release(self, module: Any, *, trim: bool = False) -> None:
        """Ask the system to reclaim the memory of a module's weights, where it is of a file.

        module (torch.nn.Module): A module on any device.
        trim (bool): Whether to return memory that malloc keeps to the system, too.
        """
        for weight in module.parameters() if self.ranges else ():
            start, end = weight.data_ptr(), weight.data_ptr() + weight.nbytes
            if weight.device.type == "cpu" and any(a <= start and end <= b for a, b in self.ranges):
                start, end = -(-start // mmap.PAGESIZE), end // mmap.PAGESIZE
                if self.libc is not None and start < end:
                    address = ctypes.c_void_p(start * mmap.PAGESIZE)
                    size = ctypes.c_size_t((end - start) * mmap.PAGESIZE)
                    self.libc.madvise(address, size, MADV_PAGEOUT)  # an error changes nothing
        if trim and self.libc is not None and hasattr(self.libc, "malloc_trim"):  # glibc
            self.libc.malloc_trim(0)


def _file_ranges(maps: str) -> List[Tuple[int, int]]:
    """The private mappings of files of weights, from the text of /proc/self/maps."""
    rows = [line.split(None, 5) for line in maps.splitlines()]
    names = (".safetensors", ".bin")
    found = [row[0].split("-") for row in rows if len(row) == 6 and row[5].endswith(names)]
    return [(int(start, 16), int(end, 16)) for start, end in found]
