"""A table of strings in two arrays."""

from dataclasses import dataclass
from itertools import chain, product
from typing import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from ..ragged import IntArray, RowEdit


@dataclass(frozen=True, eq=False)
class StringTable:
    """N strings in UTF-8, concatenated, with offsets; no Python object per string.

    data (uint8): [bytes], the concatenated strings in UTF-8.
    offsets (uint32 or uint64): [N + 1], string i is data[offsets[i] : offsets[i + 1]].
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
        """Like `build`, from the concatenated strings in UTF-8 and their lengths in bytes, [N]."""
        offsets = np.zeros(len(lengths) + 1, np.uint32 if len(data) < 2**32 else np.uint64)
        np.cumsum(lengths, out=offsets[1:])
        return cls(data, offsets)

    def edited(self, edit: RowEdit, new: "StringTable") -> "StringTable":
        """The table after an edit of its rows. new (StringTable): The inserted strings."""
        old = (self.data, self.lengths)
        return self.from_ragged(*edit.apply_ragged(old, (new.data, new.lengths)))

    @property
    def lengths(self) -> IntArray:
        """The length of each string in bytes, [N]."""
        return np.diff(self.offsets).astype(np.int64)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def bytes_at(self, i: int) -> bytes:
        return self.data[int(self.offsets[i]) : int(self.offsets[i + 1])].tobytes()

    def __getitem__(self, i: int) -> str:
        return self.bytes_at(i).decode("utf8")

    def __iter__(self) -> Iterator[str]:
        return (self[i] for i in range(len(self)))

    # The methods below need sorted strings. Python's `sorted` orders them by code point, which is
    # also the order of their UTF-8 bytes.

    def find(self, string: str) -> int:
        """The index of a string, or -1."""
        key = _encode(string)
        i = self._lower_bound(key)
        return i if key and i < len(self) and self.bytes_at(i) == key else -1

    def rows_with_prefix(self, prefix: str) -> range:
        """The indices of all strings that start with a prefix."""
        key = _encode(prefix)
        # 0xff is above every byte of UTF-8.
        return range(self._lower_bound(key), self._lower_bound(key + b"\xff"))

    def rows_with_prefix_in_any_case(self, prefix: str) -> Iterator[int]:
        """The indices of all strings that start with a prefix, if case is ignored."""
        key = prefix.casefold()
        # The strings that begin with the first two characters in any case are read one by one.
        cases = [{char, char.lower(), char.upper(), char.title()} for char in prefix[:2]]
        starts = sorted(map("".join, product(*cases)))
        rows = dict.fromkeys(chain.from_iterable(map(self.rows_with_prefix, starts)))
        return (row for row in sorted(rows) if self[row].casefold().startswith(key))

    def insertion_index(self, string: str) -> int:
        """The number of strings that sort before this one."""
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
    # No string of the table has a lone surrogate, but a search for one must not fail.
    return string.encode("utf8", "surrogatepass")
