"""The setting `hard_negatives`: the gold name against other names that the search finds."""

import contextlib
import copy
import math
from dataclasses import replace

import pytest
import spacy
import torch
from helpers.device import OtherDevice, move
from helpers.docs import NAMES
from helpers.models import make_bart, make_t5
from helpers.training import StubTask
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Span
from spacy.training import Example
from thinc.api import Adam
from transformers import AutoTokenizer

from spacy_genre import TitleSet
from spacy_genre.model.loading import EMBEDDED, HFObjects
from spacy_genre.model.seq2seq import Seq2Seq_v1, make_batch, shim_of
from spacy_genre.training.loss import hard_negative_loss, smoothed_loss
from spacy_genre.training.pairs import Pair
from spacy_genre.training.settings import Training_v1, Training_v2, TrainingSettings
from spacy_genre.training.trainer import Trainer

BART = make_bart(200, seed=0).eval()
T5 = make_t5(200)
TOKENS = st.lists(st.integers(5, 99), min_size=1, max_size=5)


TOKENIZER = AutoTokenizer.from_pretrained(EMBEDDED)


def with_module(module):
    model = Seq2Seq_v1()
    shim_of(model).set_hf(HFObjects(TOKENIZER, module))
    return model


def logprobs(module, tokens, name):
    """Of all tokens at each place of a name and its end, by transformers itself."""
    start = torch.tensor([[module.config.decoder_start_token_id, *name]])
    with torch.no_grad():
        logits = module(input_ids=torch.tensor([tokens]), decoder_input_ids=start).logits[0]
    return logits.double().log_softmax(-1)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.tuples(TOKENS, st.lists(TOKENS, min_size=1, max_size=4)), min_size=1, max_size=4),
    st.sampled_from([0.0, 1.0, 1.7]),
    st.sampled_from([0.4, 1.0]),
    st.sampled_from([BART, T5]),
)
def test_the_loss(rows, length_penalty, temperature, module):
    eos = module.config.eos_token_id
    gold = among_negatives = 0.0
    for tokens, names in rows:
        found = [logprobs(module, tokens, name) for name in names]
        ends = [[*name, eos] for name in names]
        each = [
            lp[range(len(end)), end].sum().item() / len(end) ** length_penalty / temperature
            for lp, end in zip(found, ends, strict=True)
        ]
        among_negatives += math.log(sum(map(math.exp, each))) - each[0]
        gold -= 0.9 * found[0][range(len(ends[0])), ends[0]].sum().item()
        gold -= 0.1 * found[0].mean(1).sum().item()
    batch = make_batch(
        with_module(module),
        [tokens for tokens, _ in rows],
        [name for _, names in rows for name in names],
        [i for i, (_, names) in enumerate(rows) for _ in names],
    )
    options = {"length_penalty": length_penalty, "temperature": temperature}
    with torch.no_grad():
        losses = hard_negative_loss(module, batch, 0.1, **options)
    expected = pytest.approx([gold, among_negatives], rel=1e-3, abs=1e-3)
    assert [loss.item() for loss in losses] == expected


def test_the_losses_on_another_device():
    inputs, names = [[5, 6], [7, 8, 9]], [[10, 11], [12], [13, 14, 15]]

    def computed(module):
        model = with_module(module)
        options = {"length_penalty": 1.0, "temperature": 0.5}
        with_negatives = make_batch(model, inputs, names, [0, 1, 1])
        found = [*hard_negative_loss(module, with_negatives, 0.1, **options)]
        found.append(smoothed_loss(module, make_batch(model, inputs, names[:2]), 0.1))
        sum(found).backward()
        norm = torch.nn.utils.get_total_norm([w.grad for w in module.parameters()])
        return [value.item() for value in (*found, norm)]

    here = computed(copy.deepcopy(BART))
    with OtherDevice():
        assert computed(move(copy.deepcopy(BART))) == pytest.approx(here, rel=1e-4)


PAIRS = [Pair([5, 6, n], [7, n], "", ([7, n + 1], [8] * n, [9])[: n % 4]) for n in range(5, 12)]


def test_neither_batches_nor_shares_change_the_gradient():
    def accumulated(pairs, **options):
        module = make_bart(200, seed=0)
        for part in module.modules():
            if isinstance(getattr(part, "dropout", None), float):
                part.dropout = 0.0
        weighted = TrainingSettings(hard_negatives=2.0, **options)
        trainer = Trainer(with_module(module), weighted, StubTask(temperature=0.4))
        shares = [pairs] if isinstance(pairs[0], Pair) else pairs
        n_tokens = sum(len(pair.name) + 1 for pair in PAIRS)
        sizes = {"n_tokens": n_tokens, "n_pairs": len(PAIRS)}
        loss = sum(trainer.accumulate(s, contextlib.nullcontext, **sizes) for s in shares)
        return loss, [w.grad for w in trainer.module.parameters()]

    loss, expected = accumulated(PAIRS)
    for pairs, options in ((PAIRS, {"batch_tokens": 20}), ([PAIRS[::2], PAIRS[1::2]], {})):
        found, gradients = accumulated(pairs, **options)
        assert found == pytest.approx(loss, rel=1e-5)
        for gradient, other in zip(gradients, expected, strict=True):
            torch.testing.assert_close(gradient, other, atol=1e-5, rtol=1e-3)


def make_linker(titles, **options):
    nlp = spacy.blank("en")
    training = {"@misc": "spacy_genre.Training.v2", **options}
    linker = nlp.add_pipe("genre_linker", config={"training": training})
    linker.titles = titles
    return nlp, linker


def make_example(nlp, text, surface, title):
    doc = nlp.make_doc(text)
    start = text.index(surface)
    span = doc.char_span(start, start + len(surface))
    doc.ents = [Span(doc, span.start, span.end, "X", kb_id=title)]
    return Example(nlp.make_doc(text), doc)


def test_negatives_are_other_names_that_the_search_finds(tokenizer):
    redirects = {"City of Paris": "Paris", "Lutetia": "Paris"}
    titles = TitleSet.build(NAMES, tokenizer, redirects=redirects, trie="titles+redirects")
    nlp, linker = make_linker(titles, hard_negatives=1.0)
    example = make_example(nlp, "I flew to Paris.", "Paris", "Paris")
    (pair,) = linker.make_pairs([example])

    def negatives(temperature):
        linker.shim.settings = replace(linker.shim.settings, temperature=temperature)
        (found,) = linker.find_negatives([pair])
        return [linker.shim.name_tokenizer.encode([name])[0] in found for name in names]

    names = ["Paris", "City of Paris", "Lutetia", "Paris, Texas", "Paris Hilton"]
    assert negatives(10) == [False, False, False, True, False]
    titles.add("Paris Hilton")
    assert negatives(10) == [False, False, False, True, True]
    assert not any(negatives(0.01))  # all others are far too unlikely then


def test_hard_negatives_teach_the_model_to_use_the_context(titles, tokenizer):
    """The second name becomes the first, by the hard negatives almost alone."""
    nlp, linker = make_linker(titles, hard_negatives=100.0, missing="fail")
    example = make_example(nlp, "The capital Paris lies far from Texas.", "Paris", "Paris, Texas")
    doc = example.reference.copy()

    def found():
        (linked,) = linker.pipe([doc])
        return {c.title: c.probability for c in linked.ents[0]._.genre_candidates}

    before, sgd, losses = found(), Adam(2e-4), []
    assert next(iter(before)) == "Paris"
    for _ in range(8):
        losses.append(linker.update([example], sgd=sgd, drop=0.01)["genre_linker"])
    assert losses[-1] < losses[0] / 2
    assert next(iter(found())) == "Paris, Texas"
    assert found()["Paris, Texas"] > before["Paris, Texas"] + 0.3


def test_wrong_weights():
    for weight in (-1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=r"D006.*hard_negatives"):
            Training_v2(hard_negatives=weight)


def test_a_saved_pipeline_keeps_it(titles, tmp_path):
    nlp, _ = make_linker(titles, hard_negatives=0.5)
    nlp.to_disk(tmp_path)
    assert spacy.load(tmp_path).get_pipe("genre_linker").training.hard_negatives == 0.5


def test_a_pipeline_that_was_saved_with_the_first_version_keeps_it(titles, tmp_path):
    """It was called contrast."""
    assert Training_v1(contrast=0.5) == Training_v2(hard_negatives=0.5)
    nlp = spacy.blank("en")
    training = {"@misc": "spacy_genre.Training.v1", "contrast": 0.5, "frozen": ["encoder"]}
    nlp.add_pipe("genre_linker", config={"training": training}).titles = titles
    nlp.to_disk(tmp_path)
    loaded = spacy.load(tmp_path).get_pipe("genre_linker").training
    assert loaded == TrainingSettings(hard_negatives=0.5, frozen=["encoder"])
