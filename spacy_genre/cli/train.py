"""`python -m spacy genre train`: spaCy's training, with checkpoints."""

from pathlib import Path
from typing import Annotated

import typer
from wasabi import msg

from ..errors import Errors
from .output import fail, reason_of


def train_cli(
    ctx: typer.Context,
    config_path: Annotated[Path, typer.Argument(metavar="CONFIG", help="A training config.")],
    output: Annotated[Path, typer.Argument(help="The folder for model-best and model-last.")],
    minutes: Annotated[float, typer.Option(min=0, help="Minutes between checkpoints.")] = 10.0,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="GPU, or -1 for the CPU.")] = -1,
) -> None:
    """Train as `spacy train` does, with checkpoints: if it is interrupted, the same command resumes
    from the last one (OUTPUT/checkpoint), with the state of the optimizer and the learning rate.
    training.max_steps, max_epochs and patience count the steps of all runs.

    Further options override the config: --training.max_steps 1000 --paths.train corpus/train
    """
    # These imports take seconds.
    from safetensors import SafetensorError
    from spacy.cli._util import import_code, parse_config_overrides, setup_gpu
    from spacy.training.initialize import init_nlp
    from spacy.util import load_config

    from ..training.checkpoint import CHECKPOINT, LAST, not_in_checkpoints
    from ..training.cpu import keep_freed_memory
    from ..training.loop import SpacyTraining

    import_code(None)
    setup_gpu(gpu_id)
    output.mkdir(parents=True, exist_ok=True)
    try:
        overrides = parse_config_overrides(ctx.args)
        config = load_config(config_path, overrides=overrides, interpolate=False)
        nlp = init_nlp(config, use_gpu=gpu_id)
        keep_freed_memory()
        training = SpacyTraining(nlp, output, minutes)
        done = training.progress.step
        if others := not_in_checkpoints(nlp):
            reason = Errors.D024.format(names=", ".join(others), path=output / CHECKPOINT)
            if done:
                raise ValueError(reason)
            msg.warn(reason)
    except (OSError, ValueError) as err:
        fail("Can't train", reason_of(err))
    if training.is_over:
        msg.good(f"All steps are done: {output}")
        return
    if done:
        msg.info(f"Resumes after {done:,} steps")
    try:
        training()
    except (OSError, ValueError, SafetensorError) as err:
        reason = f"{reason_of(err)}\nThe same command resumes from the last checkpoint, if any."
        fail("The training has stopped", reason)
    msg.good(f"Saved: {output / LAST}")
