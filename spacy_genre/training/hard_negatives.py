"""The names that a model takes for the gold ones, as the search finds them."""

from dataclasses import dataclass, replace
from typing import Callable, List, Sequence

from .pairs import Pair

# For pairs, the names other than the gold one that the search finds, as token ids.
FindNegatives = Callable[[Sequence[Pair]], List[List[List[int]]]]


@dataclass(frozen=True)
class HardNegatives:
    """What the loss needs that tells the gold name from its negatives: see `hard_negative_loss`.

    The cross entropy asks how likely each token of the gold name is among all tokens of the
    vocabulary; linking asks which name of the title set is the likeliest as a whole.

    find (FindNegatives): Finds the negatives, with the model as it is.
    length_penalty, temperature (float): What makes probabilities of their log-probabilities.
    """

    find: FindNegatives
    length_penalty: float
    temperature: float

    def add_negatives(self, pairs: Sequence[Pair]) -> List[Pair]:
        return [
            replace(pair, negatives=tuple(negatives))
            for pair, negatives in zip(pairs, self.find(pairs), strict=True)
        ]
