"""The pairs of a training by task: one corpus for a component, or a mix for several components that
share a model."""

from dataclasses import dataclass
from typing import Any, Callable, Iterator, List, Sequence

import numpy as np
from spacy.language import Language
from spacy.training import Example

from ..corpora.mixing import TaskMix
from ..errors import Errors
from ..model.seq2seq import shim_of
from .pairs import StoredPairs, shuffled_batches
from .task import TrainableComponent, trainable_components


@dataclass(frozen=True)
class PairSource:
    """A corpus and the component that learns from it.

    component (TrainableComponent): Makes its pairs.
    corpus (Callable[[Language], Iterator[Example]]): The corpus.
    name (str): Its dotted name in the config.
    folder (str): The folder of its pairs, relative to that of all pairs.
    share (float): Its share of the training; that of all sources is 1.
    """

    component: TrainableComponent
    corpus: Callable[[Language], Iterator[Example]]
    name: str
    folder: str
    share: float


def find_sources(nlp: Language, frozen: Sequence[str], corpus: Any, name: str) -> List[PairSource]:
    """What the first component that is not frozen learns from, and the components that share its
    model.

    nlp (Language): The pipeline.
    frozen (Sequence[str]): The names of the components that are not trained.
    corpus (Any): The training corpus.
    name (str): Its dotted name in the config.
    RAISES (ValueError): If there is no such component, or a component has no corpus.
    """
    trainable = trainable_components(nlp)
    if not trainable:
        raise ValueError(Errors.D014.format(path="the config", names=", ".join(nlp.pipe_names)))
    trained = [pipe for key, pipe in trainable if key not in frozen]
    if not trained:
        raise ValueError(Errors.D025.format(names=", ".join(key for key, _ in trainable)))
    first = trained[0]
    sharing = [pipe for pipe in trained if shim_of(pipe.model) is shim_of(first.model)]
    if not isinstance(corpus, TaskMix) and len(sharing) == 1:
        return [PairSource(first, corpus, name, ".", 1.0)]
    tasks = corpus.shares if isinstance(corpus, TaskMix) else {}
    if not {pipe.task for pipe in sharing} <= tasks.keys():
        message = Errors.D052.format(
            names=", ".join(pipe.name for pipe in sharing),
            corpus=name,
            tasks=", ".join(tasks) or "none",
        )
        raise ValueError(message)
    total = sum(tasks[pipe.task] for pipe in sharing)
    return [
        PairSource(
            pipe,
            corpus.readers[pipe.task],
            f"{name}.{pipe.task}",
            pipe.name,
            tasks[pipe.task] / total,
        )
        for pipe in sharing
    ]


def batch_sizes(shares: Sequence[float], batch_size: int) -> List[int]:
    """Divide a batch in shares: at least 1 each, and `batch_size` in all unless that is less."""
    exact = np.asarray(shares) * batch_size
    sizes = np.maximum(exact.astype(int), 1)
    for index in np.argsort(exact.astype(int) - exact)[: max(batch_size - int(sizes.sum()), 0)]:
        sizes[index] += 1
    found: List[int] = sizes.tolist()
    return found


class MixedPairs:
    """The stored pairs of some sources, in batches of all.

    pairs (List[StoredPairs]): [M], those of each source.
    shares (List[float]): [M], see `PairSource`.
    batch_size (int): The number of pairs of a batch.
    seed (int): The seed of the order.
    """

    def __init__(
        self, pairs: List[StoredPairs], shares: List[float], batch_size: int, seed: int
    ) -> None:
        self.pairs, self.seed = pairs, seed
        self.sizes = batch_sizes(shares, batch_size)

    @property
    def steps_per_pass(self) -> int:
        """The number of batches in which all pairs are read; shorter sources are read again."""
        sizes = zip(self.pairs, self.sizes, strict=True)
        return max(len(pairs) // min(size, len(pairs)) for pairs, size in sizes)

    def batches(self, skip: int = 0) -> Iterator[List[Any]]:
        """Batches without end: the indices of the pairs of each source, [M].

        skip (int): How many batches to leave out at the start.
        """
        of_each = [
            shuffled_batches(pairs.input_lengths, size, self.seed, skip=skip)
            for pairs, size in zip(self.pairs, self.sizes, strict=True)
        ]
        while True:
            yield [next(batches) for batches in of_each]
