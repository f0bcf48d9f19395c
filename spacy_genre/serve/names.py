"""The names that were added to a service and removed from it, in a file that survives it.

A line of JSON for each change is appended and flushed to the disk before the client gets its reply.
A line that a crash has cut is one that no client was told of: it is dropped at the next start.
"""

import json
import os
import threading
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple

from filelock import Timeout

from ..atomic import locked
from ..errors import Errors, Warnings
from ..titles import TitleSet
from ..titles.building import check_alias

ADD, REMOVE = "add", "remove"


class NamesFile:
    """Changes a title set and keeps the changes in a file.

    titles (TitleSet): The title set.
    path (Optional[Path]): The file. None to keep the changes in memory only.
    RAISES (ValueError): If the file is damaged or in use by another service.
    """

    def __init__(self, titles: TitleSet, path: Optional[Path]) -> None:
        self.titles, self.path = titles, path
        self._lock = threading.Lock()
        self._in_use = ExitStack()
        if path is not None:
            self._open(path)

    def _open(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._in_use.enter_context(locked(path, timeout=0))
        except Timeout as err:
            raise ValueError(Errors.V054.format(path=path)) from err
        try:
            if path.exists():
                self._replay(path)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let others use the file."""
        self._in_use.close()

    def _replay(self, path: Path) -> None:
        content = path.read_bytes()
        complete = content[: content.rfind(b"\n") + 1]
        if len(complete) < len(content):
            os.truncate(path, len(complete))
        failed = []
        for number, line in enumerate(complete.splitlines(), start=1):
            try:
                change = _read_change(line)
            except ValueError as err:
                message = Errors.V053.format(path=path, line=number, reason=err)
                raise ValueError(message) from err
            try:
                self._apply(change)
            except (KeyError, ValueError):  # the title set was built again in between
                failed.append(change["name"])
        if failed:
            names = ", ".join(map(repr, failed[:5]))
            warnings.warn(Warnings.W052.format(path=path, n=len(failed), names=names), stacklevel=4)

    def _apply(self, change: Dict[str, Any]) -> None:
        if change["op"] == REMOVE:
            self.titles.remove(change["name"])
            return
        self.titles.add(change["name"], id=change.get("id"), prior=change.get("prior"))
        for alias in change.get("aliases", ()):
            self.titles.add_alias(alias, change["name"])

    def add(
        self,
        name: str,
        *,
        id: Optional[str] = None,
        prior: Optional[float] = None,
        aliases: Sequence[str] = (),
    ) -> bool:
        """Add a name, or aliases to an existing one: see `TitleSet.add`.

        RETURNS (bool): Whether the name is new.
        RAISES (ValueError): If it can't be added.
        RAISES (OSError): If the file can't be written. The title set is not changed then.
        """
        for alias in aliases:
            check_alias(alias, 1)
        change = {"op": ADD, "name": name, "id": id, "prior": prior, "aliases": list(aliases)}
        with self._lock:
            is_new = name not in self.titles
            self.titles.add(name, id=id, prior=prior)
            if is_new or aliases:
                try:
                    self._append(change)
                except OSError:
                    if is_new:
                        self.titles.remove(name)
                    raise
            for alias in aliases:
                self.titles.add_alias(alias, name)
        return is_new

    def remove(self, name: str) -> None:
        """Remove a name: see `TitleSet.remove`.

        RAISES (KeyError): If it is not in the set.
        RAISES (OSError): If the file can't be written. The title set is not changed then.
        """
        with self._lock:
            if name not in self.titles:
                raise KeyError(Errors.T010.format(name=name))
            self._append({"op": REMOVE, "name": name})
            self.titles.remove(name)

    def _append(self, change: Dict[str, Any]) -> None:
        if self.path is None:
            return
        given = {key: value for key, value in change.items() if value not in (None, [])}
        line = json.dumps(given, ensure_ascii=False).encode("utf8") + b"\n"
        try:
            with self.path.open("ab", buffering=0) as file:
                size = file.tell()
                try:
                    if file.write(line) < len(line):
                        raise OSError("the disk is full")
                    os.fsync(file.fileno())
                except OSError:
                    file.truncate(size)
                    raise
        except OSError as err:
            reason = err.strerror or str(err)
            raise OSError(Errors.V055.format(path=self.path, reason=reason)) from err


def _read_change(line: bytes) -> Dict[str, Any]:
    """RAISES (ValueError): If a line is not a change, with the reason."""
    change = json.loads(line)
    if not isinstance(change, dict) or change.get("op") not in (ADD, REMOVE):
        raise ValueError(f'it must be an object with "op": "{ADD}" or "{REMOVE}"')
    fields: List[Tuple[str, Any]] = [("name", str), ("id", str), ("prior", (int, float))]
    for key, kind in fields:
        if key in change and not isinstance(change[key], kind):
            raise ValueError(f"{key!r} is {change[key]!r}")
    aliases = change.get("aliases", [])
    is_list = isinstance(aliases, list) and all(isinstance(alias, str) for alias in aliases)
    if not change.get("name") or not is_list:
        raise ValueError("it needs a 'name', and 'aliases' must be a list of strings")
    return change
