"""The training sentences that are not from Wikipedia."""

from random import Random

from embedded_data import N_SENTENCES, everyday, in_context

from spacy_genre.corpora.texts import ALIAS

TURNS = [
    {"id": "1-1", "text": "I like wine. ", "mentions": [{"start": 7, "end": 11, "title": "Wine"}]},
    {"id": "1-3", "text": "So do I.", "mentions": []},
    {"id": "2-1", "text": "Rome!", "mentions": [{"start": 0, "end": 4, "title": "Rome"}]},
]


def mentions(rows):
    """The texts and titles of all mentions. None is a link, so none can be in the dev part."""
    found = [(row["text"], mention) for row in rows for mention in row["mentions"]]
    assert all(mention["kind"] == ALIAS for _, mention in found)
    return [(text[m["start"] : m["end"]], m["title"]) for text, m in found]


def test_everyday_sentences():
    anchors = {"United States": [("U.S.", 9), ("America", 3)], "Queen (band)": [("Queen", 5)]}
    vital = [{"title": title} for title in ("United States", "Queen (band)", "Wine")]
    found = mentions(everyday(vital, anchors, Random(0)))
    states = [("United States", "United States")] * N_SENTENCES + [("U.S.", "United States")]
    assert found == states + [("Wine", "Wine")] * N_SENTENCES


def test_turns_are_joined_with_neighbours_of_the_same_conversation():
    rows = [*in_context(TURNS)]
    assert [row["text"] for row in rows] == ["I like wine. ", "I like wine.  So do I.", "Rome!"]
    assert mentions(rows) == [("wine", "Wine"), ("wine", "Wine"), ("Rome", "Rome")]
    second = [{**TURNS[1], "mentions": [{"start": 0, "end": 2, "title": "So"}]}]
    rows = [*in_context([TURNS[0], *second])][2:]
    assert [row["text"] for row in rows] == ["So do I.", "I like wine. So do I."]
    assert mentions(rows) == [("So", "So")] * 2
