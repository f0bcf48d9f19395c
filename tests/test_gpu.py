"""What a GPU computes, beside the CPU. (These tests are skipped where there is none.)"""

import copy
from functools import partial

import numpy as np
import pytest
import spacy
import torch
from helpers.docs import ENTS, TEXT, make_doc
from helpers.models import make_bart, make_mbart
from helpers.search import V, assert_same_hypotheses, search_few_names, search_trie
from spacy.training import Example
from thinc.api import Adam, require_cpu, require_gpu
from transformers import T5Config, T5ForConditionalGeneration

from spacy_genre import TokenTrie
from spacy_genre.decoding.bart.stepper import BartStepDecoder

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")

BART = make_bart(V, 0, bos=0, eos=2, pad=1)
rng = np.random.default_rng(0)
TRIE, _ = TokenTrie.build([tuple(rng.integers(3, 9, n)) for n in rng.integers(1, 6, 200)])
INPUTS = [rng.integers(3, V, n).tolist() for n in rng.integers(1, 12, 48)]
search_names = partial(search_trie, trie=TRIE)


@pytest.fixture
def gpu():
    """While it lasts, thinc and spaCy work on the GPU."""
    require_gpu(0)
    yield
    require_cpu()


@pytest.mark.parametrize("search", [search_names, search_few_names])
@pytest.mark.parametrize("model", [BART, make_mbart(V, 0)], ids=["bart", "mbart"])
def test_the_same_is_found(model, search):
    assert_same_hypotheses(search(model, INPUTS), search(copy.deepcopy(model).cuda(), INPUTS))


def test_with_models_of_other_kinds():
    torch.manual_seed(0)
    config = T5Config(vocab_size=V, d_model=16, d_kv=4, d_ff=32, num_layers=2, num_heads=4)
    config.decoder_start_token_id, config.eos_token_id, config.pad_token_id = 1, 2, 1
    model = T5ForConditionalGeneration(config).eval()
    with pytest.warns(UserWarning, match="W003"):
        here = search_names(model, INPUTS)
    with pytest.warns(UserWarning, match="W003"):
        there = search_names(copy.deepcopy(model).cuda(), INPUTS)
    assert_same_hypotheses(here, there)


@pytest.mark.parametrize("rows", [(5, 0), (64, 24), (1024, 128)])
@pytest.mark.parametrize("batch_tokens", [8, 4096])
def test_any_number_of_rows(monkeypatch, rows, batch_tokens):
    monkeypatch.setattr(BartStepDecoder, "rows_on_gpu", rows)
    there = search_names(copy.deepcopy(BART).cuda(), INPUTS, batch_tokens=batch_tokens)
    assert_same_hypotheses(search_names(BART, INPUTS), there)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision(dtype):
    found = search_names(copy.deepcopy(BART).cuda(), INPUTS, dtype=dtype)
    pairs = [*zip(search_names(BART, INPUTS), found, strict=True)]
    assert all(here[0].score == pytest.approx(there[0].score, abs=0.05) for here, there in pairs)


def make_examples(nlp):
    """The same text in several forms, its entities linked."""
    texts = [TEXT, f"Yes. {TEXT}", TEXT.upper()]
    starts = [(0, 0), (2, 0), (0, 0)]
    examples = []
    for text, (first, _) in zip(texts, starts, strict=True):
        ents = [(start + first, end + first, label) for start, end, label in ENTS]
        reference = make_doc(nlp, text, ents)
        kb_ids = ("Albert Einstein", "Germany", "Nobel Prize")
        for ent, kb_id in zip(reference.ents, kb_ids, strict=True):
            ent.kb_id_ = kb_id
        examples.append(Example(nlp.make_doc(text), reference))
    return examples


def test_pipeline(gpu, nlp):
    linker = nlp.get_pipe("genre_linker")
    linker.dtype = "float32"
    found = []
    for device in ("cuda", "cpu"):
        docs = [*nlp.pipe(eg.reference.copy() for eg in make_examples(nlp))]
        assert linker.shim.device.type == device
        found.append([ent._.genre_candidates for doc in docs for ent in doc.ents])
        linker.shim.transformer.cpu()
    for there, here in zip(*found, strict=True):
        assert [candidate.title for candidate in here] == [candidate.title for candidate in there]
        scores = [candidate.score for candidate in there]
        assert [candidate.score for candidate in here] == pytest.approx(scores, abs=1e-4)


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_training(gpu, titles, weight):
    losses = []
    for device in ("cuda", "cpu"):
        nlp = spacy.blank("en")
        training = {"@misc": "spacy_genre.Training.v2", "dtype": "float32"}
        training["hard_negatives"] = weight
        linker = nlp.add_pipe("genre_linker", config={"dtype": "float32", "training": training})
        linker.titles = titles
        linker.shim.transformer.to(device)
        for key in ("dropout", "attention_dropout", "activation_dropout"):
            for part in linker.shim.transformer.modules():
                if isinstance(getattr(part, key, None), float):
                    setattr(part, key, 0.0)
        sgd, losses_here = Adam(1e-4), {}
        for _ in range(2):
            linker.update(make_examples(nlp), sgd=sgd, losses=losses_here)
        losses.append(losses_here["genre_linker"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)
