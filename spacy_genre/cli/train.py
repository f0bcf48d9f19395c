"""`python -m spacy genre train`: spaCy's own training, which goes on after a kill."""

from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from ..errors import Errors
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
    they were then. training.max_steps, max_epochs and patience count all steps.

    What follows overrides the config: --training.max_steps 1000 --paths.train corpus/train
    """
    # Only when they are needed, since they take seconds.
    from safetensors import SafetensorError
    from spacy.cli._util import import_code, parse_config_overrides, setup_gpu
    from spacy.training.initialize import init_nlp
    from spacy.util import load_config

    from ..training.checkpoint import CHECKPOINT, not_in_checkpoints
    from ..training.loop import Training
    from ..training.progress import LAST

    import_code(None)
    setup_gpu(gpu_id)
    output.mkdir(parents=True, exist_ok=True)
    try:
        overrides = parse_config_overrides(ctx.args)
        config = load_config(config_path, overrides=overrides, interpolate=False)
        nlp = init_nlp(config, use_gpu=gpu_id)
        training = Training(nlp, output, minutes)
        done = training.progress.step
        if others := not_in_checkpoints(nlp):
            reason = Errors.D024.format(names=", ".join(others), path=output / CHECKPOINT)
            if done:
                raise ValueError(reason)
            msg.warn(reason)
    except (OSError, ValueError) as err:
        msg.fail("Can't train", reason_of(err), exits=1)
    if training.is_over:
        msg.good(f"All steps are done: {output}")
        return
    if done:
        msg.info(f"Goes on after {done:,} steps")
    try:
        training()
    except (OSError, ValueError, SafetensorError) as err:
        reason = f"{reason_of(err)}\nThe same command goes on from the last checkpoint, if any."
        msg.fail("The training has stopped", reason, exits=1)
    msg.good(f"Saved: {output / LAST}")
