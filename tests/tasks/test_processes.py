"""Threads, processes, and what importing the package does."""

import subprocess
import sys
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait

import pytest
import spacy
from helpers.docs import NAMES, kb_ids, make_doc, make_docs
from spacy.training import Example
from thinc.api import Adam

from spacy_genre import TitleSet


@pytest.fixture
def expected(nlp):
    return kb_ids(nlp.pipe(make_docs(nlp)))


def test_threads_that_come_first(nlp):
    fresh = spacy.blank("en")
    fresh.add_pipe("genre_linker")
    with ThreadPoolExecutor(4) as pool:
        docs = list(pool.map(fresh, [make_doc(fresh) for _ in range(8)]))
    assert {doc.ents[0].kb_id_ for doc in docs} == {"Albert Einstein"}


def test_eight_threads_that_link_build_add_save_and_train(nlp, expected, tmp_path):
    """None fails, and the answers are those of one thread."""
    other = spacy.blank("en")
    trained = other.add_pipe("genre_linker")
    linker, stop = nlp.get_pipe("genre_linker"), threading.Event()
    names = [f"Company {i} of Springfield" for i in range(2500)]  # tokenized by threads
    trained.titles = TitleSet.build(NAMES, trained.tokenizer)
    reference = make_doc(other)
    reference.ents[0][0].ent_kb_id_ = "Albert Einstein"

    def link():
        assert kb_ids(nlp.pipe(make_docs(nlp))) == expected

    def use_tokenizer():
        tokens = linker.tokenizer(names[:100], padding=True, truncation=True, max_length=4)
        assert {*map(len, tokens["input_ids"])} == {4}

    def build():
        assert len(TitleSet.build(names, linker.tokenizer)) == len(names)

    def add():
        linker.titles.add(f"Zzyzx {threading.get_ident()} {time.perf_counter_ns()}")

    def save():
        linker.to_disk(tmp_path / "linker")

    def train():
        other.update([Example(make_doc(other), reference)], sgd=Adam(0.0001))

    def link_what_is_trained():
        assert len(other(make_doc(other)).ents) == 3

    def repeat(work):
        while not stop.is_set():
            work()

    works = [link, link, build, add, save, train, link_what_is_trained, use_tokenizer]
    with ThreadPoolExecutor(len(works)) as pool:
        futures = [pool.submit(repeat, work) for work in works]
        wait(futures, timeout=3, return_when=FIRST_EXCEPTION)
        stop.set()
        for future in futures:
            future.result()
    link()


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


def test_forked_processes_give_no_warnings_of_tokenizers():
    # tokenizers does, for each, if it has started threads before.
    assert run(FORKED).strip() == "['Chicago', 'Chicago']"
