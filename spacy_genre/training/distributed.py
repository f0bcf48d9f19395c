"""Training on many GPUs or machines, by Hugging Face's accelerate: the corpus, the loss and the
optimizer of `genre train`, and as many processes as `accelerate launch` starts.

    accelerate launch -m spacy_genre.training.distributed CONFIG OUT [--batch-size N] [overrides]

Each process encodes its share of the corpus, once (OUT/pairs). At each step it computes the
gradient of its share of the batch; these are summed over the processes, so that a step is that of
one process with the whole batch. The first process evaluates and writes: OUT/model-best and
OUT/model-last are pipelines for `spacy.load`, and OUT/checkpoint is where the same command, or
`genre train`, goes on.
"""

import shutil
import sys
import time
from datetime import timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional, Sequence

import srsly
import torch
import typer
from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training.initialize import init_nlp
from spacy.training.loop import create_evaluation_callback
from spacy.util import load_config, minibatch, registry, resolve_dot_names
from tqdm import tqdm
from wasabi import msg

from ..atomic import clean_up_folder
from ..decoding.devices import autocast, torch_dtype
from ..errors import Errors
from ..ragged import IntArray
from .checkpoint import CHECKPOINT, load_checkpoint, save_checkpoint, trained
from .pair_files import (
    PairFiles,
    PairWriter,
    finish_pairs,
    is_whole,
    shuffled_batches,
    signature_of,
)
from .progress import BEST, LAST, PERFORMANCE, check_evaluation

try:
    from accelerate import Accelerator, InitProcessGroupKwargs
    from accelerate.utils import broadcast
except ImportError as err:
    raise ImportError(Errors.F014) from err

ENCODE_BATCH = 256  # texts that are encoded at once
SHOW_EVERY = 100  # steps
# The others wait while the first process evaluates.
PATIENCE = timedelta(hours=6)


def main(
    ctx: typer.Context,
    config_path: Annotated[Path, typer.Argument(metavar="CONFIG", help="A training config.")],
    out: Annotated[Path, typer.Argument(help="The folder for model-best and model-last.")],
    batch_size: Annotated[
        int, typer.Option(min=1, help="Pairs for each change of the weights, of all processes.")
    ] = 96,
    minutes: Annotated[float, typer.Option(min=0, help="Between two checkpoints.")] = 10.0,
    log_with: Annotated[
        Optional[str], typer.Option(help="accelerate's tracker: wandb, mlflow, tensorboard ...")
    ] = None,
) -> None:
    """Train the genre_linker of a config with as many processes as accelerate starts.

    What follows overrides the config: --training.max_steps 1000 --paths.train corpus/train
    """
    from spacy.cli._util import parse_config_overrides

    accelerator = Accelerator(
        log_with=log_with,
        project_dir=str(out),
        kwargs_handlers=[InitProcessGroupKwargs(timeout=PATIENCE)],
    )
    try:
        overrides = parse_config_overrides(ctx.args)
        config = load_config(config_path, overrides=overrides, interpolate=True)
        run = DistributedTraining(config, out, accelerator, batch_size=batch_size, minutes=minutes)
        run()
    except (OSError, ValueError) as err:
        msg.fail("Can't train", str(err), exits=1)


class DistributedTraining:
    """One process of a training.

    config (Config): A training config; its batcher is not used.
    out (Path): The folder to write.
    accelerator (Accelerator): Knows the other processes.
    batch_size (int): Pairs for each change of the weights, of all processes together.
    minutes (float): Between two checkpoints.
    RAISES (OSError, ValueError): If the config has nothing to train or to evaluate on, or the
        checkpoint is damaged.
    """

    def __init__(
        self, config: Any, out: Path, accelerator: Accelerator, *, batch_size: int, minutes: float
    ) -> None:
        self.out, self.accelerator, self.batch_size = out, accelerator, batch_size
        self.seconds = minutes * 60
        self.nlp: Language = init_nlp(config)
        filled = self.nlp.config.interpolate()
        self.settings = registry.resolve(filled["training"], schema=ConfigSchemaTraining)
        self.linker = self._linker()
        corpora: Any = [self.settings["train_corpus"], self.settings["dev_corpus"]]
        self.train_corpus, self.dev_corpus = resolve_dot_names(filled, corpora)
        check_evaluation(self.settings, self.dev_corpus, self.nlp)
        self._settle()
        self.progress = load_checkpoint(self.nlp, out / CHECKPOINT)
        if self.progress.step:
            self.progress.take_best(out / BEST, self.settings["score_weights"])
        # Of the linker that encodes: with the model of the checkpoint, if there is one.
        self.signature = signature_of(filled, self.settings["train_corpus"], self.linker)
        self.linker.shim.transformer.to(accelerator.device)

    def _linker(self) -> Any:
        """The component that is trained: the first one that is not frozen."""
        found, frozen = trained(self.nlp), self.settings["frozen_components"]
        if not found:
            names = ", ".join(self.nlp.pipe_names)
            raise ValueError(Errors.D014.format(path="the config", names=names))
        for name, pipe in found:
            if name not in frozen:
                return pipe
        raise ValueError(Errors.D025.format(names=", ".join(name for name, _ in found)))

    def _settle(self) -> None:
        """Clear up what a killed run has left; the others wait, since they read it next."""
        if self.is_first:
            for name in (CHECKPOINT, BEST, LAST):
                clean_up_folder(self.out / name)
        self.accelerator.wait_for_everyone()

    @property
    def is_first(self) -> bool:
        return bool(self.accelerator.is_main_process)

    def __call__(self) -> None:
        """Train until `training.max_steps` steps or `training.max_epochs` passes over the corpus
        are done (0 is no limit), or `training.patience` steps brought nothing better."""
        pairs = self._pairs()
        progress, sgd = self.progress, self.settings["optimizer"]
        batches = shuffled_batches(
            pairs.input_lengths, self.batch_size, self.settings["seed"] or 0, skip=progress.step
        )
        per_pass = len(pairs) // min(self.batch_size, len(pairs))
        for _ in range(progress.step):
            sgd.step_schedules()
        self.accelerator.init_trackers("spacy_genre", config={"batch_size": self.batch_size})
        log = _Log(self.out, self.accelerator)
        saved = time.monotonic()
        while not progress.is_over(self.settings):
            loss = self._step(pairs, next(batches), sgd)
            progress.step += 1
            progress.epoch = progress.step // per_pass
            log.add(loss, self.batch_size)
            if self.is_first and progress.step % SHOW_EVERY == 0:
                log.show(progress.step, sgd.learn_rate)
            is_over = progress.is_over(self.settings)
            if progress.step % self.settings["eval_frequency"] == 0 or is_over:
                self._evaluate(log)
                is_over = progress.is_over(self.settings)
            is_time = time.monotonic() - saved > self.seconds
            if self.is_first and (is_time or is_over):
                save_checkpoint(self.nlp, self.out / CHECKPOINT, progress)
                saved = time.monotonic()
        if self.is_first:
            progress.write(self.nlp, self.out / LAST)
        self.accelerator.wait_for_everyone()
        self.accelerator.end_training()

    def _pairs(self) -> PairFiles:
        """The pairs of the whole corpus. Each process encodes a share, if it is not there yet.

        RAISES (ValueError): If there are none, or those that are there are of something else.
        """
        folder, rank = self.out / "pairs", self.accelerator.process_index
        if not is_whole(folder, self.signature):
            self.accelerator.wait_for_everyone()
            if self.is_first:  # what a killed run has left, perhaps of more processes
                shutil.rmtree(folder, ignore_errors=True)
            self.accelerator.wait_for_everyone()
            writer = PairWriter(folder, f"{rank:03}")
            examples = islice(
                self.train_corpus(self.nlp), rank, None, self.accelerator.num_processes
            )
            bar = tqdm(desc="pairs", disable=not self.is_first or not sys.stderr.isatty())
            n_pairs = 0
            for batch in minibatch(examples, ENCODE_BATCH):
                pairs = self.linker._pairs(batch)
                writer.write(pairs)
                n_pairs += len(pairs)
                bar.update(len(pairs))
            writer.finish()
            self._check_pairs(n_pairs)
            self.accelerator.wait_for_everyone()
            if self.is_first:
                finish_pairs(folder, self.signature)
        self.accelerator.wait_for_everyone()
        return PairFiles(folder)

    def _check_pairs(self, n_pairs: int) -> None:
        """RAISES (ValueError): If no process has any pairs. All of them know, so that none waits
        for one that has ended."""
        mine = torch.tensor(n_pairs, device=self.accelerator.device)
        if not int(self.accelerator.reduce(mine, "sum")):
            linker = self.linker
            message = Errors.D023.format(
                name=self.settings["train_corpus"],
                kb_id=linker.kb_id,
                labels=", ".join(linker.labels_discard) or "none",
                use_gold_ents=linker.use_gold_ents,
            )
            raise ValueError(message)

    def _step(self, pairs: PairFiles, batch: IntArray, sgd: Any) -> float:
        """Change the weights by a batch's gradient.

        RETURNS (float): Its loss, as `Trainer.accumulate` gives it.
        """
        trainer, accelerator = self.linker.trainer, self.accelerator
        share = batch[accelerator.process_index :: accelerator.num_processes]
        n_tokens = int(pairs.name_lengths[batch].sum())
        dtype = torch_dtype(self.linker.training.dtype, accelerator.device)
        context = partial(autocast, dtype, accelerator.device)
        mine = [pairs[int(i)] for i in share]
        drop = self.settings["dropout"]
        whole = {"n_tokens": n_tokens, "n_pairs": len(batch)}
        loss = trainer.accumulate(mine, context, drop=drop, **whole)
        weights = [weight for group in trainer.groups for weight in group["params"]]
        if accelerator.num_processes > 1:
            sum_gradients(weights, accelerator)
            total = torch.tensor(loss, device=accelerator.device)
            loss = float(accelerator.reduce(total, "sum"))
        trainer.step(sgd)
        sgd.step_schedules()
        return loss

    def _evaluate(self, log: "_Log") -> None:
        """Evaluate on the dev corpus, and keep the pipeline if it is the best so far."""
        progress, weights = self.progress, self.settings["score_weights"]
        if self.is_first:
            score, scores = create_evaluation_callback(self.nlp, self.dev_corpus, weights)()
            self.nlp.meta[PERFORMANCE] = {key: scores.get(key, 0.0) for key in weights}
            log.write({"step": progress.step, "score": round(score, 4)})
            if progress.note_score(score):
                progress.write(self.nlp, self.out / BEST)
        # The others end when the first one does.
        best_step = torch.tensor(progress.best_step, device=self.accelerator.device)
        progress.best_step = int(broadcast(best_step))


def sum_gradients(weights: Sequence[Any], accelerator: Accelerator) -> None:
    """Give each process the sum of all processes' gradients, in one message."""
    for weight in weights:
        if weight.grad is None:  # of a process whose share was empty
            weight.grad = torch.zeros_like(weight)
    flat = torch.cat([weight.grad.flatten() for weight in weights])
    flat = accelerator.reduce(flat, "sum")
    parts = flat.split([weight.numel() for weight in weights])
    for weight, part in zip(weights, parts, strict=True):
        weight.grad.copy_(part.view_as(weight))


class _Log:
    """What the training has to say: a row of a table, a line of OUT/log.jsonl, and accelerate's
    tracker."""

    def __init__(self, out: Path, accelerator: Accelerator) -> None:
        self.path, self.accelerator = out / "log.jsonl", accelerator
        self.start, self.n_pairs = time.monotonic(), 0
        self.losses: List[float] = []

    def add(self, loss: float, n_pairs: int) -> None:
        self.losses.append(loss)
        self.n_pairs += n_pairs

    def show(self, n_steps: int, learn_rate: float) -> None:
        seconds = time.monotonic() - self.start
        row: Dict[str, float] = {
            "step": n_steps,
            "loss": round(sum(self.losses) / len(self.losses), 4),
            "learn_rate": learn_rate,
            "pairs_per_second": round(self.n_pairs / seconds, 1),
        }
        self.losses, self.n_pairs, self.start = [], 0, time.monotonic()
        self.write(row)

    def write(self, row: Dict[str, float]) -> None:
        print("  ".join(f"{key} {value:g}" for key, value in row.items()), flush=True)
        with self.path.open("a", encoding="utf8") as file:
            file.write(srsly.json_dumps(row) + "\n")
        self.accelerator.log(row, step=int(row["step"]))


if __name__ == "__main__":
    app = typer.Typer()
    options = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command(context_settings=options)(main)
    app()
