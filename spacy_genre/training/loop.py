"""The training loop, and the steps of `genre train`.

`TrainingLoop` has two sources of steps. `SpacyTraining` takes spaCy's own, which update several
components from Examples and honour the config's batcher, logger and callbacks;
`distributed.DistributedTraining` takes pairs that are encoded once and divides each batch among
processes, for which spaCy's steps have no place.
"""

import shutil
import sys
import time
from abc import ABC, abstractmethod
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Tuple

from spacy.language import Language
from spacy.schemas import ConfigSchemaTraining
from spacy.training import Example
from spacy.training.loop import (
    clean_output_dir,
    create_before_to_disk_callback,
    create_evaluation_callback,
    create_train_batches,
    train_while_improving,
    update_meta,
)
from spacy.util import fix_random_seed, registry, resolve_dot_names

from ..atomic import atomic_folder, clean_up_folder
from ..errors import Errors
from .checkpoint import (
    BEST,
    CHECKPOINT,
    LAST,
    STEP,
    Progress,
    load_checkpoint,
    save_checkpoint,
)
from .task import trainable_components

# The info of a step, in the format of spaCy's loggers: "step", "epoch", "losses", "score" ...
StepInfo = Dict[str, Any]
LogStep = Callable[[StepInfo], None]


class TrainingLoop(ABC):
    """Trains a pipeline and writes it, with checkpoints. It resumes from the checkpoint in its
    folder, if there is one.

    nlp (Language): The pipeline, initialized.
    out (Path): The folder for model-best, model-last and the checkpoint. Each is replaced as a
        whole, so that a killed process leaves a usable one.
    minutes (float): The time between two checkpoints.
    is_main (bool): Whether this process evaluates and writes.
    progress (Progress): How far the training is.
    RAISES (OSError, ValueError): If the config has nothing to evaluate on, or the checkpoint is
        damaged.
    """

    def __init__(
        self, nlp: Language, out: Path, minutes: float = 10.0, *, is_main: bool = True
    ) -> None:
        self.nlp, self.out, self.seconds, self.is_main = nlp, out, 60 * minutes, is_main
        self.clean_up()
        self.progress: Progress = load_checkpoint(nlp, out / CHECKPOINT)
        self.config = self.make_config()
        self.settings: Dict[str, Any] = registry.resolve(
            self.config["training"], schema=ConfigSchemaTraining
        )
        corpora: Any = [self.settings["train_corpus"], self.settings["dev_corpus"]]
        self.train_corpus, self.dev_corpus = resolve_dot_names(self.config, corpora)
        self._check_evaluation()
        weights = self.settings["score_weights"]
        self.evaluate = create_evaluation_callback(nlp, self.dev_corpus, weights)
        self.before_to_disk = create_before_to_disk_callback(self.settings["before_to_disk"])
        if self.progress.step:
            self.progress.read_best(out / BEST, weights)

    def clean_up(self) -> None:
        """Remove or complete what a killed process has left half-written."""
        for name in (CHECKPOINT, BEST, LAST):
            clean_up_folder(self.out / name)

    def make_config(self) -> Any:
        """The pipeline's config, interpolated, from which the training is made."""
        return self.nlp.config.interpolate()

    @abstractmethod
    def steps(self) -> Iterator[StepInfo]:
        """Train. Yields the info of each step after it, when `progress.step` and `progress.epoch`
        are up to date. The score is None if there was no evaluation after the step."""

    @abstractmethod
    def open_log(self) -> Tuple[LogStep, Callable[[], None]]:
        """Two functions: one to call after each step, and one to call at the end."""

    @property
    def is_over(self) -> bool:
        """Whether a limit of the training is reached."""
        return self.progress.is_over(self.settings)

    def __call__(self) -> None:
        """Train until `training.max_steps` steps or `training.max_epochs` passes over the corpus
        are done in all (0 is no limit), or the score has not improved for `training.patience`
        steps."""
        if self.settings["seed"] is not None:
            fix_random_seed(self.settings["seed"])
        if self.is_main and not self.progress.step:
            clean_output_dir(self.out)
        log_step, close_log = self.open_log()
        saved = time.monotonic()
        try:
            for info in self.steps():
                if info["score"] is not None:
                    self._keep(info)
                log_step(info)
                if self.is_main and time.monotonic() - saved >= self.seconds:
                    save_checkpoint(self.nlp, self.out / CHECKPOINT, self.progress)
                    saved = time.monotonic()
                if self.progress.is_stuck(self.settings):
                    break
        finally:
            close_log()
        if self.is_main:
            self._write_last()
            # From it a later run knows that all steps are done.
            save_checkpoint(self.nlp, self.out / CHECKPOINT, self.progress)

    def _check_evaluation(self) -> None:
        """RAISES (ValueError): If the pipeline can't be evaluated: better now than at the first
        evaluation."""
        frequency = self.settings["eval_frequency"]
        if frequency < 1:
            key, allowed = "[training.eval_frequency]", "an integer, 1 or more"
            raise ValueError(Errors.D006.format(key=key, value=frequency, allowed=allowed))
        if next(iter(self.dev_corpus(self.nlp)), None) is None:
            raise ValueError(Errors.D026.format(name=self.settings["dev_corpus"]))

    def _keep(self, info: StepInfo) -> None:
        """Write the pipeline that was evaluated to model-last, and to model-best if it is."""
        is_best = self.progress.note_score(info["score"])
        if not self.is_main:
            return
        with self.nlp.select_pipes(disable=self.settings["frozen_components"]):
            update_meta(self.settings, self.nlp, info)
        self._write_last()
        if is_best:
            with atomic_folder(self.out / BEST) as folder:
                shutil.copytree(self.out / LAST, folder, dirs_exist_ok=True)
        info["output_path"] = str(self.out / LAST)

    def _write_last(self) -> None:
        with self.nlp.use_params(self.settings["optimizer"].averages):
            nlp = self.before_to_disk(self.nlp)
            nlp.meta[STEP] = self.progress.step
            with atomic_folder(self.out / LAST) as folder:
                nlp.to_disk(folder)


class SpacyTraining(TrainingLoop):
    """The training of `genre train`: the steps and evaluations of `spacy train`."""

    def make_config(self) -> Any:
        config = self.nlp.config.copy()
        if done := self.progress.step:  # another order of the examples than before
            config["system"]["seed"] = int(config["system"].get("seed") or 0) + done
        return config.interpolate()

    def open_log(self) -> Tuple[LogStep, Callable[[], None]]:
        with self.nlp.select_pipes(disable=self.settings["frozen_components"]):
            log, close_log = self.settings["logger"](self.nlp, sys.stdout, sys.stderr)
        # spaCy's loggers get None for a step that was not evaluated.
        return lambda info: log(info if info["score"] is not None else None), close_log

    def steps(self) -> Iterator[StepInfo]:
        settings, done = self.settings, self.progress.step
        self._advance_schedules(done)
        steps = train_while_improving(
            self.nlp,
            settings["optimizer"],
            self._batches(),
            self.evaluate,
            dropout=settings["dropout"],
            eval_frequency=settings["eval_frequency"],
            accumulate_gradient=settings["accumulate_gradient"],
            patience=0,  # `TrainingLoop` counts over all runs
            max_steps=settings["max_steps"] and settings["max_steps"] - done,  # 0: no limit
            exclude=settings["frozen_components"],
            annotating_components=settings["annotating_components"],
            before_update=self._before_update if settings["before_update"] else None,
        )
        for _, info, _ in steps:
            info["step"] += done
            self.progress.step = info["step"] + 1  # spaCy counts from 0
            yield info
        if not done:  # earlier runs may have had pairs
            self._check_pairs()

    def _check_pairs(self) -> None:
        """RAISES (ValueError): If the training had no pairs, so that its loss was 0."""
        for name, pipe in trainable_components(self.nlp):
            is_trained = name not in self.settings["frozen_components"]
            if is_trained and not pipe.n_pairs:
                raise ValueError(Errors.D034.format(component=name, n=self.progress.step))

    def _advance_schedules(self, n_steps: int) -> None:
        for _ in range(n_steps):
            self.settings["optimizer"].step_schedules()
        if not isinstance(self.settings["dropout"], (int, float)):
            next(islice(self.settings["dropout"], n_steps, n_steps), None)

    def _batches(self) -> Iterator[Tuple[int, List[Example]]]:
        """The number of the pass and a batch, for the passes over the corpus that are left. A pass
        that was interrupted starts again."""
        settings, done = self.settings, self.progress.epoch
        limit = settings["max_epochs"]
        batches = create_train_batches(
            self.nlp, self.train_corpus, settings["batcher"], limit - done if limit > 0 else limit
        )
        for epoch, batch in batches:
            self.progress.epoch = done + epoch
            yield self.progress.epoch, batch
        self.progress.epoch += 1  # the last pass is complete

    def _before_update(self, nlp: Language, info: StepInfo) -> None:
        self.settings["before_update"](nlp, {**info, "step": self.progress.step})
