"""`python -m spacy genre train`: spaCy's own training, which goes on after a kill."""

import sys
from pathlib import Path
from typing import Annotated, Any, Dict

import typer
from wasabi import msg

from ..errors import Errors
from ..files import settle_folder
from .output import reason_of


def train_cli(
    ctx: typer.Context,
    config_path: Annotated[Path, typer.Argument(metavar="CONFIG", help="A training config.")],
    output: Annotated[Path, typer.Argument(help="The folder for model-best and model-last.")],
    minutes: Annotated[
        float, typer.Option(min=0, help="How long to train before the next checkpoint, in minutes.")
    ] = 10.0,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU, or -1 for the CPU.")] = -1,
) -> None:
    """Train as `spacy train` does, with checkpoints: if it is broken off, the same command goes on
    where the last one was written (OUTPUT/checkpoint), with the optimizer and the learning rate as
    they were then, until `training.max_steps` steps are done in all.

    What follows overrides the config: --training.max_steps 1000 --paths.train corpus/train
    """
    # Only when they are needed, since they take seconds.
    from safetensors import SafetensorError
    from spacy.cli._util import import_code, parse_config_overrides, setup_gpu
    from spacy.training.initialize import init_nlp
    from spacy.training.loop import train
    from spacy.util import load_config

    from ..training.best import put_aside, take_back
    from ..training.checkpoint import (
        CHECKPOINT,
        not_in_checkpoints,
        save_checkpoint,
        steps_done,
    )

    import_code(None)
    setup_gpu(gpu_id)
    output.mkdir(parents=True, exist_ok=True)
    try:
        overrides = parse_config_overrides(ctx.args)
        config = load_config(config_path, overrides=overrides, interpolate=False)
        settle_folder(output / CHECKPOINT)  # if it was killed while it wrote one
        done = steps_done(output / CHECKPOINT)
        _go_on(config, output / CHECKPOINT, done, minutes)
        if done:
            msg.info(f"Goes on after {done:,} steps")
        if config["training"]["max_steps"] < 0:
            msg.good(f"All steps are done: {output}")
            return
        nlp = init_nlp(config, use_gpu=gpu_id)
        if others := not_in_checkpoints(nlp):
            reason = Errors.D024.format(names=", ".join(others), path=output / CHECKPOINT)
            if done:
                raise ValueError(reason)
            msg.warn(reason)
    except (OSError, ValueError) as err:
        msg.fail("Can't train", reason_of(err), exits=1)
    weights = nlp.config["training"]["score_weights"]
    put_aside(output, weights, goes_on=done > 0)
    try:
        train(nlp, output, use_gpu=gpu_id, stdout=sys.stdout, stderr=sys.stderr)
    except (OSError, ValueError, SafetensorError) as err:
        reason = f"{reason_of(err)}\nThe same command goes on from the last checkpoint, if any."
        msg.fail("The training has stopped", reason, exits=1)
    finally:
        take_back(output, weights)
    save_checkpoint(nlp, output / CHECKPOINT)  # so that the last steps are known to be done


def _go_on(config: Any, checkpoint: Path, done: int, minutes: float) -> None:
    """Set a config so that checkpoints are written, and what is done is not done again.

    RAISES (ValueError): If it calls something else at that point.
    """
    training: Dict[str, Any] = config.setdefault("training", {})
    if training.get("before_update"):
        raise ValueError(Errors.D015)
    whole = config.interpolate()
    if "optimizer" in training:
        # Its schedules may refer to max_steps, and mean all steps by it.
        training["optimizer"] = whole["training"]["optimizer"]
    training["before_update"] = {
        "@callbacks": "spacy_genre.Checkpoint.v1",
        "path": str(checkpoint),
        "minutes": minutes,
    }
    max_steps = whole["training"].get("max_steps", 20000)
    # 0 is "no limit" for spaCy; a limit that was reached is below it.
    training["max_steps"] = (max_steps - done or -1) if max_steps else 0
    # Another order of the examples than from the beginning.
    system = config.setdefault("system", {})
    system["seed"] = int(whole.get("system", {}).get("seed") or 0) + done
