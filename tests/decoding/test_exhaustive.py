import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from helpers.reference import path_score
from hypothesis import HealthCheck, given, settings
from test_search import INPUTS, MODELS, TOKENS, V, random_names
from transformers import T5Config, T5ForConditionalGeneration

from spacy_genre import TokenTrie
from spacy_genre.decoding import constrained_search, score_sets, sets

# Sets of no names, of one, of names with shared prefixes, and of the same name more than once.
SETS = st.lists(st.lists(TOKENS, min_size=1, max_size=5).map(tuple), max_size=12)


def never(*args):
    raise AssertionError("a small set was searched")


def build(groups):
    return [TokenTrie.build(names)[0] for names in groups]


def named(paths, trie):
    return [(tuple(trie.path(path.node)), path.score) for path in paths]


def assert_all_scored(model, ids, names, found, penalty=1.0):
    """All names once, with the scores that transformers' model gives them, best first."""
    assert sorted(tokens for tokens, _ in found) == sorted(set(names))
    for tokens, score in found:
        expected = path_score(model, ids, tokens, penalty)
        assert score == pytest.approx(expected, abs=1e-4, rel=1e-5)
    scores = [score for _, score in found]
    assert scores == sorted(scores, reverse=True)


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(MODELS),
    INPUTS,
    st.data(),
    st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0]),
    st.sampled_from([1, 10, 4096]),
)
def test_all_names_of_small_sets(model, inputs, data, penalty, batch_tokens):
    groups = data.draw(st.lists(SETS, min_size=len(inputs), max_size=len(inputs)))
    tries = build(groups)
    options = {"length_penalty": penalty, "batch_tokens": batch_tokens}
    found = score_sets(model, inputs, tries, never, **options)
    for ids, names, trie, paths in zip(inputs, groups, tries, found, strict=True):
        assert_all_scored(model, ids, names, named(paths, trie), penalty)
        for path in paths:
            assert path.length == len(trie.path(path.node)) + 1
            assert path.score == pytest.approx(
                path.logprob / path.length**penalty, rel=1e-5, abs=1e-5
            )


def test_a_batch_is_as_one_at_a_time():
    rng = np.random.default_rng(0)
    inputs = [rng.integers(3, V, rng.integers(1, 40)).tolist() for _ in range(40)]
    tries = build(random_names(i % 15, i) for i in range(40))
    together = score_sets(MODELS[1], inputs, tries, never)
    for ids, trie, paths in zip(inputs, tries, together, strict=True):
        (alone,) = score_sets(MODELS[1], [ids], [trie], never)
        assert [path.node for path in paths] == [path.node for path in alone]
        assert np.allclose([p.score for p in paths], [p.score for p in alone], atol=1e-5)


def test_names_of_the_same_tokens_are_one_path():
    (trie,) = build([[(3, 4), (3, 4), (3, 4, 5)]])
    ((first, second),) = score_sets(MODELS[0], [[4, 5]], [trie], never)
    assert sorted([first.node, second.node]) == [2, 3]


def test_few_rows_are_computed_at_once(monkeypatch):
    sizes = []
    score_all = sets.score_all

    def count(bart, goal, inputs, roots):
        sizes.append((goal.trie.n_nodes - 1, [len(ids) for ids in inputs]))
        return score_all(bart, goal, inputs, roots)

    monkeypatch.setattr(sets, "score_all", count)
    inputs = [[4] * (1 + i % 7) for i in range(40)]
    score_sets(MODELS[0], inputs, build(random_names(10, i) for i in range(40)), never)
    assert len(sizes) > 1
    assert max(n_rows for n_rows, _ in sizes) <= 256
    lengths = [length for _, pack in sizes for length in pack]
    assert lengths == sorted(lengths, reverse=True)


def test_large_sets_are_searched():
    groups = [random_names(n, n) for n in (4, 300, 0, 5, 200)]
    tries = build(groups)
    inputs = [[4, 5], [6], [7, 8, 9], [10, 11], [12]]
    searched = []

    def search(module, inputs, tries):
        searched.extend(inputs)
        return constrained_search(module, inputs, tries, num_beams=3)

    found = score_sets(MODELS[3], inputs, tries, search)
    assert searched == [[6], [12]]
    assert found[2] == []
    for i in (0, 3):
        assert_all_scored(MODELS[3], inputs[i], groups[i], named(found[i], tries[i]))
    for i in (1, 4):
        (expected,) = constrained_search(MODELS[3], [inputs[i]], [tries[i]], num_beams=3)
        assert [path.node for path in found[i]] == [path.node for path in expected]


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
        found = score_sets(model, inputs, tries, constrained_search)
    for ids, names, trie, paths in zip(inputs, groups, tries, found, strict=True):
        assert_all_scored(model, ids, names, named(paths, trie))


def test_nothing_and_bad_input():
    assert score_sets(MODELS[0], [], [], never) == []
    (trie,) = build([[(3,)]])
    with pytest.raises(ValueError, match="2 tries for 1 mentions"):
        score_sets(MODELS[0], [[4]], [trie, trie], never)
    with pytest.raises(ValueError, match="vocabulary of 40"):
        score_sets(MODELS[0], [[40]], [trie], never)
    with pytest.raises(ValueError, match="vocabulary of 40"):
        score_sets(MODELS[0], [[4]], build([[(40,)]]), never)
    with pytest.raises(ValueError, match="length_penalty"):
        score_sets(MODELS[0], [[4]], [trie], never, length_penalty=11)
