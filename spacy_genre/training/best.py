"""The best pipeline of a training that is broken off and goes on."""

import shutil
from pathlib import Path
from typing import Dict, Optional

import srsly
from safetensors import SafetensorError, safe_open

BEST, LAST = "model-best", "model-last"
# Where it is kept meanwhile: spaCy's training begins by removing the one that is there.
BEFORE = "model-best-before"
PERFORMANCE = "performance"


def put_aside(out: Path, weights: Dict[str, Optional[float]], *, goes_on: bool) -> None:
    """Before a training begins: keep its best pipeline so far, if it goes on.

    out (Path): The folder of the training.
    weights (Dict[str, Optional[float]]): How much each figure counts, `training.score_weights`.
    goes_on (bool): Whether it does. If not, what was kept is of another training, and removed.
    """
    if goes_on:
        _keep_better(out / BEST, out / BEFORE, weights)
    else:
        shutil.rmtree(out / BEFORE, ignore_errors=True)


def take_back(out: Path, weights: Dict[str, Optional[float]]) -> None:
    """After it: the better one of what `put_aside` kept and of what came since is the best."""
    _keep_better(out / BEFORE, out / BEST, weights)


def _keep_better(path: Path, other: Path, weights: Dict[str, Optional[float]]) -> None:
    """Move a folder to the place of another one, unless that is better, or it is not whole."""
    if not path.exists():
        return
    if is_whole(path) and (
        not is_whole(other) or score_of(path, weights) > score_of(other, weights)
    ):
        shutil.rmtree(other, ignore_errors=True)
        path.rename(other)
    else:
        shutil.rmtree(path)


def is_whole(path: Path) -> bool:
    """Whether a pipeline in a folder has all that the last one of the training has. (spaCy copies
    the best one, and may be killed meanwhile.)"""
    last = path.with_name(LAST)
    files = [path / file.relative_to(last) for file in last.rglob("*")]
    if not path.exists() or not all(file.exists() for file in files):
        return False
    try:
        for file in path.rglob("*.safetensors"):
            with safe_open(file, "pt"):
                pass
    except (OSError, SafetensorError):  # it is cut
        return False
    return True


def score_of(path: Path, weights: Dict[str, Optional[float]]) -> float:
    """How good a pipeline in a folder was on the dev corpus, as spaCy's training weighs its
    figures; -1 if that is not known."""
    try:
        performance = srsly.read_json(path / "meta.json")[PERFORMANCE]
        found = [performance[key] * weight for key, weight in weights.items() if weight]
    except (OSError, ValueError, KeyError, TypeError):
        return -1.0
    return float(sum(found)) if found else -1.0
