"""Atomic writing of files and folders, and a lock for changing a file."""

import os
import re
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from filelock import FileLock

from .errors import Errors

# While a folder is written its name is `.NAME.XXXXXXXX.new`. The folder that it replaces is renamed
# to `.NAME.XXXXXXXX.old`. The suffixes tell them from folders that others named.
NEW, OLD = ".new", ".old"
RANDOM = "[a-z0-9_]{8}"  # the random part of names from `tempfile`


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file atomically: to a temporary file in the same folder, which then replaces it.

    path (Path): The file. If it is a symbolic link, the link's target is replaced.
    content (bytes): The content.
    RAISES (OSError): If it can't be written. An existing file stays, and no temporary file is left.
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
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp allows access for the owner only
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on a file, to read it and write it again. Other processes and threads
    that lock the same file wait. The lock is an empty file `.NAME.lock` in the same folder. It is
    not removed, since others may be waiting for it.

    path (Path): The file to lock.
    RAISES (OSError): If the lock file can't be written.
    """
    target = path.resolve()
    with FileLock(target.with_name(f".{target.name}.lock")):
        yield


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Write a folder atomically: a temporary folder replaces it when the block ends without an
    exception. First, temporary folders of earlier, killed runs are removed (`clean_up_folder`).

    path (Path): The folder. If it is a symbolic link, the link's target is replaced.
    YIELDS (Path): The temporary folder, to be filled.
    """
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
    """Replace a folder. The old one is renamed first, since a rename can't replace a folder that
    is not empty."""
    old = temporary.with_name(temporary.name.removesuffix(NEW) + OLD)
    path.rename(old)
    try:
        temporary.rename(path)
    except BaseException:
        old.rename(path)
        raise
    # Renamed before it is deleted, so that `clean_up_folder` never restores a partial folder.
    old.rename(temporary)
    shutil.rmtree(temporary)


def clean_up_folder(path: Path) -> None:
    """Remove the temporary folders of killed `atomic_folder` calls. If the folder itself is gone,
    the old one is restored first. No other process may be writing the folder at the same time.

    path (Path): The folder that was given to `atomic_folder`.
    """
    path = path.resolve()
    suffixes = "|".join(map(re.escape, (NEW, OLD)))
    pattern = re.compile(rf"\.{re.escape(path.name)}\.{RANDOM}({suffixes})")
    siblings = path.parent.iterdir() if path.parent.is_dir() else ()
    temporary = [other for other in siblings if pattern.fullmatch(other.name) and other.is_dir()]
    old = [other for other in temporary if other.name.endswith(OLD)]
    if old and not path.exists():
        max(old, key=lambda other: other.stat().st_mtime).rename(path)
    for other in temporary:
        shutil.rmtree(other, ignore_errors=True)  # the restored one is no longer there


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
