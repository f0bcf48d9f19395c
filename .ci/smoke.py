"""Link with the installed package alone: no source tree, no network."""

import socket
import sys
from pathlib import Path


def no_network(*args: object) -> None:
    raise AssertionError("the network was used")


socket.socket.connect = no_network  # type: ignore[method-assign,assignment]

import spacy  # noqa: E402

nlp = spacy.blank("en")
ruler = nlp.add_pipe("entity_ruler")
patterns = {"Einstein": "PERSON", "the Nobel Prize": "WORK_OF_ART", "Chicago": "GPE"}
ruler.add_patterns([{"label": label, "pattern": text} for text, label in patterns.items()])
nlp.add_pipe("genre_linker")
expected = ["Albert Einstein", "Nobel Prize", "Chicago"]

texts = ["Einstein received the Nobel Prize.", "He never moved to Chicago."]
links = [ent.kb_id_ for doc in nlp.pipe(texts) for ent in doc.ents]
assert links == expected, links

nlp.to_disk("nlp")
loaded = spacy.load("nlp")
assert [ent.kb_id_ for doc in loaded.pipe(texts) for ent in doc.ents] == expected

import spacy_genre  # noqa: E402

home = Path(spacy_genre.__file__).parent
assert home.is_relative_to(sys.prefix), home
print(f"spacy_genre {spacy_genre.__version__} in {home.relative_to(sys.prefix)}: {links}")
