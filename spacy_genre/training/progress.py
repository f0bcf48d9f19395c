"""How far a training is: what is done, and the best pipeline so far."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Dict, Mapping, Optional

import srsly
from spacy.language import Language

from ..atomic import atomic_folder
from ..errors import Errors

# Where training keeps the pipelines, in its output folder.
BEST, LAST = "model-best", "model-last"
# In their meta.json.
PERFORMANCE, STEP = "performance", "step"


@dataclass
class Progress:
    """How far a training is.

    step (int): How many steps are done.
    epoch (int): How many passes over the corpus are done. One that is broken off begins anew.
    best_score (float): The best score on the dev corpus so far.
    best_step (int): After how many steps it was reached.
    """

    step: int = 0
    epoch: int = 0
    best_score: float = float("-inf")
    best_step: int = 0

    def is_over(self, settings: Mapping[str, Any]) -> bool:
        """Whether a limit of a training is reached: `max_steps`, `max_epochs` or `patience`; those
        of 0 and below are none."""
        done = {"max_steps": self.step, "max_epochs": self.epoch}
        limits = any(0 < settings[key] <= n for key, n in done.items())
        return limits or self.is_stuck(settings)

    def is_stuck(self, settings: Mapping[str, Any]) -> bool:
        """Whether `patience` steps have brought nothing better."""
        return bool(0 < settings["patience"] <= self.step - self.best_step)

    def take_best(self, path: Path, weights: Mapping[str, Optional[float]]) -> None:
        """Take up the score of the best pipeline so far. If there is none, or its score is not
        known, patience begins here.

        path (Path): Its folder.
        weights (Mapping[str, Optional[float]]): How much each figure counts,
            `training.score_weights`.
        """
        try:
            meta = srsly.read_json(path / "meta.json")
            found = [meta[PERFORMANCE][key] * weight for key, weight in weights.items() if weight]
            self.best_score, self.best_step = float(sum(found)), int(meta[STEP])
        except (OSError, ValueError, KeyError, TypeError):
            self.best_step = self.step

    def note_score(self, score: float) -> bool:
        """Note a score of the pipeline. RETURNS (bool): Whether it is the best one so far."""
        is_best = score > self.best_score
        if is_best:
            self.best_score, self.best_step = score, self.step
        return is_best

    def write(self, nlp: Language, path: Path) -> None:
        """Write the pipeline, whole or not at all, with the number of steps that it was trained."""
        nlp.meta[STEP] = self.step
        with atomic_folder(path) as folder:
            nlp.to_disk(folder)


def check_evaluation(settings: Dict[str, Any], corpus: Callable, nlp: Language) -> None:
    """Better to fail before the training than at its first evaluation.

    settings (Dict[str, Any]): The resolved `training` block.
    corpus (Callable): Its dev corpus.
    RAISES (ValueError): If the pipeline can't be evaluated.
    """
    every = settings["eval_frequency"]
    if every < 1:
        key, allowed = "[training.eval_frequency]", "a whole number, 1 or more"
        raise ValueError(Errors.D006.format(key=key, value=every, allowed=allowed))
    if next(iter(corpus(nlp)), None) is None:
        raise ValueError(Errors.D026.format(name=settings["dev_corpus"]))
