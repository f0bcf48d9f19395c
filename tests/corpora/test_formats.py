"""The formats of other tools, and the messages about files without gold annotations."""

import json
import warnings

import pytest
import spacy
from helpers.docs import NAMES
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import DocBin
from typer.testing import CliRunner

from spacy_genre import TitleSet
from spacy_genre.cli import genre_cli
from spacy_genre.corpora.articles import ArticleOptions
from spacy_genre.corpora.formats.rows import has_gold, keys_of, texts_of_row
from spacy_genre.corpora.formats.turtle import Triple, read_turtle
from spacy_genre.corpora.reading import read_texts
from spacy_genre.corpora.texts import GoldMention, GoldText

TEXT = "I live in Berlin."
BERLIN = GoldMention(10, 16, "Berlin")
SPAN = {"start": 10, "end": 16, "label": "GPE"}
# As spaCy's project nel_emerson has it.
CHOICE = {
    "text": TEXT,
    "spans": [{**SPAN, "text": "Berlin", "rank": 0, "score": 1, "source": "en_core_web_lg"}],
    "options": [
        {"id": "Q64", "html": "..."},
        {"id": "NIL_otherLink", "text": "Link not in options"},
    ],
    "accept": ["Q64"],
    "answer": "accept",
}


def write_rows(path, *rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf8")
    return path


def read(path, options=ArticleOptions(), **others):  # noqa: B008
    return [text for texts in read_texts(path, options, **others) for text in texts]


def mention(title, label="GPE", kb_id=""):
    return GoldMention(10, 16, title, kb_id, label)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"text": TEXT, "spans": [{**SPAN, "kb_id": "Berlin"}]}, mention("Berlin")),
        ({"text": TEXT, "spans": [{**SPAN, "kb_id": "NIL"}]}, mention("", kb_id="NIL")),
        (CHOICE, mention("Q64")),
        ({**CHOICE, "accept": ["NIL_otherLink"]}, mention("", kb_id="NIL")),
        ({**CHOICE, "accept": ["Nile"]}, mention("Nile")),
        # Doc.to_json
        ({"text": TEXT, "ents": [{**SPAN, "kb_id": "Q64"}], "tokens": []}, mention("Q64")),
        # doccano, with a title added
        (
            {"text": TEXT, "entities": [{"id": 1, "label": "GPE", "start_offset": 10,
             "end_offset": 16, "title": "Berlin"}], "relations": []},
            mention("Berlin"),
        ),
        ({"text": TEXT, "labels": [[10, 16, "GPE", "Berlin"], [0, 1, "X"]]}, mention("Berlin")),
        # spaCy
        ([TEXT, {"links": {"(10, 16)": {"Q64": 1.0, "Q1": 0.0}}}], mention("Q64", "")),
        (
            [TEXT, {"links": {"10,16": {"Q64": 1.0}}, "entities": [[10, 16, "GPE"]]}],
            mention("Q64"),
        ),
        ([TEXT, {"links": [[[10, 16], {"Q64": 1}]]}], mention("Q64", "")),
        ([TEXT, {"links": [[10, 16, {"Q64": 0.0}]]}], mention("", "", "NIL")),
        ({"text": TEXT, "links": {"[10, 16]": {"Q64": 1}}}, mention("Q64", "")),
        ([TEXT, {"entities": [[10, 16, "GPE", "Q64"]]}], mention("Q64")),
        # BLINK and zeshel
        (
            {"context_left": "I live in", "mention": "Berlin", "context_right": ".",
             "label": "Berlin is ...", "label_title": "Berlin", "label_id": 7, "world": "x"},
            BERLIN,
        ),
        (
            {"context_left": "I live in ", "mention": "Berlin", "context_right": ".",
             "Wikipedia_title": "Berlin_Wall", "Wikipedia_ID": 3354},
            mention("Berlin Wall", ""),
        ),
        ({"context_left": "I live in", "mention": "Berlin", "context_right": ".", "label_id": 7},
         mention("7", "")),
    ],
)  # fmt: skip
def test_rows(row, expected):
    assert texts_of_row(row, ArticleOptions()) == [GoldText(TEXT, (expected,))]


@pytest.mark.parametrize("answer", ["reject", "ignore"])
def test_what_an_annotator_did_not_accept_is_left_out(answer):
    assert texts_of_row({**CHOICE, "answer": answer}, ArticleOptions()) == []


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"text": TEXT, "spans": [{"start": 10, "end": 99, "kb_id": "B"}]}, "from 10 to 99"),
        ({"text": TEXT, "spans": 3}, "'spans' is 3; it must be a list"),
        ({"text": TEXT, "spans": [{"kb_id": "B"}]}, "from None to None"),
        ([TEXT, {"links": {"Berlin": {"Q64": 1.0}}}], r"'Berlin' in 'links' must be like"),
        ([TEXT, {"links": {"(10, 16)": "Q64"}}], r"'Q64' must be like"),
        ([TEXT, {"links": [3]}], "3 in 'links' must be"),
        ({"context_left": "a", "mention": " ", "label_title": "B"}, "'mention' is ' '"),
        ({"wikipedia_title": "B", "text": "B", "anchors": []}, "must be a list of paragraphs"),
        ({"wikipedia_title": "B", "text": [], "anchors": [{"start": 1}]}, "must be numbers"),
        ({"sentence": "a", "links": {}}, "its keys are 'sentence', 'links'"),
    ],
)
def test_wrong_rows(tmp_path, row, message):
    with pytest.raises(ValueError, match=rf"D002.*line 1: .*{message}"):
        read(write_rows(tmp_path / "x.jsonl", row))


def page(**others):
    return {
        "_id": "1",
        "wikipedia_id": "1",
        "wikipedia_title": "Bernau",
        "text": ["Bernau\n", "Bernau is near Berlin.\n", "Section::::History.\n",
                 "BULLET::::- A wall as in Berlin\n"],
        "anchors": [
            {"paragraph_id": 1, "start": 15, "end": 21, "text": "Berlin", "href": "Berlin",
             "wikipedia_title": "Berlin", "wikipedia_id": "3354"},
            {"paragraph_id": 3, "start": 14, "end": 18, "text": "wall", "href": "Berlin%20Wall#A"},
            {"paragraph_id": 3, "start": 25, "end": 31, "text": "elsewhere", "href": "X"},
        ],
        **others,
    }  # fmt: skip


def test_the_knowledge_source_of_kilt(tmp_path):
    first, second = read(
        write_rows(tmp_path / "x.jsonl", page()), ArticleOptions(lists=1.0, openings=0.0)
    )
    assert first == GoldText(
        "Bernau is near Berlin.", (GoldMention(15, 21, "Berlin"),), page="Bernau"
    )
    assert second.text == "A wall as in Berlin"
    assert second.mentions == (GoldMention(2, 6, "Berlin Wall"),)
    # As Hugging Face's datasets write it.
    anchors = page()["anchors"][:1]
    columns = {key: [anchor[key] for anchor in anchors] for key in anchors[0]}
    row = page(text={"paragraph": page()["text"]}, anchors=columns)
    assert texts_of_row(row, ArticleOptions(openings=0.0)) == [first]
    # Options of articles hold for its pages.
    assert len(texts_of_row(page(), ArticleOptions(own_title=True))[0].mentions) == 2


def test_a_list_of_rows(tmp_path):
    """As spaCy's train data, doccano's JSON, and `json.dump` have it."""
    pair = [TEXT, {"links": {"(10, 16)": {"Berlin": 1.0}}}]
    other = {"text": TEXT, "spans": [{**SPAN, "kb_id": "Berlin"}]}
    expected = [GoldText(TEXT, (BERLIN,)), GoldText(TEXT, (mention("Berlin"),))]
    for indent in (None, 2):
        path = tmp_path / "x.json"
        path.write_text(json.dumps([pair, other], indent=indent))
        assert read(path) == expected
        assert read(path, skip=1) == expected[1:]
        path.write_text(json.dumps(pair, indent=indent))
        assert read(path) == expected[:1]
    assert read(write_rows(tmp_path / "x.jsonl", pair, other)) == expected
    (tmp_path / "x.json").write_text("[[1]]")
    with pytest.raises(ValueError, match=r"D003.*row 1: it is '\[1\]', not an object"):
        read(tmp_path / "x.json")
    (tmp_path / "x.json").write_text("[{")
    with pytest.raises(ValueError, match="D003"):
        read(tmp_path / "x.json")


AIDA = """-DOCSTART- (1 EU)
EU\tB\tEU\t--NME--
rejects
New\tB\tNew York\tNew_York_\\u0028state\\u0029\thttp://en.wikipedia.org/wiki/New_York_%28state%29\t8\t
York\tI\tNew York\tNew_York_\\u0028state\\u0029\thttp://en.wikipedia.org/wiki/New_York_%28state%29\t8\t

Caf\u00e9
-DOCSTART- (2 Rare)
Bonn\tB\tBonn\tBonn\\u002cGermany
Paris\tB\tParis\tParis\thttp://en.wikipedia.org/wiki/Paris\t22989\t/m/05qtj
"""


def test_aida(tmp_path):
    path = tmp_path / "aida.tsv"
    path.write_text(AIDA, encoding="utf8")
    first, second = read(path)
    assert first.text == "EU rejects New York Caf\u00e9"
    state = GoldMention(11, 19, "New York (state)")
    assert first.mentions == (GoldMention(0, 2, "", "NIL"), state)
    bonn = GoldMention(0, 4, "Bonn,Germany")
    assert second == GoldText("Bonn Paris", (bonn, GoldMention(5, 10, "Paris")))
    assert read(path, skip=1) == [second]
    path.write_text("-DOCSTART- (1 EU)\n0\t--NME--\n")
    with pytest.raises(ValueError, match=r"D002.*line 2: the second column is '--NME--'"):
        read(path)


# As GERBIL writes it (Jena), and as the N3 collection has it.
NIF = """@prefix nif: <http://persistence.uni-leipzig.org/nlp2rdf/ontologies/nif-core#> .
@prefix itsrdf: <http://www.w3.org/2005/11/its/rdf#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
PREFIX dbr: <http://dbpedia.org/resource/>
# a comment
<http://aksw.org/N3/0#char=0,29>
      a       nif:RFC5147String , nif:String , nif:Context ;
      nif:beginIndex "0"^^xsd:nonNegativeInteger ;
      nif:endIndex "29"^^xsd:nonNegativeInteger ;
      nif:isString "Ann \\"X\\" left Berlin for Bonn."@en .

<http://aksw.org/N3/0#char=13,19> a nif:Phrase ;
      nif:anchorOf \"\"\"Berlin\"\"\" ;
      nif:beginIndex 13 ;
      nif:endIndex "19"^^xsd:nonNegativeInteger ;
      nif:referenceContext <http://aksw.org/N3/0#char=0,29> ;
      itsrdf:taSource "DBpedia_en_3.9" ;
      itsrdf:taIdentRef <http://aksw.org/notInWiki/Berlin> , dbr:Berlin%20Wall .
<http://aksw.org/N3/0#char=0,3> a nif:String ;
      nif:beginIndex "0"^^xsd:nonNegativeInteger ; nif:endIndex "3"^^xsd:nonNegativeInteger ;
      nif:referenceContext <http://aksw.org/N3/0#char=0,29> ;
      itsrdf:taIdentRef <http://aksw.org/notInWiki/Ann> .
<http://aksw.org/N3/0#char=24,28>
      nif:beginIndex "24" ; nif:endIndex "28" ; nif:anchorOf 'Bonn' ;
      nif:referenceContext <http://aksw.org/N3/0#char=0,29> ;
      itsrdf:taIdentRef <http://www.wikidata.org/entity/Q586> .
"""


def test_nif(tmp_path):
    path = tmp_path / "x.ttl"
    path.write_text(NIF, encoding="utf8")
    ann, berlin = GoldMention(0, 3, "", "NIL"), GoldMention(13, 19, "Berlin Wall")
    mentions = (ann, berlin, GoldMention(24, 28, "Q586"))
    uri = "http://aksw.org/N3/0#char=0,29"
    text = GoldText('Ann "X" left Berlin for Bonn.', mentions, uri=uri)
    assert read(path) == [text]
    # Java counts UTF-16 code units: one more before the mention.
    path.write_text(NIF.replace('Ann \\"X\\"', "Ann \U0001f600x"), encoding="utf8")
    (moved,) = read(path)
    assert [moved.text[m.start : m.end] for m in moved.mentions] == ["Ann", "Berlin", "Bonn"]
    path.write_text(NIF.replace("'Bonn'", "'Paris'"), encoding="utf8")
    with pytest.raises(ValueError, match=r"D003.*'Paris' of 'Q586' is not from 24 to 28"):
        read(path)
    path.write_text(NIF.replace("dbr:Berlin", "dbo:Berlin"), encoding="utf8")
    with pytest.raises(ValueError, match=r"D003.*line 18: the prefix 'dbo' is not declared"):
        read(path)


def test_turtle():
    text = """@base <http://a.b/> . @prefix : <http://c/> .
    <x> :p 1.5, -2, "a;b.", 'c'@de-AT, \"\"\"d "e"
    f\\u00e9\\n\"\"\", :q.r ; a :T .
    :s :p true ."""
    objects = ["1.5", "-2", "a;b.", "c", 'd "e"\n    f\u00e9\n', "http://c/q.r"]
    triples = list(read_turtle(text))
    assert triples[:6] == [Triple("http://a.b/x", "http://c/p", value) for value in objects]
    assert triples[6].predicate.endswith("#type")
    assert triples[7] == Triple("http://c/s", "http://c/p", "true")
    with pytest.raises(ValueError, match=r"line 2: '\[ .*not of the part that is read"):
        list(read_turtle("<a> <b> \n [ <c> <d> ] ."))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 20) | st.sampled_from(["", "Q1", "(1, 2)", "a b"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["start", "end", "kb_id", "text", "(1, 2)"]), inner)
    ),
    max_leaves=8,
)
KEYS = ("text", "mentions", "spans", "ents", "accept", "entities", "label", "links", "anchors",
        "wikipedia_title", "context_left", "mention", "label_title", "input", "output",
        "paragraphs", "title", "meta", "answer")  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), VALUES, min_size=1) | VALUES)
def test_other_errors_are_not_raised_for_any_row(row):
    try:
        texts = texts_of_row(row, ArticleOptions())
    except ValueError:
        return
    has_gold(row, texts)
    keys_of(row)


# Files without gold annotations

UNLINKED = {"text": TEXT, "spans": [SPAN]}


@pytest.mark.parametrize(
    ("row", "keys"),
    [
        (UNLINKED, r"text, spans\[start, end, label\]"),
        ({"text": TEXT, "label": [[10, 16, "GPE"]]}, "text, label"),
        ({"text": TEXT, "labels": [[10, 16, "GPE"]]}, "text, labels"),
        ({"text": TEXT, "label": ["sport"]}, "text, label"),
        ({"text": TEXT, "label": "sport"}, "text, label"),
        (
            {"text": TEXT, "entities": [{"id": 3, "start_offset": 10, "end_offset": 16}]},
            r"entities\[id, start_offset, end_offset\]",
        ),
        ([TEXT, {"entities": [[10, 16, "GPE"]]}], "entities"),
        ({"text": TEXT}, "text"),
        ({"text": TEXT, "annotations": [{"begin": 1}]}, r"annotations\[begin\]"),
    ],
)
def test_a_file_without_gold_annotations_is_an_error(tmp_path, row, keys):
    path = write_rows(tmp_path / "x.jsonl", row, row)
    message = rf"D030.*x\.jsonl .* none of its 2 texts .*found: .*{keys}.*Expected.*mentions\["
    with pytest.raises(ValueError, match=message):
        read(path)


def test_a_docbin_without_gold_annotations_is_an_error(tmp_path):
    doc = spacy.blank("en")(TEXT)
    doc.ents = [doc.char_span(10, 16, "GPE")]
    DocBin(docs=[doc]).to_disk(tmp_path / "x.spacy")
    with pytest.raises(ValueError, match=r"D030.*ents\[without kb_id\].*\(\.spacy\)"):
        read(tmp_path / "x.spacy")


def test_a_mixed_file_names_the_rows(tmp_path):
    good = {"text": TEXT, "mentions": [{"start": 10, "end": 16, "title": "Berlin"}]}
    none = {"text": "Nothing here.", "mentions": []}
    path = write_rows(tmp_path / "x.jsonl", good, UNLINKED, none, UNLINKED)
    with pytest.warns(UserWarning, match=r"W010. 2 of the 4 texts .*\(number 2, 4\).*spans\["):
        assert len(read(path)) == 4
    path = write_rows(tmp_path / "x.jsonl", good, *[UNLINKED] * 6)
    with pytest.warns(UserWarning, match=r"\(number 2, 3, 4, 5, 6, \.\.\.\)"):
        read(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read(write_rows(tmp_path / "x.jsonl", good, none, {"text": "Plain text."}))


def run(*arguments, code=0):
    result = CliRunner().invoke(genre_cli, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


@pytest.fixture
def titles_path(tmp_path, tokenizer):
    TitleSet.build(NAMES, tokenizer).save(tmp_path / "titles")
    return tmp_path / "titles"


def test_commands_with_nothing_to_learn_from(tmp_path, titles_path):
    path = write_rows(tmp_path / "x.jsonl", UNLINKED)
    out = tmp_path / "out"
    assert "D030" in run("corpus", "build", path, out, code=1)
    assert "D030" in run("evaluate", path, "--titles", titles_path, code=1)
    assert not out.exists()
    retrieval = write_rows(tmp_path / "r.jsonl", {"text": "Which fruit?", "title": "Apple"})
    assert "D035" in run("evaluate", retrieval, "--titles", titles_path, code=1)
    missing = {"text": TEXT, "spans": [{**SPAN, "kb_id": "Nowhere"}]}
    path = write_rows(tmp_path / "x.jsonl", missing)
    assert "W012" in run("evaluate", path, "--titles", titles_path)


def test_build_counts_unusable_rows(tmp_path):
    good = {"text": TEXT, "spans": [{**SPAN, "kb_id": "Berlin"}]}
    path = write_rows(tmp_path / "x.jsonl", good, UNLINKED, UNLINKED)
    with pytest.warns(UserWarning, match="W010"):
        shown = run("corpus", "build", path, tmp_path / "out")
    assert "texts with unlinked annotations only 2" in shown
