"""Small models, names and inputs for tests of the search, and comparisons of what it finds."""

import hypothesis.strategies as st
import numpy as np

from helpers.models import make_bart, make_mbart
from spacy_genre import TokenTrie
from spacy_genre.decoding import TrieConstraint, constrained_search, search_candidates

V, BOS, EOS, PAD = 40, 0, 2, 1
MODELS = [
    *(make_bart(V, seed, bos=BOS, eos=EOS, pad=PAD) for seed in range(3)),
    *(make_mbart(V, seed) for seed in range(2)),
]
TOKENS = st.integers(3, 9)  # few, so that names share prefixes
INPUTS = st.lists(st.lists(st.integers(3, V - 1), min_size=1, max_size=12), min_size=1, max_size=4)


def random_names(n, seed, length=5):
    rng = np.random.default_rng(seed)
    return [tuple(rng.integers(3, V, rng.integers(1, length + 1)).tolist()) for _ in range(n)]


def search_trie(model, inputs, trie, num_beams=5, **options):
    """Search one trie for all inputs."""
    constraint = TrieConstraint(trie, len(inputs), model.config.eos_token_id)
    return constrained_search(model, inputs, constraint, num_beams=num_beams, **options)


def search_few_names(model, inputs):
    """Score one, two or three names for each input."""
    names = [(3, 4), (3, 5, 6), (7,)]
    tries = [TokenTrie.build(names[: 1 + i % 3])[0] for i in range(len(inputs))]
    return search_candidates(model, inputs, tries)


def named(hypotheses):
    return [(h.tokens, h.score) for h in hypotheses]


def assert_same_names(found, reference, tolerance=1e-4):
    """The same names with the same scores, in the same order but for ties.

    found, reference: [(tokens, score)], best first.
    """
    assert len(found) == len(reference)
    scores = [score for _, score in found]
    assert np.allclose(scores, [score for _, score in reference], atol=tolerance, rtol=0)
    by_name = {tuple(tokens): score for tokens, score in reference}
    for tokens, score in found:
        if tuple(tokens) in by_name:
            assert abs(by_name[tuple(tokens)] - score) <= tolerance
        else:  # a tie with the last one returned
            assert abs(score - reference[-1][1]) <= tolerance


def assert_same_hypotheses(found, expected, tolerance=1e-5):
    """The same hypotheses for each input, with the same scores."""
    for a, b in zip(found, expected, strict=True):
        assert [(h.state, h.tokens) for h in a] == [(h.state, h.tokens) for h in b]
        assert np.allclose([h.score for h in a], [h.score for h in b], atol=tolerance)
