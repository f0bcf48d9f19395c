"""The folder of a user's downloaded title sets."""

import os
import re
from pathlib import Path
from typing import List, Optional

from platformdirs import user_data_path

from .errors import Errors

# The environment variable that names another folder.
DATA_VARIABLE = "SPACY_GENRE_DATA"
SUFFIX = ".titles"
NAME = re.compile(r"[A-Za-z0-9][\w.-]*", re.ASCII)


def data_folder() -> Path:
    """RETURNS (Path): The folder in `SPACY_GENRE_DATA`, or else the user's data folder of the
    system, such as `~/.local/share/spacy_genre`. It may not exist yet."""
    if folder := os.environ.get(DATA_VARIABLE, "").strip():
        return Path(folder).expanduser()
    return user_data_path("spacy_genre", appauthor=False)


def title_set_path(name: str, folder: Optional[Path] = None) -> Path:
    """The file of a title set in the data folder.

    name (str): Its name, such as "en".
    folder (Optional[Path]): The data folder. None for `data_folder`.
    RETURNS (Path): The file. It may not exist.
    RAISES (ValueError): If the name can't be that of a file.
    """
    if not isinstance(name, str) or not NAME.fullmatch(name):
        raise ValueError(Errors.T029.format(name=name))
    return (folder or data_folder()) / f"{name}{SUFFIX}"


def title_set_names(folder: Optional[Path] = None) -> List[str]:
    """The names of all title sets in the data folder, sorted."""
    files = (folder or data_folder()).glob(f"*{SUFFIX}")
    return sorted(path.name.removesuffix(SUFFIX) for path in files)
