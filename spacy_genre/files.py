"""Files and folders that are written whole or not at all."""

import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

from .errors import Errors


def write_whole(path: Path, content: bytes) -> None:
    """Write a file: to a temporary sibling first, moved into place at the end. Where a symbolic
    link leads to a file, that is replaced, and the link stays.

    RAISES (OSError): If it can't be written; nothing is left then.
    """
    try:
        target = path.resolve()
        target.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(target, content)
    except OSError as err:
        reason = err.strerror or str(err)
        message = Errors.F011.format(path=path, reason=reason, size=len(content))
        raise type(err)(err.errno, message) from err


def _write_whole(path: Path, content: bytes) -> None:
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
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder to fill, which takes its place when the block ends without an error. What was at
    the place before is kept until then."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if path.exists():
            # A folder can't replace one that is not empty, so the old one steps aside first.
            aside = temporary.with_name(f"{temporary.name}.old")
            path.rename(aside)
            temporary.rename(path)
            shutil.rmtree(aside)
        else:
            temporary.rename(path)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
