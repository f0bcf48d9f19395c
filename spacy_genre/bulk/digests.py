"""Hashes of files and folders."""

from hashlib import sha256
from pathlib import Path
from typing import Any

BLOCK = 1 << 20


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, or of the names and contents of all files in a folder. Hidden files
    and what Python compiles are left out.

    RAISES (OSError): If a file can't be read.
    """
    digest = sha256()
    if path.is_file():
        _add_content(path, digest)
        return digest.hexdigest()
    for file in sorted(path.rglob("*")):
        name = file.relative_to(path)
        if file.is_file() and not any(p.startswith((".", "__pycache__")) for p in name.parts):
            content = sha256()
            _add_content(file, content)
            digest.update(f"{name.as_posix()}\0{content.hexdigest()}\n".encode())
    return digest.hexdigest()


def _add_content(path: Path, digest: Any) -> None:
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
