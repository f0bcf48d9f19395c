"""The protocols that training needs from components."""

from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Dict,
    Iterable,
    List,
    Protocol,
    Sequence,
    Tuple,
    runtime_checkable,
)

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.training import Example
from thinc.api import Model

from .pairs import Pair
from .settings import TrainingSettings

if TYPE_CHECKING:
    from .trainer import Trainer


@runtime_checkable
class TrainableComponent(Protocol):
    """A pipeline component with a `spacy_genre.Seq2Seq.v1` that learns from pairs of input and
    name: what the training loops and their checkpoints need.

    task (str): Its task, of `GenreSettings.tasks`.
    name (str): Its name in the pipeline.
    model (Model): Its model.
    training (TrainingSettings): How it is trained.
    n_pairs (int): The pairs of all updates since it was initialized.
    """

    task: ClassVar[str]
    name: str
    model: Model
    training: TrainingSettings
    n_pairs: int

    @property
    def trainer(self) -> "Trainer":
        """The trainer of the model as it is loaded now."""

    def make_pairs(self, examples: Iterable[Example]) -> List[Pair]:
        """The training pairs of some examples."""

    def pair_settings(self) -> Dict[str, Any]:
        """All settings and data of the component on which its pairs depend, as JSON values by
        their names: stored pairs are used again only if these are equal."""


class TrainingTask(Protocol):
    """What a `Trainer` needs from the component whose model it trains.

    length_penalty (float): The exponent of a name's length in its score, as in the search.
    temperature (float): The divisor of scores in the softmax that makes them probabilities.
    """

    @property
    def length_penalty(self) -> float: ...

    @property
    def temperature(self) -> float: ...

    def find_negatives(self, pairs: Sequence[Pair]) -> List[List[List[int]]]:
        """For each pair the names other than the gold one that the search finds, as token ids."""

    def maskable_tokens(self, tokens: Sequence[int]) -> NDArray[np.bool_]:
        """Which tokens of an input may be masked (`mask_context`): not the mention, the delimiters
        and the special tokens."""


def trainable_components(nlp: Language) -> List[Tuple[str, TrainableComponent]]:
    """The components of a pipeline that train by pairs, with their names."""
    pipes: List[Tuple[str, Any]] = nlp.pipeline
    return [(name, pipe) for name, pipe in pipes if isinstance(pipe, TrainableComponent)]
