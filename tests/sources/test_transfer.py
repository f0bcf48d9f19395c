"""Files that are downloaded from a server that fails in many ways."""

import errno
import gzip
import hashlib
import os
import shutil
from collections import namedtuple

import pytest
from helpers.mirror import Mirror
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacy_genre.sources import transfer
from spacy_genre.sources.transfer import RemoteFile, fetch, make_session

CONTENT = os.urandom(300_000)
PATH = "/file.gz"
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def mirror(monkeypatch):
    monkeypatch.setattr(transfer, "BACKOFF", 0.001)
    mirror = Mirror({PATH: CONTENT})
    server = mirror.start()
    yield mirror
    server.shutdown()
    server.server_close()


@pytest.fixture
def session(mirror):
    with make_session() as session:
        yield session


def remote(mirror, content=CONTENT, checksum=True, size=True):
    sha1 = ("sha1", hashlib.sha1(content).hexdigest()) if checksum else None
    return RemoteFile("file.gz", mirror.url + PATH, len(content) if size else None, sha1)


def interrupt(mirror, session, folder, at=100_000, file=None):
    """Leave a partial file, as a process that is killed."""
    mirror.cuts[PATH] = [at] + [0] * 20
    with pytest.raises(ConnectionError, match="N001"):
        fetch(session, file or remote(mirror), folder)
    mirror.cuts.clear()
    mirror.requests.clear()
    assert (folder / "file.gz.part").stat().st_size == at


def test_a_file(mirror, session, tmp_path):
    path = fetch(session, remote(mirror), tmp_path)
    assert path.read_bytes() == CONTENT
    assert os.listdir(tmp_path) == ["file.gz"]
    assert "spacy_genre" in mirror.requests[0][1]["User-Agent"]
    fetch(session, remote(mirror), tmp_path)
    assert len(mirror.requests) == 1, "a verified file is not downloaded again"


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cuts=st.lists(st.integers(1, 200_000), max_size=4),  # more without progress are an error
    etags=st.booleans(),
    ranges=st.booleans(),
    checksum=st.booleans(),
    size=st.booleans(),
)
def test_broken_connections(mirror, session, tmp_path, cuts, etags, ranges, checksum, size):
    """Whatever the server can do, and wherever connections break, the file is right in the end."""
    shutil.rmtree(tmp_path / "folder", ignore_errors=True)
    (tmp_path / "folder").mkdir()
    content = CONTENT if checksum else gzip.compress(CONTENT)
    mirror.files[PATH], mirror.etags, mirror.ranges = content, etags, ranges
    mirror.cuts[PATH] = list(cuts)
    path = fetch(session, remote(mirror, content, checksum, size), tmp_path / "folder")
    assert path.read_bytes() == content
    assert os.listdir(tmp_path / "folder") == ["file.gz"]
    mirror.cuts.clear()


def test_an_interrupted_download_resumes(mirror, session, tmp_path):
    interrupt(mirror, session, tmp_path)
    assert fetch(session, remote(mirror), tmp_path).read_bytes() == CONTENT
    assert mirror.asked_for(PATH) == ["bytes=100000-"]
    assert "If-Range" in mirror.requests[0][1]


def test_a_server_without_parts(mirror, session, tmp_path):
    interrupt(mirror, session, tmp_path)
    mirror.ranges = False
    assert fetch(session, remote(mirror), tmp_path).read_bytes() == CONTENT
    assert len(mirror.requests) == 1


@pytest.mark.parametrize("if_range", [True, False])
def test_a_file_that_has_changed(mirror, session, tmp_path, if_range):
    """Of the same size, so that only If-Range or the checksum can tell."""
    interrupt(mirror, session, tmp_path)
    changed = CONTENT[::-1]
    mirror.files[PATH], mirror.if_range = changed, if_range
    assert fetch(session, remote(mirror, changed), tmp_path).read_bytes() == changed
    assert mirror.asked_for(PATH) == ["bytes=100000-"] + ([] if if_range else [None])


def test_a_file_that_has_become_shorter(mirror, session, tmp_path):
    interrupt(mirror, session, tmp_path)
    mirror.files[PATH], mirror.if_range = CONTENT[:50_000], False
    assert fetch(session, remote(mirror, CONTENT[:50_000]), tmp_path).stat().st_size == 50_000


@pytest.mark.parametrize("checksum", [True, False])
def test_another_mirror_continues(mirror, session, tmp_path, checksum):
    """If a checksum tells whether it has the same file. Else, the file is downloaded again."""
    content = CONTENT if checksum else gzip.compress(CONTENT)
    mirror.files[PATH] = content
    interrupt(mirror, session, tmp_path, file=remote(mirror, content, checksum))
    other = RemoteFile("file.gz", mirror.url + "/other.gz", *_size_and_sum(mirror, checksum))
    mirror.files["/other.gz"] = content
    assert fetch(session, other, tmp_path).read_bytes() == content
    assert mirror.asked_for("/other.gz") == ["bytes=100000-" if checksum else None]


def _size_and_sum(mirror, checksum):
    file = remote(mirror, mirror.files[PATH], checksum)
    return file.size, file.checksum


@pytest.mark.parametrize("state", ["", "{", "[]", '{"url": 5}'])
def test_a_damaged_note_about_a_part(mirror, session, tmp_path, state):
    interrupt(mirror, session, tmp_path)
    (tmp_path / "file.gz.part.json").write_text(state)
    assert fetch(session, remote(mirror), tmp_path).read_bytes() == CONTENT


def test_a_wrong_checksum(mirror, session, tmp_path):
    mirror.files[PATH] = CONTENT[::-1]
    with pytest.raises(ValueError, match=r"N006.*sha1 checksum is \w{40} instead of \w{40}"):
        fetch(session, remote(mirror), tmp_path)
    assert len(mirror.requests) == 1
    assert os.listdir(tmp_path) == []


def test_a_wrong_size(mirror, session, tmp_path):
    interrupt(mirror, session, tmp_path)
    mirror.files[PATH] = CONTENT + b"more"
    with pytest.raises(ValueError, match=r"N006.*size is 300004 instead of 300000"):
        fetch(session, remote(mirror), tmp_path)


def test_a_damaged_file_without_a_checksum(mirror, session, tmp_path):
    content = gzip.compress(CONTENT)
    mirror.files[PATH] = content[:1000] + b"\0\0\0" + content[1003:]
    with pytest.raises(ValueError, match=r"N006.*damaged"):
        fetch(session, remote(mirror, content, checksum=False), tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_compressed_file_is_stored_as_it_is(mirror, session, tmp_path):
    """Some servers say that the compression is that of the transfer."""
    content = gzip.compress(CONTENT)
    mirror.files[PATH], mirror.encoding = content, "x-gzip"
    assert fetch(session, remote(mirror, content), tmp_path).read_bytes() == content


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><p>Please log in", b"Please log in"])
def test_a_web_page_instead_of_the_file(mirror, session, tmp_path, page):
    interrupt(mirror, session, tmp_path)
    mirror.web_page = page
    with pytest.raises(ValueError, match=r"N003.*is a web page.*--mirror"):
        fetch(session, remote(mirror), tmp_path)
    mirror.web_page = None
    assert fetch(session, remote(mirror), tmp_path).read_bytes() == CONTENT
    assert mirror.asked_for(PATH)[-1] == "bytes=100000-", "the part was lost"


def test_a_busy_server(mirror, session, tmp_path):
    mirror.busy = 3
    assert fetch(session, remote(mirror), tmp_path).read_bytes() == CONTENT
    mirror.busy = 1000
    with pytest.raises(ConnectionError, match=r"N001.*the server answers 503"):
        fetch(session, RemoteFile("other", mirror.url + PATH), tmp_path)


def test_no_server(mirror, session, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"N005.*/nothing does not exist"):
        fetch(session, RemoteFile("x", mirror.url + "/nothing"), tmp_path)
    file = RemoteFile("x", "http://127.0.0.1:9/x")
    with pytest.raises(ConnectionError, match=r"N001.*127\.0\.0\.1:9.*refused"):
        fetch(session, file, tmp_path)


def test_a_full_disk(mirror, session, tmp_path, monkeypatch):
    """What was written before the disk was full is used later."""
    write = transfer._write

    def write_100_000(path, blocks, bar):
        write(path, [next(blocks)[:100_000]], bar)
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as context:
        context.setattr(transfer, "_write", write_100_000)
        with pytest.raises(OSError, match=r"N007.*200 kB are needed.*--data-dir"):
            fetch(session, remote(mirror), tmp_path)
    assert fetch(session, remote(mirror), tmp_path).read_bytes() == CONTENT
    assert mirror.asked_for(PATH) == [None, "bytes=100000-"]


def test_free_space(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**12, 10**12, 999))
    transfer.check_free_space(tmp_path, 999)
    with pytest.raises(OSError, match=r"3\.1 GB are needed, and 999 bytes are free") as caught:
        transfer.check_free_space(tmp_path, 3_100_000_000)
    assert caught.value.errno == errno.ENOSPC


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1 kB"), (999_999, "1 MB"), (2.34e9, "2.34 GB")],
)
def test_sizes(n_bytes, text):
    assert transfer.format_size(int(n_bytes)) == text
