import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from helpers.reference import path_score
from hypothesis import HealthCheck, given, settings
from test_search import INPUTS, MODELS, NAMES, PREFIXED, named, random_names
from transformers import T5Config, T5ForConditionalGeneration

from spacy_genre import TokenTrie
from spacy_genre.decoding import beam_search as search, exact, exact_search


def all_scores(model, ids, names, penalty):
    scored = [(list(name), path_score(model, ids, name, penalty)) for name in set(names)]
    return sorted(scored, key=lambda pair: -pair[1])


def assert_best(found, expected):
    """The same scores, and the same names but for ties."""
    assert len(found) == len(expected)
    assert np.allclose([s for _, s in found], [s for _, s in expected], atol=1e-4, rtol=1e-5)
    for (tokens, score), (other, _) in zip(found, expected, strict=True):
        assert tokens == other or min(abs(score - s) for t, s in expected if t != tokens) < 1e-3


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(MODELS),
    st.one_of(NAMES, PREFIXED),
    INPUTS,
    st.integers(1, 10),
    st.sampled_from([-1.0, 0.0, 0.5, 1.0, 2.0]),
    st.booleans(),
)
def test_the_best_of_all_names(model, names, inputs, k, penalty, whole):
    trie, _ = TokenTrie.build(names)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exact, "SMALL", 10**6 if whole else 0)
        patch.setattr(exact, "WIDTH", 2)
        found = exact_search(model, inputs, trie, top_k=k, length_penalty=penalty)
    for ids, one in zip(inputs, found, strict=True):
        assert_best(named(one.paths, trie), all_scores(model, ids, names, penalty)[:k])
        assert 0 < one.n_rows <= trie.n_nodes
        assert one.is_exact


def test_a_trie_for_each_input():
    groups = [random_names(n, n) for n in (1, 0, 60, 3)]
    tries = [TokenTrie.build(names)[0] for names in groups]
    inputs = [[4, 5], [6], [7, 8, 9], [10, 11]]
    found = exact_search(MODELS[2], inputs, tries, top_k=4)
    assert found[1] == exact.Found([], 0)
    for ids, names, trie, one in zip(inputs, groups, tries, found, strict=True):
        assert_best(named(one.paths, trie), all_scores(MODELS[2], ids, names, 1.0)[:4])


def test_a_large_trie_is_computed_in_small_part():
    trie, _ = TokenTrie.build(random_names(20_000, 0, length=8))
    inputs = [[4, 5], [6, 7, 8]]
    found = exact_search(MODELS[0], inputs, trie, top_k=5, max_rows=20_000)
    beams = search.constrained_search(MODELS[0], inputs, trie, num_beams=5)
    for one, paths in zip(found, beams, strict=True):
        assert one.n_rows < trie.n_nodes / 4
        assert one.is_exact
        # As good as a beam search's, or better, place by place.
        for exact_path, path in zip(one.paths, paths, strict=True):
            assert exact_path.score >= path.score - 1e-5


def test_the_search_ends_in_time():
    trie, _ = TokenTrie.build(random_names(20_000, 0, length=8))
    (found,) = exact_search(MODELS[0], [[4, 5]], trie, max_rows=100)
    assert len(found.paths) == 5
    assert not found.is_exact
    assert 100 <= found.n_rows < 100 + exact.WIDTH


def test_other_models_have_no_exact_search():
    model = T5ForConditionalGeneration(
        T5Config(vocab_size=40, d_model=32, d_kv=8, d_ff=64, num_layers=1, num_heads=4)
    )
    with pytest.raises(ValueError, match="is a T5ForConditionalGeneration"):
        exact_search(model.eval(), [[4]], TokenTrie.build([(3,)])[0])


def test_broken_weights():
    model = MODELS[0].__class__(MODELS[0].config).eval()
    with torch.no_grad():
        model.final_logits_bias.fill_(torch.nan)
    for size in (2, 500):
        with pytest.raises(ValueError, match="NaN or infinite"):
            exact_search(model, [[4]], TokenTrie.build(random_names(size, 0))[0])
