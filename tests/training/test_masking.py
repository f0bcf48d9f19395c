"""The setting `mask_context`."""

import contextlib
from functools import partial

import pytest
import torch
from helpers.models import make_bart
from helpers.training import StubTask
from spacy.tokens import Span
from spacy.training import Example
from transformers import PreTrainedTokenizerFast

from spacy_genre.model.loading import HFObjects
from spacy_genre.model.seq2seq import shim_of
from spacy_genre.training.pairs import Pair
from spacy_genre.training.settings import TrainingSettings
from spacy_genre.training.trainer import Trainer, mask_tokens

LEFT, RIGHT = "he was the first head of the old firm", "until it was sold to its rivals"


@pytest.fixture
def linker(nlp):
    return nlp.get_pipe("genre_linker")


def encode(nlp, left=LEFT):
    doc = nlp.make_doc(f"{left} Apple Inc. {RIGHT}".strip())
    start = len(left.split())
    doc.ents = [Span(doc, start, start + 2, "ORG", kb_id="Apple Inc.")]
    (pair,) = nlp.get_pipe("genre_linker").make_pairs([Example(nlp.make_doc(doc.text), doc)])
    return pair.input


def mask(linker, tokens, share=0.9999):
    mask_token = linker.tokenizer.mask_token_id
    return mask_tokens(tokens, linker.maskable_tokens(tokens), share=share, mask_token=mask_token)


def test_only_the_context_is_masked(nlp, linker):
    masked = linker.tokenizer.decode(mask(linker, encode(nlp)))
    counts = [masked.split("apple")[0].count("[MASK]"), masked.split("inc.")[1].count("[MASK]")]
    assert counts == [len(LEFT.split()), len(RIGHT.split())]
    others = masked.replace("[MASK]", "").split()
    assert others == ["[CLS]", "[START_ENT]", "apple", "inc.", "[END_ENT]", "[SEP]"]


def test_delimiters_of_several_tokens(nlp, linker, hf_tokenizer):
    """As in the published checkpoints: their delimiters are plain text to the tokenizer."""
    module = make_bart(30528, seed=0)
    module.config.genre = {"start_delimiter": "<< from", "end_delimiter": "to >>"}
    shim_of(linker.model).set_hf(HFObjects(hf_tokenizer, module))
    for left in (LEFT, ""):
        masked = linker.tokenizer.decode(mask(linker, encode(nlp, left=left)))
        others = masked.replace("[MASK]", "").split()
        assert others == ["[CLS]", "<", "<", "from", "apple", "inc.", "to", ">", ">", "[SEP]"]


def test_a_text_without_a_mention(linker):
    tokenizer = linker.shim.name_tokenizer
    tokens = [*tokenizer.before, 7000, 7001, *tokenizer.after]
    assert linker.tokenizer.decode(mask(linker, tokens)) == "[CLS] [MASK] [MASK] [SEP]"


def test_the_share_and_the_seed(linker):
    tokens = [101, *range(5000, 9000), 102]
    mask_token = linker.tokenizer.mask_token_id
    draw = partial(mask, linker, tokens, share=0.15)
    torch.manual_seed(0)
    first, second = draw(), draw()
    assert first != second
    assert 0.12 < first.count(mask_token) / 4000 < 0.18
    assert all(new in (old, mask_token) for old, new in zip(tokens, first, strict=True))
    torch.manual_seed(0)
    assert draw() == first


def test_the_trainer_masks(linker):
    read = []
    module = shim_of(linker.model).transformer or linker.shim.transformer
    module.model.encoder.register_forward_pre_hook(
        lambda _, args, kwargs: read.append(kwargs["input_ids"]), with_kwargs=True
    )
    pair = Pair([101, *range(5000, 5100), 102], [101, *range(7000, 7020)], "one")
    for share in (0.9, 0.0):
        trainer = Trainer(linker.model, TrainingSettings(mask_context=share), linker)
        trainer.accumulate([pair], contextlib.nullcontext)
    masked, plain = read
    assert (masked == trainer.mask_token).sum() > 60
    assert plain.tolist() == [pair.input]


def test_a_tokenizer_without_a_mask_token(linker, hf_tokenizer):
    plain = PreTrainedTokenizerFast(
        tokenizer_object=hf_tokenizer.backend_tokenizer, pad_token="[PAD]", unk_token="[UNK]"
    )
    shim_of(linker.model).set_hf(HFObjects(plain, make_bart(30528, seed=0)))
    with pytest.raises(ValueError, match=r"D017.*PreTrainedTokenizerFast has no mask token"):
        Trainer(linker.model, TrainingSettings(mask_context=0.1), StubTask())
