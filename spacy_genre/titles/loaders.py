"""Registered functions for a component's `titles` setting."""

from functools import partial
from pathlib import Path
from typing import Callable, Optional

from .titleset import TitleSet

EMBEDDED = Path(__file__).parent.parent / "assets" / "titles.safetensors"


def TitleSet_v1(path: Optional[str] = None) -> Callable[[], TitleSet]:
    """Load a title set from a file. Registered as `spacy_genre.TitleSet.v1` in `misc`.

    path (Optional[str]): A file written by `TitleSet.save` or `spacy genre titles build`. None
        for the title set inside the package.
    RETURNS (Callable[[], TitleSet]): Opens the file. It is called when the title set is first
        used, and never if a saved pipeline brings its own title set.
    """
    return partial(TitleSet.open, Path(path) if path is not None else EMBEDDED)
