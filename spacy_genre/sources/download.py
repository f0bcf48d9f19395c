"""Downloading the files of a Wikipedia and building a title set from them."""

import re
import shutil
import warnings
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Callable, Iterator, List, Optional, Sequence, Tuple

import requests
from filelock import Timeout as FileLockTimeout

from ..atomic import locked
from ..errors import Errors, Warnings
from ..titles import TitleSet
from ..tokenization import NameTokenizer
from ..user_data import data_folder, title_set_path
from .build import Options, build_from_sources
from .dumps import ARTICLES, DATE, MIRROR, TABLES, Dump, find_dump, find_pageviews, wiki_of
from .transfer import RemoteFile, check_free_space, fetch, format_size, make_session, missing_bytes

OPTIONS = Options(exclude_disambiguation=True)
# In the folder of a dump as long as no title set was built from it.
MARKER = ".unfinished"


def download_title_set(
    language: str,
    tokenizer: NameTokenizer,
    *,
    name: Optional[str] = None,
    folder: Optional[Path] = None,
    mirror: str = MIRROR,
    pageviews_url: Optional[str] = None,
    date: Optional[str] = None,
    aliases: bool = False,
    options: Options = OPTIONS,
    trie: str = "titles",
    n_process: int = 1,
    keep_files: bool = False,
    force: bool = False,
    progress: bool = False,
    report: Callable[[str], None] = lambda message: None,
) -> Tuple[TitleSet, Path]:
    """Download the files for a title set of a Wikipedia, and build the set, in the data folder.

    If it is interrupted, the next call resumes the download of the same dump. The files of the dump
    are in `downloads/WIKI-DATE`, and removed at the end.

    language (str): The language as in the address of the Wikipedia, such as "en".
    tokenizer (NameTokenizer): The tokenizer of the model that shall generate the names.
    name (Optional[str]): The name of the set. None for the language.
    folder (Optional[Path]): The data folder. None for `data_folder`.
    mirror (str): The address of the folder with the folders of the wikis.
    pageviews_url (Optional[str]): The folder with the folders of the years of pageviews. None for
        `other/pageviews` of the mirror.
    date (Optional[str]): The date of the dump, YYYYMMDD. None for the newest complete one.
    aliases (bool): Whether to download the articles as well, and to count the anchors of links.
    options (Options): Which titles to use. With `most_read`, pageviews are downloaded.
    trie, n_process, progress: As for `build_from_sources`.
    keep_files (bool): Whether to keep the downloaded files. Another call uses them.
    force (bool): Whether to replace a set of this name.
    report (Callable[[str], None]): Gets a message at the start of each step.
    RETURNS (Tuple[TitleSet, Path]): The set, and its file.
    RAISES (FileExistsError, FileNotFoundError, ConnectionError, OSError, ValueError): If there is a
        set of this name; as `find_dump`, `find_pageviews`, `fetch` and `build_from_sources`; and if
        there is not enough space, or another process is downloading the same wiki.
    """
    wiki = wiki_of(language)
    _check_arguments(mirror, pageviews_url, date)
    folder = folder or data_folder()
    path = title_set_path(name or language, folder)
    if path.exists() and not force:
        raise FileExistsError(Errors.N011.format(path=path))
    if aliases:
        from . import xml_dump  # noqa: F401  (fails before the download if a package is missing)
    downloads = folder / "downloads"
    downloads.mkdir(parents=True, exist_ok=True)
    with _only_process(downloads, wiki), make_session() as session:
        jobs = (*TABLES, ARTICLES) if aliases else TABLES
        dump = _find_dump(session, mirror.rstrip("/"), language, jobs, date, downloads)
        files = list(dump.files)
        if options.most_read is not None:
            url = pageviews_url or f"{mirror.rstrip('/')}/other/pageviews"
            files += _find_views(session, url, dump)
            options = replace(options, pageviews_of=language)
        target = downloads / f"{wiki}-{dump.date}"
        report(_describe(dump, files, target))
        _make_room(files, target)
        # One after the other, since Wikimedia limits the number of connections.
        paths = [fetch(session, file, target, progress=progress) for file in files]
        report(f"Building the title set {path.name.removesuffix(path.suffix)!r}")
        titles = build_from_sources(
            paths, tokenizer, options, trie=trie, n_process=n_process, progress=progress
        )
        titles.save(path)
        _clean_up(downloads, wiki, target, keep_files)
    return titles, path


def _check_arguments(mirror: str, pageviews_url: Optional[str], date: Optional[str]) -> None:
    for option, url in (("--mirror", mirror), ("--pageviews-url", pageviews_url)):
        if url is not None and not re.match(r"https?://[^/]", url):
            allowed = "an address that begins with https:// or http://"
            raise ValueError(Errors.N009.format(option=option, value=url, allowed=allowed))
    if date is not None and not _is_date(date):
        allowed = "a date as YYYYMMDD, such as '20260101'"
        raise ValueError(Errors.N009.format(option="--date", value=date, allowed=allowed))


def _is_date(date: str) -> bool:
    try:
        return bool(DATE.fullmatch(date) and datetime.strptime(date, "%Y%m%d"))
    except ValueError:
        return False


@contextmanager
def _only_process(downloads: Path, wiki: str) -> Iterator[None]:
    """RAISES (ValueError): If another process is downloading the same wiki."""
    try:
        with locked(downloads / wiki, timeout=0):
            yield
    except FileLockTimeout as err:
        raise ValueError(Errors.N010.format(wiki=wiki, folder=downloads)) from err


def _find_dump(
    session: requests.Session,
    mirror: str,
    language: str,
    jobs: Sequence[str],
    date: Optional[str],
    downloads: Path,
) -> Dump:
    """The dump of a date, or that of an interrupted download, or the newest one."""
    markers = sorted(downloads.glob(f"{wiki_of(language)}-*/{MARKER}"))
    if date is None and markers:
        unfinished = markers[-1].parent.name.rpartition("-")[2]
        try:
            return find_dump(session, mirror, language, jobs, date=unfinished)
        except (FileNotFoundError, ValueError):
            pass  # mirrors remove old dumps
    return find_dump(session, mirror, language, jobs, date=date)


def _find_views(session: requests.Session, url: str, dump: Dump) -> List[RemoteFile]:
    files, n_missing = find_pageviews(session, url.rstrip("/"), dump.date)
    if n_missing:
        n_all = len(files) + n_missing
        warnings.warn(Warnings.W021.format(n=n_missing, n_all=n_all, url=url), stacklevel=3)
    return files


def _describe(dump: Dump, files: Sequence[RemoteFile], target: Path) -> str:
    size = format_size(sum(file.size or 0 for file in files))
    missing = format_size(sum(missing_bytes(file, target) for file in files))
    what = f"{len(files)} files of {dump.wiki}, {dump.date}"
    return f"Downloading {what} ({missing} of {size}) to {target}"


def _make_room(files: Sequence[RemoteFile], target: Path) -> None:
    """Create the folder of a download.

    RAISES (OSError): If there is not enough space for the files and the title set. The title set is
        smaller than the compressed tables: for English Wikipedia, about a quarter of their size.
    """
    tables = sum(file.size or 0 for file in files if file.name.endswith(".sql.gz"))
    missing = sum(missing_bytes(file, target) for file in files)
    check_free_space(target.parent, missing + tables)
    target.mkdir(exist_ok=True)
    (target / MARKER).touch()


def _clean_up(downloads: Path, wiki: str, target: Path, keep_files: bool) -> None:
    """Remove the files of all interrupted downloads of a wiki, and those of this one."""
    if keep_files:
        (target / MARKER).unlink()
    for marker in list(downloads.glob(f"{wiki}-*/{MARKER}")):
        shutil.rmtree(marker.parent, ignore_errors=True)
