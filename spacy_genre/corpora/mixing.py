"""A spaCy reader that mixes one corpus for each task."""

import math
from itertools import chain
from random import Random
from typing import Any, Callable, Dict, Iterator, Mapping, Optional

from spacy.language import Language
from spacy.training import Example

from ..errors import Errors
from ..extensions import set_task
from ..model.settings import ANNOTATION, LINKING, RETRIEVAL, TASKS

Reader = Callable[[Language], Iterator[Example]]


def TaskMix_v1(
    linking: Optional[Reader] = None,
    retrieval: Optional[Reader] = None,
    annotation: Optional[Reader] = None,
    weights: Optional[Dict[str, float]] = None,
    seed: int = 0,
) -> "TaskMix":
    """Registered as `spacy_genre.TaskMix.v1` in `readers`: a corpus for each of several components
    that share a model.

    linking, retrieval, annotation (Optional[Reader]): The corpora. Components of a task learn from
        the Examples of its corpus only.
    weights (Optional[Dict[str, float]]): The share of each task in the training; 1 for those that
        are not named. The tasks' Examples are drawn at random in these shares. A pass ends when all
        corpora have been read; shorter ones are read again. None for each corpus once, one after
        the other, as for evaluation.
    seed (int): The random seed.
    RAISES (ValueError): If there is no corpus, or a weight is of no corpus or not above 0.
    """
    readers = {LINKING: linking, RETRIEVAL: retrieval, ANNOTATION: annotation}
    given = {task: reader for task, reader in readers.items() if reader is not None}
    return TaskMix(given, weights, seed)


class TaskMix:
    """A corpus for each task: see `TaskMix_v1`.

    readers (Dict[str, Reader]): The corpora, by task.
    shares (Dict[str, float]): The share of each task; together 1.
    """

    def __init__(
        self, readers: Dict[str, Reader], weights: Optional[Mapping[str, float]], seed: int
    ) -> None:
        if not readers:
            tasks = ", ".join(TASKS)
            raise ValueError(Errors.D051.format(tasks=tasks))
        for task, weight in (weights or {}).items():
            if task not in readers or not 0 < weight < math.inf:
                allowed = f"a number above 0, and its key one of {', '.join(readers)}"
                message = Errors.D006.format(key=f"weights.{task}", value=weight, allowed=allowed)
                raise ValueError(message)
        of_task = {task: (weights or {}).get(task, 1.0) for task in readers}
        total = sum(of_task.values())
        self.readers = readers
        self.shares = {task: weight / total for task, weight in of_task.items()}
        self.is_mixed = weights is not None
        self.seed, self.n_passes = seed, 0

    def __call__(self, nlp: Language) -> Iterator[Example]:
        """YIELDS (Example): The Examples of a pass, each marked with its task."""
        if not self.is_mixed:
            return chain.from_iterable(self._examples(nlp, task) for task in self.readers)
        return self._mixed(nlp)

    def _mixed(self, nlp: Language) -> Iterator[Example]:
        rng = Random(f"{self.seed}:{self.n_passes}")
        self.n_passes += 1
        streams = {task: self._examples(nlp, task) for task in self.readers}
        unread = {*self.readers}
        while True:
            (task,) = rng.choices([*self.shares], [*self.shares.values()])
            example = next(streams[task], None)
            if example is None:
                unread.discard(task)
                if not unread:
                    return
                streams[task] = self._examples(nlp, task)
                example = next(streams[task], None)
            if example is not None:
                yield example

    def _examples(self, nlp: Language, task: str) -> Iterator[Example]:
        for example in self.readers[task](nlp):
            set_task(example.reference, task)
            if not example.predicted.has_annotation("ENT_IOB"):
                example.predicted.set_ents([])  # a linker in the pipeline would warn
            yield example


def share_of(corpus: Any, task: str) -> float:
    """The share of a task in a corpus: 1 if it is no mix."""
    return corpus.shares.get(task, 0.0) if isinstance(corpus, TaskMix) else 1.0
