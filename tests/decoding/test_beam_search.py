import copy
import pickle
from unittest import mock

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from helpers.models import make_bart, make_mbart, make_t5
from helpers.reference import generate
from helpers.search import (
    BOS,
    EOS,
    INPUTS,
    MODELS,
    PAD,
    TOKENS,
    V,
    assert_same_hypotheses,
    assert_same_names,
    named,
    random_names,
    search_trie,
)
from hypothesis import HealthCheck, given, settings

from spacy_genre import TokenTrie
from spacy_genre.decoding import CandidateTries, TrieConstraint, constrained_search
from spacy_genre.decoding.bart.stepper import BartStepDecoder
from spacy_genre.decoding.step_decoder import TransformersStepDecoder
from spacy_genre.titles.overlay import TrieEditor

# Names with shared prefixes, prefixes of one another, a common first token, single names.
NAMES = st.lists(st.lists(TOKENS, min_size=1, max_size=6).map(tuple), min_size=1, max_size=25)
PREFIXED = NAMES.map(lambda names: [(BOS, *name) for name in names])


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """Such small models only lose time with more."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


# 100 cases of 1 to 4 inputs each.
@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(MODELS),
    st.one_of(NAMES, PREFIXED),
    INPUTS,
    st.integers(1, 10),
    st.sampled_from([0.0, 0.5, 1.0, 2.0]),
    st.sampled_from([False, "never"]),
    st.sampled_from([1, 10, 4096]),
    st.sampled_from([1, 15, 256]),
    st.sampled_from([0, 4, 16]),
)
def test_the_result_is_that_of_generate(
    model, names, inputs, beams, penalty, early, batch_tokens, max_rows, few_rows
):
    trie, _ = TokenTrie.build(names)
    options = {"length_penalty": penalty, "early_stopping": early}
    # With less room, mentions come while others are under way; with few rows, chains are computed.
    with mock.patch.multiple(BartStepDecoder, max_rows=max_rows, few_rows=few_rows):
        found = search_trie(model, inputs, trie, beams, batch_tokens=batch_tokens, **options)
    for ids, hypotheses in zip(inputs, found, strict=True):
        reference = generate(model, ids, names, beams, **options)
        assert_same_names(named(hypotheses), reference)
        for h in hypotheses:
            assert h.length == len(trie.path(h.state)) + 1
            assert list(h.tokens) == trie.path(h.state)
            assert h.score == pytest.approx(h.logprob / h.length**penalty, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("beams", [1, 3, 5])
@pytest.mark.parametrize("seed", range(5))
def test_early_stopping_at_once(beams, seed):
    # With this many names no beam ever runs dry, where transformers counts dead beams as done.
    names = random_names(500, seed)
    trie, _ = TokenTrie.build(names)
    inputs = [[5, 6, 7 + seed], [9]]
    found = search_trie(MODELS[0], inputs, trie, beams, early_stopping=True)
    for ids, hypotheses in zip(inputs, found, strict=True):
        reference = generate(MODELS[0], ids, names, beams, early_stopping=True)
        assert_same_names(named(hypotheses), reference)


def test_a_batch_is_as_one_at_a_time():
    names = random_names(300, 0)
    trie, _ = TokenTrie.build(names)
    rng = np.random.default_rng(1)
    inputs = [rng.integers(3, V, rng.integers(1, 30)).tolist() for _ in range(32)]
    together = search_trie(MODELS[1], inputs, trie, 5)
    for ids, hypotheses in zip(inputs, together, strict=True):
        (alone,) = search_trie(MODELS[1], [ids], trie, 5)
        assert_same_hypotheses([hypotheses], [alone])


def test_mentions_that_come_take_the_place_of_those_that_are_done():
    # Longer and shorter ones one after the other, each as if alone.
    trie, _ = TokenTrie.build(random_names(300, 0))
    rng = np.random.default_rng(1)
    inputs = [rng.integers(3, V, n).tolist() for n in (30, 2, 17, 1, 25, 9, 30, 4, 12, 3)]
    alone = [search_trie(MODELS[1], [ids], trie, 3)[0] for ids in inputs]
    for max_rows in (3, 6, 9):
        with mock.patch.object(BartStepDecoder, "max_rows", max_rows):
            together = search_trie(MODELS[1], inputs, trie, 3)
        assert_same_hypotheses(together, alone)


def test_a_trie_for_each_input():
    groups = [random_names(n, n) for n in (1, 0, 30, 3)]
    tries = [TokenTrie.build(names)[0] for names in groups]
    inputs = [[4, 5], [6], [7, 8, 9], [10, 11]]
    found = constrained_search(MODELS[2], inputs, CandidateTries(tries, EOS), num_beams=4)
    assert found[1] == []
    for ids, names, trie, hypotheses in zip(inputs, groups, tries, found, strict=True):
        (alone,) = search_trie(MODELS[2], [ids], trie, 4)
        assert [h.tokens for h in hypotheses] == [h.tokens for h in alone]
        if names:
            assert_same_names(named(hypotheses), generate(MODELS[2], ids, names, 4))


def test_more_beams_than_names_finds_every_name():
    names = [(3,), (3, 4), (3, 4, 5), (6, 7)]
    trie, order = TokenTrie.build(names)
    (hypotheses,) = search_trie(MODELS[0], [[5, 6]], trie, 10)
    assert sorted(h.state for h in hypotheses) == sorted(set(trie.entry_nodes.tolist()))
    assert [h.score for h in hypotheses] == sorted((p.score for p in hypotheses), reverse=True)
    assert len(order) == 4


def test_forced_tokens_of_old_checkpoints_do_not_matter():
    model = make_bart(V, 0, bos=BOS, eos=EOS, pad=PAD)
    names = random_names(20, 3)
    trie, _ = TokenTrie.build(names)
    expected = search_trie(model, [[5, 6]], trie, 5)
    for config in (model.config, model.generation_config):
        config.forced_bos_token_id, config.forced_eos_token_id = BOS, EOS
    assert search_trie(model, [[5, 6]], trie, 5) == expected


def test_nothing_to_generate():
    trie, _ = TokenTrie.build([])
    assert search_trie(MODELS[0], [[4], [5]], trie, 5) == [[], []]
    tries = CandidateTries([trie, trie], EOS)
    assert constrained_search(MODELS[0], [[4], [5]], tries) == [[], []]


def test_bfloat16_gives_scores_in_float32():
    trie, _ = TokenTrie.build(random_names(50, 0))
    exact = search_trie(MODELS[0], [[4, 5]], trie, 5)[0]
    rounded = search_trie(MODELS[0], [[4, 5]], trie, 5, dtype=torch.bfloat16)[0]
    assert rounded[0].score == pytest.approx(exact[0].score, abs=0.2)
    assert rounded[0].score != exact[0].score


@pytest.mark.parametrize("beams", [0, -1, 1001, 2.0, True, None])
def test_num_beams_out_of_range(beams):
    trie, _ = TokenTrie.build([(3,)])
    with pytest.raises(ValueError, match="num_beams must be an integer from 1 to 1000"):
        search_trie(MODELS[0], [[4]], trie, beams)


def test_other_options_out_of_range():
    trie, _ = TokenTrie.build([(3,)])
    with pytest.raises(ValueError, match="length_penalty"):
        search_trie(MODELS[0], [[4]], trie, 1, length_penalty=float("nan"))
    with pytest.raises(ValueError, match="early_stopping"):
        search_trie(MODELS[0], [[4]], trie, 1, early_stopping="sometimes")
    with pytest.raises(ValueError, match="constraint is for 2 inputs, but there are 1"):
        constrained_search(MODELS[0], [[4]], CandidateTries([trie, trie], EOS))


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_broken_weights(value):
    model = make_bart(V, 0, bos=BOS, eos=EOS, pad=PAD)
    trie, _ = TokenTrie.build([(3,)])
    assert search_trie(model, [[4]], trie, 1)[0]
    with torch.no_grad():
        model.final_logits_bias[0, 3] = float(value)
    with pytest.raises(ValueError, match="NaN or infinite"):
        search_trie(model, [[4]], trie, 1)


def test_a_vocabulary_smaller_than_the_trie():
    message = f"token id {V} is beyond the model's vocabulary of {V}"
    # Also where the search wouldn't come by the token.
    trie, _ = TokenTrie.build([(3,), *((n, V) for n in range(4, 30))])
    editor = TrieEditor(TokenTrie.build([(3,)])[0])
    editor.add((4, V), ("new", 1), lambda _: [])
    whole, changed = (TrieConstraint(t, 1, EOS) for t in (trie, editor.snapshot()))
    for constraint in (whole, changed, CandidateTries([trie], EOS)):
        with pytest.raises(ValueError, match=message):
            constrained_search(MODELS[0], [[4]], constraint)
    with pytest.raises(ValueError, match=f"token id {V} is beyond the model's vocabulary of {V}"):
        search_trie(MODELS[0], [[V]], TokenTrie.build([(3,)])[0], 1)


def test_a_large_vocabulary_and_nodes_with_many_children():
    # As large as that of mGENRE: token ids that two bytes don't hold.
    size = 256_000
    model = make_mbart(size, 0)
    rng = np.random.default_rng(0)
    first = rng.choice(np.arange(3, size), 600, replace=False)
    names = [(BOS, int(a), int(b)) for a in first for b in rng.integers(65_536, size, 2)]
    names += [(BOS, int(first[0]), int(b)) for b in rng.integers(65_536, size, 400)]
    trie, _ = TokenTrie.build(names)
    inputs = [[5, size - 1], [6, 7, 8]]
    for beams in (1, 5):
        for ids, hypotheses in zip(inputs, search_trie(model, inputs, trie, beams), strict=True):
            assert_same_names(named(hypotheses), generate(model, ids, names, beams))


@pytest.mark.parametrize("model", MODELS[::3])
def test_one_token_and_one_name(model):
    for name in [(3,), (BOS, 5, 6, 7)]:
        trie, _ = TokenTrie.build([name])
        for beams in (1, 5):
            (hypotheses,) = search_trie(model, [[4]], trie, beams)
            assert_same_names(named(hypotheses), generate(model, [4], [name], beams))


def test_a_thousand_beams():
    names = random_names(300, 2)
    trie, _ = TokenTrie.build(names)
    (hypotheses,) = search_trie(MODELS[0], [[4, 5]], trie, 1000)
    assert len(hypotheses) == len(set(names))


def test_changed_weights_are_seen():
    model = make_bart(V, 0, bos=BOS, eos=EOS, pad=PAD)
    trie, _ = TokenTrie.build(random_names(50, 0))
    before = search_trie(model, [[4, 5]], trie, 5)
    other = MODELS[1].state_dict()
    model.load_state_dict(other)  # in place
    expected = search_trie(MODELS[1], [[4, 5]], trie, 5)
    assert search_trie(model, [[4, 5]], trie, 5) == expected != before
    for parameter in model.parameters():
        parameter.data = parameter.data * 0.9
    assert search_trie(model, [[4, 5]], trie, 5) != expected
    # Packed weights don't keep a module from being copied or sent to other processes.
    copied = pickle.loads(pickle.dumps(copy.deepcopy(model)))
    assert search_trie(copied, [[4, 5]], trie, 5) == search_trie(model, [[4, 5]], trie, 5)


def test_after_an_interruption_all_is_well():
    names = random_names(50, 0)
    trie, _ = TokenTrie.build(names)
    inputs = [[4, 5], [6]]
    expected = search_trie(MODELS[0], inputs, trie, 5)
    step = BartStepDecoder.step

    def interrupted(self, *args):
        if self.depths.max() == 1:
            raise KeyboardInterrupt
        return step(self, *args)

    with mock.patch.object(BartStepDecoder, "step", interrupted), pytest.raises(KeyboardInterrupt):
        search_trie(MODELS[0], inputs, trie, 5)
    assert search_trie(MODELS[0], inputs, trie, 5) == expected


def test_both_decoders_agree():
    trie, _ = TokenTrie.build(random_names(200, 1))
    inputs = [[4, 5, 6, 7], [8], [9, 10]]
    for model in MODELS:
        expected = search_trie(model, inputs, trie, 5)
        with mock.patch(
            "spacy_genre.decoding.beam_search.open_step_decoder", TransformersStepDecoder
        ):
            found = search_trie(model, inputs, trie, 5)
        for a, b in zip(found, expected, strict=True):
            assert_same_names(named(a), named(b))


def test_other_encoder_decoders():
    model = make_t5(V, eos=EOS, pad=PAD)
    names = random_names(40, 7)
    trie, _ = TokenTrie.build(names)
    inputs = [[4, 5, 6, 7, 8], [9], [10, 11]]
    with pytest.warns(UserWarning, match="T5ForConditionalGeneration.*BART and mBART"):
        found = search_trie(model, inputs, trie, 4)
    for ids, hypotheses in zip(inputs, found, strict=True):
        assert_same_names(named(hypotheses), generate(model, ids, names, 4))
    # Only once.
    assert search_trie(model, inputs, trie, 4) == found


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(NAMES, NAMES)
def test_a_changed_trie_is_searched_like_one_made_from_scratch(names, more):
    base, _ = TokenTrie.build(sorted(set(names)))
    editor = TrieEditor(base)
    kept = {name: (str(name), row) for row, name in enumerate(sorted(set(names)))}
    at = {base.find(name): [spelling] for name, spelling in kept.items()}

    def ends(node):
        return at.get(node, [])

    for row, name in enumerate(more, start=100):
        if name in kept:
            editor.remove(name, kept.pop(name), ends)
        else:
            kept[name] = (str(name), row)
            editor.add(name, kept[name], ends)
    changed, (fresh, _) = editor.snapshot(), TokenTrie.build(sorted(kept))
    inputs = [[5, 6], [7]]
    for beams in (1, 4):
        found = search_trie(MODELS[0], inputs, changed, beams)
        expected = search_trie(MODELS[0], inputs, fresh, beams)
        assert [named(hypotheses) for hypotheses in found] == [
            named(hypotheses) for hypotheses in expected
        ]
