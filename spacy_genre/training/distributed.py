"""Training on several GPUs or machines with Hugging Face's accelerate: the corpus, loss and
optimizer of `genre train`, in as many processes as `accelerate launch` starts.

    accelerate launch -m spacy_genre.training.distributed CONFIG OUT [--batch-size N] [overrides]

Each process encodes its share of the corpus, once (OUT/pairs). In each step it computes the
gradient of its share of the batch, and the gradients are summed over the processes: the step of one
process with the whole batch. The main process evaluates and writes OUT/model-best, OUT/model-last
(pipelines for `spacy.load`) and OUT/checkpoint, from which the same command or `genre train`
resumes. The steps differ from those of `genre train`: see `loop`.
"""

import shutil
import time
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Callable, Dict, Iterator, List, Optional, Sequence, Tuple

import srsly
import torch
import typer
from spacy.training.initialize import init_nlp
from spacy.util import load_config
from wasabi import msg

from ..decoding.devices import autocast, torch_dtype
from ..errors import Errors
from ..model.seq2seq import shim_of
from ..ragged import IntArray
from .cpu import keep_freed_memory
from .loop import LogStep, StepInfo, TrainingLoop
from .pair_encoding import encode_pairs
from .pairs import (
    StoredPairs,
    finish_pairs,
    has_pairs,
    pairs_signature,
)
from .sources import MixedPairs, PairSource, find_sources

try:
    from accelerate import Accelerator, InitProcessGroupKwargs
    from accelerate.utils import broadcast
except ImportError as err:
    raise ImportError(Errors.F014) from err

STEPS_PER_ROW = 100  # of the log
# The other processes wait while the main one evaluates.
TIMEOUT = timedelta(hours=6)


def main(
    ctx: typer.Context,
    config_path: Annotated[Path, typer.Argument(metavar="CONFIG", help="A training config.")],
    out: Annotated[Path, typer.Argument(help="The folder for model-best and model-last.")],
    batch_size: Annotated[
        int, typer.Option(min=1, help="Pairs in each step, of all processes together.")
    ] = 96,
    minutes: Annotated[float, typer.Option(min=0, help="Minutes between checkpoints.")] = 10.0,
    log_with: Annotated[
        Optional[str], typer.Option(help="accelerate's tracker: wandb, mlflow, tensorboard ...")
    ] = None,
) -> None:
    """Train the first component of a config that is not frozen, and those that share its model,
    with as many processes as accelerate starts.

    Further options override the config: --training.max_steps 1000 --paths.train corpus/train
    """
    from spacy.cli._util import parse_config_overrides

    keep_freed_memory()
    accelerator = Accelerator(
        log_with=log_with,
        project_dir=str(out),
        kwargs_handlers=[InitProcessGroupKwargs(timeout=TIMEOUT)],
    )
    try:
        overrides = parse_config_overrides(ctx.args)
        config = load_config(config_path, overrides=overrides, interpolate=True)
        DistributedTraining(config, out, accelerator, batch_size=batch_size, minutes=minutes)()
    except (OSError, ValueError) as err:
        msg.fail("Can't train", str(err), exits=1)


class DistributedTraining(TrainingLoop):
    """One process of a training.

    config (Config): A training config; its batcher is not used.
    out (Path): The folder to write.
    accelerator (Accelerator): The connection to the other processes.
    batch_size (int): Pairs in each step, of all processes together.
    minutes (float): The time between two checkpoints.
    sources (List[PairSource]): What is trained on what.
    component (TrainableComponent): The first component that is trained. Its trainer changes the
        weights of the model.
    RAISES (OSError, ValueError): If the config has nothing to train or to evaluate on, or the
        checkpoint is damaged.
    """

    def __init__(
        self,
        config: Any,
        out: Path,
        accelerator: Accelerator,
        *,
        batch_size: int,
        minutes: float = 10.0,
    ) -> None:
        self.accelerator, self.batch_size = accelerator, batch_size
        super().__init__(init_nlp(config), out, minutes, is_main=accelerator.is_main_process)
        frozen, corpus = self.settings["frozen_components"], self.settings["train_corpus"]
        self.sources = find_sources(self.nlp, frozen, self.train_corpus, corpus)
        self.component = self.sources[0].component
        # Pairs depend on the model that encodes them: that of the checkpoint, if there is one.
        self.signatures = [*map(self._signature, self.sources)]
        shim_of(self.component.model).transformer.to(accelerator.device)

    def _signature(self, source: PairSource) -> Dict[str, Any]:
        component = source.component
        settings = {"missing": component.training.missing, **component.pair_settings()}
        return pairs_signature(self.config, source.name, settings)

    def clean_up(self) -> None:
        if self.accelerator.is_main_process:
            super().clean_up()
        self.accelerator.wait_for_everyone()

    def open_log(self) -> Tuple[LogStep, Callable[[], None]]:
        self.accelerator.init_trackers("spacy_genre", config={"batch_size": self.batch_size})
        log_step = StepLog(self.out, self.accelerator) if self.is_main else _log_nothing
        return log_step, self.accelerator.end_training

    def steps(self) -> Iterator[StepInfo]:
        progress, sgd = self.progress, self.settings["optimizer"]
        seed, shares = self.settings["seed"] or 0, [source.share for source in self.sources]
        mixed = MixedPairs(self.load_pairs(), shares, self.batch_size, seed)
        batches = mixed.batches(skip=progress.step)
        for _ in range(progress.step):
            sgd.step_schedules()
        while not self.is_over:
            batch = next(batches)
            losses = self._update(mixed.pairs, batch)
            progress.step += 1
            progress.epoch = progress.step // mixed.steps_per_pass
            info = {
                "step": progress.step,
                "epoch": progress.epoch,
                "losses": losses,
                "n_pairs": sum(map(len, batch)),
                "learn_rate": sgd.learn_rate,
                "score": None,
            }
            if progress.step % self.settings["eval_frequency"] == 0 or self.is_over:
                info["score"], info["other_scores"] = self._evaluate_on_main()
            yield info
        self.accelerator.wait_for_everyone()

    def _evaluate_on_main(self) -> Tuple[float, Dict[str, float]]:
        """Evaluate in the main process. The others get the score alone: they need it to stop when
        the main one does."""
        score, other_scores = self.evaluate() if self.is_main else (0.0, {})
        if self.accelerator.num_processes > 1:
            device = self.accelerator.device
            score = float(broadcast(torch.tensor(score, dtype=torch.float64, device=device)))
        return score, other_scores

    def load_pairs(self) -> List[StoredPairs]:
        """The pairs of the whole corpus of each source. If they are not stored yet, each process
        encodes a share, on its share of the cores.

        RAISES (ValueError): If there are none, or those that are stored have another signature.
        """
        return [*map(self._load_source, self.sources, self.signatures)]

    def _load_source(self, source: PairSource, signature: Dict[str, Any]) -> StoredPairs:
        folder, rank = self.out / "pairs" / source.folder, self.accelerator.process_index
        if not has_pairs(folder, signature):
            self.accelerator.wait_for_everyone()
            if self.is_main:  # files of a killed run, perhaps of more processes
                shutil.rmtree(folder, ignore_errors=True)
            self.accelerator.wait_for_everyone()
            n_pairs = encode_pairs(
                self.nlp,
                source.corpus,
                source.component,
                folder,
                rank=rank,
                n_ranks=self.accelerator.num_processes,
            )
            self._check_pairs(source, n_pairs)
            self.accelerator.wait_for_everyone()
            if self.is_main:
                finish_pairs(folder, signature)
        self.accelerator.wait_for_everyone()
        return StoredPairs(folder)

    def _check_pairs(self, source: PairSource, n_pairs: int) -> None:
        """RAISES (ValueError): If no process has any pairs. It is raised in all processes, so that
        none waits for a process that has ended.

        n_pairs (int): How many pairs this process has encoded.
        """
        local = torch.tensor(n_pairs, device=self.accelerator.device)
        if not int(self.accelerator.reduce(local, "sum")):
            settings = source.component.pair_settings().items()
            message = Errors.D023.format(
                name=source.name,
                component=source.component.name,
                settings=", ".join(f"{key} {value!r}" for key, value in settings),
            )
            raise ValueError(message)

    def _update(self, pairs: Sequence[StoredPairs], batch: Sequence[IntArray]) -> Dict[str, float]:
        """Change the weights by the gradient of a batch: that of each source, times its share.

        RETURNS (Dict[str, float]): The loss of each component, as `Trainer.accumulate` gives it.
        """
        losses = {
            source.component.name: self._accumulate(source, of_source, indices)
            for source, of_source, indices in zip(self.sources, pairs, batch, strict=True)
        }
        trainer, sgd = self.component.trainer, self.settings["optimizer"]
        if self.accelerator.num_processes > 1:
            sum_gradients(trainer.weights, self.accelerator)
        trainer.step(sgd)
        sgd.step_schedules()
        return losses

    def _accumulate(self, source: PairSource, pairs: StoredPairs, batch: IntArray) -> float:
        """Add the gradient of this process's share of a source's batch."""
        component, accelerator = source.component, self.accelerator
        share = batch[accelerator.process_index :: accelerator.num_processes]
        dtype = torch_dtype(component.training.dtype, accelerator.device)
        loss = component.trainer.accumulate(
            [pairs[int(i)] for i in share],
            partial(autocast, dtype, accelerator.device),
            drop=self.settings["dropout"],
            n_tokens=int(pairs.n_learnt[batch].sum()),
            n_pairs=len(batch),
            weight=source.share,
        )
        if accelerator.num_processes > 1:
            local = torch.tensor(loss, dtype=torch.float32, device=accelerator.device)
            loss = float(accelerator.reduce(local, "sum"))
        return loss


def sum_gradients(weights: Sequence[Any], accelerator: Accelerator) -> None:
    """Give each process the sum of all processes' gradients, in one message."""
    for weight in weights:
        if weight.grad is None:  # this process's share of the batch was empty
            weight.grad = torch.zeros_like(weight)
    flat = torch.cat([weight.grad.flatten() for weight in weights])
    flat = accelerator.reduce(flat, "sum")
    parts = flat.split([weight.numel() for weight in weights])
    for weight, part in zip(weights, parts, strict=True):
        weight.grad.copy_(part.view_as(weight))


class StepLog:
    """Logs loss, learning rate and speed every `STEPS_PER_ROW` steps, and each score: to the
    console, to OUT/log.jsonl, and to accelerate's tracker."""

    def __init__(self, out: Path, accelerator: Accelerator) -> None:
        self.path, self.accelerator = out / "log.jsonl", accelerator
        self._reset()

    def _reset(self) -> None:
        self.start, self.n_pairs = time.monotonic(), 0
        self.losses: List[float] = []

    def __call__(self, info: StepInfo) -> None:
        """info (StepInfo): What `DistributedTraining.steps` yields."""
        self.losses.append(sum(info["losses"].values()))
        self.n_pairs += info["n_pairs"]
        if info["step"] % STEPS_PER_ROW == 0:
            row = {
                "step": info["step"],
                "loss": round(sum(self.losses) / len(self.losses), 4),
                "learn_rate": info["learn_rate"],
                "pairs_per_second": round(self.n_pairs / (time.monotonic() - self.start), 1),
            }
            self._write(row)
            self._reset()
        if info["score"] is not None:
            self._write({"step": info["step"], "score": round(info["score"], 4)})

    def _write(self, row: Dict[str, float]) -> None:
        print("  ".join(f"{key} {value:g}" for key, value in row.items()), flush=True)
        with self.path.open("a", encoding="utf8") as file:
            file.write(srsly.json_dumps(row) + "\n")
        self.accelerator.log(row, step=int(row["step"]))


def _log_nothing(info: StepInfo) -> None:
    """The log of the processes that are not the main one."""


if __name__ == "__main__":
    app = typer.Typer()
    options = {"allow_extra_args": True, "ignore_unknown_options": True}
    app.command(context_settings=options)(main)
    app()
