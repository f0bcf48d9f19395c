"""Wrong input and options of `genre link`: each is an error before anything is linked."""

import json
import re

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, DocBin

from spacy_genre.bulk.links import LinkMaker, wikipedia_template
from spacy_genre.bulk.paths import InputFile
from spacy_genre.bulk.readers import ReadOptions, read_rows
from spacy_genre.bulk.rows import ents_of_json
from spacy_genre.bulk.run import _shards

LONG = "x" * 1_000_001
FILES = {
    "wide.csv": (b"text,n\na,1\nb,2,3\n", r"wide\.csv, line 3: there are 3 cells below 2 columns"),
    "narrow.csv": (b"text,n\n\na\n", r"narrow\.csv, line 3: there are 1 cells below 2 columns"),
    "quotes.csv": (b'text,n\n"a\nb",1\n"c"d,2\n', r"quotes\.csv, line 4: .* is not CSV"),
    "double.csv": (b"text,n,n\na,1,2\n", r"line 1: several of its columns are named 'n'"),
    "columns.csv": (
        b"body,n\na,1\n",
        r"no column 'text' \(its columns are 'body', 'n'\).*--text-c",
    ),
    "latin1.csv": (b"text\na\nM\xfcnchen\n", r"line 3: byte 1 of the line is not UTF-8; .*iconv"),
    "latin1.txt": (b"a\nM\xfcnchen\n", r"latin1\.txt, line 2: byte 3 of the file .*iconv"),
    "utf16.jsonl": ('{"text": "a"}\n'.encode("utf16"), r"line 1: byte 0 of the line is not UTF-8"),
    "zero.tsv": (b"text\na\0b\n", "line 2: it has a zero byte"),
    "broken.jsonl": (b'{"text": "a"}\n{"text": "b"\n', "line 2: it is not JSON"),
    "list.jsonl": (b'["a"]\n', r"line 1: it is '\[\"a\"\]', not an object"),
    "keys.jsonl": (b'{"text": "a"}\n{"body": "b"}\n', r"keys\.jsonl, line 2: .*'body'"),
    "number.jsonl": (b'{"text": 3}\n', "line 1: 'text' is '3'; it must be a string"),
    "ents.jsonl": (
        b'{"text": "abc", "ents": [{"start": 1, "end": 4}]}\n',
        "line 1: one of its 'ents' is .*character offsets in a text of 3 characters",
    ),
    "overlap.jsonl": (
        b'{"text": "abc", "spans": [{"start": 0, "end": 2}, {"start": 1, "end": 3}]}\n',
        "line 1: two of its 'spans' overlap at character 1",
    ),
    "surrogate.jsonl": (b'{"text": "a \\ud800"}\n', "line 1: .*not valid Unicode"),
    "long.txt": (LONG.encode(), r"B059.*long\.txt: the text has 1,000,001 characters.*--lines"),
    "cut.parquet": (b"PAR1", r"B064.*cut\.parquet can't be read: it is not a Parquet file"),
    "cut.spacy": (b"x", r"B064.*cut\.spacy can't be read: it is not a DocBin"),
    "sheet.csv": (b"\xd0\xcf\x11\xe0abc", r"B064.*sheet\.csv can't be read: it is a document of"),
    "empty.csv": (b"", r"B050.*empty\.csv has no texts"),
    "header.csv": (b"text,n\n", r"B050.*header\.csv has no texts"),
    "empty.jsonl": (b"\n", r"B050.*empty\.jsonl has no texts"),
    "texts.docx": (b"a", r"B052.*texts\.docx.*\.jsonl.*--input-format"),
}


@pytest.mark.parametrize("name", FILES)
def test_wrong_files(link_texts, tmp_path, name):
    content, message = FILES[name]
    (tmp_path / name).write_bytes(content)
    printed = link_texts(name, "-o", "out.jsonl", code=1)
    assert re.search(message, printed), printed
    found = {path.name for path in tmp_path.iterdir()}
    assert found <= {name, ".out.jsonl.lock"}  # no output, and no unfinished run


def test_missing_and_empty_inputs(link_texts, tmp_path):
    assert "F001" in link_texts("nothing.csv", "-o", "out.csv", code=1)
    (tmp_path / "folder").mkdir()
    assert "B050" in link_texts("folder", "-o", "out.csv", code=1)
    assert "B050" in link_texts("-", "-o", "out.csv", "--lines", code=1, stdin="")
    assert not list(tmp_path.glob(".*unfinished"))


def test_missing_packages_and_pipelines(link, tmp_path, monkeypatch):
    (tmp_path / "in.csv").write_text("text\nParis\n")
    none = {"model": None, "titles": None}
    assert "E050" in link("in.csv", "-o", "out.csv", "--pipeline", "no_such", code=1, **none)
    assert "T028" in link("in.csv", "-o", "o.csv", "--titles", "no_such", code=1, titles=None)
    assert "T001" in link("in.csv", "-o", "o.csv", "--titles", "./no.titles", code=1, titles=None)
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    assert 'spacy_genre[parquet]"' in link(
        "in.csv", "-o", "o.parquet", "--name-column", "text", code=1
    )


def test_texts_without_entities(link, tmp_path):
    """With the linker alone there would be nothing to link."""
    (tmp_path / "in.csv").write_text("text\nHe left Paris.\n")
    printed = link("in.csv", "-o", "out.csv", code=1)
    for part in ("in.csv, line 2", "--pipeline en_core_web_sm", "--task annotator", "--name-c"):
        assert part in printed
    nlp = spacy.blank("en")
    DocBin(docs=[nlp("He left Paris.")]).to_disk(tmp_path / "in.spacy")
    assert "in.spacy, Doc 1" in link("in.spacy", "-o", "out.csv", code=1)
    # Entities of some texts are not those of all.
    rows = [{"text": "Paris", "mentions": [{"start": 0, "end": 5}]}, {"text": "Chicago"}]
    (tmp_path / "in.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    assert "in.jsonl, line 2" in link("in.jsonl", "-o", "out.csv", code=1)
    (tmp_path / "blank.csv").write_text('text\n" "\n')
    assert "No mentions were found" in link("blank.csv", "-o", "out.csv")


def test_a_pipeline_that_does_not_say_what_it_assigns(link, tmp_path, monkeypatch):
    @spacy.Language.component("test_sets_no_entities")
    def component(doc: Doc) -> Doc:
        return doc

    nlp = spacy.blank("en")
    nlp.add_pipe("test_sets_no_entities")
    nlp.to_disk(tmp_path / "pipeline")
    (tmp_path / "in.csv").write_text("text\nHe left Paris.\n")
    with pytest.warns(UserWarning, match="W001"):
        printed = link("in.csv", "-o", "out.csv", "--pipeline", "pipeline", code=1)
    assert "B054" in printed
    assert "in.csv, line 2" in printed


def test_wrong_options(link, link_texts, tmp_path):
    (tmp_path / "in.csv").write_text("text\nParis\n")
    (tmp_path / "in.jsonl").write_text('{"text": "Paris"}\n')
    assert "B053" in link_texts("in.csv", "-o", "out.xml", code=1)
    assert "several formats" in link_texts("in.csv", "in.jsonl", "-o", "out", code=1)
    assert "B057" in link_texts("in.csv", "-o", "in.csv", "--force", code=1)
    annotate = ("in.csv", "-o", "o.csv", "--task", "annotator")
    assert "B060" in link(*annotate, "--name-column", 1, code=1)
    retrieve = ("in.csv", "--task", "retriever", "-o")
    assert "B060" in link(*retrieve, "out.csv", "--kb-id", "id", code=1)
    assert "B060" in link(*retrieve, "out.txt", code=1)
    assert "C001" in link("in.csv", "-o", "o.csv", "--threshold", 2, "--name-column", 1, code=1)
    assert "M013" in link(*annotate, code=1)
    printed = link("in.csv", "-o", "o.csv", "--task", "nothing", code=2)
    assert "annotator" in printed
    assert not [*tmp_path.glob("o*"), *tmp_path.glob(".*unfinished")]


def test_a_model_of_a_pipeline_that_has_one(link, tmp_path, pipeline):
    (tmp_path / "in.csv").write_text("text\nParis\n")
    printed = link("in.csv", "-o", "o.csv", "--pipeline", pipeline, code=1, titles=None)
    assert "B063" in printed
    assert "'genre_linker'" in printed


def test_the_folder_of_the_output_is_made(link_texts, tmp_path):
    (tmp_path / "in.csv").write_text("text\nIn Paris\n")
    link_texts("in.csv", "-o", "new/folder/out.csv")
    assert (tmp_path / "new" / "folder" / "out.csv").is_file()


ENT = st.tuples(st.integers(-1, 12), st.integers(-1, 12))


@given(st.text(max_size=10), st.lists(ENT, max_size=4))
def test_entities_are_checked(text, spans):
    rows = [{"start": start, "end": end} for start, end in spans]
    covered = [i for start, end in spans for i in range(start, end)]
    is_valid = all(0 <= start < end <= len(text) for start, end in spans)
    if is_valid and len({*covered}) == len(covered):
        ents = ents_of_json({"mentions": rows}, text)
        assert ents == tuple((start, end, "ENTITY") for start, end in sorted(spans))
    else:
        with pytest.raises(ValueError, match="'mentions'"):
            ents_of_json({"mentions": rows}, text)


@given(st.integers(0, 40), st.integers(1, 7))
def test_shards_are_whole_batches_of_all_rows(n_rows, batch_size):
    file = InputFile(None, "txt", "x")  # not read
    rows = [(file.name, row) for row in map(_row, range(n_rows))]
    shards = list(_shards(rows, batch_size))
    assert [row for shard in shards for row in shard] == rows
    assert all(len(shard) % batch_size == 0 for shard in shards[:-1])


def _row(i):
    from spacy_genre.bulk.rows import Row

    return Row(str(i), "x" * (1 << 16))


def test_addresses(titles):
    doc = spacy.blank("en")("Paris")
    doc.ents = [spacy.tokens.Span(doc, 0, 1, "GPE", kb_id="Paris")]
    template = wikipedia_template({"sources": [{"file": "simplewiki-20260101-page.sql.gz"}]})
    assert template == "https://simple.wikipedia.org/wiki/{}"
    assert wikipedia_template({"sources": [{"file": "mine.csv"}]}) is None
    maker = LinkMaker(titles, url_template=None)
    (link,) = maker.mentions(doc)
    assert link["url"] == f"https://www.wikidata.org/wiki/{titles.id_of('Paris')}"
    maker.wikipedia = template
    assert maker.mentions(doc)[0]["url"] == "https://simple.wikipedia.org/wiki/Paris"


def test_reading_is_a_stream(tmp_path):
    """The first row is there before the last one is read, and the error is that of its line."""
    path = tmp_path / "in.csv"
    path.write_text("text\n" + "a\n" * 100_000 + '"\n')
    rows = read_rows(InputFile(path, "csv", "in.csv"), ReadOptions(), spacy.vocab.Vocab())
    assert next(rows).where == "in.csv, line 2"
    with pytest.raises(ValueError, match=r"line 100002: .* is not CSV"):
        list(rows)
