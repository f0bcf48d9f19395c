"""Wikimedia's mirrors: which dumps of a Wikipedia there are, and which files they have.

A mirror has a folder for each wiki (`enwiki`), with a folder for each dump (`20260101`). The file
`dumpstatus.json` there has the state of each job, such as `pagetable`, and the name, size and
checksums of its files. Hourly pageviews of all wikis are in `other/pageviews/2026/2026-01`.
"""

import json
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Dict, List, Optional, Sequence, Tuple

import requests

from ..errors import Errors
from .languages import EARLIER_CODES
from .transfer import RemoteFile, request

MIRROR = "https://dumps.wikimedia.org"
# The jobs of the tables page, redirect and page_props, and of the articles.
TABLES = ("pagetable", "redirecttable", "pagepropstable")
ARTICLES = "articlesdump"
# The maximum number of dumps that are checked for a complete one.
N_DUMPS = 6
LANGUAGE = re.compile(r"[a-z]{2,}(?:[-_][a-z0-9]+)*")
DATE = re.compile(r"\d{8}")
DATED_FOLDER = re.compile(r"""href\s*=\s*["'](?:[^"']*/)?(\d{8})/?["']""", re.IGNORECASE)
# Hours of views to add up. One is 50 MB. With steps of 3 days and 3 hours, they are spread over all
# times of the day and all days of the week.
N_HOURS = 8
STEP = timedelta(days=-3, hours=3)


@dataclass(frozen=True)
class Dump:
    """A dump of a wiki.

    wiki (str): The name of the database, such as "enwiki".
    date (str): The date, such as "20260101".
    files (List[RemoteFile]): Its files that are needed.
    """

    wiki: str
    date: str
    files: List[RemoteFile]


class IncompleteDump(ValueError):
    """A dump does not have all files yet, or no checksums. The message is the reason."""


def wiki_of(language: str) -> str:
    """The name of the database of a Wikipedia.

    language (str): The language as in the address of the Wikipedia: "en", "simple", "zh-yue".
    RETURNS (str): The name: "enwiki", "zh_yuewiki".
    RAISES (ValueError): If it can't be a language.
    """
    if not LANGUAGE.fullmatch(language):
        allowed = "a code as in the address of a Wikipedia, such as 'en', 'simple' or 'zh-yue'"
        raise ValueError(Errors.N009.format(option="LANGUAGE", value=language, allowed=allowed))
    return EARLIER_CODES.get(language, language).replace("-", "_") + "wiki"


def find_dump(
    session: requests.Session,
    mirror: str,
    language: str,
    jobs: Sequence[str],
    *,
    date: Optional[str] = None,
) -> Dump:
    """Find the newest dump that has all files that are needed.

    session (requests.Session): From `make_session`.
    mirror (str): The address of the folder with the folders of the wikis.
    language (str): The language of the Wikipedia.
    jobs (Sequence[str]): The jobs whose files are needed.
    date (Optional[str]): The date of the dump, YYYYMMDD. None for the newest one.
    RETURNS (Dump): The dump.
    RAISES (FileNotFoundError): If the mirror has no such Wikipedia, or no dump of this date.
    RAISES (ValueError): If no dump has all files, or if the URL is not that of a mirror.
    RAISES (ConnectionError): If the mirror can't be read.
    """
    wiki = wiki_of(language)
    url = f"{mirror}/{wiki}"
    if date is not None:
        try:
            return _read_dump(session, url, wiki, date, jobs)
        except IncompleteDump as err:
            reason = f"{date}: {err}"
            raise ValueError(Errors.N004.format(wiki=wiki, url=url, reasons=reason)) from err
    problems = []
    for listed in _list_dates(session, f"{url}/", language)[:N_DUMPS]:
        try:
            return _read_dump(session, url, wiki, listed, jobs)
        except FileNotFoundError:
            problems.append(f"{listed}: it has no dumpstatus.json")
        except IncompleteDump as err:
            problems.append(f"{listed}: {err}")
    raise ValueError(Errors.N004.format(wiki=wiki, url=url, reasons="; ".join(problems)))


def find_pageviews(session: requests.Session, url: str, date: str) -> Tuple[List[RemoteFile], int]:
    """Find hourly files of pageviews from the weeks before a dump.

    session (requests.Session): From `make_session`.
    url (str): The address of the folder with the folders of the years.
    date (str): The date of the dump.
    RETURNS (Tuple[List[RemoteFile], int]): The files, and the number of hours that are missing.
        They have no published checksums.
    RAISES (FileNotFoundError): If there are none.
    RAISES (ConnectionError): If the mirror can't be read.
    """
    files = []
    start = datetime.strptime(date, "%Y%m%d") - timedelta(days=2)
    for hour in (start + i * STEP for i in range(N_HOURS)):
        name = f"pageviews-{hour:%Y%m%d-%H}0000.gz"
        address = f"{url}/{hour:%Y}/{hour:%Y-%m}/{name}"
        try:
            with request(session, address, "HEAD", allow_redirects=True) as response:
                size = response.headers.get("Content-Length", "")
        except FileNotFoundError:
            continue
        files.append(RemoteFile(name, address, int(size) if size.isdigit() else None))
    if not files:
        raise FileNotFoundError(Errors.N008.format(url=address))
    return files, N_HOURS - len(files)


def _list_dates(session: requests.Session, url: str, language: str) -> List[str]:
    """The dates of all dumps of a wiki, the newest first."""
    try:
        with request(session, url) as response:
            page = response.text
    except FileNotFoundError as err:
        raise FileNotFoundError(Errors.N002.format(url=url, language=language)) from err
    dates = sorted(set(DATED_FOLDER.findall(page)), reverse=True)
    if not dates:
        raise ValueError(Errors.N003.format(url=url, expected="a list of dumps by date"))
    return dates


def _read_dump(
    session: requests.Session, url: str, wiki: str, date: str, jobs: Sequence[str]
) -> Dump:
    """The files of some jobs of a dump.

    RAISES (IncompleteDump): If a job is not done, or if a file has no size or checksum.
    """
    folder = f"{url}/{date}"
    status = _read_json(session, f"{folder}/dumpstatus.json")
    all_jobs = status.get("jobs")
    entries: Dict[str, Dict[str, Any]] = {}
    for name in jobs:
        job = all_jobs.get(name) if isinstance(all_jobs, dict) else None
        if not isinstance(job, dict) or job.get("status") != "done" or not job.get("files"):
            state = job.get("status") if isinstance(job, dict) else "missing"
            raise IncompleteDump(f"the state of the job {name} is {state!r}")
        entries.update(job["files"])
    if all(entry.get("sha1") or entry.get("md5") for entry in entries.values()):
        sums: Dict[str, str] = {}
    else:  # some mirrors have them in this file only
        sums = _read_checksums(session, f"{folder}/{wiki}-{date}-sha1sums.txt")
    files = [
        _remote_file(folder, name, f"{wiki}-{date}-", {"sha1": sums.get(name), **entry})
        for name, entry in entries.items()
    ]
    return Dump(wiki, date, files)


def _remote_file(folder: str, name: str, prefix: str, entry: Dict[str, Any]) -> RemoteFile:
    # A file name from the network must not be a path to another folder.
    if not re.fullmatch(re.escape(prefix) + r"[\w.-]+", name, re.ASCII):
        raise IncompleteDump(f"{name!r} is not the name of a file of this dump")
    size = entry.get("size")
    for function in ("sha1", "md5"):
        if isinstance(size, int) and entry.get(function):
            return RemoteFile(name, f"{folder}/{name}", size, (function, str(entry[function])))
    raise IncompleteDump(f"the size or the checksum of {name} is missing")


def _read_json(session: requests.Session, url: str) -> Dict[str, Any]:
    with request(session, url) as response:
        text = response.text
    try:
        content = json.loads(text)
    except ValueError as err:
        if text.lstrip().startswith("<"):
            message = Errors.N003.format(url=url, expected="the state of a dump (JSON)")
        else:
            message = Errors.N001.format(url=url, reason=f"it is not valid JSON: {err}")
        raise ValueError(message) from err
    return content if isinstance(content, dict) else {}


def _read_checksums(session: requests.Session, url: str) -> Dict[str, str]:
    """A file with a checksum and a name in each line. RETURNS: Name -> checksum."""
    try:
        with request(session, url) as response:
            lines = [line.split() for line in response.text.splitlines()]
    except FileNotFoundError:
        return {}
    return {line[1].lstrip("*"): line[0] for line in lines if len(line) == 2}
