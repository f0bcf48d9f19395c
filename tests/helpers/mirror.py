"""A mirror of Wikimedia's dumps on this machine, with the true layout and formats, that can fail
as real ones do."""

import bz2
import gzip
import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Dict, Iterable, List, Optional, Tuple

from .wikimedia import articles_xml, page_row, redirect_row, write_table

DATE = "20260101"
PAGE = {"Content-Type": "text/html"}
JOBS = {"page": "pagetable", "redirect": "redirecttable", "page_props": "pagepropstable"}


@dataclass
class Mirror:
    """What the server sends, and what it was asked for.

    files (Dict[str, bytes]): Path -> content.
    cuts (Dict[str, List[int]]): Path -> after how many bytes the next connections break.
    etags (bool): Whether files have an ETag.
    ranges (bool): Whether parts of files are sent.
    if_range (bool): Whether If-Range is obeyed.
    web_page (Optional[bytes]): Sent instead of every file.
    busy (int): So many requests are answered by 503.
    encoding (Optional[str]): The Content-Encoding of compressed files.
    requests (List[Tuple[str, Dict[str, str]]]): Path and headers of each GET.
    """

    files: Dict[str, bytes] = field(default_factory=dict, repr=False)
    cuts: Dict[str, List[int]] = field(default_factory=dict)
    etags: bool = True
    ranges: bool = True
    if_range: bool = True
    web_page: Optional[bytes] = None
    busy: int = 0
    encoding: Optional[str] = None
    requests: List[Tuple[str, Dict[str, str]]] = field(default_factory=list)
    url: str = ""

    def asked_for(self, path: str) -> List[Optional[str]]:
        """The Range of each request for a file."""
        return [headers.get("Range") for asked, headers in self.requests if asked == path]

    def start(self) -> ThreadingHTTPServer:
        server = ThreadingHTTPServer(("127.0.0.1", 0), make_handler(self))
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        return server

    def page(self, path: str) -> Optional[bytes]:
        """The file, or the index of a folder, as nginx makes it."""
        if path in self.files:
            return self.files[path]
        inside = [other[len(path) :] for other in self.files if other.startswith(path)]
        if not path.endswith("/") or not inside:
            return None
        names = sorted({re.match("[^/]*/?", other)[0] for other in inside})  # type: ignore[index]
        lines = "".join(f'<a href="{n}">{n}</a>   01-Jan-2026 00:00   -\n' for n in names)
        page = f"<html>\n<head><title>Index of {path}</title></head>\n<body><pre>{lines}</pre>"
        return f"{page}</body>\n</html>\n".encode()


def make_handler(mirror: Mirror) -> type:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            mirror.requests.append((self.path, dict(self.headers)))
            self.answer(body=True)

        def answer(self, body: bool) -> None:
            content, is_page = mirror.page(self.path), self.path.endswith("/")
            if mirror.busy:
                mirror.busy -= 1
                return self.send(503, b"busy", {"Retry-After": "0"}, body)
            if mirror.web_page is not None:
                return self.send(200, mirror.web_page, PAGE, body)
            if content is None:
                return self.send(404, b"<html>Not Found</html>", PAGE, body)
            headers = dict(PAGE) if is_page else {"Content-Type": "application/octet-stream"}
            if mirror.encoding and self.path.endswith(".gz"):
                headers["Content-Encoding"] = mirror.encoding
            etag = f'"{hashlib.md5(content).hexdigest()}"'
            if mirror.etags:
                headers["ETag"] = etag
            start = self.first_byte(etag)
            if start is None:
                return self.send(200, content, headers, body)
            if start >= len(content):
                return self.send(416, b"", {"Content-Range": f"bytes */{len(content)}"}, body)
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
            return self.send(206, content[start:], headers, body)

        def first_byte(self, etag: str) -> Optional[int]:
            given = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            validator = self.headers.get("If-Range")
            if not given or not mirror.ranges:
                return None
            if mirror.if_range and validator not in (None, etag):
                return None
            return int(given[1])

        def send(self, status: int, content: bytes, headers: Dict[str, str], body: bool) -> None:
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(key, value)
            self.end_headers()
            cuts = mirror.cuts.get(self.path) if body else None
            if cuts:
                content = content[: cuts.pop(0)]
                self.close_connection = True
            if body:
                self.wfile.write(content)

    return Handler


def add_dump(
    mirror: Mirror,
    folder: Path,
    wiki: str = "xxwiki",
    date: str = DATE,
    *,
    pages: Iterable[Tuple[str, Optional[str], Optional[str]]] = (),
    articles: Iterable[Tuple[str, int, Optional[str], str]] = (),
) -> None:
    """Add a dump of a wiki.

    folder (Path): A folder for temporary files.
    pages: Title, the target if it is a redirect, and the Wikidata id of each page.
    articles: As for `articles_xml`, in two files.
    """
    rows: Dict[str, List] = {"page": [], "redirect": [], "page_props": []}
    for i, (title, target, kb_id) in enumerate(pages, start=1):
        rows["page"].append(page_row(i, title, redirect=target is not None))
        if target:
            rows["redirect"].append(redirect_row(i, target))
        if kb_id:
            rows["page_props"].append((i, b"wikibase_item", kb_id.encode(), None))
    files: Dict[str, Dict[str, bytes]] = {}
    for table, job in JOBS.items():
        write_table(folder / "table", table, rows[table])
        files[job] = {f"{table}.sql.gz": (folder / "table").read_bytes()}
    if parts := list(articles):
        files["articlesdump"] = {
            f"pages-articles{i}.xml-p{i}p{i}.bz2": bz2.compress(articles_xml([part]))
            for i, part in enumerate(parts, start=1)
        }
    jobs = {}
    for job, contents in files.items():
        entries = {}
        for name, content in contents.items():
            path = f"/{wiki}/{date}/{wiki}-{date}-{name}"
            mirror.files[path] = content
            entries[path.rpartition("/")[2]] = {
                "size": len(content),
                "url": path,
                "md5": hashlib.md5(content).hexdigest(),
                "sha1": hashlib.sha1(content).hexdigest(),
            }
        jobs[job] = {"status": "done", "updated": "2026-01-02 03:04:05", "files": entries}
    write_status(mirror, {"jobs": jobs, "version": "0.8"}, wiki, date)


def write_status(mirror: Mirror, status: Dict, wiki: str = "xxwiki", date: str = DATE) -> None:
    mirror.files[f"/{wiki}/{date}/dumpstatus.json"] = json.dumps(status).encode()


def read_status(mirror: Mirror, wiki: str = "xxwiki", date: str = DATE) -> Dict:
    return json.loads(mirror.files[f"/{wiki}/{date}/dumpstatus.json"])


def pageviews(views: Dict[str, int], wiki: str = "xx") -> bytes:
    """An hourly file of pageviews, with some lines of other wikis and broken ones."""
    lines = ["aa Main_Page 5 0", "aa.m Main_Page 12 0", "de Berlin 300 0", "en.m.b Berlin 7 0"]
    lines += [f"{wiki} {title.replace(' ', '_')} {n} 0" for title, n in views.items()]
    lines += [f"{wiki}.m {title.replace(' ', '_')} {n} 0" for title, n in views.items()]
    lines += ['"" "" 3 0', f"{wiki} Special:Search 999 0", f"{wiki}.d Berlin 70 0", "zu Ikhasi 1 0"]
    broken = f"{wiki} two words 99 0\n{wiki} ".encode() + b"\xff\xfe 99 0\n"
    return gzip.compress("\n".join(lines).encode() + b"\n" + broken)


def add_pageviews(mirror: Mirror, views: Dict[str, int], date: str = DATE) -> None:
    """Add a file for each hour of the 60 days before a date."""
    content, day = pageviews(views), datetime.strptime(date, "%Y%m%d")
    for hour in (day - timedelta(hours=i) for i in range(24 * 60)):
        name = f"pageviews-{hour:%Y%m%d-%H}0000.gz"
        mirror.files[f"/other/pageviews/{hour:%Y}/{hour:%Y-%m}/{name}"] = content
