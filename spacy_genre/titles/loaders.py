"""Registered functions for a component's `titles` setting."""

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

from .titleset import TitleSet

EMBEDDED = Path(__file__).parent.parent / "assets" / "titles.safetensors"


@dataclass(frozen=True)
class TitleSetFile:
    """Opens the title set in a file when it is called.

    path (Path): The file.
    """

    path: Path

    def __call__(self) -> TitleSet:
        return TitleSet.open(self.path)


def TitleSet_v1(path: Optional[str] = None) -> Callable[[], TitleSet]:
    """Load a title set from a file. Registered as `spacy_genre.TitleSet.v1` in `misc`.

    path (Optional[str]): A file written by `TitleSet.save` or `spacy genre titles build`. None
        for the title set inside the package.
    RETURNS (Callable[[], TitleSet]): Opens the file. It is called when the title set is first
        used, and never if a saved pipeline brings its own title set.
    """
    return TitleSetFile(EMBEDDED if path is None else Path(path).expanduser())
