"""The progress of a training run, and the checkpoints from which it resumes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

import srsly
from spacy.language import Language

from ..atomic import atomic_folder
from ..errors import Errors
from ..model.loading import load_pretrained
from ..model.seq2seq import SHARED, shim_of
from .task import trainable_components

# In the output folder: pipelines and the checkpoint.
BEST, LAST, CHECKPOINT = "model-best", "model-last", "checkpoint"
# In the folder of a checkpoint.
PROGRESS = "progress.json"
OPTIMIZER = "optimizer.safetensors"
MODEL = "model"
# In the meta.json of a pipeline.
PERFORMANCE, STEP = "performance", "step"


@dataclass
class Progress:
    """The progress of a training run.

    step (int): The number of steps so far.
    epoch (int): The number of complete passes over the corpus so far.
    best_score (float): The best score on the dev corpus so far.
    best_step (int): The number of steps at the best score.
    """

    step: int = 0
    epoch: int = 0
    best_score: float = float("-inf")
    best_step: int = 0

    def is_over(self, settings: Mapping[str, Any]) -> bool:
        """Whether a limit of the `training` block is reached: `max_steps`, `max_epochs` or
        `patience`. A limit of 0 or less does not count."""
        reached = {"max_steps": self.step, "max_epochs": self.epoch}
        return self.is_stuck(settings) or any(0 < settings[key] <= n for key, n in reached.items())

    def is_stuck(self, settings: Mapping[str, Any]) -> bool:
        """Whether the score has not improved for `patience` steps."""
        return bool(0 < settings["patience"] <= self.step - self.best_step)

    def note_score(self, score: float) -> bool:
        """Note a score on the dev corpus. RETURNS (bool): Whether it is the best so far."""
        is_best = score > self.best_score
        if is_best:
            self.best_score, self.best_step = score, self.step
        return is_best

    def read_best(self, path: Path, weights: Mapping[str, Optional[float]]) -> None:
        """Read the best score from the best pipeline so far. If there is none, or it has no score,
        patience counts from the present step.

        path (Path): The pipeline's folder.
        weights (Mapping[str, Optional[float]]): `training.score_weights`.
        """
        try:
            meta = srsly.read_json(path / "meta.json")
            scores = [meta[PERFORMANCE][key] * weight for key, weight in weights.items() if weight]
            self.best_score, self.best_step = float(sum(scores)), int(meta[STEP])
        except (OSError, ValueError, KeyError, TypeError):
            self.best_step = self.step


def save_checkpoint(nlp: Language, path: Path, progress: Progress) -> None:
    """Write the progress, and the weights and optimizer states of the trainable components of this
    package, to a folder, atomically."""
    with atomic_folder(path) as folder:
        srsly.write_json(folder / PROGRESS, {"step": progress.step, "epoch": progress.epoch})
        for name, pipe in trainable_components(nlp):
            if SHARED not in pipe.model.attrs:
                shim_of(pipe.model).to_folder(folder / name / MODEL)
            pipe.trainer.save(folder / name / OPTIMIZER)


def load_checkpoint(nlp: Language, path: Path) -> Progress:
    """Load a checkpoint into a pipeline.

    RETURNS (Progress): The progress, without the best score; that of a new training if there is no
        checkpoint.
    RAISES (ValueError): If the checkpoint is damaged or of another model.
    """
    if not path.exists():
        return Progress()
    try:
        stored: Dict[str, Any] = srsly.read_json(path / PROGRESS)
        progress = Progress(step=int(stored["step"]), epoch=int(stored["epoch"]))
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise ValueError(Errors.D003.format(path=path / PROGRESS, reason=err)) from err
    for name, pipe in trainable_components(nlp):
        if SHARED not in pipe.model.attrs:
            shim_of(pipe.model).set_hf(load_pretrained(str(path / name / MODEL)))
        pipe.trainer.load(path / name / OPTIMIZER)
    return progress


def not_in_checkpoints(nlp: Language) -> List[str]:
    """The names of the other components that are trained: checkpoints do not hold their state."""
    frozen = nlp.config["training"]["frozen_components"]
    saved = {name for name, _ in trainable_components(nlp)}
    return [
        name
        for name, pipe in nlp.pipeline
        if getattr(pipe, "is_trainable", False) and name not in {*frozen, *saved}
    ]
