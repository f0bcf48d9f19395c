"""Registered functions for a component's `titles` setting."""

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

from ..errors import Errors
from ..user_data import title_set_names, title_set_path
from .titleset import TitleSet

EMBEDDED = Path(__file__).parent.parent / "assets" / "titles.safetensors"


@dataclass(frozen=True)
class TitleSetFile:
    """Opens the title set in a file when it is called.

    path (Path): The file.
    name (Optional[str]): Its name, if it is a file of the data folder.
    """

    path: Path
    name: Optional[str] = None

    def __call__(self) -> TitleSet:
        if self.name is not None and not self.path.is_file():
            raise FileNotFoundError(self.missing_message())
        return TitleSet.open(self.path)

    def missing_message(self) -> str:
        """The message for a file that does not exist."""
        if self.name is None:
            return Errors.T001.format(path=self.path)
        folder = self.path.parent
        names = ", ".join(map(repr, title_set_names(folder))) or "none"
        return Errors.T028.format(name=self.name, folder=folder, names=names)


def TitleSet_v1(path: Optional[str] = None, name: Optional[str] = None) -> Callable[[], TitleSet]:
    """Load a title set from a file. Registered as `spacy_genre.TitleSet.v1` in `misc`.

    path (Optional[str]): A file written by `TitleSet.save` or `spacy genre titles build`.
    name (Optional[str]): The name of a title set in the user's data folder, where
        `spacy genre download` puts it: a language of Wikipedia, such as "en". The folder is
        `spacy_genre.user_data.data_folder()`, and the environment variable `SPACY_GENRE_DATA` names
        another one. Without `path` and `name`, it is the title set inside the package.
    RETURNS (Callable[[], TitleSet]): Opens the file. It is called when the title set is first
        used, and never if a saved pipeline brings its own title set.
    RAISES (ValueError): If both are given, or if the name can't be that of a file.
    """
    if name is None:
        return TitleSetFile(EMBEDDED if path is None else Path(path).expanduser())
    if path is not None:
        raise ValueError(Errors.T030.format(path=path, name=name))
    return TitleSetFile(title_set_path(name), name)
