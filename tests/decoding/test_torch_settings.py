"""Settings of torch around a search, which belong to the caller."""

import contextlib

import pytest
import torch
from helpers.models import make_bart, make_mbart, make_t5
from helpers.search import V, assert_same_hypotheses, random_names, search_few_names, search_trie

from spacy_genre import TokenTrie
from spacy_genre.decoding.bart import weights

pytestmark = pytest.mark.filterwarnings("ignore:.*W003")

TRIE, _ = TokenTrie.build(random_names(100, 0))
INPUTS = [[3, 4, 5, 6], [7], [8, 9, 3]] * 3


@contextlib.contextmanager
def default_dtype(dtype):
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


AROUND = {
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "float64": lambda: default_dtype(torch.float64),
    "bfloat16": lambda: default_dtype(torch.bfloat16),
    "inference mode": torch.inference_mode,
    "no grad": torch.no_grad,
    "grad": torch.enable_grad,
}


MODELS = {
    "bart": make_bart(V, 0, bos=0, eos=2, pad=1),
    "mbart": make_mbart(V, 0),
    "transformers": make_t5(V, eos=2, pad=1),
}


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_the_search_is_the_same(model, around, dtype):
    module = MODELS[model]
    weights._cache.clear()  # the packed weights are made within the settings, too
    expected = search_trie(module, INPUTS, TRIE, dtype=dtype)
    of_few = search_few_names(module, INPUTS)
    weights._cache.clear()
    with AROUND[around]():
        found = search_trie(module, INPUTS, TRIE, dtype=dtype)
        found_of_few = search_few_names(module, INPUTS)
    assert_same_hypotheses(found, expected, tolerance=0)
    assert_same_hypotheses(found_of_few, of_few, tolerance=0)


def test_modules_are_set_to_evaluation_mode():
    module = make_t5(V, eos=2, pad=1)
    expected = search_trie(module, INPUTS, TRIE)
    module.train()
    assert_same_hypotheses(search_trie(module, INPUTS, TRIE), expected)
