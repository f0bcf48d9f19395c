"""Error messages for files that can't be read. Nothing is written in these cases."""

import bz2
import gzip
import json
import os
import random
import resource
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from helpers.wikimedia import articles_xml, page_row, redirect_row, write_table
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_genre.cli  # noqa: F401  (adds its commands to the app)
from spacy_genre import TitleSet

NAMES = ["Albert Einstein", "São Paulo", "Paris, Texas"]


def run(*args):
    result = CliRunner().invoke(app, ["genre", "titles", "build", *map(str, args)])
    return result.exit_code, " ".join(result.output.split())


def fails(tmp_path, *args):
    """Check that a build fails and writes nothing. RETURNS: The message."""
    before = sorted(tmp_path.rglob("*"))
    code, output = run(*args, tmp_path / "out.titles")
    assert code == 1, output
    assert "No title set was written" in output
    assert sorted(tmp_path.rglob("*")) == before
    return output


def page_table(path, names=NAMES):
    write_table(path, "page", (page_row(n, name) for n, name in enumerate(names, start=1)))
    return path


def test_truncated_dump(tmp_path):
    path = page_table(tmp_path / "page.sql.gz", NAMES * 1000)
    whole = path.read_bytes()
    for length in (20, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        message = fails(tmp_path, path)
        assert f"page.sql.gz is truncated or damaged at byte {length}" in message
        assert "Download or copy it again" in message


def test_damaged_dump(tmp_path):
    path = page_table(tmp_path / "page.sql.gz", NAMES * 1000)
    whole = bytearray(path.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    path.write_bytes(whole)
    assert "page.sql.gz" in fails(tmp_path, path)


@pytest.mark.parametrize(
    ("end", "message"),
    [
        (b"CREATE TABLE", "it is a database dump without a table, or a truncated one"),
        (b"/*!40000 ALTER TABLE `page` DISABLE", "the dump ends before its last line"),
        (b"'Albert_Einstein'", "the dump ends within a row"),
        (b"/*!40000 ALTER TABLE `page` ENABLE", "the dump ends before its last line"),
    ],
)
def test_truncated_sql(tmp_path, end, message):
    path = page_table(tmp_path / "page.sql.gz")
    text = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(text[: text.index(end)]))
    assert message in fails(tmp_path, path)


def test_sql_with_a_broken_row(tmp_path):
    path = page_table(tmp_path / "page.sql.gz")
    text = gzip.decompress(path.read_bytes())
    at = text.index(b"(2,0,")
    path.write_bytes(gzip.compress(text.replace(b"(2,0,", b"(2,zero,")))
    message = fails(tmp_path, path)
    line = text.count(b"\n", 0, at) + 1
    assert f"line {line}, byte {at} of the decompressed file" in message
    assert "(2,zero," in message


def test_sql_in_another_encoding(tmp_path):
    path = page_table(tmp_path / "page.sql.gz")
    text = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(text.decode().encode("latin1")))
    message = fails(tmp_path, path)
    assert "S\\xe3o_Paulo" in message
    assert "is not UTF-8" in message
    assert f"byte {text.index(b'(2,0,')} of" in message


def test_table_without_a_column(tmp_path):
    path = page_table(tmp_path / "page.sql.gz")
    text = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(text.replace(b"page_is_redirect", b"page_is_something")))
    assert "the table 'page' has no column 'page_is_redirect'" in fails(tmp_path, path)


def test_tables_without_titles(tmp_path):
    redirect = tmp_path / "redirect.sql.gz"
    write_table(redirect, "redirect", [redirect_row(1, "Paris")])
    message = fails(tmp_path, redirect)
    assert "refers to pages by id only" in message
    assert "*-page.sql.gz" in message
    text = gzip.decompress(redirect.read_bytes()).replace(b"`redirect`", b"`pagelinks`")
    redirect.write_bytes(gzip.compress(text))
    assert "holds the table 'pagelinks', which has no names" in fails(tmp_path, redirect)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("page.sql.gz", b"<!DOCTYPE html>\n<html><body>404</body>", "is a web page"),
        ("page.sql.gz", gzip.compress(b"<html>Too many requests</html>", mtime=0), "is a web page"),
        ("x.xml", b"<?xml version='1.0'?><feed/>", "not a MediaWiki dump"),
        ("names.xz", b"\xfd7zXZ\0\0\0", "it is compressed with xz"),
        ("names.zip", b"PK\x03\x04abc", "it is compressed with zip"),
        ("dump.7z", b"7z\xbc\xaf\x27\x1c\0", "it is compressed with 7z"),
        ("dump.zst", b"\x28\xb5\x2f\xfd\0\0", "it is compressed with zstd"),
        ("x.xml", b"<feed\n xmlns='x'>", "not a MediaWiki dump"),
        ("x.xml", b"<feed>\n<id></id>", "not a MediaWiki dump"),
        ("page.html", b"<!-- saved -->\n<HTML>", "is a web page"),
        ("names.json", b'[{"name": "Paris"}]', "it is one JSON array"),
        ("names.json", b'["Paris", "Rome"]', "it is one JSON array"),
        ("names.json", b"[]\n", "it is one JSON array"),
        ("names.json", b'[\n{"name": "Paris"}\n]', "it is one JSON array"),
        ("names.json", b'{\n"name": "Paris"\n}', "line 1: it is not JSON"),
        ("names.jsonl", b"{'name': 'Paris'}", "line 1: it is not JSON"),
        ("names.jsonl", b'{"name": "Par', "line 1: it is not JSON"),
        ("names.jsonl", b"{}", "line 1: the keys are none, and none of them is known as the name"),
        ("names.txt", b"", "has no names"),
        ("names.txt", gzip.compress(b"", mtime=0), "has no names"),
        ("names.txt", "Paris\nMünchen\n".encode("latin1"), "line 2: byte 1 of the line"),
        (
            "names.txt",
            "Paris\nMünchen\n".encode("utf-16"),
            "it is text in UTF-16; save it as UTF-8",
        ),
        ("names.jsonl", b'{"name": "Paris"}\n{"name": "Berl', "line 2: it is not JSON"),
        ("names.jsonl", b'{"name": "Paris"}\n["Berlin"]', "line 2: it is '[\"Berlin\"]'"),
        ("names.jsonl", b'{"titre": "Paris"}', "line 1: the keys are 'titre', and none of them is"),
        ("names.jsonl", b'{"name": ["Paris"]}', "line 1: the name is ['Paris']"),
        ("names.jsonl", b'{"name": " "}', "line 1: the name is ' '"),
        ("names.jsonl", b'{"name": "A", "id": 7}', "line 1: the id of 'A' is 7"),
        ("names.jsonl", b'{"name": "A", "aliases": "B"}', "line 1: the aliases of 'A'"),
        ("names.jsonl", b'{"name": "A", "redirects": [""]}', "line 1: the redirects of 'A'"),
        ("names.jsonl", b'{"name": "A", "count": -1}', "line 1: the count of 'A' is -1"),
        ("names.tsv", b"Paris\tQ90\n", "none of its columns is known as the name: 'Paris', 'Q90'"),
        ("names.tsv", b"name\tid\nParis\tQ90\tcity\n", "line 2: there are 3 cells"),
        ("names.tsv", b"name\tcount\nParis\tmany\n", "line 2: the count 'many' is not a number"),
        ("names.tsv", b"name\tid\nParis\tQ90\nParis\tQ1\n", "line 3: the name 'Paris' has the id"),
        ("names.tsv", b"name\tid\nParis\tQ90\nBerlin\tQ90\n", "line 3: the id 'Q90' is that of"),
        (
            "names.jsonl",
            b'{"name": "A", "redirects": ["C"]}\n{"name": "B", "redirects": ["C"]}',
            "line 2: the redirect 'C' has the target 'B' here, 'A' before",
        ),
        (
            "names.jsonl",
            b'{"name": "A", "redirects": ["B"]}\n{"name": "B", "redirects": ["A"]}',
            "line 1): it is a name as well",
        ),
        ("names.jsonl", b'{"name": "A", "aliases": [" "]}', "line 1: the aliases of 'A'"),
        ("names.jsonl", b'{"name": "A", "ids": "Q1"}', "'A' has the key 'ids'"),
        ("names.jsonl", b'{"name": "A\\tB"}', "line 1: the name 'A\\tB' has a control character"),
        ("names.txt", b"Rome\nParis\rBonn\n", "line 2: the name 'Paris\\rBonn' has a control"),
        ("names.txt", b"Rome\nParis\tQ90\n", "line 2: the name 'Paris\\tQ90' has a control"),
        ("names.tsv", b"name\tid\tid\nParis\tQ90\tQ1\n", "may be the id: 'id', 'id'"),
        ("names.csv", b"name,id,qid\nParis,,Q90\n", "may be the id: 'id', 'qid'"),
        ("names.csv", b"\nname;name\nParis;Q90\n", "may be the name: 'name', 'name'"),
        ("names.csv", b"name,id\nParis, Texas,Q90\n", "line 2: there are 3 cells below 2 columns"),
        ("names.csv", b'name,id\n"a\nb",Q1\nc,Q1,2\n', "line 2: the name 'a\\nb' has a control"),
        ("names.csv", b'name,id\n"a\n\n",Q1\nc,Q1,2\n', "line 5: there are 3 cells"),
        ("names.csv", b'name,id\nRome,\n"Paris,Q90\nBonn\n', "line 3: the row that begins here is"),
        ("names.csv", b'name,id\n"Weird Al" Yankovic,Q1\n', "line 2: the row that begins here is"),
        ("names.csv", "name,id\nMünchen,\n".encode("latin1"), "line 2: byte 1 of the line"),
        ("all-titles-in-ns0", b"page_title\nParis\nBer", "line 3: the file ends within a line"),
        ("all-titles-in-ns0", b"page_title\nS\xe3o\n", "line 2: byte 1 of the line is not UTF-8"),
    ],
)
def test_other_files(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    output = fails(tmp_path, tmp_path / name)
    assert message in output
    assert name in output


def test_folders_and_missing_files(tmp_path):
    assert "it is not a regular file" in fails(tmp_path, tmp_path)
    assert "there is no such file" in fails(tmp_path, tmp_path / "missing")


def test_too_long_names(tmp_path, tokenizer):
    path = tmp_path / "names.jsonl"
    long = "é " * tokenizer.max_tokens + "!"
    path.write_text("".join(json.dumps({"name": name}) + "\n" for name in ("Paris", long)))
    message = fails(tmp_path, path)
    assert "1 of 2 names can't be used" in message
    assert "names.jsonl, line 2" in message.replace("names.jsonl,line", "names.jsonl, line")
    assert "--skip-invalid" in message
    code, output = run(path, tmp_path / "out", "--skip-invalid")
    assert code == 0
    assert "Left out 1 invalid names" in output


def test_truncated_articles(tmp_path):
    path = tmp_path / "pages-articles.xml.bz2"
    xml = articles_xml([(name, 0, None, "[[Nadar]]") for name in NAMES])
    packed = bz2.compress(xml)
    path.write_bytes(packed[: len(packed) // 2])
    assert "is truncated or damaged" in fails(tmp_path, path)
    path.write_bytes(bz2.compress(xml[: len(xml) // 2]))
    assert "not well-formed XML, or is truncated" in fails(tmp_path, path)
    path.write_bytes(bz2.compress(articles_xml([], "<siteinfo><dbname>x</dbname></siteinfo>")))
    assert "does not begin with a <siteinfo> that lists namespaces" in fails(tmp_path, path)


def test_missing_library(tmp_path):
    path = tmp_path / "pages-articles.xml"
    path.write_bytes(articles_xml([]))
    code = f"""
import sys; sys.modules['mwxml'] = None
from spacy.cli._util import app
import spacy_genre.cli
app(["genre", "titles", "build", {str(path)!r}, {str(tmp_path / "out")!r}])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert 'pip install "spacy_genre[titles]"' in " ".join(done.stdout.split())


def test_an_existing_file_is_kept(tmp_path):
    path = page_table(tmp_path / "page.sql.gz")
    out = tmp_path / "out.titles"
    out.write_text("mine")
    code, output = run(path, out)
    assert code == 1
    assert "already exists" in output
    assert out.read_text() == "mine"
    (tmp_path / "bad.txt").write_bytes(b"\xff")
    assert run(tmp_path / "bad.txt", out, "--force")[0] == 1
    assert out.read_text() == "mine"
    assert run(path, out, "--force")[0] == 0
    assert len(TitleSet.open(out)) == 3


def test_full_disk(tmp_path):
    """A full disk is simulated by a limit on the size of files."""
    names, out = tmp_path / "names.txt", tmp_path / "out.titles"
    names.write_text("\n".join(f"Name {i}" for i in range(5_000)))
    out.write_text("mine")
    command = [sys.executable, "-m", "spacy", "genre", "titles", "build", str(names), str(out)]

    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    done = subprocess.run([*command, "--force"], preexec_fn=limit, capture_output=True, text=True)
    assert done.returncode == 1
    message = " ".join(done.stdout.split())
    assert "out.titles can't be written: File too large" in message
    assert "an existing file was not changed" in message
    assert out.read_text() == "mine"
    assert sorted(tmp_path.iterdir()) == [names, out]


@pytest.mark.slow
def test_killed_at_any_moment(tmp_path):
    """The file is missing or complete."""
    path = page_table(tmp_path / "page.sql.gz", [f"Name {i}" for i in range(60_000)])
    out = tmp_path / "out.titles"
    command = [sys.executable, "-m", "spacy", "genre", "titles", "build", str(path), str(out)]
    start = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    seconds = time.perf_counter() - start
    rng = random.Random(0)
    killed = 0
    for _ in range(20):
        out.unlink(missing_ok=True)
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # Most of the moments are those in which something is read, built or written.
        time.sleep(seconds * rng.uniform(0.3, 1.05))
        os.kill(process.pid, signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        if out.exists():
            assert len(TitleSet.check(out)) == 60_000
        for left in tmp_path.iterdir():
            if left not in (path, out):
                with suppress(ValueError):  # or it was killed just before it moved into place
                    assert len(TitleSet.check(left)) == 60_000
                left.unlink()
    assert killed >= 10
