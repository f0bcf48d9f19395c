"""Files and folders that are written whole or not at all."""

import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from filelock import FileLock

from .errors import Errors

# A folder that is being written is `.NAME.XXXXXXXX.new`, and the one that it replaces steps aside
# as `.NAME.XXXXXXXX.old`. Eight characters alone could be a name that somebody else gave.
NEW, OLD = ".new", ".old"
RANDOM = "[a-z0-9_]{8}"  # what `tempfile` puts in


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file: to a temporary sibling first, moved into place at the end. Where a symbolic
    link leads to a file, that is replaced, and the link stays.

    RAISES (OSError): If it can't be written; nothing is left then.
    """
    try:
        target = path.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_and_replace(target, content)
    except OSError as err:
        reason = err.strerror or str(err)
        message = Errors.F011.format(path=path, reason=reason, size=len(content))
        raise type(err)(err.errno, message) from err


def _write_and_replace(path: Path, content: bytes) -> None:
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp's own mode shuts out everybody else
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Read a file and write it again with nobody else doing so between: others who ask for the same
    file wait. An empty `.NAME.lock` stays beside it, since others may be waiting for that.

    RAISES (OSError): If nothing can be written beside the file.
    """
    target = path.resolve()
    with FileLock(target.with_name(f".{target.name}.lock")):
        yield


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which takes its place when the block ends without an error. What was at
    the place before is kept until then. What a kill has left of an earlier call is cleared up
    first: see `clean_up_folder`. Where a symbolic link leads to a folder, that is replaced, and the
    link stays."""
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    clean_up_folder(path)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=NEW, dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            _replace(path, temporary)
        else:
            temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _replace(path: Path, temporary: Path) -> None:
    """Put a folder in the place of another. (It can't replace one that is not empty, so the old one
    steps aside first.)"""
    aside = temporary.with_name(temporary.name.removesuffix(NEW) + OLD)
    path.rename(aside)
    try:
        temporary.rename(path)
    except BaseException:
        aside.rename(path)
        raise
    # No longer by the name of a folder to take back, since it is in parts from now on.
    aside.rename(temporary)
    shutil.rmtree(temporary)


def clean_up_folder(path: Path) -> None:
    """Clear up what `atomic_folder` has left where it was killed: if there is nothing at the place,
    the folder that had stepped aside goes back to it, and all else that is left is removed. Nobody
    else may be writing the same folder meanwhile.

    path (Path): The folder's place.
    """
    path = path.resolve()
    ends = "|".join(map(re.escape, (NEW, OLD)))
    ours = re.compile(rf"\.{re.escape(path.name)}\.{RANDOM}({ends})")
    beside = path.parent.iterdir() if path.parent.is_dir() else ()
    left = [other for other in beside if ours.fullmatch(other.name) and other.is_dir()]
    aside = [other for other in left if other.name.endswith(OLD)]
    if aside and not path.exists():
        max(aside, key=lambda other: other.stat().st_mtime).rename(path)
    for other in left:
        shutil.rmtree(other, ignore_errors=True)  # but for the one that is back


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
