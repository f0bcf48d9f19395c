"""The unfinished run of an output: finished shards and a manifest, in a folder next to it."""

import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Dict, Iterator, List

import srsly
from filelock import Timeout

from ..atomic import atomic_folder, locked, write_atomically
from ..errors import Errors
from .paths import Output
from .writers import Writer

FORMAT = 1
MANIFEST = "manifest.json"
# Seconds to wait for another process. The workers of a killed process end within this time.
LOCK_TIMEOUT = 5.0


def unfinished_folder(out: Path) -> Path:
    """RETURNS (Path): The folder of the unfinished run of an output."""
    return out.with_name(f".{out.name}.unfinished")


@contextmanager
def locked_output(out: Path) -> Iterator[None]:
    """Hold a lock on an output.

    RAISES (ValueError): If another process holds it.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    try:
        with locked(out, timeout=LOCK_TIMEOUT):
            yield
    except Timeout as err:
        raise ValueError(Errors.B056.format(path=out)) from err


@dataclass
class ShardInfo:
    """A finished shard.

    file (str): Its file.
    rows, links, linked (int): Its number of rows, of mentions or pages, and of those with a title.
    """

    file: str
    rows: int
    links: int
    linked: int


class UnfinishedRun:
    """A run of which some shards may be finished.

    output (Output): The output.
    folder (Path): The folder of the shards.
    shards (List[ShardInfo]): The finished shards, the first ones of the output.
    """

    def __init__(self, output: Output, signature: Dict[str, Any]) -> None:
        """Start a run, or continue the one in the folder.

        output (Output): The output.
        signature (Dict[str, Any]): What the output depends on, by name, as JSON.
        RAISES (ValueError): If the folder has a run with another signature.
        """
        self.output, self.folder = output, unfinished_folder(output.path)
        self.signature = srsly.json_loads(srsly.json_dumps(signature))
        self.shards: List[ShardInfo] = []
        path = self.folder / MANIFEST
        if path.is_file():
            manifest = srsly.read_json(path)
            self._check(manifest.get("signature", {}))
            self.shards = [ShardInfo(**shard) for shard in manifest["shards"]]
        self.folder.mkdir(exist_ok=True)

    def _check(self, found: Dict[str, Any]) -> None:
        keys = {*self.signature, *found}
        changed = sorted(k for k in keys if found.get(k) != self.signature.get(k))
        if changed:
            message = Errors.B055.format(path=self.output.path, changed=", ".join(changed))
            raise ValueError(message)

    @property
    def n_rows(self) -> int:
        """The number of rows in finished shards."""
        return sum(shard.rows for shard in self.shards)

    def path_of(self, number: int, suffix: str) -> Path:
        """The file of a shard."""
        return self.folder / f"{number:05}{suffix}"

    def add(self, shard: ShardInfo) -> None:
        """Record a shard whose file has been written. It is done again if the process is killed
        before."""
        self.shards.append(shard)
        write_atomically(self.folder / MANIFEST, self._manifest())

    def _manifest(self) -> bytes:
        manifest = {
            "format": FORMAT,
            "version": version("spacy_genre"),
            "signature": self.signature,
            "shards": [vars(shard) for shard in self.shards],
        }
        return srsly.json_dumps(manifest, indent=2).encode("utf8")

    def finish_file(self, writer: Writer) -> None:
        """Join the shards to the output, and remove the folder."""
        joined = self.folder / f"output{writer.suffix}"
        writer.join([self.folder / shard.file for shard in self.shards], joined)
        with joined.open("rb") as file:
            os.fsync(file.fileno())
        joined.replace(self.output.path.resolve())
        shutil.rmtree(self.folder)

    def finish_folder(self) -> None:
        """Write the shards and the manifest to the output, a folder, and remove the folder of the
        run."""
        with atomic_folder(self.output.path) as folder:
            for shard in self.shards:
                shutil.copyfile(self.folder / shard.file, folder / shard.file)
            write_atomically(folder / MANIFEST, self._manifest())
        shutil.rmtree(self.folder)
