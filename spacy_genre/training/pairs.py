"""Training pairs of input and name (paper, section 3.1), and their storage: encoded once, then read
by memory map by any number of processes, in every pass over the corpus."""

import os
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Optional, Tuple

import numpy as np
import srsly
from numpy.typing import NDArray

from ..atomic import write_atomically
from ..corpora.readers import SUFFIXES
from ..errors import Errors
from ..ragged import IntArray

MANIFEST = "manifest.json"
PAIRS_PER_FILE = 200_000
# Token ids, and for each input and name the place behind its last token; whether each token of the
# names is learnt.
COLUMNS = {"inputs": "I", "input_ends": "q", "names": "I", "name_ends": "q", "learnt": "B"}
FORMAT = 3


@dataclass(frozen=True)
class Pair:
    """An input of the model and the name that it should generate.

    input (List[int]): The encoder's token ids.
    name (List[int]): The name's token ids, without the end token.
    shown (str): The pair as readable text, for error messages.
    negatives (Tuple[List[int], ...]): Hard negatives: names that should be less likely.
    learnt (Optional[List[bool]]): For each token of the name, whether the model learns to generate
        it; None for all. The end token is always learnt.
    """

    input: List[int]
    name: List[int]
    shown: str
    negatives: Tuple[List[int], ...] = ()
    learnt: Optional[List[bool]] = None

    @property
    def n_learnt(self) -> int:
        """The number of tokens that are learnt, the end token included."""
        return (len(self.name) if self.learnt is None else sum(self.learnt)) + 1


class PairWriter:
    """Writes pairs to the files `{name}-{part}-{column}.npy` of a folder.

    folder (Path): The folder.
    name (str): The prefix of the files. Writers with different names may share the folder.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.n_parts = 0
        self._clear()

    def _clear(self) -> None:
        # Arrays of numbers: as Python objects the pairs would take thirty times as much memory.
        self.buffer = {column: array(kind) for column, kind in COLUMNS.items()}

    def write(self, pairs: Iterable[Pair]) -> None:
        """Add pairs."""
        for pair in pairs:
            for kind, tokens in (("input", pair.input), ("name", pair.name)):
                self.buffer[f"{kind}s"].extend(tokens)
                self.buffer[f"{kind}_ends"].append(len(self.buffer[f"{kind}s"]))
            self.buffer["learnt"].extend(pair.learnt or [True] * len(pair.name))
            if len(self.buffer["input_ends"]) >= PAIRS_PER_FILE:
                self._write_part()

    def finish(self) -> None:
        """Write the pairs that are still in memory."""
        if self.buffer["input_ends"]:
            self._write_part()

    def _write_part(self) -> None:
        part = f"{self.name}-{self.n_parts:05}"
        self.folder.mkdir(parents=True, exist_ok=True)
        for column, values in self.buffer.items():
            path = self.folder / f"{part}-{column}.npy"
            np.save(path, np.asarray(values), allow_pickle=False)
        self.n_parts += 1
        self._clear()


def finish_pairs(folder: Path, signature: Dict[str, Any]) -> None:
    """Write the manifest of a folder, which marks it as complete. All writers must have finished.

    signature (Dict[str, Any]): What `pairs_signature` gave.
    """
    parts = sorted(path.name.removesuffix("-names.npy") for path in folder.glob("*-names.npy"))
    manifest = {"signature": signature, "parts": parts}
    write_atomically(folder / MANIFEST, srsly.json_dumps(manifest).encode("utf8"))


def has_pairs(folder: Path, signature: Dict[str, Any]) -> bool:
    """Whether a folder is complete and has any pairs.

    signature (Dict[str, Any]): The signature of the pairs that are needed.
    RAISES (ValueError): If its pairs have another signature.
    """
    if not (folder / MANIFEST).exists():
        return False
    manifest = srsly.read_json(folder / MANIFEST)
    if not manifest["parts"]:
        return False
    stored = manifest["signature"]
    if stored != signature:
        keys = [*signature, *(key for key in stored if key not in signature)]
        changed = ", ".join(key for key in keys if stored.get(key) != signature.get(key))
        raise ValueError(Errors.D016.format(path=folder, changed=changed))
    return True


class StoredPairs:
    """The pairs of a folder as a sequence.

    folder (Path): A folder that `finish_pairs` has completed.
    input_lengths (NDArray[np.int32]): [N], the length of each input in tokens.
    n_learnt (NDArray[np.int32]): [N], the tokens of each name that are learnt, with the end token.
    RAISES (OSError, ValueError): If a file is missing or damaged, or there are no pairs.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.parts = [self._open(part) for part in srsly.read_json(folder / MANIFEST)["parts"]]
        if not self.parts:
            raise ValueError(Errors.D003.format(path=folder, reason="there are no pairs in it"))
        self.input_lengths = np.concatenate([_lengths(part["input_ends"]) for part in self.parts])
        self.n_learnt = np.concatenate([*map(_n_learnt, self.parts)]) + 1
        self.first = np.cumsum([0, *(len(part["input_ends"]) for part in self.parts)])

    def _open(self, part: str) -> Dict[str, np.ndarray]:
        columns = {}
        for column in COLUMNS:
            path = self.folder / f"{part}-{column}.npy"
            try:
                columns[column] = np.load(path, mmap_mode="r", allow_pickle=False)
            except ValueError as err:
                raise ValueError(Errors.D003.format(path=path, reason=err)) from err
        for kind in ("input", "name"):
            ends = columns[f"{kind}_ends"]
            if (ends[-1] if len(ends) else 0) != len(columns[f"{kind}s"]):
                reason = f"the {kind}s do not have the lengths of the file {kind}_ends"
                raise ValueError(Errors.D003.format(path=self.folder / part, reason=reason))
        if len(columns["learnt"]) != len(columns["names"]):
            reason = "the file learnt does not have the length of the file names"
            raise ValueError(Errors.D003.format(path=self.folder / part, reason=reason))
        return columns

    def __len__(self) -> int:
        return int(self.first[-1])

    def __getitem__(self, index: int) -> Pair:
        n_part = int(np.searchsorted(self.first, index, side="right")) - 1
        part, row = self.parts[n_part], index - int(self.first[n_part])
        tokens, places = {}, {}
        for kind in ("input", "name"):
            ends = part[f"{kind}_ends"]
            places[kind] = slice(ends[row - 1] if row else 0, ends[row])
            tokens[kind] = part[f"{kind}s"][places[kind]].tolist()
        learnt = part["learnt"][places["name"]]
        shown = f"pair {index} of {self.folder}"
        return Pair(
            tokens["input"],
            tokens["name"],
            shown,
            learnt=None if learnt.all() else learnt.astype(bool).tolist(),
        )


def _lengths(ends: IntArray) -> NDArray[np.int32]:
    """The lengths of consecutive sequences, by the place behind the last token of each."""
    return np.diff(ends, prepend=0).astype(np.int32)


def _n_learnt(part: Dict[str, np.ndarray]) -> NDArray[np.int32]:
    """How many tokens of each name are learnt."""
    lengths = _lengths(part["name_ends"])
    starts, found = part["name_ends"] - lengths, np.zeros(len(lengths), np.int32)
    has_tokens = lengths > 0
    if has_tokens.any():
        found[has_tokens] = np.add.reduceat(part["learnt"], starts[has_tokens], dtype=np.int32)
    return found


def shuffled_batches(
    lengths: IntArray, batch_size: int, seed: int, *, skip: int = 0
) -> Iterator[IntArray]:
    """Batches of indices without end, each pass over the items in another order. The indices of a
    batch are sorted by length, so that every n-th of them is an equal share of the work.

    lengths (IntArray): [N], the length of each item.
    batch_size (int): How many indices a batch has. A pass leaves out its last N % batch_size items.
    seed (int): The seed of the order.
    skip (int): How many batches to leave out at the start.
    YIELDS (IntArray): [batch_size], or [N] if N is smaller.
    """
    size = min(batch_size, len(lengths))
    per_pass = len(lengths) // size
    n_pass, start = divmod(skip, per_pass)
    while True:
        order = np.random.default_rng([seed, n_pass]).permutation(len(lengths))
        for i in range(start, per_pass):
            batch = order[i * size : (i + 1) * size]
            yield batch[np.argsort(lengths[batch], kind="stable")]
        n_pass, start = n_pass + 1, 0


def pairs_signature(
    config: Dict[str, Any], corpus: str, pair_settings: Dict[str, Any]
) -> Dict[str, Any]:
    """Everything that the pairs of a corpus depend on, as JSON values by name.

    config (Dict[str, Any]): The pipeline's config, filled and interpolated.
    corpus (str): The dotted name of the corpus in it: "corpora.train".
    pair_settings (Dict[str, Any]): What `TrainableComponent.pair_settings` gives.
    """
    block = _corpus_block(config, corpus)
    signature = {
        "format": FORMAT,
        "corpus": block,
        "files of the corpus": [_file_state(path) for path in _corpus_files(block)],
        "language": [config["nlp"].get(key) for key in ("lang", "tokenizer")],
        **pair_settings,
    }
    # As JSON reads it again: tuples become lists.
    as_read: Dict[str, Any] = srsly.json_loads(srsly.json_dumps(signature))
    return as_read


def _corpus_block(config: Dict[str, Any], name: str) -> Any:
    """The config block of a dotted name, or the nearest one that contains it: one reader may give
    several corpora."""
    block: Any = config
    for key in name.split("."):
        if key not in block:
            break
        block = block[key]
    return block


def _corpus_files(block: Any) -> Iterator[Path]:
    """The files that a config block names, and those in the folders that it names."""
    if isinstance(block, dict):
        for value in block.values():
            yield from _corpus_files(value)
    elif isinstance(block, str) and os.path.isdir(block):
        files = (path for path in Path(block).rglob("*") if path.name.endswith(SUFFIXES))
        yield from sorted(files)
    elif isinstance(block, str) and os.path.isfile(block):
        yield Path(block)


def _file_state(path: Path) -> List[Any]:
    stat = path.stat()
    return [str(path), stat.st_size, stat.st_mtime_ns]
