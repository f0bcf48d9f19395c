"""Whether the search gives what `generate` gives, one mention at a time."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Dict, List, Sequence
from unittest import mock

import numpy as np
from search_systems import Answers, DictTrie, System, Task, by_generate, random_bart

from spacy_genre import TokenTrie
from spacy_genre.decoding import TrieConstraint, constrained_search
from spacy_genre.decoding.bart.stepper import BartStepDecoder

TOLERANCE = 1e-4  # of scores in float32
V = 40  # tokens of the small models


@dataclass
class Agreement:
    """How far answers agree with those expected."""

    n: int = 0
    n_first: int = 0
    n_all: int = 0
    apart: float = 0.0

    def add(self, found: Answers, expected: Answers) -> None:
        """Compare the answers for one mention. Names whose scores are the same are in no order."""
        self.n += 1
        scores = {tuple(tokens): score for tokens, score in expected}
        last = expected[-1][1] if expected else 0.0
        is_same = len(found) == len(expected)
        for i, (tokens, score) in enumerate(found):
            # A name that isn't expected may only be a tie with the last one.
            apart = abs(score - scores.get(tuple(tokens), last))
            is_same &= apart <= TOLERANCE and abs(score - expected[i][1]) <= TOLERANCE
            if tuple(tokens) in scores:
                self.apart = max(self.apart, apart)
        self.n_all += is_same
        self.n_first += bool(found) and bool(expected) and found[0][0] == expected[0][0]

    def __str__(self) -> str:
        return (
            f"same first answer {self.n_first}/{self.n}, the same within {TOLERANCE} "
            f"{self.n_all}/{self.n}, scores apart {self.apart:.1e} at most"
        )


def compare(systems: Dict[str, System], inputs: List[List[int]]) -> None:
    """Print how far each system's answers are those of the first one, one mention at a time."""
    first = next(iter(systems.values()))
    expected = [first([ids])[0] for ids in inputs]
    print(f"beside the first, one of {len(inputs)} mentions at a time:")
    for name, run in systems.items():
        found = run(inputs) if name.startswith("search") else [run([ids])[0] for ids in inputs]
        agreement = Agreement()
        for pair in zip(found, expected, strict=True):
            agreement.add(*pair)
        print(f"  {name:20} {agreement}", flush=True)


def compare_random(n_cases: int) -> None:
    """Print how far random cases agree with `generate`: small models, names and inputs of all
    kinds, beam widths, batches and ways to pack them."""
    rng = np.random.default_rng(0)
    models = [random_bart(V, 16, layers=2, heads=2, ffn=32, seed=i) for i in range(5)]
    agreement = Agreement()
    by_width: Dict[int, Agreement] = {}
    for _ in range(n_cases):
        model, names = models[rng.integers(len(models))], _random_names(rng)
        lengths = rng.integers(1, 30, rng.integers(1, 7))
        inputs = [rng.integers(4, V, n).tolist() for n in lengths]
        beams = int(rng.integers(1, 11))
        found = _packed_somehow(model, names, inputs, beams, rng)
        expect = partial(by_generate, model, [DictTrie(names, model.config.eos_token_id)], beams)
        for ids, one in zip(inputs, found, strict=True):
            for result in (agreement, by_width.setdefault(beams, Agreement())):
                result.add(one, expect([ids])[0])
    print(f"{n_cases} random cases beside generate in float32, one mention at a time:")
    for beams, result in sorted(by_width.items()):
        print(f"  {beams:2} beams  {result}")
    print(f"  all       {agreement}", flush=True)


def _random_names(rng: np.random.Generator) -> List[List[int]]:
    """Names of few tokens, so that they share beginnings, and some are the beginning of others."""
    n, n_tokens = rng.integers(1, 60), rng.integers(2, 12)
    names = [rng.integers(4, 4 + n_tokens, rng.integers(1, 7)).tolist() for _ in range(n)]
    return [[0, *name] for name in names] if rng.random() < 0.5 else names


def _packed_somehow(
    model: Any,
    names: Sequence[List[int]],
    inputs: List[List[int]],
    beams: int,
    rng: np.random.Generator,
) -> List[Answers]:
    trie, _ = TokenTrie.build(names)
    max_rows, few_rows, batch_tokens = (
        int(rng.choice(values)) for values in ([1, 15, 256], [0, 4, 24], [1, 20, 4096])
    )
    with (
        mock.patch.object(BartStepDecoder, "max_rows", max_rows),
        mock.patch.object(BartStepDecoder, "few_rows", few_rows),
    ):
        constraint = TrieConstraint(trie, len(inputs), model.config.eos_token_id)
        options: Any = {"num_beams": beams, "batch_tokens": batch_tokens}
        found = constrained_search(model, inputs, constraint, **options)
    return [[([*h.tokens], h.score) for h in hypotheses] for hypotheses in found]


def check(task: Task, systems: Dict[str, System], n: int) -> None:
    """Print how far the systems agree on n mentions, and on n / 2 random cases."""
    compare(systems, task.draw(n, np.random.default_rng(0)))
    compare_random(n // 2)
