"""The registered functions behind a component's `titles` setting."""

from functools import partial
from pathlib import Path
from typing import Callable, Optional

from .titleset import TitleSet

EMBEDDED = Path(__file__).parent.parent / "assets" / "titles.safetensors"


def TitleSet_v1(path: Optional[str] = None) -> Callable[[], TitleSet]:
    """Registered as `spacy_genre.TitleSet.v1` in `misc`: a title set in a file.

    path (Optional[str]): A file that `TitleSet.save` or `spacy genre titles build` wrote. None
        for the set that comes with the package.
    RETURNS (Callable[[], TitleSet]): Opens the set. It is called when the set is first needed,
        and not at all where a saved pipeline brings its own.
    """
    return partial(TitleSet.open, Path(path) if path is not None else EMBEDDED)
