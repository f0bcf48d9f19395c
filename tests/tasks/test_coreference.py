import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_genre.tasks.linker.coreference import longest_names

NLP = spacy.blank("en")


def make_ents(text, *names, label="PERSON"):
    doc = NLP(text)
    ents, at = [], 0
    for name in names:
        at = text.index(name, at)
        ents.append(doc.char_span(at, at + len(name), label))
        at += len(name)
    return ents


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["Bill Clinton", "Clinton"], ["Bill Clinton", "Bill Clinton"]),
        # The nearest one before counts, or else the nearest one after.
        (
            ["Bill Clinton", "Clinton", "Hillary Clinton", "Clinton"],
            ["Bill Clinton", "Bill Clinton", "Hillary Clinton", "Hillary Clinton"],
        ),
        (
            ["Clinton", "Bill Clinton", "Hillary Clinton"],
            ["Bill Clinton"] * 2 + ["Hillary Clinton"],
        ),
        (
            ["William Jefferson Clinton", "Jefferson Clinton", "Clinton"],
            ["William Jefferson Clinton"] * 3,
        ),
        (["CLINTON", "Bill Clinton"], ["Bill Clinton"] * 2),
        (
            ["William Jefferson CLINTON", "Jefferson Clinton", "clinton"],
            ["William Jefferson CLINTON"] * 3,
        ),
        (["FRED SMITH", "ED SMITH", "SMITH"], ["FRED SMITH", "ED SMITH", "ED SMITH"]),
        (["fred smith", "ed smith", "smith"], ["fred smith", "ed smith", "ed smith"]),
        # A first name, or a part of a word, may be of anybody.
        (["Bill Clinton", "Bill", "linton"], ["Bill Clinton", "Bill", "linton"]),
        (["one two three four Clinton", "Clinton"], ["one two three four Clinton", "Clinton"]),
    ],
)
def test_the_longest_name(names, expected):
    # Words between them, so that each is an entity of its own.
    doc = Doc(NLP.vocab, words=[word for name in names for word in ("and", *name.split())])
    ents, at = [], 0
    for name in names:
        n = len(name.split())
        ents.append(Span(doc, at + 1, at + 1 + n, "PERSON"))
        at += n + 1
    assert longest_names(ents, ["PERSON"]) == expected
    assert longest_names(ents, ["GPE"]) == names
    assert longest_names(ents, []) == names


def test_other_labels_and_docs():
    person = make_ents("Bill Clinton", "Bill Clinton")
    place = make_ents("Clinton", "Clinton", label="GPE")
    other_doc = make_ents("Clinton", "Clinton")
    found = longest_names([*person, *place, *other_doc], ["PERSON", "GPE"])
    assert found == ["Bill Clinton", "Clinton", "Clinton"]


def test_the_linker_reads_the_longest_name(nlp):
    nlp.get_pipe("genre_linker").longest_forms = ["PERSON"]
    doc = nlp.make_doc("Albert Einstein was here. Nobody knew Einstein.")
    doc.ents = [Span(doc, 0, 2, "PERSON"), Span(doc, 7, 8, "PERSON")]
    linker = nlp.get_pipe("genre_linker")
    inputs = linker.encode(doc.ents)
    assert "[START_ENT] albert einstein [END_ENT]" in linker.tokenizer.decode(inputs[1])
    linker.longest_forms = []
    inputs = linker.encode(doc.ents)
    assert "[START_ENT] einstein [END_ENT]" in linker.tokenizer.decode(inputs[1])
