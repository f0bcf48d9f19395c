"""A constraint that is no tree: a regular expression over tokens, whose states have many histories.
It is searched without any change of the search, with the results of `generate`."""

import re
from unittest import mock

import hypothesis.strategies as st
import numpy as np
import pytest
from helpers.reference import generate_allowed
from helpers.search import EOS, INPUTS, MODELS, V, assert_same_names, named
from hypothesis import HealthCheck, given, settings

from spacy_genre.decoding import Continuations, constrained_search
from spacy_genre.decoding.bart.stepper import BartStepDecoder
from spacy_genre.decoding.constraint import few_continuations

LENGTH = 7


class RegexConstraint:
    """Sequences of at most `length` letters that a regular expression matches. Token 3 is "a".

    A state is a left-over length times a number for what may still follow (Brzozowski's derivative,
    told apart by which strings it matches), so all histories with the same future share it.
    """

    def __init__(self, pattern, letters, n_inputs, length=LENGTH):
        self.letters, self.max_length = letters, length + 1
        self.max_token = 3 + max(map(ord, letters)) - ord("a")
        strings, level = [""], [""]
        for _ in range(length):
            level = [s + letter for s in level for letter in letters]
            strings += level
        self.matches = {s for s in strings if re.fullmatch(pattern, s)}
        self.futures = {}  # prefix -> what may follow it
        for match in self.matches:
            for i in range(len(match) + 1):
                self.futures.setdefault(match[:i], set()).add(match[i:])
        self.states = sorted({frozenset(future) for future in self.futures.values()}, key=sorted)
        start = self.futures.get("")
        self.start_states = np.full(n_inputs, self.states.index(start) if start else -1)

    def _next(self, state):
        """(token, next state, whether it is the end token) for all that may follow a state."""
        future = self.states[state]
        for letter in self.letters:
            rest = frozenset(s[1:] for s in future if s[:1] == letter)
            if rest:
                yield 3 + ord(letter) - ord("a"), self.states.index(rest), False
        if "" in future:
            yield EOS, state, True

    def n_continuations(self, states):
        counts = [sum(not is_end for *_, is_end in self._next(s)) for s in states.tolist()]
        return np.asarray(counts, np.int64)

    def continuations(self, states):
        rows = [(i, *c) for i, s in enumerate(states.tolist()) for c in self._next(s)]
        columns = np.asarray(rows, np.int64).reshape(-1, 4).T
        return Continuations(*columns[:3], columns[3].astype(bool))

    def look_ahead(self, states):
        return few_continuations(self, states)


PATTERNS = ["(ab|ba|c)+", "a*b?c*", "[abc]{1,3}", "(a|b)*c(a|b)*", "abcabc", "(aa|bb|cc)*a?"]


@settings(max_examples=12, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(MODELS),
    st.sampled_from(PATTERNS),
    INPUTS,
    st.integers(1, 6),
    st.sampled_from([False, "never"]),
    st.sampled_from([1, 12, 256]),
    st.sampled_from([0, 4, 16]),
)
def test_a_regular_expression(model, pattern, inputs, beams, early, max_rows, few_rows):
    constraint = RegexConstraint(pattern, "abc", len(inputs))
    with mock.patch.multiple(BartStepDecoder, max_rows=max_rows, few_rows=few_rows):
        found = constrained_search(model, inputs, constraint, num_beams=beams, early_stopping=early)

    def allowed(sent):
        prefix = "".join(chr(ord("a") + token - 3) for token in sent[1:] if token != EOS)
        futures = constraint.futures.get(prefix, set()) if EOS not in sent[1:] else set()
        return [EOS if s == "" else 3 + ord(s[0]) - ord("a") for s in futures]

    for ids, hypotheses in zip(inputs, found, strict=True):
        reference = generate_allowed(
            model, ids, lambda sent: set(allowed(sent)), beams, LENGTH + 1, early_stopping=early
        )
        assert_same_names(named(hypotheses), reference)


def test_states_have_many_histories():
    constraint = RegexConstraint("(ab|ba|c)+", "abc", 1)
    assert len(constraint.states) < len(constraint.futures) / 2
    found = constrained_search(MODELS[0], [[4, 5]], constraint, num_beams=10)[0]
    assert len({h.tokens for h in found}) == 10 > len({h.state for h in found})
    texts = ["".join(chr(ord("a") + token - 3) for token in h.tokens) for h in found]
    assert set(texts) <= constraint.matches


def test_nothing_to_generate_and_tokens_beyond_the_vocabulary():
    nothing = RegexConstraint("d", "abc", 2)
    assert constrained_search(MODELS[0], [[4], [5]], nothing) == [[], []]
    beyond = RegexConstraint("z", "z", 1)
    beyond.max_token = V
    with pytest.raises(ValueError, match=f"token id {V}"):
        constrained_search(MODELS[0], [[4]], beyond)
