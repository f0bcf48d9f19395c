import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from helpers.reference import path_score
from helpers.search import (
    INPUTS,
    MODELS,
    TOKENS,
    V,
    assert_same_hypotheses,
    named,
    random_names,
    search_trie,
)
from hypothesis import HealthCheck, given, settings
from transformers import T5Config, T5ForConditionalGeneration

from spacy_genre import TokenTrie
from spacy_genre.decoding import exhaustive, search_candidates

# Sets of no names, of one, of names with shared prefixes, and of the same name more than once.
SETS = st.lists(st.lists(TOKENS, min_size=1, max_size=5).map(tuple), max_size=12)


@pytest.fixture
def no_search(monkeypatch):
    """Few candidates must be scored, not searched."""
    monkeypatch.setattr(exhaustive, "constrained_search", lambda *_, **__: pytest.fail("searched"))


def build(groups):
    return [TokenTrie.build(names)[0] for names in groups]


def assert_all_scored(model, ids, names, found, penalty=1.0):
    """All names once, with the scores that transformers' model gives them, best first."""
    assert sorted(tokens for tokens, _ in found) == sorted(set(names))
    for tokens, score in found:
        expected = path_score(model, ids, tokens, penalty)
        assert score == pytest.approx(expected, abs=1e-4, rel=1e-5)
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)


@settings(max_examples=40, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(MODELS),
    INPUTS,
    st.data(),
    st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0]),
    st.sampled_from([1, 10, 4096]),
)
def test_all_names_of_small_sets(no_search, model, inputs, data, penalty, batch_tokens):
    groups = data.draw(st.lists(SETS, min_size=len(inputs), max_size=len(inputs)))
    tries = build(groups)
    options = {"length_penalty": penalty, "batch_tokens": batch_tokens}
    found = search_candidates(model, inputs, tries, **options)
    for ids, names, trie, hypotheses in zip(inputs, groups, tries, found, strict=True):
        assert_all_scored(model, ids, names, named(hypotheses), penalty)
        for h in hypotheses:
            assert h.length == len(trie.path(h.state)) + 1
            assert h.score == pytest.approx(h.logprob / h.length**penalty, rel=1e-5, abs=1e-5)


def test_a_batch_is_as_one_at_a_time(no_search):
    rng = np.random.default_rng(0)
    inputs = [rng.integers(3, V, rng.integers(1, 40)).tolist() for _ in range(40)]
    tries = build(random_names(i % 15, i) for i in range(40))
    together = search_candidates(MODELS[1], inputs, tries)
    for ids, trie, hypotheses in zip(inputs, tries, together, strict=True):
        (alone,) = search_candidates(MODELS[1], [ids], [trie])
        assert_same_hypotheses([hypotheses], [alone])


def test_names_of_the_same_tokens_are_one_hypothesis(no_search):
    (trie,) = build([[(3, 4), (3, 4), (3, 4, 5)]])
    ((first, second),) = search_candidates(MODELS[0], [[4, 5]], [trie])
    assert sorted([first.state, second.state]) == [2, 3]


def test_few_rows_are_computed_at_once(no_search, monkeypatch):
    passes = []
    score = exhaustive._score_tries

    def count(bart, config, inputs, tries, length_penalty):
        n_rows = sum(trie.n_nodes for trie in tries)
        passes.append((n_rows, [len(ids) for ids in inputs]))
        return score(bart, config, inputs, tries, length_penalty)

    monkeypatch.setattr(exhaustive, "_score_tries", count)
    inputs = [[4] * (1 + i % 7) for i in range(40)]
    search_candidates(MODELS[0], inputs, build(random_names(10, i) for i in range(40)))
    assert len(passes) > 1
    assert max(n_rows for n_rows, _ in passes) <= 256
    lengths = [length for _, inputs in passes for length in inputs]
    assert lengths == sorted(lengths, reverse=True)


def test_large_sets_are_searched(monkeypatch):
    groups = [random_names(n, n) for n in (4, 300, 0, 5, 200)]
    tries = build(groups)
    inputs = [[4, 5], [6], [7, 8, 9], [10, 11], [12]]
    searched = []
    search = exhaustive.constrained_search

    def note(module, inputs, constraint, **options):
        searched.extend(inputs)
        return search(module, inputs, constraint, **options)

    monkeypatch.setattr(exhaustive, "constrained_search", note)
    found = search_candidates(MODELS[3], inputs, tries, num_beams=3)
    assert searched == [[6], [12]]
    assert found[2] == []
    for i in (0, 3):
        assert_all_scored(MODELS[3], inputs[i], groups[i], named(found[i]))
    for i in (1, 4):
        expected = search_trie(MODELS[3], [inputs[i]], tries[i], 3)
        assert_same_hypotheses([found[i]], expected)


def test_other_models_search():
    config = T5Config(
        vocab_size=V, d_model=32, d_kv=8, d_ff=64, num_layers=1, num_heads=4,
        decoder_start_token_id=1, eos_token_id=2,
    )  # fmt: skip
    torch.manual_seed(0)
    model = T5ForConditionalGeneration(config).eval()
    groups = [[(3, 4), (3,), (5, 6, 7)], [], [(9,)]]
    tries = build(groups)
    inputs = [[4, 5], [6], [7]]
    with pytest.warns(UserWarning, match="is a T5ForConditionalGeneration"):
        found = search_candidates(model, inputs, tries)
    for ids, names, hypotheses in zip(inputs, groups, found, strict=True):
        assert_all_scored(model, ids, names, named(hypotheses))


def test_nothing_and_bad_input():
    assert search_candidates(MODELS[0], [], []) == []
    (trie,) = build([[(3,)]])
    with pytest.raises(ValueError, match="constraint is for 2 inputs, but there are 1"):
        search_candidates(MODELS[0], [[4]], [trie, trie])
    with pytest.raises(ValueError, match="vocabulary of 40"):
        search_candidates(MODELS[0], [[40]], [trie])
    with pytest.raises(ValueError, match="vocabulary of 40"):
        search_candidates(MODELS[0], [[4]], build([[(40,)]]))
    with pytest.raises(ValueError, match="length_penalty"):
        search_candidates(MODELS[0], [[4]], [trie], length_penalty=11)
