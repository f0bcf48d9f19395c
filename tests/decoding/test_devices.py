"""What only a GPU could show of itself, but for its speed: that nothing stays on the CPU that is
needed beside the model, and that mentions don't come and go one by one."""

import copy
from contextlib import nullcontext
from functools import partial
from unittest import mock

import numpy as np
import pytest
import torch
from helpers.device import OtherDevice, move
from helpers.models import make_bart, make_mbart
from helpers.search import V, assert_same_hypotheses, search_few_names, search_trie
from transformers import T5Config, T5ForConditionalGeneration

from spacy_genre import TokenTrie
from spacy_genre.decoding import step_decoder
from spacy_genre.decoding.devices import without_cudnn_attention

rng = np.random.default_rng(0)
TRIE, _ = TokenTrie.build([tuple(rng.integers(3, 9, n)) for n in rng.integers(1, 6, 200)])
INPUTS = [rng.integers(3, V, n).tolist() for n in rng.integers(1, 12, 48)]
search_names = partial(search_trie, trie=TRIE)


def on_both(model, search, inputs):
    """What a search finds on the CPU and elsewhere, and the transfers that it made there."""
    here = search(model, inputs)
    # Tensors that only pretend to be elsewhere can't be of torch's inference mode; nor does
    # autocast know where they are, which does nothing in float32.
    no_mode = mock.patch.object(torch, "inference_mode", torch.no_grad)
    no_autocast = mock.patch.object(step_decoder, "autocast", return_value=nullcontext())
    with no_mode, no_autocast, OtherDevice() as device:
        moved = move(copy.deepcopy(model))
        device.transfers.clear()
        there = search(moved, inputs)
    return here, there, device.transfers


@pytest.mark.parametrize("search", [search_names, search_few_names])
@pytest.mark.parametrize(
    "model", [make_bart(V, 0, bos=0, eos=2, pad=1), make_mbart(V, 0)], ids=["bart", "mbart"]
)
def test_tensors_are_on_the_device_of_the_model(model, search):
    here, there, transfers = on_both(model, search, INPUTS)
    assert_same_hypotheses(here, there)
    assert transfers["there"]
    assert transfers["back"]


def test_models_of_other_kinds_too():
    torch.manual_seed(0)
    config = T5Config(vocab_size=V, d_model=16, d_kv=4, d_ff=32, num_layers=2, num_heads=4)
    config.decoder_start_token_id, config.eos_token_id, config.pad_token_id = 1, 2, 1
    with pytest.warns(UserWarning, match="W003"):
        here, there, _ = on_both(T5ForConditionalGeneration(config).eval(), search_names, INPUTS)
    assert_same_hypotheses(here, there)


def test_transfers_are_not_more_for_more_mentions():
    model = make_bart(V, 0, bos=0, eos=2, pad=1)
    few, many = (on_both(model, search_names, INPUTS[-n:])[2] for n in (24, 48))
    n_steps = TRIE.depth + 1
    # What follows the rows once a step, and once what tells whether the weights are the same.
    assert many["back"] <= n_steps + 1
    assert many["there"] <= few["there"] + 2


@pytest.mark.parametrize("chosen", [True, False])
def test_cudnn_attention_is_off_on_a_gpu(chosen):
    settings = torch.backends.cuda
    before = settings.cudnn_sdp_enabled()
    settings.enable_cudnn_sdp(chosen)
    try:
        with without_cudnn_attention(torch.device("cuda")):
            assert not settings.cudnn_sdp_enabled()
        assert settings.cudnn_sdp_enabled() == chosen
        with without_cudnn_attention(torch.device("cpu")):
            assert settings.cudnn_sdp_enabled() == chosen
    finally:
        settings.enable_cudnn_sdp(before)
