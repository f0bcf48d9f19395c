"""Resumable downloads over HTTP.

The package requests retries requests. This module adds a partial file, which a later call resumes
if the server still has the same file, and the verification of the whole file.
"""

import errno
import hashlib
import json
import shutil
import time
from dataclasses import dataclass
from importlib.metadata import version
from itertools import chain
from pathlib import Path
from typing import Any, Dict, Iterator, Optional, Tuple

import requests
from requests.adapters import HTTPAdapter
from tqdm import tqdm
from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from ..errors import Errors
from .files import BLOCK, open_source

# The number of retries without progress, and the seconds before the second one. The time doubles
# with each retry, unless the server sends Retry-After.
N_RETRIES = 4
BACKOFF = 1.0
TIMEOUT = (20, 60)  # seconds to connect, and between two blocks of data
BUSY = (429, 500, 502, 503, 504)
UNITS = ("bytes", "kB", "MB", "GB", "TB")
WEB_PAGE = (b"<!doctype html", b"<html", b"<head")


@dataclass(frozen=True)
class RemoteFile:
    """A file to download.

    name (str): Its name on this machine.
    url (str): Its address.
    size (Optional[int]): Its size in bytes, None if it is unknown.
    checksum (Optional[Tuple[str, str]]): The hash function, "sha1" or "md5", and the hash in
        hexadecimal digits. None if it is unknown; then the file must be compressed, and its own
        checksum is verified.
    """

    name: str
    url: str
    size: Optional[int] = None
    checksum: Optional[Tuple[str, str]] = None


def make_session() -> requests.Session:
    """RETURNS (requests.Session): Retries if there is no connection or the server is busy."""
    session = requests.Session()
    retry = Retry(
        total=N_RETRIES, backoff_factor=BACKOFF, status_forcelist=BUSY, raise_on_status=False
    )
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    agent = f"spacy_genre/{version('spacy_genre')} (download of title sets)"
    # The files are compressed themselves.
    session.headers.update({"User-Agent": agent, "Accept-Encoding": "identity"})
    return session


def request(session: requests.Session, url: str, method: str = "GET", **more: Any) -> Any:
    """Send a request.

    session (requests.Session): From `make_session`.
    url (str): The address.
    method (str): "GET" or "HEAD".
    more (Any): Other arguments of `session.request`.
    RETURNS (requests.Response): The response: a success, or 416 (range not satisfiable).
    RAISES (FileNotFoundError): If the server has no such file.
    RAISES (ConnectionError): If there is no response, or another error.
    """
    try:
        response = session.request(method, url, timeout=TIMEOUT, **more)
    except requests.RequestException as err:
        cause = getattr(err.args[0], "reason", None) if err.args else None
        raise ConnectionError(Errors.N001.format(url=url, reason=cause or err)) from err
    if response.status_code < 400 or response.status_code == 416:
        return response
    response.close()
    if response.status_code in (404, 410):
        raise FileNotFoundError(Errors.N005.format(url=url))
    reason = f"the server answers {response.status_code} {response.reason or ''}".rstrip()
    raise ConnectionError(Errors.N001.format(url=url, reason=reason))


def fetch(
    session: requests.Session, file: RemoteFile, folder: Path, *, progress: bool = False
) -> Path:
    """Download a file, or the rest of it, and verify it.

    session (requests.Session): From `make_session`.
    file (RemoteFile): The file.
    folder (Path): The folder to write it to. An incomplete file is `NAME.part` there, and the next
        call continues it. A file with its own name is complete and verified.
    progress (bool): Whether to show a progress bar.
    RETURNS (Path): The file.
    RAISES (FileNotFoundError, ConnectionError): As `request`; and if the connection breaks again
        and again.
    RAISES (ValueError): If what the server sends is a web page, or is not the right file.
    RAISES (OSError): If the disk is full, or the file can't be written.
    """
    path = folder / file.name
    if path.is_file() and file.size in (None, path.stat().st_size):
        return path
    part = _PartialFile(folder / f"{file.name}.part", file)
    try:
        continued = _receive(session, part, progress)
        problem = _find_problem(file, part.path)
        if problem and continued:  # perhaps the parts are of two versions
            part.delete()
            _receive(session, part, progress)
            problem = _find_problem(file, part.path)
    except OSError as err:
        if err.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise OSError(err.errno, describe_lack_of_space(folder, part.n_missing)) from err
    if problem:
        part.delete()
        what, found, expected = problem
        raise ValueError(
            Errors.N006.format(url=file.url, what=what, found=found, expected=expected)
        )
    part.path.replace(path)
    part.delete()
    return path


def missing_bytes(file: RemoteFile, folder: Path) -> int:
    """RETURNS (int): The bytes of a file that `fetch` has yet to download, 0 if that is unknown."""
    if (folder / file.name).exists():
        return 0
    return _PartialFile(folder / f"{file.name}.part", file).n_missing


def check_free_space(folder: Path, n_bytes: int) -> None:
    """RAISES (OSError): If there is not enough space for `n_bytes` bytes in an existing folder."""
    if shutil.disk_usage(folder).free < n_bytes:
        raise OSError(errno.ENOSPC, describe_lack_of_space(folder, n_bytes))


def describe_lack_of_space(folder: Path, n_bytes: int) -> str:
    """The message for `n_bytes` bytes that can't be written to an existing folder."""
    needed, free = format_size(n_bytes), format_size(shutil.disk_usage(folder).free)
    return Errors.N007.format(folder=folder, needed=needed, free=free)


def format_size(n_bytes: int) -> str:
    """A size in decimal units: "2.3 GB"."""
    size, unit = float(n_bytes), 0
    while size >= 999.5 and unit < len(UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.3g} {UNITS[unit]}"


class _PartialFile:
    """An incomplete file `NAME.part`, with `NAME.part.json` about the version of the remote file
    that it is a part of.

    path (Path): The incomplete file. It may not exist.
    file (RemoteFile): The file.
    """

    def __init__(self, path: Path, file: RemoteFile) -> None:
        self.path, self.file = path, file
        self.state_path = path.with_name(f"{path.name}.json")

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def n_missing(self) -> int:
        return max((self.file.size or 0) - self.size, 0)

    @property
    def is_complete(self) -> bool:
        return self.file.size is not None and self.size == self.file.size

    def delete(self) -> None:
        self.path.unlink(missing_ok=True)
        self.state_path.unlink(missing_ok=True)

    def headers(self) -> Dict[str, str]:
        """The headers of a request for the rest of the file. If the rest can't be that of the same
        file, the part is deleted."""
        if not self.size:
            return {}
        url, validator = self._read_state()
        headers = {"Range": f"bytes={self.size}-"}
        if url == self.file.url and validator:
            return {**headers, "If-Range": validator}
        if self.file.checksum is not None and self.n_missing:
            return headers  # perhaps from another mirror; the checksum is verified
        self.delete()
        return {}

    def remember(self, response: requests.Response) -> None:
        """Store the version of the remote file, before the first bytes are written."""
        entity_tag = response.headers.get("ETag", "")
        # A weak tag does not say that the bytes are equal.
        is_strong = entity_tag.startswith('"')
        validator = entity_tag if is_strong else response.headers.get("Last-Modified", "")
        self.path.unlink(missing_ok=True)
        state = {"url": self.file.url, "validator": validator}
        self.state_path.write_text(json.dumps(state), encoding="utf8")

    def _read_state(self) -> Tuple[str, str]:
        try:
            state = json.loads(self.state_path.read_text(encoding="utf8"))
            return str(state["url"]), str(state["validator"])
        except (OSError, ValueError, KeyError, TypeError):
            return "", ""  # missing or damaged


def _receive(session: requests.Session, part: _PartialFile, progress: bool) -> bool:
    """Receive the rest of a file, over as many connections as it takes.

    RETURNS (bool): Whether it was put together from several parts.
    """
    file = part.file
    best, n_failures = part.size, 0
    continued = best > 0
    bar = tqdm(
        desc=file.name, total=file.size, initial=best, unit="B", unit_scale=True,
        disable=not progress,
    )  # fmt: skip
    with bar:
        while not part.is_complete:
            try:
                continued |= _receive_once(session, part, bar)
                break
            except (requests.RequestException, HTTPError) as err:
                n_failures = 0 if part.size > best else n_failures + 1
                best = max(best, part.size)
                if n_failures > N_RETRIES:
                    raise ConnectionError(Errors.N001.format(url=file.url, reason=err)) from err
                time.sleep(BACKOFF * 2**n_failures)
    return continued


def _receive_once(session: requests.Session, part: _PartialFile, bar: Any) -> bool:
    """Receive the rest of a file over one connection, or all of it if the server does not send
    parts, or has another version of the file.

    RETURNS (bool): Whether it was the rest.
    RAISES (requests.RequestException, HTTPError): If the connection breaks.
    """
    file, headers = part.file, part.headers()
    with request(session, file.url, headers=headers, stream=True) as response:
        blocks = response.raw.stream(BLOCK, decode_content=False)
        first = next(blocks, b"")
        _check_no_web_page(file, response, first)
        start, end = _range_of(response)
        if start != (part.size if headers and response.status_code == 206 else 0):
            part.delete()
            raise requests.ConnectionError("the server did not send the part that was asked for")
        if end is not None and file.size not in (None, end):
            raise ValueError(
                Errors.N006.format(url=file.url, what="size", found=end, expected=file.size)
            )
        if start == 0:
            part.remember(response)
        bar.n = start
        _write(part.path, chain([first], blocks), bar)
    if end is not None and part.size < end:
        raise requests.ConnectionError(f"the connection broke at byte {part.size} of {end}")
    return start > 0


def _range_of(response: requests.Response) -> Tuple[int, Optional[int]]:
    """The offset of a response's first byte, and the size of the whole file, if they are known.
    The offset is -1 if the response has no part of the file."""
    if response.status_code == 206:
        span, _, size = response.headers.get("Content-Range", "").partition("/")
        start = span.removeprefix("bytes").strip().partition("-")[0]
        return int(start) if start.isdigit() else -1, int(size) if size.isdigit() else None
    if response.status_code != 200:
        return -1, None
    size = response.headers.get("Content-Length", "")
    return 0, int(size) if size.isdigit() else None


def _check_no_web_page(file: RemoteFile, response: requests.Response, first: bytes) -> None:
    """RAISES (ValueError): If an answer is a web page."""
    kind = response.headers.get("Content-Type", "").lower()
    is_page = kind.startswith("text/html") or first.lstrip().lower().startswith(WEB_PAGE)
    if response.status_code != 416 and is_page:
        raise ValueError(Errors.N003.format(url=file.url, expected=f"the file {file.name}"))


def _write(path: Path, blocks: Iterator[bytes], bar: Any) -> None:
    with path.open("ab") as out:
        for block in blocks:
            out.write(block)
            bar.update(len(block))


def _find_problem(file: RemoteFile, path: Path) -> Optional[Tuple[str, Any, Any]]:
    """What is wrong with a file: what, its wrong value and the right one. None if it is right."""
    if file.size not in (None, path.stat().st_size):
        return "size", path.stat().st_size, file.size
    if file.checksum is None:
        try:
            with open_source(path) as source:
                source.finish()
        except ValueError as err:
            return "content", f"damaged ({err})", "a compressed file"
        return None
    function, expected = file.checksum
    found = hash_file(path, function)
    return None if found == expected.lower() else (f"{function} checksum", found, expected)


def hash_file(path: Path, function: str) -> str:
    """RETURNS (str): The hash of a file, in hexadecimal digits."""
    digest = hashlib.new(function, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
