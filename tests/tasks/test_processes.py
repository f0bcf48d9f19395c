"""Threads, processes, and what importing the package does."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
import spacy
from helpers.docs import kb_ids, make_doc, make_docs


@pytest.fixture
def expected(nlp):
    return kb_ids(nlp.pipe(make_docs(nlp)))


def test_threads_that_come_first(nlp):
    fresh = spacy.blank("en")
    fresh.add_pipe("genre_linker")
    with ThreadPoolExecutor(4) as pool:
        docs = list(pool.map(fresh, [make_doc(fresh) for _ in range(8)]))
    assert {doc.ents[0].kb_id_ for doc in docs} == {"Albert Einstein"}


def test_pipe_with_two_processes(nlp, expected):
    # The parent has computed before it forks, which is what makes torch hang.
    fresh = spacy.blank("en")
    fresh.add_pipe("genre_linker")  # is loaded in the workers
    (doc, _) = fresh.pipe([make_doc(fresh), make_doc(fresh)], n_process=2, batch_size=1)
    assert doc.ents[0].kb_id_ == "Albert Einstein"
    docs = list(nlp.pipe(make_docs(nlp) * 3, n_process=2, batch_size=2))
    assert kb_ids(docs) == expected * 3
    assert docs[0].ents[0]._.genre_candidates[0].title == "Albert Einstein"


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not done.stderr
    return done.stdout


def test_importing_the_package_does_not_import_torch():
    heavy = "('torch', 'spacy', 'transformers')"
    code = f"import spacy_genre, sys; print([m for m in {heavy} if m in sys.modules])"
    assert run(code).strip() == "[]"


def test_nothing_needs_to_be_imported():
    code = "import spacy; nlp = spacy.blank('en'); print(nlp.add_pipe('genre_linker').name)"
    assert run(code).strip() == "genre_linker"


FORKED = """
import spacy

nlp = spacy.blank("en")
nlp.add_pipe("entity_ruler").add_patterns([{"label": "GPE", "pattern": "Chicago"}])
nlp.add_pipe("genre_linker")
nlp("Chicago")
print([doc.ents[0].kb_id_ for doc in nlp.pipe(["In Chicago."] * 2, n_process=2, batch_size=1)])
"""


def test_processes_have_nothing_to_complain_of():
    # tokenizers does, for each, if it has started threads before.
    assert run(FORKED).strip() == "['Chicago', 'Chicago']"
