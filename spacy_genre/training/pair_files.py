"""Pairs of input and name in files, as arrays that are opened by memory map: encoded once, and then
read by any number of processes and as often as is needed."""

import os
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List

import numpy as np
import srsly

from ..atomic import write_atomically
from ..corpora.readers import SUFFIXES
from ..errors import Errors
from ..ragged import flatten
from ..titles.compaction import compact_tables
from ..titles.storage import checksum
from .pairs import Pair

MANIFEST = "manifest.json"
# So many pairs are in a file.
PART = 1_000_000
COLUMNS = ("inputs", "input_lengths", "names", "name_lengths")
# What pairs depend on, of the linker's settings and of its model's.
LINKER = ("context_tokens", "kb_id", "labels_discard", "use_gold_ents", "longest_forms")
MODEL = ("start_delimiter", "end_delimiter", "name_bos", "context_tokens", "opening_tokens")


class PairWriter:
    """Writes pairs to a folder: `{name}-{part}-{column}.npy`.

    folder (Path): The folder.
    name (str): What begins the names of the files. Writers with other names may write beside it.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.waiting: List[Pair] = []
        self.n_parts = 0

    def write(self, pairs: Iterable[Pair]) -> None:
        self.waiting.extend(pairs)
        if len(self.waiting) >= PART:
            self._write_part()

    def finish(self) -> None:
        """Write what is left."""
        if self.waiting:
            self._write_part()

    def _write_part(self) -> None:
        part = f"{self.name}-{self.n_parts:05}"
        columns = [
            *flatten(pair.input for pair in self.waiting),
            *flatten(pair.name for pair in self.waiting),
        ]
        self.folder.mkdir(parents=True, exist_ok=True)
        for column, array in zip(COLUMNS, columns, strict=True):
            np.save(self.folder / f"{part}-{column}.npy", array, allow_pickle=False)
        self.n_parts += 1
        self.waiting = []


def signature_of(config: Dict[str, Any], corpus: str, linker: Any) -> Dict[str, Any]:
    """All that the pairs of a corpus depend on, by name, as it is read from JSON.

    config (Dict[str, Any]): The pipeline's config, filled and interpolated.
    corpus (str): The corpus in it: "corpora.train".
    linker (TrainableGenreComponent): What encodes.
    """
    block, titles, shim = _block(config, corpus), linker.titles, linker.shim
    settings = linker.settings()
    found = {
        "corpus": block,
        "files of the corpus": [_as_found(path) for path in _files(block)],
        # Equal numbers of names are not equal names.
        "title set": checksum(compact_tables(titles.view).to_arrays(), titles.header),
        "tokenizer": shim.name_tokenizer.fingerprint,
        "longest input": linker.max_length,
        "language": [config["nlp"].get(key) for key in ("lang", "tokenizer")],
        "the linker's missing": linker.training.missing,
        **{f"the linker's {key}": settings[key] for key in LINKER},
        **{f"the model's {key}": getattr(shim.settings, key) for key in MODEL},
    }
    known: Dict[str, Any] = srsly.json_loads(srsly.json_dumps(found))
    return known


def _block(config: Dict[str, Any], name: str) -> Any:
    """The block of a config with a dotted name, or the nearest one around it: one reader may give
    several corpora."""
    block: Any = config
    for part in name.split("."):
        if part not in block:
            break
        block = block[part]
    return block


def _files(block: Any) -> Iterator[Path]:
    """The files that a block of a config names, by themselves or by a folder around them."""
    if isinstance(block, dict):
        for value in block.values():
            yield from _files(value)
    elif isinstance(block, str) and os.path.isdir(block):
        files = (path for path in Path(block).rglob("*") if path.name.endswith(SUFFIXES))
        yield from sorted(files)
    elif isinstance(block, str) and os.path.isfile(block):
        yield Path(block)


def _as_found(path: Path) -> List[Any]:
    found = path.stat()
    return [str(path), found.st_size, found.st_mtime_ns]


def finish_pairs(folder: Path, signature: Dict[str, Any]) -> None:
    """Say that a folder of pairs is whole, and what they were made of."""
    parts = sorted(path.name.removesuffix("-names.npy") for path in folder.glob("*-names.npy"))
    manifest = {"signature": signature, "parts": parts}
    write_atomically(folder / MANIFEST, srsly.json_dumps(manifest).encode("utf8"))


def is_whole(folder: Path, signature: Dict[str, Any]) -> bool:
    """Whether a folder holds all pairs of what is to be read, and any at all.

    RAISES (ValueError): If they are of something else.
    """
    if not (folder / MANIFEST).exists():
        return False
    manifest = srsly.read_json(folder / MANIFEST)
    if not manifest["parts"]:
        return False
    found = manifest["signature"]
    if found != signature:
        keys = [*signature, *(key for key in found if key not in signature)]
        changed = ", ".join(key for key in keys if found.get(key) != signature.get(key))
        raise ValueError(Errors.D016.format(path=folder, changed=changed))
    return True


class PairFiles:
    """The pairs of a folder, as a sequence.

    folder (Path): What `finish_pairs` has finished.
    RAISES (OSError, ValueError): If a file is missing or damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts = [self._open(part) for part in srsly.read_json(folder / MANIFEST)["parts"]]
        if not self.parts:
            raise ValueError(Errors.D003.format(path=folder, reason="there are no pairs in it"))
        # The length of each, with the start or end token.
        self.input_lengths = np.concatenate([part["input_lengths"] for part in self.parts])
        self.name_lengths = np.concatenate([part["name_lengths"] for part in self.parts]) + 1
        self.first = np.cumsum([0, *(len(part["input_lengths"]) for part in self.parts)])

    def _open(self, part: str) -> Dict[str, np.ndarray]:
        columns = {}
        for column in COLUMNS:
            path = self.folder / f"{part}-{column}.npy"
            try:
                columns[column] = np.load(path, mmap_mode="r", allow_pickle=False)
            except ValueError as err:
                raise ValueError(Errors.D003.format(path=path, reason=err)) from err
        for what in ("input", "name"):
            ends = np.cumsum(columns[f"{what}_lengths"])
            if (ends[-1] if len(ends) else 0) != len(columns[f"{what}s"]):
                reason = f"the {what}s are not as long as they should be"
                raise ValueError(Errors.D003.format(path=self.folder / part, reason=reason))
            columns[f"{what}_ends"] = ends
        return columns

    def __len__(self) -> int:
        return int(self.first[-1])

    def __getitem__(self, index: int) -> Pair:
        at = int(np.searchsorted(self.first, index, side="right")) - 1
        part, row = self.parts[at], index - int(self.first[at])
        found = {}
        for what in ("input", "name"):
            end, length = part[f"{what}_ends"][row], part[f"{what}_lengths"][row]
            found[what] = part[f"{what}s"][end - length : end].tolist()
        return Pair(found["input"], found["name"], f"pair {index} of {self.folder}")


def shuffled_batches(
    lengths: np.ndarray, batch_size: int, seed: int, *, skip: int = 0
) -> Iterator[np.ndarray]:
    """Batches of indices, pass after pass, each pass in another order; the indices of a batch are
    sorted by length, so that a stride of them is as much work as the next.

    lengths (np.ndarray): [N], how long each item is.
    batch_size (int): How many indices a batch has; the last ones of a pass have no batch if they
        are fewer.
    skip (int): So many batches are passed over.
    """
    size = min(batch_size, len(lengths))
    per_pass = len(lengths) // size
    n_pass, at = divmod(skip, per_pass)
    while True:
        order = np.random.default_rng([seed, n_pass]).permutation(len(lengths))
        for i in range(at, per_pass):
            batch = order[i * size : (i + 1) * size]
            yield batch[np.argsort(lengths[batch], kind="stable")]
        n_pass, at = n_pass + 1, 0
