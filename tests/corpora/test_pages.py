"""The reader of texts with gold pages."""

import pytest
import spacy
import srsly

from spacy_genre.corpora.names import NameResolver
from spacy_genre.corpora.pages import PagesCorpus_v1, find_own_name
from spacy_genre.corpora.texts import GoldText
from spacy_genre.extensions import get_evidence, get_masked

NLP = spacy.blank("en")
PASSAGE = {"text": "Paris is a film. In Paris ...", "title": "Paris (film)", "page": "Paris (film)"}
QUESTION = {"text": "Where is Paris?", "title": "Paris"}
LINKED = {"text": "In Rome.", "mentions": [{"start": 3, "end": 7, "title": "Rome"}]}


@pytest.fixture
def write(tmp_path):
    def write(*rows):
        srsly.write_jsonl(tmp_path / "x.jsonl", rows)
        return tmp_path / "x.jsonl"

    return write


def read(path, **options):
    return list(PagesCorpus_v1(path, **options)(NLP))


def test_texts_without_a_page_are_left_out(write):
    (example,) = read(write(LINKED, QUESTION))
    assert example.predicted.text == "Where is Paris?"
    assert get_evidence(example.reference) == (("Paris",),)
    assert get_evidence(example.predicted) == ()


def test_several_gold_pages(write):
    row = {"text": "?", "evidence": [["A", "B", "A"], ["C"], ["B", "A"]]}
    (example,) = read(write(row))
    assert example.reference._.genre_gold_pages == [["A", "B"], ["C"]]
    kilt = {
        "id": "1",
        "input": "?",
        "output": [
            {"answer": "x", "provenance": [{"title": "A"}, {"title": "B"}]},
            {"provenance": []},
            {"provenance": [{"title": "C"}]},
        ],
    }
    (example,) = read(write(kilt))
    assert example.reference._.genre_gold_pages == [["A", "B"], ["C"]]


def test_own_rows_survive_a_round_trip():
    text = GoldText("?", evidence=(("A", "B"), ("C",)))
    assert GoldText.from_row(text.to_row()) == text
    one = GoldText("?", evidence=(("A",),))
    assert one.to_row() == {"title": "A", "text": "?", "kind": "link", "mentions": []}


def test_the_first_paragraph_of_a_page_leads_to_it(write):
    page = {"title": "Paris", "paragraphs": [{"text": "A city."}, {"text": "More."}]}
    (example,) = read(write(page), mask_title=1)
    assert example.predicted.text == "A city."
    assert get_evidence(example.reference) == (("Paris",),)


def test_the_own_name_is_masked_in_passages_only(write):
    passage, question = read(write(PASSAGE, QUESTION), mask_title=1)
    assert get_masked(passage.predicted) == get_masked(passage.reference) == [(0, 5), (20, 25)]
    assert get_masked(question.predicted) == []
    path = write(*[PASSAGE] * 400)
    masked = [bool(get_masked(eg.predicted)) for eg in read(path, mask_title=0.25)]
    assert 60 < sum(masked) < 140
    assert masked == [bool(get_masked(eg.predicted)) for eg in read(path, mask_title=0.25)]


@pytest.mark.parametrize(
    ("text", "title", "found"),
    [
        ("Paris, Texas is near Paris.", "Paris, Texas", ["Paris, Texas", "Paris"]),
        ("A Parisian in paris.", "Paris", []),
        ("C++ (1985) or C++", "C++ (1985)", ["C++ (1985)", "C++"]),
        ("So (album)", "(album)", ["(album)"]),
    ],
)
def test_the_own_name(text, title, found):
    assert [text[start:end] for start, end in find_own_name(text, title)] == found


def test_sets_that_lack_a_page_are_left_out(titles):
    text = GoldText("?", evidence=(("Einstein", "Nobody"), ("Einstein", "Apple"), ("Nobody",)))
    assert NameResolver(titles)(text, "x").evidence == (("Albert Einstein", "Apple"),)


def test_order_and_number(write):
    path = write(*({"text": str(i), "title": "A"} for i in range(50)))
    reader = PagesCorpus_v1(path, shuffle=20, limit=40)
    first, second = ([eg.predicted.text for eg in reader(NLP)] for _ in range(2))
    assert len(first) == 40
    assert first != second


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([LINKED], "D038.*'title' or 'evidence'"),
        ([QUESTION, {"text": "?", "evidence": "A"}], "D002.*line 2: 'evidence' is 'A'"),
        ([QUESTION, {"text": "?", "evidence": ["A"]}], "D002.*line 2.*lists of titles"),
        ([QUESTION, {"text": "?", "evidence": [["A", 3]]}], "D002.*line 2: 'evidence' is 3"),
        ([QUESTION, {"input": "?", "output": [{"provenance": ["A"]}]}], "line 2.*objects only"),
        ([QUESTION, {"input": "?", "output": [{"provenance": {}}]}], "line 2.*no answer"),
    ],
)
def test_bad_files(write, rows, message):
    with pytest.raises(ValueError, match=message):
        read(write(*rows))


def test_bad_options(tmp_path):
    with pytest.raises(ValueError, match=r"D006.*mask_title is 2"):
        PagesCorpus_v1(tmp_path, mask_title=2)
    with pytest.raises(ValueError, match="D033"):
        read(None)
