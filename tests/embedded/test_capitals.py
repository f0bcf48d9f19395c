import pytest
from capitals import Capitals, WordForms
from efrt import unpack
from hypothesis import given
from hypothesis import strategies as st
from short_names import ShortNames, other_titles
from title_lists import Article
from word_lists import Synset

KNOWN = ["Bengal tiger", "Balinese tiger", "Vietnam War", "Gulf War", "NATO", "Iron Age"]
COMMON = ("tiger", "war", "age", "iron", "crisis")
LOGPROBS = dict.fromkeys(COMMON, -10.0) | {word.title(): -12.0 for word in COMMON}
LOGPROBS |= {"GitHub": -14.0, "Github": -15.0, "BBC": -11.0, "NASA": -12.0, "Nasa": -15.0}


@pytest.fixture(scope="module")
def capitals():
    words = WordForms(LOGPROBS, COMMON, KNOWN)
    return Capitals(KNOWN, {"iron man": "Iron Man"}, words, {"tiger": "animal", "war": "act"})


@pytest.mark.parametrize(
    "title",
    [
        "NATO",
        "Iron Age",
        "Siberian tiger",
        "Crimean War",
        "GitHub",
        "BBC",
        "NASA",
        "Shirley McLaine",
        "Sinead O'Connor",
        "Louis XIV",
        "Francis of Assisi",
        "Ludwig van Beethoven",
        "Ban Ki-moon",
        "Jean-Claude Juncker",
        "Pink Floyd – The Wall",
        '"Weird Al" Yankovic',
    ],
)
def test_restore(capitals, title):
    assert capitals.restore(title.lower()).title == title


def test_confidence(capitals):
    assert capitals.restore("nato").confidence > 5
    assert capitals.restore("joe doe").confidence > 5
    # A phrase of a dictionary may mean something else.
    assert capitals.restore("iron man").confidence <= 9
    assert capitals.restore("iron crisis").confidence < 3


@given(st.text(alphabet="abcdefiln' -–.xé", min_size=1).filter(lambda t: t.strip(" -–")))
def test_only_capitals_change(text):
    words = WordForms(LOGPROBS, COMMON, KNOWN)
    restored = words.in_name(text)[0]
    assert restored.lower() == text.lower()


def test_unpack():
    assert sorted(unpack("true¦a0;b,c")) == ["ab", "ac"]
    assert sorted(unpack("true¦0:2;a0b1;!x;y,z")) == ["ay", "az", "b", "bx"]
    assert unpack("true¦cat,dog|other¦cow") == ["cat", "dog", "cow"]


@pytest.mark.parametrize("packed", ["", "a", "true¦", "true¦aZZ", "true¦0:0;a0"])
def test_unpack_errors(packed):
    with pytest.raises(ValueError, match=r"starts with|leads nowhere|not a reference"):
        unpack(packed)


SYNSETS = [
    Synset("15", ["United States", "US", "the States", "USA", "United States of America"], True),
    Synset("14", ["United States", "US Government"], False),
    Synset("18", ["Obama", "Barack Hussein Obama"], True),
    Synset("18", ["Wood", "Grant Wood"], True),
    Synset("18", ["Wood", "Natalie Wood"], True),
    Synset("05", ["cat", "Felis catus"], False),
]


def redirects_of(counts, *, brands=(), words=()):
    names = ShortNames(counts)
    names.add_synonyms(SYNSETS)
    names.add_brands(brands, words)
    names.add_without_suffix(words)
    return dict(names.redirects())


def test_synonyms():
    counts = {"United States": 1000, "Barack Obama": 1000, "Natalie Wood": 100, "Us": 100, "cat": 1}
    assert redirects_of(counts) == {
        "United States": ["US", "US Government", "USA", "United States of America"],
        "Barack Obama": ["Barack Hussein Obama", "Obama"],
    }


def test_brands_and_suffixes():
    counts = {"Target Corporation": 0, "Apple Inc.": 0, "Apple": 1000, "Arsenal F.C.": 0}
    brands = [Article("Target Corporation", ["Target", "Super Target", "ターゲット"])]
    assert redirects_of(counts, brands=brands, words={"target"}) == {
        "Target Corporation": ["Super Target"],
        "Arsenal F.C.": ["Arsenal"],
    }


def test_acronyms_and_longer_forms_of_a_title():
    counts = {"United States": 1000, "USA": 100, "United States of America": 0, "US Government": 0}
    assert other_titles(counts, SYNSETS) == {"USA", "United States of America"}
