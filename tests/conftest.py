"""Tiny real fixtures: real tokenizers, random encoder-decoders, real title sets."""

import os

# Before huggingface_hub is imported: the tests shall not touch the network.
os.environ["HF_HUB_OFFLINE"] = "1"
# Before torch is imported: each worker of pytest-xdist has a core of its own.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ["OMP_NUM_THREADS"] = "1"

import bz2
import importlib.util
from pathlib import Path

import pytest
import spacy
import srsly
from helpers.docs import NAMES
from helpers.models import make_bart
from hypothesis import settings
from transformers import AutoTokenizer

from spacy_genre import TitleSet
from spacy_genre.model.loading import EMBEDDED, load_pretrained
from spacy_genre.tokenization import NameTokenizer

# New examples at each run of a developer, and the same ones at each run of the CI, so that a change
# is judged by what it changes. No deadlines: machines are noisy.
settings.register_profile("dev", deadline=None)
settings.register_profile("fixed", deadline=None, derandomize=True)
settings.load_profile("fixed" if os.environ.get("CI") else "dev")


@pytest.fixture(scope="session")
def sample_dump(tmp_path_factory) -> Path:
    """The first 80 pages (most are redirects) of the real dump that comes with gensim."""
    package = Path(importlib.util.find_spec("gensim").submodule_search_locations[0])
    (path,) = package.glob("test/test_data/enwiki-latest-pages-articles1*.bz2")
    pages = bz2.decompress(path.read_bytes()).split(b"</page>")
    sample = tmp_path_factory.mktemp("dump") / "enwiki-sample.xml.bz2"
    sample.write_bytes(bz2.compress(b"</page>".join([*pages[:80], b"\n</mediawiki>"])))
    return sample


@pytest.fixture(scope="session")
def hf_tokenizer():
    """The tokenizer of the embedded model."""
    return AutoTokenizer.from_pretrained(EMBEDDED)


@pytest.fixture(scope="session")
def tokenizer(hf_tokenizer):
    return NameTokenizer(hf_tokenizer)


@pytest.fixture
def titles(tokenizer):
    ids = [f"Q{i}" for i in range(len(NAMES))]
    return TitleSet.build(NAMES, tokenizer, ids=ids, redirects={"Einstein": "Albert Einstein"})


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory, hf_tokenizer) -> Path:
    """A random BART with the embedded model's tokenizer, as transformers saves it."""
    folder = tmp_path_factory.mktemp("tiny_bart")
    make_bart(vocab_size=30528, seed=0).save_pretrained(folder)
    hf_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def embedded_model():
    """Keeps the embedded model in memory: pipelines with it then load no weights of their own."""
    return load_pretrained(None)


@pytest.fixture
def nlp(titles, embedded_model):
    """A blank pipeline with the embedded model and a small title set."""
    nlp = spacy.blank("en")
    nlp.add_pipe("genre_linker").titles = titles
    return nlp


@pytest.fixture(scope="session")
def retrieval_folder(tmp_path_factory) -> Path:
    """The embedded model with the settings of a model that is trained for retrieval, too."""
    folder = tmp_path_factory.mktemp("retrieval_model")
    for file in EMBEDDED.iterdir():
        (folder / file.name).symlink_to(file)
    config = srsly.read_json(EMBEDDED / "config.json")
    retrieval = {"marker": "[unused2]", "max_tokens": 96, "temperature": 0.5, "nil_score": -1.7}
    config["genre"].update(tasks=["linking", "retrieval"], retrieval=retrieval)
    (folder / "config.json").unlink()
    srsly.write_json(folder / "config.json", config)
    return folder


def make_page_nlp(folder: Path, titles: TitleSet):
    nlp = spacy.blank("en")
    nlp.add_pipe("genre_retriever", config={"model": {"name": str(folder)}}).titles = titles
    return nlp


@pytest.fixture(scope="session")
def shared_page_nlp(retrieval_folder, tokenizer):
    return make_page_nlp(retrieval_folder, TitleSet.build(NAMES, tokenizer))


@pytest.fixture
def page_nlp(shared_page_nlp, titles):
    """A blank pipeline with a retriever and a small title set. Its model must not be changed."""
    retriever = shared_page_nlp.get_pipe("genre_retriever")
    for name in shared_page_nlp.pipe_names:
        if name != "genre_retriever":
            shared_page_nlp.remove_pipe(name)
    retriever.settings, retriever.titles = type(retriever.settings)(), titles
    return shared_page_nlp


@pytest.fixture
def new_page_nlp(retrieval_folder, shared_page_nlp, titles):
    """The same with a model of its own, which may be trained."""
    return make_page_nlp(retrieval_folder, titles)
