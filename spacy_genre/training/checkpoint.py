"""Checkpoints from which a training that was broken off goes on."""

import time
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

from safetensors import SafetensorError, safe_open
from spacy.language import Language

from ..errors import Errors
from ..files import whole_folder
from ..loading import load_pretrained
from ..model import shim_of
from .trainer import Trainer

# Where training keeps it, in its output folder.
CHECKPOINT = "checkpoint"
STATE = "optimizer.safetensors"
MODEL = "model"


def Checkpoint_v1(path: Path, minutes: float = 10.0) -> Callable[[Language, Dict[str, Any]], None]:
    """Registered as `spacy_genre.Checkpoint.v1` in `callbacks`, for `[training.before_update]`:
    writes the weights and the optimizer's state of the components that generate names, and takes
    them up again at the first step if they are there.

    path (Path): The folder to keep them in. At each moment it holds one checkpoint, whole.
    minutes (float): How long to train before the next one is written.
    """
    return partial(_before_update, path=Path(path), minutes=minutes, state={})


def _before_update(
    nlp: Language, info: Dict[str, Any], *, path: Path, minutes: float, state: Dict[str, float]
) -> None:
    now = time.monotonic()
    if "last" not in state:
        state["last"] = now
        if path.exists():
            load_checkpoint(nlp, path)
    elif now - state["last"] >= minutes * 60:
        save_checkpoint(nlp, path)
        state["last"] = time.monotonic()


def save_checkpoint(nlp: Language, path: Path) -> None:
    """Write a checkpoint, whole or not at all."""
    with whole_folder(path) as folder:
        for name, pipe in trained(nlp):
            trainer: Trainer = pipe.trainer
            shim_of(pipe.model).to_folder(folder / name / MODEL)
            trainer.save(folder / name / STATE)


def load_checkpoint(nlp: Language, path: Path) -> None:
    """Take up a checkpoint. RAISES (ValueError): If it is damaged or of another model."""
    for name, pipe in trained(nlp):
        shim_of(pipe.model).set_hf(load_pretrained(str(path / name / MODEL)))
        pipe.trainer.load(path / name / STATE)


def steps_done(path: Path) -> int:
    """After how many steps a checkpoint was written; 0 if there is none.

    RAISES (ValueError): If it can't be read.
    """
    steps = [0]
    for file in path.glob(f"*/{STATE}"):
        try:
            with safe_open(file, "pt") as state:
                steps.append(int(state.metadata()["n_steps"]))
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as err:
            raise ValueError(Errors.D003.format(path=file, reason=err)) from err
    return max(steps)


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
