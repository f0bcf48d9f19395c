"""Checkpoints from which a training that was broken off goes on."""

from pathlib import Path
from typing import Any, List, Tuple

import srsly
from spacy.language import Language

from ..atomic import atomic_folder
from ..errors import Errors
from ..model.loading import load_pretrained
from ..model.seq2seq import shim_of
from .progress import Progress
from .trainer import Trainer

# Where training keeps it, in its output folder.
CHECKPOINT = "checkpoint"
PROGRESS = "progress.json"
STATE = "optimizer.safetensors"
MODEL = "model"


def save_checkpoint(nlp: Language, path: Path, progress: Progress) -> None:
    """Write the weights and the optimizer's state of the components that generate names, and how
    far they are, whole or not at all."""
    with atomic_folder(path) as folder:
        srsly.write_json(folder / PROGRESS, {"step": progress.step, "epoch": progress.epoch})
        for name, pipe in trained(nlp):
            trainer: Trainer = pipe.trainer
            shim_of(pipe.model).to_folder(folder / name / MODEL)
            trainer.save(folder / name / STATE)


def load_checkpoint(nlp: Language, path: Path) -> Progress:
    """Take up a checkpoint, if there is one.

    RETURNS (Progress): How far the training was then, but for its best pipeline.
    RAISES (ValueError): If it is damaged or of another model.
    """
    if not path.exists():
        return Progress()
    try:
        noted = srsly.read_json(path / PROGRESS)
        progress = Progress(step=int(noted["step"]), epoch=int(noted["epoch"]))
    except (OSError, ValueError, KeyError, TypeError) as err:
        raise ValueError(Errors.D003.format(path=path / PROGRESS, reason=err)) from err
    for name, pipe in trained(nlp):
        shim_of(pipe.model).set_hf(load_pretrained(str(path / name / MODEL)))
        pipe.trainer.load(path / name / STATE)
    return progress


def not_in_checkpoints(nlp: Language) -> List[str]:
    """The components that are trained as well, and would begin anew where a training goes on."""
    frozen = nlp.config["training"]["frozen_components"]
    ours = {name for name, _ in trained(nlp)}
    return [
        name
        for name, pipe in nlp.pipeline
        if getattr(pipe, "is_trainable", False) and name not in {*frozen, *ours}
    ]


def trained(nlp: Language) -> List[Tuple[str, Any]]:
    """The components of a pipeline that generate names, with their names."""
    return [(name, pipe) for name, pipe in nlp.pipeline if hasattr(pipe, "trainer")]
