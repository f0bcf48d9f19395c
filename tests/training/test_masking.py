import contextlib

import pytest
import torch
from helpers.models import make_bart
from spacy_transformers.data_classes import HFObjects
from transformers import PreTrainedTokenizerFast

from spacy_genre.model.seq2seq import Seq2Seq_v1, shim_of
from spacy_genre.model.settings import GenreSettings
from spacy_genre.tasks.linker.encoding import MentionEncoder
from spacy_genre.training.masking import ContextMask
from spacy_genre.training.pairs import Pair
from spacy_genre.training.settings import TrainingSettings
from spacy_genre.training.trainer import Trainer
from spacy_genre.types import Mention

LEFT, RIGHT = "he was the first head of the old firm", "until it was sold to its negatives"


@pytest.fixture
def model(hf_tokenizer):
    model = Seq2Seq_v1()
    shim_of(model).set_hf(HFObjects(hf_tokenizer, make_bart(30528, seed=0), None))
    return model


def encode(shim, left=LEFT):
    encoder = MentionEncoder(shim.name_tokenizer, shim.settings, max_length=99, context_tokens=30)
    (tokens,) = encoder.encode([Mention(left, "Apple Inc.", RIGHT)])
    return tokens


def test_only_the_context_is_hidden(model):
    shim = shim_of(model)
    hidden = shim.tokenizer.decode(ContextMask(shim, 0.9999)(encode(shim)))
    masks = [hidden.split("apple")[0].count("[MASK]"), hidden.split("inc.")[1].count("[MASK]")]
    assert masks == [len(LEFT.split()), len(RIGHT.split())]
    rest = hidden.replace("[MASK]", "").split()
    assert rest == ["[CLS]", "[START_ENT]", "apple", "inc.", "[END_ENT]", "[SEP]"]


def test_delimiters_of_several_tokens(model, hf_tokenizer):
    """As in the published checkpoints: their delimiters are plain text to the tokenizer."""
    module = make_bart(30528, seed=0)
    module.config.genre = {"start_delimiter": "<< from", "end_delimiter": "to >>"}
    shim_of(model).set_hf(HFObjects(hf_tokenizer, module, None))
    shim = shim_of(model)
    assert shim.settings == GenreSettings("<< from", "to >>")
    for left in (LEFT, ""):
        hidden = shim.tokenizer.decode(ContextMask(shim, 0.9999)(encode(shim, left=left)))
        rest = hidden.replace("[MASK]", "").split()
        assert rest == ["[CLS]", "<", "<", "from", "apple", "inc.", "to", ">", ">", "[SEP]"]


def test_a_text_without_a_mention(model):
    shim = shim_of(model)
    tokens = [*shim.name_tokenizer.before, 7000, 7001, *shim.name_tokenizer.after]
    assert shim.tokenizer.decode(ContextMask(shim, 0.9999)(tokens)) == "[CLS] [MASK] [MASK] [SEP]"


def test_the_share_and_the_seed(model):
    mask = ContextMask(shim_of(model), 0.15)
    tokens = [101, *range(5000, 9000), 102]
    torch.manual_seed(0)
    first, second = mask(tokens), mask(tokens)
    assert first != second
    assert 0.12 < first.count(mask.mask) / 4000 < 0.18
    assert all(new in (old, mask.mask) for old, new in zip(tokens, first, strict=True))
    torch.manual_seed(0)
    assert mask(tokens) == first


def test_the_trainer_hides(model):
    seen = []
    module = shim_of(model).transformer
    trained = Trainer(model, TrainingSettings(mask_context=0.9))
    module.model.encoder.register_forward_pre_hook(
        lambda _, args, kwargs: seen.append(kwargs["input_ids"]), with_kwargs=True
    )
    name = [101, *range(7000, 7020)]
    trained.accumulate([Pair([101, *range(5000, 5100), 102], name, "one")], contextlib.nullcontext)
    (ids,) = seen
    assert (ids == trained.mask.mask).sum() > 60
    assert Trainer(model, TrainingSettings()).mask is None


def test_a_tokenizer_without_a_mask_token(model, hf_tokenizer):
    plain = PreTrainedTokenizerFast(
        tokenizer_object=hf_tokenizer.backend_tokenizer, pad_token="[PAD]", unk_token="[UNK]"
    )
    shim_of(model).set_hf(HFObjects(plain, make_bart(30528, seed=0), None))
    with pytest.raises(ValueError, match=r"D017.*PreTrainedTokenizerFast has no mask token"):
        Trainer(model, TrainingSettings(mask_context=0.1))
