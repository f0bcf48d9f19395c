"""The markup of end-to-end linking: equal to `generate` with a plain function that reads the whole
prefix again, whatever may be a mention and a name of it."""

from dataclasses import dataclass

import numpy as np
import pytest
from helpers.models import make_bart, make_mbart
from helpers.reference import generate_allowed

from spacy_genre import TokenTrie
from spacy_genre.decoding import constrained_search
from spacy_genre.decoding.markup import (
    Markers,
    MarkupConstraint,
    free_mentions,
    given_mentions,
    mentions_in_trie,
)

V, BOS, EOS, PAD = 40, 0, 2, 1
MARKERS = Markers(30, 31, 32, 33)


@dataclass
class Case:
    """What may be written for one text, in plain words.

    names: (start, end) of each allowed mention -> the set of its names.
    """

    source: list[int]
    names: dict[tuple[int, int], set[tuple[int, ...]]]
    max_length: int
    longest_name: int
    required: bool = False

    def allowed(self, sent):
        """The tokens that may follow a sequence: the whole of it is read again, step by step."""
        tokens, position, i = sent[1:], 0, 0
        if EOS in tokens:
            return set()
        while i < len(tokens):
            if tokens[i] != MARKERS.open_mention:
                position, i = position + 1, i + 1
                continue
            rest = tokens[i + 1 :]
            if MARKERS.close_mention not in rest:
                return self._in_mention(position, len(rest))
            length = rest.index(MARKERS.close_mention)
            names = self.names[position, position + length]
            rest = rest[length + 1 :]
            if not rest:
                return {MARKERS.open_name}
            name = rest[1:]
            if MARKERS.close_name not in name:
                n = len(name)
                following = {m[n] for m in names if m[:n] == name and len(m) > n}
                return following | ({MARKERS.close_name} if name in names else set())
            position += length
            i += length + 4 + name.index(MARKERS.close_name)
        return self._outside(position, len(tokens) - position)

    def _in_mention(self, start, length):
        ends = [end for begin, end in self.names if begin == start]
        copy = {self.source[start + length]} if max(ends) > start + length else set()
        return copy | ({MARKERS.close_mention} if start + length in ends else set())

    def _outside(self, position, extra):
        if position == len(self.source):
            return {EOS}
        fits = len(self.source) + extra + 4 + self.longest_name + 1 <= self.max_length
        opens = fits and any(start == position for start, _ in self.names)
        if opens and self.required:
            return {MARKERS.open_mention}
        return {self.source[position]} | ({MARKERS.open_mention} if opens else set())


def random_model(rng):
    make = make_bart if rng.random() < 0.7 else make_mbart
    model = make(V, int(rng.integers(1e6)), bos=BOS, eos=EOS, pad=PAD)
    # Markers are as likely as in a text with some mentions, or more.
    model.final_logits_bias[0, [30, 31, 32, 33]] += float(rng.uniform(0, 6))
    return model


def random_sequences(rng, n, longest):
    return {tuple(rng.integers(3, 12, rng.integers(1, longest + 1)).tolist()) for _ in range(n)}


def random_case(rng):
    """Some texts with a constraint, and the same in plain words."""
    sources = [rng.integers(3, 12, rng.integers(1, 14)).tolist() for _ in range(rng.integers(1, 4))]
    longest = int(rng.integers(1, 5))
    name_sets = [random_sequences(rng, int(rng.integers(1, 9)), longest) for _ in range(3)]
    trie, _ = TokenTrie.build([(k, *name) for k, names in enumerate(name_sets) for name in names])
    roots = [trie.child(0, k) for k in range(3)]
    max_length = max(map(len, sources)) + 1 + int(rng.integers(0, 30))
    kind = rng.choice(["free", "trie", "given"])
    required = kind == "given" and rng.random() < 0.5
    tables, cases = [], []
    for source in sources:
        if kind == "free":
            table = free_mentions(len(source), int(rng.integers(1, 5)), roots[0])
        elif kind == "trie":
            mentions, _ = TokenTrie.build([*random_sequences(rng, 12, 3)])
            table = mentions_in_trie(source, mentions, roots[0])
        else:
            starts = rng.integers(0, len(source), 4)
            spans = [(int(s), int(s + rng.integers(1, 4)), roots[rng.integers(3)]) for s in starts]
            table = given_mentions(len(source), spans)
        if rng.random() < 0.5:  # each mention has names of its own
            table = np.where(table >= 0, rng.choice(roots, table.shape), -1)
        tables.append(table)
        names = {
            (start, start + n + 1): name_sets[roots.index(table[start, n])]
            for start, n in np.argwhere(table >= 0).tolist()
            if start + n < len(source)
        }
        cases.append(Case(source, names, max_length, trie.depth, required))
    constraint = MarkupConstraint(
        sources, tables, trie, MARKERS, eos=EOS, max_length=max_length, required=required
    )
    return constraint, cases


def check(seed):
    rng = np.random.default_rng(seed)
    model = random_model(rng)
    constraint, cases = random_case(rng)
    num_beams = int(rng.integers(1, 6))
    inputs = [case.source for case in cases]
    found = constrained_search(model, inputs, constraint, num_beams=num_beams)
    for i, (case, hypotheses) in enumerate(zip(cases, found, strict=True)):
        reference = generate_allowed(
            model, case.source, case.allowed, num_beams, constraint.max_length
        )
        scores = [score for _, score in reference]
        assert np.allclose([h.score for h in hypotheses], scores, atol=1e-4, rtol=0)
        for k, hypothesis in enumerate(hypotheses):
            ties = [t for t, score in reference if abs(score - hypothesis.score) < 1e-4]
            assert [*hypothesis.tokens] in ties, k
            check_mentions(constraint, i, case, hypothesis.tokens)


def check_mentions(constraint, i, case, tokens):
    """The mentions that are read from a sequence give that sequence when they are written."""
    written, position = [], 0
    for mention in constraint.mentions(i, tokens):
        assert mention.name in case.names[mention.start, mention.end]
        written += case.source[position : mention.start]
        assert len(written) == mention.first
        written += [MARKERS.open_mention, *case.source[mention.start : mention.end]]
        written += [MARKERS.close_mention, MARKERS.open_name]
        assert len(written) == mention.name_start
        written += [*mention.name, MARKERS.close_name]
        assert len(written) == mention.last + 1
        position = mention.end
    assert (*written, *case.source[position:]) == tokens


@pytest.mark.parametrize("part", range(4))
def test_equal_to_generate(part):
    for seed in range(part * 3, part * 3 + 3):
        check(seed)


@pytest.mark.slow
def test_equal_to_generate_in_many_cases():
    for seed in range(300):
        check(seed)
