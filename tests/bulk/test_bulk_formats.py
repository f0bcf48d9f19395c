"""Every input and output format of `genre link`."""

import csv
import gzip
import json
import re
from datetime import date

import pyarrow as pa
import pyarrow.parquet
import pytest
import spacy
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import DocBin
from spacy.vocab import Vocab

from spacy_genre.bulk.paths import InputFile
from spacy_genre.bulk.readers import ReadOptions, read_rows
from spacy_genre.bulk.values import cell, plain

TEXTS = ["He left Paris, for Chicago.", "Nothing here.", "", 'Quotes "and"\nlines: Germany']
NAMES = ["Paris", "", "  Paris, Texas ", "Zürich", "Apple"]
LINKS = ["Paris", None, "Paris, Texas", "?", "Apple"]
FORMATS = ["csv", "tsv", "jsonl", "parquet", "spacy"]


def write(path, texts, column="text"):
    """A file with texts, and numbers as the other column."""
    rows = [{"n": i, column: text} for i, text in enumerate(texts)]
    if path.suffix in (".csv", ".tsv"):
        with path.open("w", newline="", encoding="utf8") as file:
            writer = csv.DictWriter(
                file, ["n", column], delimiter="\t" if path.suffix == ".tsv" else ","
            )
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".jsonl":
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf8")
    elif path.suffix == ".parquet":
        pa.parquet.write_table(pa.Table.from_pylist(rows), path)
    else:
        nlp, docbin = spacy.blank("en"), DocBin(store_user_data=True)
        for row in rows:
            doc = nlp.make_doc(row[column])
            doc.user_data["row"] = row
            docbin.add(doc)
        docbin.to_disk(path)
    return path


def read(path):
    """The rows of an output."""
    if path.suffix in (".csv", ".tsv"):
        with path.open(newline="", encoding="utf8") as file:
            return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text("utf8").splitlines()]
    if path.suffix == ".parquet":
        return pa.parquet.read_table(path).to_pylist()
    return list(DocBin().from_disk(path).get_docs(Vocab()))


@pytest.fixture(scope="module")
def expected(pipeline):
    """The entities of each text, and their links."""
    nlp = spacy.load(pipeline)
    return [[(ent.text, ent.kb_id_) for ent in nlp(text).ents] for text in TEXTS]


@pytest.mark.parametrize("format", FORMATS)
def test_texts_from_each_format(link_texts, expected, tmp_path, format):
    link_texts(write(tmp_path / f"in.{format}", TEXTS), "-o", "out.jsonl")
    rows = read(tmp_path / "out.jsonl")
    assert [row["text"] for row in rows] == TEXTS
    assert [int(row["n"]) for row in rows] == [0, 1, 2, 3]
    assert [[(m["mention"], m["kb_id"]) for m in row["mentions"]] for row in rows] == expected
    for row in rows:
        for mention in row["mentions"]:
            assert row["text"][mention["start"] : mention["end"]] == mention["mention"]
            assert mention["label"] == "GPE"
            assert mention["title"] == mention["kb_id"]
            assert mention["url"] == f"https://www.wikidata.org/wiki/{mention['id']}"
            assert 0 < mention["probability"] <= 1


@pytest.mark.parametrize("format", FORMATS)
def test_texts_to_each_format(link_texts, expected, tmp_path, format):
    out = tmp_path / f"out.{format}"
    link_texts(write(tmp_path / "in.jsonl", TEXTS), "-o", out)
    rows = read(out)
    if format == "spacy":
        assert [[(ent.text, ent.kb_id_) for ent in doc.ents] for doc in rows] == expected
        assert [doc.user_data["row"]["n"] for doc in rows] == [0, 1, 2, 3]
        assert rows[0].ents[0]._.genre_candidates
    elif format in ("csv", "tsv"):  # one row per mention
        found = [(row["text"], row["link_mention"], row["link_title"]) for row in rows]
        links = zip(TEXTS, expected, strict=True)
        assert found == [(text, *ent) for text, ents in links for ent in ents or [("", "")]]
    else:
        assert [[(m["mention"], m["title"]) for m in row["mentions"]] for row in rows] == expected
        assert [row["n"] for row in rows] == [0, 1, 2, 3]


@pytest.mark.parametrize("format", ["jsonl", "parquet", "spacy"])
def test_an_output_can_be_an_input(link_texts, tmp_path, format):
    """The links are the same, since the entities are given."""
    link_texts(write(tmp_path / "in.jsonl", TEXTS[:2]), "-o", "first.jsonl")
    link_texts("first.jsonl", "-o", f"second.{format}")
    link_texts(f"second.{format}", "-o", "third.jsonl")
    assert read(tmp_path / "third.jsonl") == read(tmp_path / "first.jsonl")


def test_columns_of_the_input_are_not_replaced(link_texts, tmp_path):
    link_texts(write(tmp_path / "in.csv", TEXTS[:2]), "-o", "first.csv")
    message = link_texts("first.csv", "-o", "second.csv", code=1)
    assert "B058" in message
    assert "'link_end'" in message
    (tmp_path / "counts.csv").write_text("text,mentions\nIn Paris,3\n")
    assert "'mentions'" in link_texts("counts.csv", "-o", "out.jsonl", code=1)
    link_texts("counts.csv", "-o", "out.csv")
    assert read(tmp_path / "out.csv")[0]["mentions"] == "3"


@pytest.mark.parametrize("format", FORMATS[:-1])
def test_bare_names(link, tmp_path, format):
    """Each is a mention, whatever the pipeline finds, and each row has one link."""
    source = write(tmp_path / f"in.{format}", NAMES, "company")
    link(source, "-o", f"out.{format}", "--name-column", "company", "--kb-id", "id")
    rows = read(tmp_path / f"out.{format}")
    assert [row["company"] for row in rows] == NAMES
    assert [*rows[0]][2:] == [
        "link_kb_id", "link_title", "link_id", "link_url", "link_probability",
    ]  # fmt: skip
    for row, title in zip(rows, LINKS, strict=True):
        if title != "?":
            assert (row["link_title"] or None) == title
            assert row["link_kb_id"] == row["link_id"]
    assert rows[0]["link_url"] == f"https://www.wikidata.org/wiki/{rows[0]['link_id']}"


def test_names_without_a_header_and_with_other_delimiters(link, tmp_path):
    (tmp_path / "a.csv").write_text("1;Paris\n2;Paris, Texas\n")
    link("a.csv", "-o", "out.csv", "--name-column", "2")
    rows = read(tmp_path / "out.csv")
    assert [(row["2"], row["link_title"]) for row in rows] == [
        ("Paris", "Paris"),
        ("Paris, Texas", "Paris, Texas"),
    ]
    (tmp_path / "b.csv").write_bytes("\ufeffId|Company\r\n1|Apple\r\n".encode())
    link("b.csv", "-o", "b.jsonl", "--name-column", "company")
    assert read(tmp_path / "b.jsonl")[0]["Company"] == "Apple"
    (tmp_path / "names.txt").write_text("Paris\n\nApple\n")
    link("names.txt", "-o", "c.csv", "--name-column", "1", "--url", "https://kb.example/{}")
    assert [row["link_url"] for row in read(tmp_path / "c.csv")] == [
        "https://kb.example/Q7",
        "https://kb.example/Q2",
    ]


def test_plain_text(link_texts, tmp_path):
    folder = tmp_path / "texts"
    (folder / "more").mkdir(parents=True)
    (folder / ".hidden.txt").write_text("Chicago")
    (folder / "notes.pdf").write_text("Chicago")
    (folder / "a.txt").write_text("In Paris.\nIn Chicago.\n")
    (folder / "more" / "b.txt.gz").write_bytes(gzip.compress(b"In Germany."))
    printed = link_texts("texts", "-o", "texts/out.jsonl")
    assert "not read: 1 .pdf" in printed
    rows = read(folder / "out.jsonl")
    assert [row["file"] for row in rows] == ["texts/a.txt", "texts/more/b.txt.gz"]
    assert [len(row["mentions"]) for row in rows] == [2, 1]
    link_texts("texts/a.txt", "-o", "out.txt", "--lines", "--url", "http://kb/{}")
    lines = (tmp_path / "out.txt").read_text().splitlines()
    for line, name in zip(lines, ("Paris", "Chicago"), strict=True):
        assert re.fullmatch(rf"In \[{name}\]\(http://kb/Q\d\)\.", line)


def test_a_page(link_texts, tmp_path):
    write(tmp_path / "in.csv", ["Paris & Chicago <b>", "<i>none</i>"])
    link_texts("in.csv", "-o", "out.html", "--url", 'https://kb.example/"{}')
    page = (tmp_path / "out.html").read_text("utf8")
    assert page.count('href="https://kb.example/&quot;Q') == 2
    assert "&lt;i&gt;none" in page
    assert "<b>" not in page
    assert page.count("<html") == page.count("</html>") == page.count('charset="utf-8"') == 1


def test_folder_of_shards(link_texts, tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_genre.bulk.run.SHARD_ROWS", 2)
    for format in ("csv", "html"):
        source = write(tmp_path / "in.csv", TEXTS)
        options = ("--batch-size", 2, "--output-format", format, "--force")
        link_texts(source, "-o", "out", *options)
        names = sorted(path.name for path in (tmp_path / "out").iterdir())
        assert names == [f"00000.{format}", f"00001.{format}", "manifest.json"]
        for name in names[:2]:  # each is a file of its own
            text = (tmp_path / "out" / name).read_text("utf8")
            assert text.startswith("n,text,link_" if format == "csv" else "<!DOCTYPE html>")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [shard["rows"] for shard in manifest["shards"]] == [2, 2]


def test_standard_input(link_texts, tmp_path):
    content = write(tmp_path / "in.jsonl", TEXTS).read_bytes()
    options = ("--input-format", "jsonl", "--quiet")
    assert link_texts("-", "-o", "out.csv", *options, stdin=content) == ""
    assert [row["n"] for row in read(tmp_path / "out.csv")] == ["0", "0", "1", "2", "3"]


def test_values_of_parquet_are_kept(link, tmp_path):
    table = pa.table(
        {
            "name": pa.array(["Paris", None], pa.large_string()),
            "day": pa.array([date(2026, 1, 2), None]),
            "tags": [["a", "b"], []],
            "share": pa.array([0.5, float("nan")], pa.float32()),
        }
    )
    pa.parquet.write_table(table, tmp_path / "in.parquet")
    link("in.parquet", "-o", "out.parquet", "--name-column", "name")
    found = pa.parquet.read_table(tmp_path / "out.parquet")
    assert found.schema.field("share").type == pa.float32()
    assert found.select(table.column_names).slice(0, 1).equals(table.slice(0, 1))
    link("in.parquet", "-o", "out.csv", "--name-column", "name")
    assert [*read(tmp_path / "out.csv")[0].values()][:4] == [
        "Paris", "2026-01-02", '["a", "b"]', "0.5",
    ]  # fmt: skip
    assert [*read(tmp_path / "out.csv")[1].values()][:4] == ["", "", "[]", ""]


TEXT = st.text(st.characters(codec="utf8", exclude_characters="\r\n\0"), min_size=1)


@settings(max_examples=30)
@given(st.lists(st.tuples(TEXT, TEXT.filter(str.strip)), min_size=1), st.sampled_from(",\t;"))
def test_csv_is_read_as_the_csv_module_wrote_it(tmp_path_factory, rows, delimiter):
    path = tmp_path_factory.mktemp("csv") / ("in.tsv" if delimiter == "\t" else "in.csv")
    with path.open("w", newline="", encoding="utf8") as file:
        writer = csv.writer(file, delimiter=delimiter)
        writer.writerows([("key", "text"), *rows])
    file = InputFile(path, path.suffix[1:], "in")
    found = list(read_rows(file, ReadOptions(), Vocab()))
    assert [(row.values["key"], row.text) for row in found] == rows


def test_values():
    value = {"a": [date(2026, 1, 2), float("inf"), True, None, 1.5, "x"]}
    assert plain(value) == {"a": ["2026-01-02", None, True, None, 1.5, "x"]}
    assert cell(value["a"][:2]) == '["2026-01-02", null]'
    assert (cell(None), cell(3), cell("é")) == ("", "3", "é")
