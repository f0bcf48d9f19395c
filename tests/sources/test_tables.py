"""The user's own tables: which files are tables, and which columns have the names and ids."""

import json
import zipfile

import pytest

from spacy_genre.sources import Options, build_from_sources
from spacy_genre.sources.columns import GivenColumns, UnclearColumns
from spacy_genre.sources.layout import find_layout

ENTITY = "http://www.wikidata.org/entity/"
# Tables of Berlin (Q64), with known columns.
TABLES = {
    "title": "title,qid\nBerlin,Q64\n",
    "language": "item_id,en_label\nQ64,Berlin\n",
    "other columns": "Name,ID,Comment\nBerlin,Q64,x\n",
    "spaces": "Name, ID, Comment\nBerlin, Q64, x\n",
    "declared by Excel": "\ufeffsep=;\r\nLabel;QID\r\nBerlin;Q64\r\n",
    "Excel": '\ufeffTitle;Wikidata ID;Alias\r\n"Berlin";Q64;""\r\n',
    "Wikidata": "item,itemLabel,itemDescription,itemAltLabel\n"
    f'{ENTITY}Q64,Berlin,capital of Germany,"Berlin (Germany), B."\n',
    "Wikidata, TSV": f'?item\t?itemLabel\n<{ENTITY}Q64>\t"Berlin"@en\n',
    "Wikidata, other variable": f"city,cityLabel,population\n{ENTITY}Q64,Berlin,3\n",
    "pandas": ",name,id\n0,Berlin,Q64\n",
    "pipes": "title|qid\nBerlin|Q64\n",
    "scispacy": "canonical_name,concept_id,definition\nBerlin,Q64,a city\n",
}


def build(tmp_path, tokenizer, content, name="own.csv", **options):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf8"))
    return build_from_sources([path], tokenizer, Options(**options))


@pytest.mark.filterwarnings("ignore:.*W007")
@pytest.mark.parametrize("table", TABLES)
def test_known_columns(tmp_path, tokenizer, table):
    titles = build(tmp_path, tokenizer, TABLES[table])
    assert {name: titles.id_of(name) for name in titles} == {"Berlin": "Q64"}


def test_columns_of_wikidata(tmp_path, tokenizer):
    titles = build(tmp_path, tokenizer, TABLES["Wikidata"])
    assert titles.description_of("Berlin") == "capital of Germany"
    assert titles.get_candidates("Berlin (Germany)") == [("Berlin", 1)]
    assert titles.get_candidates("B.") == [("Berlin", 1)]


def test_unused_columns_give_a_warning(tmp_path, tokenizer):
    with pytest.warns(UserWarning, match=r"W007.*own\.csv are not used: 'Comment'"):
        build(tmp_path, tokenizer, TABLES["other columns"])


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("titel,kennung\nBerlin,Q64\nBonn,Q586\n", {"name": "titel", "id": "Kennung"}),
        ("Berlin;Q64\nBonn;Q586\n", {"name": "1", "id": "2"}),
        ('Q64,"Berlin"\nQ586,Bonn\n', {"name": "2", "id": "1"}),
        ("Q64\tBerlin\nQ586\tBonn\n", {"name": "2", "id": "1"}),
        ("name,id,qid\nBerlin,1,Q64\nBonn,2,Q586\n", {"id": "qid"}),
        ("a,aLabel,b,bLabel\nQ64,Berlin,,\nQ586,Bonn,,\n", {"name": "aLabel", "id": "a"}),
    ],
)
@pytest.mark.filterwarnings("ignore:.*W007")
def test_given_columns(tmp_path, tokenizer, content, options):
    options = {f"{key}_column": value for key, value in options.items()}
    titles = build(tmp_path, tokenizer, content, **options)
    assert {name: titles.id_of(name) for name in titles} == {"Berlin": "Q64", "Bonn": "Q586"}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (
            "titel,kennung\nBerlin,Q64\nBonn,Q586",
            "none of its columns is known as the name: 'titel",
        ),
        ("Berlin,Q64\nBonn,Q586", "none of its columns is known"),
        ("Berlin,Q64\nBonn,Q586\nParis, Texas,Q830149", "none of its columns is known"),
        ("Berlin,Q64\nBonn,Q586\nA\nB,Q1\nC,Q2", "none of its columns is known"),  # a damaged row
        ('Q64,"Paris, Texas"\nQ65,Rome', "none of its columns is known"),
        ("Q64,Berlin", "none of its columns is known"),
        ("Berlin\tQ64", "none of its columns is known"),
        ("Nr;Titel;Land\n1;Berlin;DE\n2;Bonn;DE", "none of its columns is known"),
        ("sep=;\nBerlin;Q64", "none of its columns is known"),
        ('"Paris, Texas"\n"Rome"', "each line is in quotes"),
        ("name,id,qid\nP,1,Q1", "several of its columns may be the id: 'id', 'qid'"),
        ("label,title\na,b\nc,d", "several of its columns may be the name: 'label', 'title'"),
        ("a,aLabel,b,bLabel\nQ64,Berlin,Q183,Germany", "several of its columns may be the name"),
        ("name,aliasses\nx,y", "its column 'aliasses' is unknown .is it 'aliases'"),
    ],
)
def test_tables_with_unidentified_columns_are_an_error(text, reason):
    with pytest.raises(UnclearColumns, match=reason):
        find_layout(text.split("\n"))


def test_given_columns_that_are_missing():
    lines = ["titel,kennung", "Berlin,Q64", "Bonn,Q586"]
    with pytest.raises(UnclearColumns, match=r"no column 'x' \(its columns are 'titel', 'kennung'"):
        find_layout(lines, GivenColumns(name="x"))
    with pytest.raises(UnclearColumns, match="only 2 columns"):
        find_layout(lines, GivenColumns(name="1", id="3"))


def test_the_error_shows_rows_and_options(tmp_path, tokenizer):
    with pytest.raises(
        ValueError, match=r"(?s)F016.*own\.csv looks like a table.*'titel'"
    ) as error:
        build(tmp_path, tokenizer, "titel,kennung\nBerlin,Q64\nBonn,Q586\nRom,Q220\n")
    message = str(error.value)
    assert "  titel,kennung\n  Berlin,Q64\n  Bonn,Q586\n" in message
    assert "--name-column" in message
    assert "--id-column" in message


@pytest.mark.parametrize(
    "text",
    [
        "Paris, Texas\nSpringfield, Illinois\nPortland, Oregon",
        "Paris, Texas",
        "Steins;Gate",
        "Steins;Gate\nParis",
        "10,000 Maniacs\n1,000,000 B.C.\n1,3-Butadiene\n2,4-D",
        "N,N-Dimethyltryptamine\nEthanol\nMethanol",
        "Crosby, Stills, Nash & Young\nEmerson, Lake & Palmer\nEarth, Wind & Fire",
        '"Heroes"\nParis',
        '"Weird Al" Yankovic\nParis',
        '"name\nParis\n"Rome", open city',
        "Name, image and likeness\nParis",
        "Title\nParis",
        "Barcelona, Spain\nBerlin, Germany\nName, Country",
        "Smith, John\nDoe, Jane",
    ],
)
def test_plain_lists(text):
    """Also if columns are given, for other files."""
    assert find_layout(text.split("\n")) is None
    assert find_layout(text.split("\n"), GivenColumns(name="label", id="qid")) is None


def test_a_long_table(tmp_path, tokenizer):
    """It is longer than the part that is looked at."""
    rows = "".join(f'"Place, {i}",Q{i + 1}\n' for i in range(6000))
    titles = build(tmp_path, tokenizer, f"title,qid\n{rows}")
    assert len(titles) == 6000
    assert titles.id_of("Place, 5999") == "Q6000"


@pytest.mark.parametrize(
    "row",
    [
        {"canonical_name": "Aspirin", "concept_id": "C1", "aliases": ["ASA"], "types": ["T1"]},
        {"Name": "Aspirin", "ID": "C1", "Aliases": ["ASA"]},
        {"title": "Aspirin", "qid": "C1", "alias": "ASA", "text": "..."},
        {"name": "Aspirin", "id": "C1", "aliases": ["ASA"], "label": "DRUG", "item": {"x": 1}},
    ],
)
def test_common_keys_of_jsonl(tmp_path, tokenizer, row):
    titles = build(tmp_path, tokenizer, json.dumps(row), "own.jsonl")
    assert titles.id_of("Aspirin") == "C1"
    assert titles.get_candidates("ASA") == [("Aspirin", 1)]


def test_given_keys_of_jsonl(tmp_path, tokenizer):
    content = json.dumps({"bezeichnung": "Aspirin", "nr": "C1", "name": "x"})
    options = {"name_column": "bezeichnung", "id_column": "nr"}
    titles = build(tmp_path, tokenizer, content, "own.jsonl", **options)
    assert {name: titles.id_of(name) for name in titles} == {"Aspirin": "C1"}
    with pytest.raises(ValueError, match=r"line 1: the keys are 'bezeichnung', 'nr', and none"):
        build(tmp_path, tokenizer, '{"bezeichnung": "Aspirin", "nr": "C1"}', "own.jsonl")


def test_documents_that_are_no_text_are_an_error_that_names_their_kind(tmp_path, tokenizer):
    with zipfile.ZipFile(tmp_path / "book", "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    workbook = (tmp_path / "book").read_bytes()
    for content, name, message in (
        (b"PK\x03\x04xx", "book.xlsx", "it is an Excel workbook; save it as CSV in UTF-8"),
        (workbook, "book", "it is a spreadsheet; save it as CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "book.xls", "it is a document of Excel or Word"),
        (b"\x89PNG\r\n\x1a\n\0\0", "names.png", "it is a PNG image"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "names.txt", "it is a JPEG image"),
        (b"%PDF-1.7\n%\xe2\xe3", "names.pdf", "it is a PDF document"),
        ("title,qid\nBerlin,Q64\n".encode("utf-16"), "own.csv", "it is text in UTF-16"),
        ("Berlin\n".encode("utf-16-be"), "own.txt", "it has a zero byte"),
    ):
        with pytest.raises(ValueError, match=message):
            build(tmp_path, tokenizer, content, name)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("New_York", "1 of 2 names look like titles with underscores"),
        ("S%C3%A3o Paulo", "percent-encoded text, such as 'S%C3%A3o Paulo'.*unquote"),
        ("AT&amp;T", "HTML, such as 'AT&amp;T'.*html.unescape"),
        ("https://en.wikipedia.org/wiki/New_York", "web addresses, such as 'https://en.wiki"),
        ("# a comment", "comments, such as '# a comment'.*grep"),
    ],
)
def test_names_that_were_not_converted(tmp_path, tokenizer, name, message):
    with pytest.warns(UserWarning, match=f"W006.*{message}") as caught:
        titles = build(tmp_path, tokenizer, f"{name}\nParis\n", "own.txt")
    assert len(caught) == 1
    assert name in titles


@pytest.mark.filterwarnings("error")
def test_usual_names(tmp_path, tokenizer):
    names = ["AT&T", "100% Dynamite", "#MeToo", "_why", "A & B; C", "What's My Name?", "C#"]
    assert len(build(tmp_path, tokenizer, "\n".join(names), "own.txt")) == len(names)


def test_lists_in_any_unicode_form(tmp_path, tokenizer):
    text = "name,id,aliases\nCafe\u0301,Q1,The Cafe\u0301\nCafé\u200b,Q1,\n"
    titles = build(tmp_path, tokenizer, text)
    assert list(titles) == ["Café"]
    assert titles.get_candidates("The Café") == [("Café", 1)]
    with pytest.raises(ValueError, match=r"line 3: the name 'Café' has the id 'Q2' here"):
        build(tmp_path, tokenizer, text.replace("\u200b,Q1", ",Q2"))
