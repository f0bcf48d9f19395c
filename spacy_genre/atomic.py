"""Atomic writing of files and folders, and a lock for changing a file."""

import os
import re
import shutil
import tempfile
import time
import zlib
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator, Optional

from filelock import FileLock

from .errors import Errors

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

# While a folder is written its name is `.NAME.XXXXXXXX.new`. The folder that it replaces is renamed
# to `.NAME.XXXXXXXX.old`. The suffixes distinguish them from other folders.
NEW, OLD = ".new", ".old"
RANDOM = "[a-z0-9_]{8}"  # the random part of names from `tempfile`
# Where folders can't be locked, temporary ones are removed if they are at least this old (seconds).
MAX_AGE = 24 * 3600


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
def locked(path: Path, *, timeout: float = -1) -> Iterator[None]:
    """Hold an exclusive lock on a file, to read it and write it again. Other processes and threads
    that lock the same file wait. The lock is an empty file `.NAME.lock` in the same folder. It is
    not removed, since others may be waiting for it.

    path (Path): The file to lock.
    timeout (float): The maximum number of seconds to wait. -1 for no maximum.
    RAISES (OSError): If the lock file can't be written.
    RAISES (filelock.Timeout): If others hold the lock for longer.
    """
    target = path.resolve()
    with FileLock(target.with_name(f".{target.name}.lock"), timeout=timeout):
        yield


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Write a folder atomically: a temporary folder replaces it when the block ends without an
    exception. First, temporary folders of earlier, killed runs are removed (`clean_up_folder`).

    Several processes and threads may write the same folder at the same time. All succeed, and the
    folder is that of the last one that ended.

    path (Path): The folder. If it is a symbolic link, the link's target is replaced.
    YIELDS (Path): The temporary folder, to be filled.
    """
    path = path.resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    with _lock_of(path):
        _clean_up(path)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=NEW, dir=path.parent))
        in_use = _flock(temporary, wait=True)  # so that no other process removes it
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        with _lock_of(path):
            old = _replace(path, temporary)
        if old is not None:
            shutil.rmtree(old, ignore_errors=True)  # another process may be removing it
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    finally:
        if in_use is not None:
            os.close(in_use)


def _replace(path: Path, temporary: Path) -> Optional[Path]:
    """Replace a folder. The old one is renamed first, since a rename can't replace a folder that
    is not empty.

    RETURNS (Optional[Path]): The old folder, to be removed.
    """
    if not path.exists():
        temporary.rename(path)
        return None
    old = temporary.with_name(temporary.name.removesuffix(NEW) + OLD)
    path.rename(old)
    try:
        temporary.rename(path)
    except BaseException:
        old.rename(path)
        raise
    # Renamed before it is deleted, so that `clean_up_folder` never restores a partial folder.
    old.rename(temporary)
    return temporary


def clean_up_folder(path: Path) -> None:
    """Remove the temporary folders of killed `atomic_folder` calls. If the folder itself is gone,
    the old one is restored first. Temporary folders of running calls are kept.

    path (Path): The folder that was given to `atomic_folder`.
    """
    path = path.resolve()
    if path.parent.is_dir():
        with _lock_of(path):
            _clean_up(path)


def _clean_up(path: Path) -> None:
    suffixes = "|".join(map(re.escape, (NEW, OLD)))
    pattern = re.compile(rf"\.{re.escape(path.name)}\.{RANDOM}({suffixes})")
    siblings = path.parent.iterdir()
    temporary = [other for other in siblings if pattern.fullmatch(other.name) and other.is_dir()]
    # A running call has an old folder only while it holds the lock.
    old = [other for other in temporary if other.name.endswith(OLD)]
    if old and not path.exists():
        max(old, key=lambda other: other.stat().st_mtime).rename(path)
    for other in temporary:
        if other in old or _is_abandoned(other):
            shutil.rmtree(other, ignore_errors=True)  # the restored one is no longer there


def _is_abandoned(temporary: Path) -> bool:
    """Whether the call of `atomic_folder` that made a temporary folder has ended."""
    try:
        lock = _flock(temporary, wait=False)
    except BlockingIOError:
        return False
    if lock is not None:
        os.close(lock)
        return True
    with suppress(FileNotFoundError):  # a process may be filling it
        changes = [file.stat().st_mtime for file in (temporary, *temporary.rglob("*"))]
        return time.time() - max(changes) > MAX_AGE
    return False


@contextmanager
def _lock_of(path: Path) -> Iterator[None]:
    """Hold an exclusive lock for the temporary folders of a folder. It leaves no file behind."""
    lock = _flock(path.parent, wait=True)
    if lock is None:
        name = f"spacy_genre.{zlib.crc32(str(path.parent).encode()):08x}.lock"
        with FileLock(Path(tempfile.gettempdir()) / name):
            yield
        return
    try:
        yield
    finally:
        os.close(lock)


def _flock(folder: Path, *, wait: bool) -> Optional[int]:
    """Lock a folder itself. The lock ends when the file descriptor is closed, or the process ends.

    folder (Path): The folder.
    wait (bool): Whether to wait for other processes and threads that lock it.
    RETURNS (Optional[int]): The file descriptor, None if the system can't lock folders.
    RAISES (BlockingIOError): If another one has locked it, and `wait` is false.
    """
    if fcntl is None:
        return None
    descriptor = None
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except OSError as err:  # some network file systems can't lock folders
        if descriptor is not None:
            os.close(descriptor)
        if isinstance(err, BlockingIOError):
            raise
        return None
    return descriptor


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
