import bz2
import gzip
import json

import pytest
import spacy
from spacy.tokens import DocBin

from spacy_genre.corpora.articles import ArticleOptions
from spacy_genre.corpora.reading import read_texts
from spacy_genre.corpora.texts import GoldMention, GoldText

ROW = {
    "page": "Page",
    "title": "Apple",
    "text": "An apple.",
    "kind": "lead",
    "opening": "Fruit",
    "mentions": [{"start": 3, "end": 8, "id": "Q1", "label": "FOOD", "candidates": ["a"]}],
}


def write_rows(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf8")
    return path


def read(path, **options):
    return [text for texts in read_texts(path, ArticleOptions(), **options) for text in texts]


def test_own_format(tmp_path):
    unlinked = {"start": 0, "end": 2, "title": None}
    path = write_rows(tmp_path / "x.jsonl", ROW, {"text": "none", "mentions": [unlinked]})
    first, second = read(path)
    assert first.mentions == (GoldMention(3, 8, "", "Q1", "FOOD", candidates=("a",)),)
    assert (first.page, first.evidence, first.kind) == ("Page", (("Apple",),), "lead")
    assert first.opening == "Fruit"
    assert second == GoldText("none")
    assert GoldText.from_row(first.to_row()) == first
    assert read(path, skip=1) == [second]
    for compress, suffix in ((gzip.compress, "gz"), (bz2.compress, "bz2")):
        compressed = tmp_path / f"x.jsonl.{suffix}"
        compressed.write_bytes(compress(path.read_bytes()))
        assert read(compressed) == [first, second]


def test_rows_of_earlier_versions():
    """They have "about" in place of "title"."""
    row = {key: value for key, value in ROW.items() if key != "title"}
    assert GoldText.from_row({**row, "about": "Apple"}) == GoldText.from_row(ROW)


def test_whitespace_around_a_mention_is_not_part_of_it():
    row = {"text": "A red\u00a0\n car", "mentions": [{"start": 1, "end": 7, "title": "Red"}]}
    assert GoldText.from_row(row).mentions == (GoldMention(2, 5, "Red"),)


def test_a_row_with_paragraphs_is_a_page(tmp_path):
    page = {"title": "P", "text": "A red", "paragraphs": [{"text": "A red"}]}
    page["paragraphs"][0]["links"] = [{"start": 2, "end": 5, "title": "Red"}]
    (text,) = read(write_rows(tmp_path / "x.jsonl", page))
    assert (text.page, text.evidence) == ("P", ())
    assert text.mentions == (GoldMention(2, 5, "Red"),)


def test_pages(tmp_path):
    links = [{"start": 2, "end": 5, "title": "red_(colour)"}, {"start": 0, "end": 1, "title": "#x"}]
    page = {"title": "P", "paragraphs": [{"text": "A red"}, {"text": " "}, {"text": "A red"}]}
    page["paragraphs"][2]["links"] = links
    (text,) = read(write_rows(tmp_path / "x.jsonl", page))
    mentions = (GoldMention(2, 5, "Red (colour)"),)
    assert text in (GoldText("A red", mentions, "P", opening=o) for o in ("", "A red"))


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ({"input": "An [START_ENT] apple [END_ENT], red"}, "An apple, red"),
        ({"input": "[START_ENT] apple [END_ENT] pie"}, "apple pie"),
        (
            {"input": "x", "meta": {"left_context": "An", "mention": "apple", "right_context": ""}},
            "An apple",
        ),
    ],
)
def test_kilt(tmp_path, row, text):
    outputs = [
        [{"answer": "Apple"}],
        [{"answer": "no"}, {"answer": "x", "provenance": [{"title": None}, {"title": "Apple"}]}],
    ]
    for output in outputs:
        path = write_rows(tmp_path / "x.jsonl", {**row, "output": output, "candidates": ["Apple"]})
        (gold,) = read(path)
        (mention,) = gold.mentions
        assert gold.text == text
        assert gold.text[mention.start : mention.end] == "apple"
        assert (mention.title, mention.candidates) == ("Apple", ("Apple",))


def test_kilt_without_a_mention_has_a_title(tmp_path):
    output = [{"answer": "no"}, {"provenance": [{"title": "Apple"}]}]
    row = {"input": "Which fruit?", "output": output}
    assert read(write_rows(tmp_path / "x.jsonl", row)) == [
        GoldText("Which fruit?", evidence=(("Apple",),))
    ]


def test_docbin(tmp_path):
    doc = spacy.blank("en")("An apple.")
    spans = (0, 2, "X", "NIL"), (3, 8, "FOOD", "Apple"), (8, 9, "X", "")
    doc.ents = [doc.char_span(start, end, label, kb_id) for start, end, label, kb_id in spans]
    DocBin(docs=[doc]).to_disk(tmp_path / "x.spacy")
    (text,) = read(tmp_path / "x.spacy")
    nil, apple = GoldMention(0, 2, "", "NIL", "X"), GoldMention(3, 8, "Apple", label="FOOD")
    assert text == GoldText("An apple.", (nil, apple))


def test_dump_with_several_processes(sample_dump):
    expected = list(read_texts(sample_dump, ArticleOptions(repeats=True)))
    several = list(read_texts(sample_dump, ArticleOptions(repeats=True), n_process=2))
    assert several == expected
    later = list(read_texts(sample_dump, ArticleOptions(repeats=True), skip=5))
    assert later == expected[5:]
    assert len(later) > 10


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{", "D002.*line 2"),
        ("[1]", "line 2.*not an object"),
        ("{}", "has none of"),
        ('{"text": 3}', "'text' is 3; it must be a string"),
        ('{"text": "a", "mentions": 3}', "must be a list"),
        ('{"text": "a", "mentions": [3]}', "3 must be an object"),
        ('{"text": "a", "mentions": [{"start": 0, "end": 1}]}', "no 'title' and no 'id'"),
        ('{"text": "a", "mentions": [{"start": 0, "end": 2, "title": "A"}]}', "in a text of 1"),
        ('{"text": "a", "mentions": [{"start": true, "end": 1, "title": "A"}]}', "offsets"),
        ('{"text": "a  b", "mentions": [{"start": 1, "end": 3, "title": "A"}]}', "is blank"),
        ('{"title": "a", "paragraphs": [{}]}', "is not a paragraph"),
        ('{"title": "a", "paragraphs": {}}', "'paragraphs' a list"),
        ('{"input": "a", "output": []}', "no answer"),
        ('{"input": 3, "output": [{"answer": "a"}]}', "'input' is 3; it must be a string"),
    ],
)
def test_wrong_rows(tmp_path, row, message):
    path = tmp_path / "x.jsonl"
    path.write_text('{"text": "good"}\n' + row + "\n")
    with pytest.raises(ValueError, match=message):
        read(path)


@pytest.mark.parametrize(
    "text",
    [
        "I saw [START_ENT] Paris yesterday.",
        "I saw Paris [END_ENT] yesterday.",
        "I saw [END_ENT] Paris [START_ENT] yesterday.",
        "[START_ENT]  [END_ENT]",
        "[START_ENT] Paris [END_ENT] and [START_ENT] Rome [END_ENT]",
        "[START_ENT] Paris [START_ENT] Rome [END_ENT]",
    ],
)
def test_broken_markers_of_kilt(tmp_path, text):
    row = {"input": text, "output": [{"answer": "Paris"}]}
    with pytest.raises(ValueError, match=r"D002.*x.jsonl, line 1: 'input' must have one mention"):
        read(write_rows(tmp_path / "x.jsonl", row))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"meta": "x"}, "'x' must be an object"),
        ({"meta": {"mention": 5}}, "'mention' is 5; it must be a string"),
        ({"meta": {"mention": "a", "left_context": 5}}, "'left_context' is 5; it must be a string"),
        ({"candidates": 5}, "the candidates of 'A' must be a list"),
        ({"candidates": [5]}, "the candidates of 'A' must be a list"),
        ({"output": 5}, "'output' is 5; it must be a list"),
        ({"output": [{"provenance": 5}]}, "'provenance' is 5; it must be a list"),
        ({"output": [{"provenance": [{"title": 5}]}]}, "'title' is 5; it must be a string"),
        ({"output": [{"answer": 5}]}, "'answer' is 5; it must be a string"),
    ],
)
def test_wrong_fields_of_kilt(tmp_path, fields, message):
    row = {"input": "[START_ENT] a [END_ENT]", "output": [{"answer": "A"}], **fields}
    with pytest.raises(ValueError, match=f"D002.*line 1: {message}"):
        read(write_rows(tmp_path / "x.jsonl", row))


LONE_SURROGATE = "Paris \ud83d is"


@pytest.mark.parametrize(
    "row",
    [
        {"text": LONE_SURROGATE},
        {"text": "A", "page": LONE_SURROGATE},
        {"text": "A", "mentions": [{"start": 0, "end": 1, "title": LONE_SURROGATE}]},
        {"text": "A", "mentions": [{"start": 0, "end": 1, "id": LONE_SURROGATE}]},
        {
            "text": "A",
            "mentions": [{"start": 0, "end": 1, "title": "A", "candidates": [LONE_SURROGATE]}],
        },
        {"title": LONE_SURROGATE, "paragraphs": [{"text": "A"}]},
        {"title": "A", "paragraphs": [{"text": LONE_SURROGATE}]},
        {"input": LONE_SURROGATE, "output": [{"answer": "A"}]},
        {"input": "A", "output": [{"answer": LONE_SURROGATE}]},
    ],
)
def test_lone_surrogates(tmp_path, row):
    path = write_rows(tmp_path / "x.jsonl", {"text": "\U0001f600 is whole"}, row)
    with pytest.raises(ValueError, match=r"D002.*line 2: .* is not valid Unicode: .*Paris"):
        read(path)


def test_wrong_files(tmp_path):
    path = tmp_path / "x"
    path.write_text("plain text")
    with pytest.raises(ValueError, match="D001"):
        read(path)
    path.write_bytes(b"\x78\x9c" + bytes(40))
    with pytest.raises(ValueError, match="not a DocBin, or is truncated"):
        read(path)
    path.write_bytes(b'{"text": "\xff"}')
    with pytest.raises(ValueError, match="line 1"):
        read(path)
    path.write_bytes(gzip.compress(b'{"text": "good"}\n' * 1000)[:-12])
    with pytest.raises(ValueError, match="truncated or damaged"):
        read(path)
    with pytest.raises(FileNotFoundError, match="F001"):
        read(tmp_path / "missing")
    with pytest.raises(ValueError, match=r"D003.*it is a folder"):
        read(tmp_path)
    path.write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(ValueError, match=r"D043.*it is a PNG image\. Gold annotations"):
        read(path)
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(ValueError, match=r"D043.*compressed with zip\."):
        read(path)
    path.write_bytes(b"")
    assert read(path) == []
