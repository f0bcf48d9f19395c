"""What training needs of a component, without one."""

import numpy as np


class StubTask:
    """A training task: the negatives are those of the pairs, and every token may be masked."""

    def __init__(self, length_penalty=1.0, temperature=1.0):
        self.length_penalty = length_penalty
        self.temperature = temperature

    def find_negatives(self, pairs):
        return [list(pair.negatives) for pair in pairs]

    def maskable_tokens(self, tokens):
        return np.ones(len(tokens), bool)
