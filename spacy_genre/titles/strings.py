"""Many strings in two arrays."""

from dataclasses import dataclass
from typing import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..ragged import RowEdit, IntArray


@dataclass(frozen=True, eq=False)
class StringTable:
    """N strings as UTF-8, end to end, and where each begins; no Python object per string.

    data (uint8, [bytes]): All strings in UTF-8.
    offsets (uint32 or uint64, [N + 1]): String i is data[offsets[i] : offsets[i + 1]].
    """

    data: NDArray[np.uint8]
    offsets: NDArray[np.integer]

    @classmethod
    def build(cls, strings: Sequence[str]) -> "StringTable":
        encoded = [string.encode("utf8") for string in strings]
        lengths = np.fromiter(map(len, encoded), np.int64, len(encoded))
        return cls.from_ragged(np.frombuffer(b"".join(encoded), np.uint8), lengths)

    @classmethod
    def from_ragged(cls, data: NDArray[np.uint8], lengths: IntArray) -> "StringTable":
        """Like `build`, from all strings in UTF-8 laid end to end and the bytes of each, [N]."""
        offsets = np.zeros(len(lengths) + 1, np.uint32 if len(data) < 2**32 else np.uint64)
        np.cumsum(lengths, out=offsets[1:])
        return cls(data, offsets)

    def edited(self, edit: RowEdit, new: "StringTable") -> "StringTable":
        """The table with some strings gone and others in between."""
        old = (self.data, self.lengths)
        return self.from_ragged(*edit.apply_ragged(old, (new.data, new.lengths)))

    @property
    def lengths(self) -> IntArray:
        """The bytes of each string, [N]."""
        return np.diff(self.offsets).astype(np.int64)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def bytes_at(self, i: int) -> bytes:
        return self.data[int(self.offsets[i]) : int(self.offsets[i + 1])].tobytes()

    def __getitem__(self, i: int) -> str:
        return self.bytes_at(i).decode("utf8")

    def __iter__(self) -> Iterator[str]:
        return (self[i] for i in range(len(self)))

    # The strings must be sorted for what follows: by code point, as Python's own `sorted` does,
    # which is the order of their UTF-8 bytes as well.

    def find(self, string: str) -> int:
        """The index of a string, or -1."""
        key = _encode(string)
        at = self._lower_bound(key)
        return at if key and at < len(self) and self.bytes_at(at) == key else -1

    def rows_with_prefix(self, prefix: str) -> range:
        """The indices of all strings that start with a prefix."""
        key = _encode(prefix)
        # No byte of UTF-8 is as high as 0xff.
        return range(self._lower_bound(key), self._lower_bound(key + b"\xff"))

    def insertion_index(self, string: str) -> int:
        """How many strings come before this one."""
        return self._lower_bound(_encode(string))

    def _lower_bound(self, key: bytes) -> int:
        low, high = 0, len(self)
        while low < high:
            middle = (low + high) // 2
            if self.bytes_at(middle) < key:
                low = middle + 1
            else:
                high = middle
        return low


def _encode(string: str) -> bytes:
    # Half of a surrogate pair, which no string here holds, sorts among the others.
    return string.encode("utf8", "surrogatepass")
