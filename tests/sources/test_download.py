"""From a language to a title set that a component uses, by a mirror on this machine."""

import os
import shutil
from collections import namedtuple

import pytest
import spacy
from helpers.docs import LINKS, kb_ids, make_doc
from helpers.mirror import (
    DATE,
    Mirror,
    add_dump,
    add_pageviews,
    read_status,
    write_status,
)
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_genre.cli  # noqa: F401  (adds its commands to the app)
from spacy_genre import TitleSet
from spacy_genre.atomic import locked
from spacy_genre.sources import transfer
from spacy_genre.sources.dumps import find_dump, wiki_of
from spacy_genre.sources.transfer import make_session

PAGES = [
    ("Albert Einstein", None, "Q937"),
    ("Germany", None, "Q183"),
    ("Einstein", "Albert Einstein", "Q937"),
    ("Nobel Prize", None, "Q7191"),
    ("Apple Inc.", None, "Q312"),
]
ARTICLES = [
    ("Nobel Prize", 0, None, "[[Albert Einstein|the physicist]] was from [[Germany]]."),
    ("Apple Inc.", 0, None, "[[Albert Einstein|the physicist]] ate none."),
]
VIEWS = {"Albert Einstein": 9, "Einstein": 20, "Germany": 25, "Apple Inc.": 3, "Nobel Prize": 4}
SIZE = namedtuple("Usage", "total used free")
PAGE_TABLE = f"/xxwiki/{DATE}/xxwiki-{DATE}-page.sql.gz"


@pytest.fixture
def data(tmp_path, monkeypatch):
    """The data folder."""
    monkeypatch.setenv("SPACY_GENRE_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


@pytest.fixture
def mirror(tmp_path, monkeypatch, data):
    monkeypatch.setattr(transfer, "BACKOFF", 0.001)
    mirror = Mirror()
    server = mirror.start()
    add_dump(mirror, tmp_path, pages=PAGES, articles=ARTICLES)
    yield mirror
    server.shutdown()
    server.server_close()


def download(mirror, *options, language="xx"):
    """Run the command. RETURNS: The exit code, and the output in one line."""
    command = ["genre", "download", language, "--mirror", mirror.url, *map(str, options)]
    result = CliRunner().invoke(app, command)
    return result.exit_code, " ".join(result.output.split())


def succeed(mirror, *options, **more):
    code, output = download(mirror, *options, **more)
    assert code == 0, output
    return output


def fail(mirror, *options, **more):
    code, output = download(mirror, *options, **more)
    assert code == 1
    return output


def titles_of(data, name="xx"):
    return TitleSet.open(data / f"{name}.titles")


def test_download_and_build(mirror, data):
    output = succeed(mirror)
    assert 'Use it with: "titles": {"@misc": "spacy_genre.TitleSet.v1", "name": "xx"}' in output
    assert sorted(os.listdir(data)) == ["downloads", "xx.titles"]
    assert os.listdir(data / "downloads") == [".xxwiki.lock"]
    nlp = spacy.blank("en")
    block = {"@misc": "spacy_genre.TitleSet.v1", "name": "xx"}
    linker = nlp.add_pipe("genre_linker", config={"titles": block, "kb_id": "id"})
    assert kb_ids([nlp(make_doc(nlp))]) == [[linker.titles.id_of(name) for name in LINKS]]
    assert linker.titles.id_of("Einstein") == "Q937"


def test_a_set_that_was_not_downloaded(data):
    data.mkdir()
    (data / "de.titles").touch()
    nlp = spacy.blank("en")
    message = r"T028.*no title set 'xx' in .*data; there are: 'de'.*genre download"
    config = {"titles": {"@misc": "spacy_genre.TitleSet.v1", "name": "xx"}}
    with pytest.warns(UserWarning, match=rf"W016.*{message}"):
        nlp.add_pipe("genre_linker", config=config)
    with pytest.raises(FileNotFoundError, match=message):
        nlp(make_doc(nlp))


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".x", "ü"])
def test_names_that_lead_elsewhere(mirror, data, name):
    make = spacy.registry.misc.get("spacy_genre.TitleSet.v1")
    with pytest.raises(ValueError, match="T029"):
        make(name=name)
    with pytest.raises(ValueError, match="T030"):
        make(name="en", path="en.titles")
    if name:
        assert "T029" in fail(mirror, "--name", name)


def test_most_read(mirror, data):
    add_pageviews(mirror, VIEWS)
    succeed(mirror, "--most-read", 2)
    titles = titles_of(data)
    assert list(titles) == ["Albert Einstein", "Germany"]
    # Eight hours, two sites, and the views of the redirect.
    assert titles.view.prior_at(titles.view.find("Albert Einstein")) == 8 * 2 * 29
    files = [path for path, _ in mirror.requests if "pageviews-" in path]
    days = {path[-18:-10] for path in files}
    hours = {path[-9:-7] for path in files}
    assert len(files) == len(days) == len(hours) == 8


def test_pageviews_of_another_mirror(mirror, data):
    add_pageviews(mirror, VIEWS)
    moved = {p.replace("/other/", "/moved/"): c for p, c in mirror.files.items() if "other" in p}
    mirror.files = {p: c for p, c in mirror.files.items() if "other" not in p}
    assert "N008" in fail(mirror, "--most-read", 2)
    # One of the eight hours is missing.
    mirror.files |= {path: c for path, c in moved.items() if "pageviews-20251227" not in path}
    output = succeed(mirror, "--most-read", 2, "--pageviews-url", f"{mirror.url}/moved/pageviews")
    assert "[W021] 1 of the 8 hourly files" in output
    assert len(titles_of(data)) == 2


def test_aliases(mirror, data):
    pytest.importorskip("mwxml")
    succeed(mirror, "--aliases")
    titles = titles_of(data)
    assert titles.get_candidates("the physicist") == [("Albert Einstein", 2)]
    assert [source["kind"] for source in titles.header["sources"]][-2:] == ["articles"] * 2


def test_an_interrupted_download(mirror, data, tmp_path):
    """It goes on with the same dump, even if there is a newer one."""
    mirror.cuts[PAGE_TABLE] = [300] + [0] * 20
    assert "N001" in fail(mirror)
    assert not (data / "xx.titles").exists()
    mirror.cuts.clear()
    mirror.requests.clear()
    add_dump(mirror, tmp_path, date="20260120", pages=[*PAGES, ("New", None, None)])
    succeed(mirror)
    assert mirror.asked_for(PAGE_TABLE) == ["bytes=300-"]
    assert "New" not in titles_of(data)
    assert os.listdir(data / "downloads") == [".xxwiki.lock"]
    succeed(mirror, "--force")
    assert "New" in titles_of(data)


def test_a_dump_that_was_removed_meanwhile(mirror, data, tmp_path):
    mirror.cuts[PAGE_TABLE] = [300] + [0] * 20
    fail(mirror)
    mirror.files.clear()
    add_dump(mirror, tmp_path, date="20260120", pages=PAGES)
    succeed(mirror)
    assert os.listdir(data / "downloads") == [".xxwiki.lock"]


def test_kept_files(mirror, data):
    succeed(mirror, "--keep-files")
    tables = sorted(f"xxwiki-{DATE}-{t}.sql.gz" for t in ("page", "redirect", "page_props"))
    assert sorted(os.listdir(data / "downloads" / f"xxwiki-{DATE}")) == tables
    mirror.requests.clear()
    succeed(mirror, "--name", "small", "--trie", "titles+redirects")
    assert [path for path, _ in mirror.requests if path.endswith(".gz")] == []
    assert titles_of(data, "small").header["trie"] == "titles+redirects"


def test_an_existing_set_is_kept(mirror, data):
    succeed(mirror)
    before = (data / "xx.titles").read_bytes()
    mirror.requests.clear()
    assert "N011" in fail(mirror)
    assert mirror.requests == []
    mirror.files[PAGE_TABLE] = b"\0" * len(mirror.files[PAGE_TABLE])
    assert "N006" in fail(mirror, "--force")
    assert (data / "xx.titles").read_bytes() == before


def test_another_folder(mirror, data, tmp_path):
    output = succeed(mirror, "--data-dir", tmp_path / "other", "--name", "mine")
    path = tmp_path / "other" / "mine.titles"
    assert path.exists()
    assert f'"path": "{path}"'.replace(" ", "") in output.replace(" ", "")
    assert not data.exists()


def test_dates(mirror, data, tmp_path):
    add_dump(mirror, tmp_path, date="20260120", pages=[*PAGES, ("New", None, None)])
    status = read_status(mirror, date="20260120")
    status["jobs"]["redirecttable"]["status"] = "waiting"
    write_status(mirror, status, date="20260120")
    mirror.files["/xxwiki/20260201/other"] = b""  # it has just begun
    succeed(mirror)
    assert "New" not in titles_of(data), "the newest complete dump is the one before"
    output = fail(mirror, "--date", "20260120", "--force")
    assert "N004" in output
    assert "redirecttable is 'waiting'" in output
    assert "N005" in fail(mirror, "--date", "20250101", "--force")
    for date in ("2026-01-01", "20261301", "latest"):
        assert "N009" in fail(mirror, "--date", date, "--force")
    status["jobs"] = {}
    write_status(mirror, status)
    output = fail(mirror, "--force")
    assert "20260201: it has no dumpstatus.json; 20260120: the state" in output
    assert "pagetable is 'missing'" in output


def test_checksums_in_a_file_of_their_own(mirror, data):
    """As some mirrors have them."""
    status, lines = read_status(mirror), []
    for job in status["jobs"].values():
        for name, entry in job["files"].items():
            del entry["md5"]
            lines.append(f"{entry.pop('sha1')}  {name}\n")
    write_status(mirror, status)
    assert "the size or the checksum" in fail(mirror)
    mirror.files[f"/xxwiki/{DATE}/xxwiki-{DATE}-sha1sums.txt"] = "".join(lines).encode()
    succeed(mirror)


def test_file_names_that_lead_elsewhere(mirror, data):
    status = read_status(mirror)
    files = status["jobs"]["pagetable"]["files"]
    (entry,) = files.values()
    status["jobs"]["pagetable"]["files"] = {f"xxwiki-{DATE}-/../../../x": entry}
    write_status(mirror, status)
    assert "is not the name of a file of this dump" in fail(mirror)


@pytest.mark.parametrize("status", ["[]", "{}", '{"jobs": 5}', '{"jobs": {"pagetable": 5}}'])
def test_a_strange_status(mirror, data, status):
    mirror.files[f"/xxwiki/{DATE}/dumpstatus.json"] = status.encode()
    assert "N004" in fail(mirror)


def test_unknown_languages(mirror, data):
    output = fail(mirror, language="yy")
    assert "N002" in output
    assert "no Wikipedia 'yy'" in output
    for language in ("English", "e", "en wiki", "../en"):
        assert "N009" in fail(mirror, language=language)
    assert not list(data.glob("*.titles"))


def test_urls_that_are_not_mirrors(mirror, data):
    for url in ("dumps.wikimedia.org", "ftp://dumps.wikimedia.org", "https://"):
        assert "N009" in fail(mirror, "--mirror", url)
    mirror.web_page = b"<!DOCTYPE html><p>Please log in"
    assert "N003" in fail(mirror)
    assert "N003" in fail(mirror, "--date", DATE)
    mirror.web_page = None
    mirror.files[f"/xxwiki/{DATE}/dumpstatus.json"] = b'{"jobs": '
    assert "is not valid JSON" in fail(mirror)


def test_too_little_space(mirror, data, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SIZE(10**12, 10**12, 1000))
    output = fail(mirror)
    assert "N007" in output
    assert "1 kB are free" in output
    # There is space for the tables, but not for the title set.
    sizes = [len(content) for path, content in mirror.files.items() if path.endswith(".sql.gz")]
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: SIZE(10**12, 10**12, sum(sizes) + 9))
    assert "N007" in fail(mirror)
    assert [path for path, _ in mirror.requests if path.endswith(".gz")] == []
    monkeypatch.undo()


def test_two_processes(mirror, data):
    (data / "downloads").mkdir(parents=True)
    with locked(data / "downloads" / "xxwiki"):
        assert "N010" in fail(mirror)


@pytest.mark.parametrize(
    ("language", "wiki"),
    [
        ("en", "enwiki"),
        ("zh-min-nan", "zh_min_nanwiki"),
        ("be-tarask", "be_x_oldwiki"),
        ("be-x-old", "be_x_oldwiki"),
        ("nb", "nowiki"),
        ("simple", "simplewiki"),
        ("roa-tara", "roa_tarawiki"),
    ],
)
def test_names_of_databases(language, wiki):
    assert wiki_of(language) == wiki


@pytest.mark.parametrize("link", ["{date}/", "/mirror/xxwiki/{date}/", "{date}", "./{date}/"])
def test_indexes_of_other_servers(mirror, link):
    index = "".join(f"<A HREF='{link.format(date=d)}'>x</A>" for d in (DATE, "20251201", "latest"))
    mirror.files["/xxwiki/"] = index.encode()
    with make_session() as session:
        dump = find_dump(session, mirror.url, "xx", ["pagetable"])
    assert dump.date == DATE
    assert [file.name for file in dump.files] == [f"xxwiki-{DATE}-page.sql.gz"]
    assert dump.files[0].size == len(mirror.files[PAGE_TABLE])
