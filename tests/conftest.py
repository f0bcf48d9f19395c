"""Tiny real fixtures: real tokenizers, random encoder-decoders, real title sets."""

import os

# Before huggingface_hub is imported: the tests shall not touch the network.
os.environ["HF_HUB_OFFLINE"] = "1"

import bz2
import importlib.util
import math
from pathlib import Path

import pytest
import spacy
import torch
from hypothesis import settings
from spacy.language import Language
from spacy.tokens import Doc
from transformers import (
    AutoTokenizer,
    BartConfig,
    BartForConditionalGeneration,
    MBartConfig,
    MBartForConditionalGeneration,
)

from spacy_genre import TitleSet
from spacy_genre.loading import EMBEDDED
from spacy_genre.tokenization import NameTokenizer

# New examples at each run of a developer, and the same ones at each run of the CI, so that a change
# is judged by what it changes. No deadlines: machines are noisy.
settings.register_profile("dev", deadline=None)
settings.register_profile("fixed", deadline=None, derandomize=True)
settings.load_profile("fixed" if os.environ.get("CI") else "dev")

NAMES = [
    "Albert Einstein",
    "Apple",
    "Apple Inc.",
    "Chicago",
    "Germany",
    "Nobel Prize",
    "Paris",
    "Paris, Texas",
]
TEXT = "Einstein was a German physicist who received the Nobel Prize."
ENTS = [(0, 1, "PERSON"), (3, 4, "NORP"), (8, 10, "WORK_OF_ART")]


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


def make_bart(
    vocab_size: int, seed: int, *, bos=101, eos=102, pad=0
) -> BartForConditionalGeneration:
    """A small BART with random weights, sharp enough that its beams differ."""
    torch.manual_seed(seed)
    config = BartConfig(
        vocab_size=vocab_size,
        max_position_embeddings=256,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        bos_token_id=bos,
        eos_token_id=eos,
        pad_token_id=pad,
        decoder_start_token_id=eos,
        forced_eos_token_id=None,
        forced_bos_token_id=None,
    )
    model = BartForConditionalGeneration(config).eval()
    with torch.no_grad():
        model.model.decoder.layers[-1].final_layer_norm.weight.mul_(20)
        model.final_logits_bias.normal_(std=0.1)
    return model


def make_mbart(vocab_size: int, seed: int, *, bos=0, eos=2, pad=1) -> MBartForConditionalGeneration:
    """A small mBART with random weights: layer norms come first, embeddings are scaled."""
    torch.manual_seed(seed)
    half = {f"{side}_{key}": value for side in ("encoder", "decoder") for key, value in
            (("layers", 2), ("attention_heads", 4), ("ffn_dim", 64))}  # fmt: skip
    config = MBartConfig(
        vocab_size=vocab_size,
        max_position_embeddings=256,
        d_model=32,
        **half,
        activation_function="relu",
        scale_embedding=True,
        bos_token_id=bos,
        eos_token_id=eos,
        pad_token_id=pad,
        decoder_start_token_id=eos,
        forced_eos_token_id=None,
    )
    model = MBartForConditionalGeneration(config).eval()
    with torch.no_grad():
        model.model.decoder.layer_norm.weight.mul_(20)
        model.final_logits_bias.normal_(std=0.1)
    return model


def make_doc(nlp: Language, text: str = TEXT, ents=ENTS) -> Doc:
    """A doc with entities set, as an entity recognizer would leave it."""
    doc = nlp.make_doc(text)
    doc.ents = [spacy.tokens.Span(doc, start, end, label) for start, end, label in ents]
    return doc


def nil_share(linker, candidate) -> float:
    """How likely it is that no candidate is right, by what a candidate says."""
    model = linker.shim.settings
    more = (model.nil_score - candidate.score) / model.temperature
    return candidate.probability * math.exp(more)


@pytest.fixture
def nlp(titles):
    """A blank pipeline with the embedded model and a small title set."""
    nlp = spacy.blank("en")
    nlp.add_pipe("genre_linker").titles = titles
    return nlp
