"""The names that a model takes for the gold ones, as the search finds them."""

from dataclasses import dataclass, replace
from typing import Callable, List, Sequence

from .pairs import Pair

# For pairs, the names other than the gold one that the search finds, as token ids.
FindRivals = Callable[[Sequence[Pair]], List[List[List[int]]]]


@dataclass(frozen=True)
class Contrast:
    """What the loss needs that tells the gold name from its rivals: see `contrasted_loss`.

    The cross entropy asks how likely each token of the gold name is among all tokens of the
    vocabulary; linking asks which name of the title set is the likeliest as a whole.

    find (FindRivals): Finds the rivals, with the model as it is.
    length_penalty, temperature (float): What makes probabilities of their log-probabilities.
    """

    find: FindRivals
    length_penalty: float
    temperature: float

    def add_rivals(self, pairs: Sequence[Pair]) -> List[Pair]:
        return [
            replace(pair, rivals=tuple(rivals))
            for pair, rivals in zip(pairs, self.find(pairs), strict=True)
        ]
