"""GENRE for spaCy: link entities by generating their names (De Cao et al., ICLR 2021).

Importing this package loads neither torch nor spaCy: `pip install` alone registers the
components, and they load what they need when a pipeline is made.
"""

from importlib.metadata import PackageNotFoundError, version

from .titles import TitleSet, TokenTrie
from .types import Candidate, Mention

try:
    __version__ = version("spacy_genre")
except PackageNotFoundError:  # a source tree that is not installed
    __version__ = "0.0.0"

__all__ = ["Candidate", "Mention", "TitleSet", "TokenTrie", "__version__"]
