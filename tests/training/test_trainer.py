import contextlib
from dataclasses import replace
from functools import partial

import pytest
import spacy
import torch
import torch.nn.functional as F
from helpers.models import make_bart, make_t5
from helpers.training import StubTask
from spacy.tokens import Span
from spacy.training import Example
from thinc.api import SGD, Adam
from thinc.schedules import warmup_linear

from spacy_genre.decoding.devices import autocast
from spacy_genre.model.loading import HFObjects
from spacy_genre.model.seq2seq import Seq2Seq_v1, make_batch, shim_of
from spacy_genre.training.cpu import FunctionsReplaced, cheap_dropout, eager_attention
from spacy_genre.training.loss import smoothed_loss
from spacy_genre.training.pairs import Pair
from spacy_genre.training.settings import Training_v2, TrainingSettings
from spacy_genre.training.trainer import Trainer, dropout_rate, pair_batches, part_of

PAIRS = [
    Pair([101, *range(5, 5 + n), 102], [101, *range(40, 40 + n % 4 + 1)], f"pair {n}")
    for n in (3, 9, 1, 30, 4, 4, 12)
]


@pytest.fixture
def model(hf_tokenizer):
    """A random BART without dropout, so that what is computed can be compared."""
    module = make_bart(30528, seed=0)
    module.config.dropout = 0.0
    for part in module.modules():
        if hasattr(part, "dropout") and isinstance(part.dropout, float):
            part.dropout = 0.0
    model = Seq2Seq_v1()
    shim_of(model).set_hf(HFObjects(hf_tokenizer, module))
    return model


def trainer(model, **settings):
    return Trainer(model, TrainingSettings(**settings), StubTask())


def gradients(trained):
    weights = trained.module.named_parameters()
    found = {name: w.grad.clone() for name, w in weights if w.grad is not None}
    trained.module.zero_grad(set_to_none=True)
    return found


def test_the_loss_is_that_of_transformers(model):
    batch = make_batch(model, [p.input for p in PAIRS], [p.name for p in PAIRS])
    module = shim_of(model).transformer
    with torch.no_grad():
        expected = module(
            input_ids=batch.input_ids, attention_mask=batch.attention_mask, labels=batch.labels
        )
        smoothed = F.cross_entropy(
            expected.logits.flatten(0, 1), batch.labels.flatten(), label_smoothing=0.1
        )
        n_tokens = sum(len(pair.name) + 1 for pair in PAIRS)
        plain = smoothed_loss(module, batch, 0.0) / n_tokens
        assert plain.item() == pytest.approx(expected.loss.item(), rel=1e-5)
    loss = trainer(model).accumulate(PAIRS, contextlib.nullcontext)
    assert loss == pytest.approx(smoothed.item(), rel=1e-5)


def test_the_loss_of_other_models(model, hf_tokenizer):
    shim_of(model).set_hf(HFObjects(hf_tokenizer, make_t5(30528)))
    trained = trainer(model, frozen=["embeddings"], gradient_checkpointing=True)
    assert 0 < trained.accumulate(PAIRS, contextlib.nullcontext) < 20
    assert {part_of(name) for name in gradients(trained)} == {"encoder", "decoder"}


def test_batches():
    batches = list(pair_batches(PAIRS, 40))
    assert sorted(p.shown for batch in batches for p in batch) == sorted(p.shown for p in PAIRS)
    assert len(batches) > 2
    for batch in batches:
        width = max(len(p.input) for p in batch) + max(len(p.name) + 1 for p in batch)
        assert len(batch) == 1 or width * len(batch) <= 40
    assert list(pair_batches([], 40)) == []


def test_batches_with_negatives():
    """Each pair has one input and several names."""
    negatives = ([7] * 9, [8] * 3)
    pairs = [replace(p, negatives=negatives[: i % 3]) for i, p in enumerate(PAIRS)]
    batches = list(pair_batches(pairs, 90))
    assert sorted(p.shown for batch in batches for p in batch) == sorted(p.shown for p in PAIRS)
    assert 2 < len(batches) < len(pairs)
    for batch in batches:
        names = [name for p in batch for name in (p.name, *p.negatives)]
        size = max(len(p.input) for p in batch) * len(batch)
        size += (max(map(len, names)) + 1) * len(names)
        assert len(batch) == 1 or size <= 90


def test_batches_are_hardly_padded():
    pairs = [Pair([1] * n, [1], "") for n in [5] * 100 + [80] * 40]
    batches = list(pair_batches(pairs, 8192))
    assert {len(batch[0].input) == len(batch[-1].input) for batch in batches} == {True}
    assert sum(map(len, batches)) == len(pairs)


@pytest.mark.parametrize(
    "settings", [{"batch_tokens": 1}, {"batch_tokens": 50}, {"gradient_checkpointing": True}]
)
def test_neither_batches_nor_checkpointing_changes_the_gradient(model, settings):
    in_one_batch = trainer(model)
    loss = in_one_batch.accumulate(PAIRS, contextlib.nullcontext)
    expected = gradients(in_one_batch)
    other = trainer(model, **settings)
    assert other.accumulate(PAIRS, contextlib.nullcontext) == pytest.approx(loss, rel=1e-5)
    for name, gradient in gradients(other).items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-5, rtol=1e-3)


def test_bfloat16(model):
    trained = trainer(model)
    exact = trained.accumulate(PAIRS, contextlib.nullcontext)
    rough = trained.accumulate(PAIRS, partial(autocast, torch.bfloat16, torch.device("cpu")))
    assert rough == pytest.approx(exact, rel=0.05)
    assert rough != exact
    assert {gradient.dtype for gradient in gradients(trained).values()} == {torch.float32}


# Dropout and attention on CPUs


@pytest.mark.parametrize("rate", [0.1, 0.5, 0.97])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_cheap_dropout_is_dropout(rate, dtype):
    torch.manual_seed(0)
    x = torch.ones(301, 333, dtype=dtype, requires_grad=True)
    with FunctionsReplaced({F.dropout: cheap_dropout}):
        y = F.dropout(x, rate, training=True)
        assert F.dropout(x, rate, training=False) is x
        assert torch.equal(F.dropout(x, 0.0, training=True), x)
    assert y.dtype == dtype
    dropped = y == 0
    assert dropped.float().mean() == pytest.approx(rate, abs=0.01)
    assert y[~dropped].unique().item() == pytest.approx(1 / (1 - rate), rel=0.01)
    # It does not depend on where it is.
    for dim in (0, 1):
        assert (dropped.float().mean(dim) - rate).abs().max() < 0.15
    assert not torch.equal(dropped[0], dropped[1])
    y.sum().backward()
    assert torch.equal(x.grad, y)
    torch.manual_seed(0)
    with FunctionsReplaced({F.dropout: cheap_dropout}):
        assert torch.equal(F.dropout(x, rate), y)


def test_dropout_rate(model):
    """`training.dropout` counts if it is above 0, and the model's own rates come back."""
    trained = trainer(model)
    plain = trained.accumulate(PAIRS, contextlib.nullcontext)
    expected = gradients(trained)
    assert trained.accumulate(PAIRS, contextlib.nullcontext, drop=0.5) != pytest.approx(plain)
    gradients(trained)
    assert trained.accumulate(PAIRS, contextlib.nullcontext) == pytest.approx(plain)
    for name, gradient in gradients(trained).items():
        torch.testing.assert_close(gradient, expected[name])
    with dropout_rate(trained.module, 0.25):
        layer = trained.module.model.encoder.layers[0]
        assert (layer.dropout, layer.self_attn.dropout) == (0.25, 0.25)
    assert (layer.dropout, layer.self_attn.dropout) == (0.0, 0.0)
    with pytest.raises(ValueError, match=r"D006.*dropout is 1\.0"):
        trained.accumulate(PAIRS, contextlib.nullcontext, drop=1.0)


def test_dropout_rate_of_other_models():
    module = make_t5(100)
    with dropout_rate(module, 0.25):
        rates = [part.p for part in module.modules() if isinstance(part, torch.nn.Dropout)]
        assert set(rates) == {0.25}
        assert module.encoder.block[0].layer[0].SelfAttention.dropout == 0.25
    assert module.encoder.block[0].layer[0].SelfAttention.dropout == 0.1


def test_checkpointing_drops_the_same_again(model, monkeypatch):
    """A layer that is computed again for its gradient must drop what it has dropped."""
    found = []
    for checkpointing in (True, False):
        trained = trainer(model, gradient_checkpointing=checkpointing)
        torch.manual_seed(0)
        trained.accumulate(PAIRS, contextlib.nullcontext, drop=0.3)
        found.append(gradients(trained))
        # With checkpoints it is torch's own dropout: so compare with that.
        monkeypatch.setattr("spacy_genre.training.cpu.cheap_dropout", F.dropout)
    for name, gradient in found[1].items():
        torch.testing.assert_close(gradient, found[0][name], atol=1e-5, rtol=1e-3)


def test_attention_is_eager_on_a_cpu_while_it_trains(model, monkeypatch):
    trained = trainer(model)
    calls = []
    monkeypatch.setattr(
        "spacy_genre.training.cpu.eager_attention",
        lambda *args, **options: calls.append(1) or eager_attention(*args, **options),
    )
    losses, found = [], []
    for longest in (256, 1):
        monkeypatch.setattr("spacy_genre.training.cpu.MAX_EAGER_LENGTH", longest)
        losses.append(trained.accumulate(PAIRS, contextlib.nullcontext))
        found.append(len(calls))
    assert found[0] > 0
    assert found[1] == found[0]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@pytest.mark.parametrize("mask", [None, "bool", "float", "causal"])
def test_eager_attention_is_that_of_torch(mask):
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 4, 5, 8).unbind()
    keep = torch.rand(2, 1, 5, 5) < 0.7
    keep[..., 0] = True
    options = {
        "bool": {"attn_mask": keep},
        "float": {"attn_mask": torch.zeros(keep.shape).masked_fill(~keep, -1e9)},
        "causal": {"is_causal": True},
    }.get(mask, {})
    with FunctionsReplaced({F.scaled_dot_product_attention: eager_attention}):
        # Almost nothing is dropped.
        found = F.scaled_dot_product_attention(q, k, v, dropout_p=1e-12, scale=0.3, **options)
    expected = F.scaled_dot_product_attention(q, k, v, scale=0.3, **options)
    torch.testing.assert_close(found, expected)


def test_frozen_parts_and_learning_rates(model):
    trained = trainer(model, frozen=["encoder"], learn_rates={"decoder": 2.0})
    before = {name: w.clone() for name, w in trained.module.named_parameters()}
    trained.accumulate(PAIRS, contextlib.nullcontext)
    trained.step(Adam(0.001, L2=0.0))
    moved = {part: [] for part in ("embeddings", "encoder", "decoder")}
    for name, weight in trained.module.named_parameters():
        moved[part_of(name)].append((weight - before[name]).abs().max().item())
    assert max(moved["encoder"]) == 0
    # The first step of Adam is as long as the learning rate.
    assert max(moved["embeddings"]) == pytest.approx(0.001, rel=0.01)
    assert max(moved["decoder"]) == pytest.approx(0.002, rel=0.01)
    thawed = trainer(model)
    assert all(weight.requires_grad for weight in thawed.module.parameters())


def test_a_nan_loss_is_an_error(model):
    trained = trainer(model, batch_tokens=30)
    with torch.no_grad():
        # A position that only the longest input has.
        trained.module.model.encoder.embed_positions.weight[2 + 20] = float("nan")
    before = trained.module.model.decoder.layers[0].fc1.weight.clone()
    with pytest.raises(ValueError, match=r"loss is nan after 0 steps.* 1 pairs .*: pair 30\."):
        trained.accumulate(PAIRS, contextlib.nullcontext)
    assert gradients(trained) == {}
    trained.step(Adam(0.001))  # there is nothing to do
    assert torch.equal(before, trained.module.model.decoder.layers[0].fc1.weight)


def test_a_nan_gradient_is_an_error(model):
    trained = trainer(model)
    trained.accumulate(PAIRS, contextlib.nullcontext)
    trained.module.get_input_embeddings().weight.grad[0] = float("inf")
    with pytest.raises(ValueError, match=r"gradient is (nan|inf) after 0 steps"):
        trained.step(Adam(0.001))


def test_the_optimizer_must_be_adam(model):
    trained = trainer(model)
    trained.accumulate(PAIRS, contextlib.nullcontext)
    with pytest.raises(ValueError, match="D012"):
        trained.step(SGD(0.001))


def schedule():
    return Adam(warmup_linear(0.001, 2, 10), L2=0.01)


def train(trained, sgd, n_steps):
    for _ in range(n_steps):
        trained.accumulate(PAIRS, contextlib.nullcontext)
        trained.step(sgd)
        sgd.step_schedules()
    return {name: w.detach().clone() for name, w in trained.module.named_parameters()}


def test_resumed_training_equals_uninterrupted_training(model, tmp_path):
    start = {name: w.clone() for name, w in shim_of(model).transformer.state_dict().items()}
    expected = train(trainer(model), schedule(), 6)
    shim_of(model).transformer.load_state_dict(start)
    first = trainer(model)
    train(first, schedule(), 3)
    first.save(tmp_path / "optimizer.safetensors")
    second = trainer(model)
    second.load(tmp_path / "optimizer.safetensors")
    moved = schedule()
    for _ in range(3):
        moved.step_schedules()
    for name, weight in train(second, moved, 3).items():
        torch.testing.assert_close(weight, expected[name])
    assert second.n_steps == 6


def test_a_damaged_state(model, tmp_path):
    path = tmp_path / "optimizer.safetensors"
    trained = trainer(model)
    train(trained, schedule(), 1)
    trained.save(path)
    content = path.read_bytes()
    path.write_bytes(content[:-10])
    with pytest.raises(ValueError, match="D003"):
        trainer(model).load(path)
    path.write_bytes(content.replace(b"fc1.weight/exp", b"xxx.weight/exp"))
    with pytest.raises(ValueError, match="of another model"):
        trainer(model).load(path)


@pytest.mark.parametrize(
    "settings",
    [
        {"batch_tokens": 0},
        {"batch_token": 1},
        {"label_smoothing": 1.0},
        {"dtype": "float16"},
        {"frozen": ["head"]},
        {"frozen": ["embeddings", "encoder", "decoder"]},
        {"learn_rates": {"decoder": 0}},
        {"mask_context": 1.0},
        {"missing": "list"},
    ],
)
def test_wrong_settings(settings):
    with pytest.raises(ValueError, match=f"D006.*{next(iter(settings))}"):
        Training_v2(**settings)


# In a component


def test_predicted_entities_are_learnt_from_where_they_are_gold_ones(nlp):
    """With use_gold_ents = false; whatever their labels are, since those of links mean little."""
    linker = nlp.get_pipe("genre_linker")
    linker.use_gold_ents = False
    reference = nlp.make_doc("Paris and Chicago and Einstein")
    reference.ents = [
        Span(reference, 0, 1, label="ENTITY", kb_id="Paris"),
        Span(reference, 2, 3, label="ENTITY", kb_id="Chicago"),
        Span(reference, 4, 5, label="ENTITY"),
    ]
    predicted = nlp.make_doc(reference.text)
    predicted.ents = [Span(predicted, i, i + 1, label="GPE") for i in (0, 4)]
    (pair,) = linker.make_pairs([Example(predicted, reference)])
    assert pair.name == linker.shim.name_tokenizer.encode(["Paris"])[0]


def example(nlp, kb_id="Apple Inc."):
    doc = nlp.make_doc("He works for Apple.")
    doc.ents = [Span(doc, 3, 4, "ORG", kb_id=kb_id)]
    return Example(nlp.make_doc(doc.text), doc)


def test_pairs_of_a_component(nlp):
    linker = nlp.get_pipe("genre_linker")
    (pair,) = linker.make_pairs([example(nlp)])
    read = linker.tokenizer.decode
    assert read(pair.input) == "[CLS] he works for [START_ENT] apple [END_ENT]. [SEP]"
    assert read(pair.name) == "[CLS] apple inc."
    assert pair.shown == "'Apple' -> 'Apple Inc.'"
    unknown = example(nlp, "Nobody")
    assert linker.make_pairs([unknown]) == []
    linker.training = linker.training.model_copy(update={"missing": "fail"})
    with pytest.raises(ValueError, match=r"D005.*'Nobody'"):
        linker.make_pairs([unknown])


def test_a_title_set_for_initialize(nlp, titles):
    other = spacy.blank("en")
    linker = other.add_pipe("genre_linker")
    linker.initialize(lambda: [example(other)], nlp=other, titles=lambda: titles)
    assert linker.titles is titles


def test_the_error_for_a_nan_loss_names_the_entities(nlp):
    linker = nlp.get_pipe("genre_linker")
    with torch.no_grad():
        linker.shim.transformer.model.encoder.layernorm_embedding.weight[0] = float("nan")
    with pytest.raises(ValueError, match=r"D010.*'Apple' -> 'Apple Inc.'"):
        linker.update([example(nlp)], sgd=Adam(0.001))


def test_drop_of_update(nlp):
    linker = nlp.get_pipe("genre_linker")
    losses = []
    for drop in (0.5, 0.5, 0.0):
        torch.manual_seed(0)
        losses.append(linker.update([example(nlp)], drop=drop)["genre_linker"])
    assert losses[0] == losses[1] > losses[2]
