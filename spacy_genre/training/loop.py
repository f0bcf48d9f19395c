"""The training of `genre train`: spaCy's own steps and evaluations, which go on after a kill."""

import shutil
import sys
import time
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
from .checkpoint import CHECKPOINT, load_checkpoint, save_checkpoint, trained
from .progress import BEST, LAST, check_evaluation


class Training:
    """A training as `spacy train` does it, with checkpoints. It begins where the last one in its
    folder was written, if any.

    nlp (Language): The pipeline, initialized.
    out (Path): The folder for model-best, model-last and the checkpoint. At each moment it holds
        one of each, whole.
    minutes (float): How long to train before the next checkpoint is written.
    RAISES (OSError, ValueError): If the config has nothing to evaluate on, or the checkpoint is
        damaged.
    """

    def __init__(self, nlp: Language, out: Path, minutes: float = 10.0) -> None:
        self.nlp, self.out, self.seconds = nlp, out, 60 * minutes
        for name in (CHECKPOINT, BEST, LAST):
            clean_up_folder(out / name)  # if it was killed while it wrote one
        self.progress = load_checkpoint(nlp, out / CHECKPOINT)
        config = _with_another_seed(nlp.config, self.progress.step).interpolate()
        self.settings: Dict[str, Any] = registry.resolve(
            config["training"], schema=ConfigSchemaTraining
        )
        corpora: Any = [self.settings["train_corpus"], self.settings["dev_corpus"]]
        self.train_corpus, self.dev_corpus = resolve_dot_names(config, corpora)
        check_evaluation(self.settings, self.dev_corpus, nlp)
        self.before_to_disk = create_before_to_disk_callback(self.settings["before_to_disk"])
        if self.progress.step:
            self.progress.take_best(out / BEST, self.settings["score_weights"])

    @property
    def is_over(self) -> bool:
        """Whether all is done."""
        return self.progress.is_over(self.settings)

    def __call__(self) -> None:
        """Train until `training.max_steps` steps or `training.max_epochs` passes over the corpus
        are done in all, or `training.patience` steps brought nothing better."""
        settings, saved = self.settings, time.monotonic()
        done = self.progress.step
        if settings["seed"] is not None:
            fix_random_seed(settings["seed"])
        if not self.progress.step:
            clean_output_dir(self.out)
        with self.nlp.select_pipes(disable=settings["frozen_components"]):
            log, finish = settings["logger"](self.nlp, sys.stdout, sys.stderr)
        try:
            for info in self._steps():
                if info["score"] is not None:
                    self._keep(info)
                log(info if info["score"] is not None else None)
                if time.monotonic() - saved >= self.seconds:
                    save_checkpoint(self.nlp, self.out / CHECKPOINT, self.progress)
                    saved = time.monotonic()
                if self.progress.is_stuck(settings):
                    break
        finally:
            finish()
        self._check_pairs(done)
        self._write_last()
        # So that the last steps are known to be done.
        save_checkpoint(self.nlp, self.out / CHECKPOINT, self.progress)

    def _check_pairs(self, done: int) -> None:
        """RAISES (ValueError): If nothing was learned in the whole training: the loss was 0.

        done (int): The steps of earlier runs, which may have learned something.
        """
        for name, pipe in trained(self.nlp):
            is_frozen = name in self.settings["frozen_components"]
            if not done and not is_frozen and not getattr(pipe, "n_pairs", 1):
                message = Errors.D034.format(component=name, n=self.progress.step, kb_id=pipe.kb_id)
                raise ValueError(message)

    def _steps(self) -> Iterator[Dict[str, Any]]:
        """Train, and after each step yield what spaCy's loggers are told of it."""
        settings, done = self.settings, self.progress.step
        self._catch_up(done)
        steps = train_while_improving(
            self.nlp,
            settings["optimizer"],
            self._batches(),
            create_evaluation_callback(self.nlp, self.dev_corpus, settings["score_weights"]),
            dropout=settings["dropout"],
            eval_frequency=settings["eval_frequency"],
            accumulate_gradient=settings["accumulate_gradient"],
            patience=0,
            # 0 is no limit.
            max_steps=settings["max_steps"] and settings["max_steps"] - done,
            exclude=settings["frozen_components"],
            annotating_components=settings["annotating_components"],
            before_update=self._before_update if settings["before_update"] else None,
        )
        for _, info, _ in steps:
            info["step"] += done
            self.progress.step = info["step"] + 1  # spaCy counts from 0
            yield info

    def _catch_up(self, done: int) -> None:
        """Move the schedules to where they were after some steps."""
        for _ in range(done):
            self.settings["optimizer"].step_schedules()
        if not isinstance(self.settings["dropout"], (int, float)):
            next(islice(self.settings["dropout"], done, done), None)

    def _batches(self) -> Iterator[Tuple[int, List[Example]]]:
        """The batches of the passes over the corpus that are left, with the number of the pass."""
        settings, done = self.settings, self.progress.epoch
        limit = settings["max_epochs"]
        batches = create_train_batches(
            self.nlp, self.train_corpus, settings["batcher"], limit - done if limit > 0 else limit
        )
        for epoch, batch in batches:
            self.progress.epoch = done + epoch
            yield self.progress.epoch, batch
        self.progress.epoch += 1  # the last one is whole

    def _before_update(self, nlp: Language, info: Dict[str, Any]) -> None:
        call: Callable = self.settings["before_update"]
        call(nlp, {**info, "step": self.progress.step})

    def _keep(self, info: Dict[str, Any]) -> None:
        """Write the pipeline that was evaluated, as the best one as well if it is."""
        is_best = self.progress.note_score(info["score"])
        with self.nlp.select_pipes(disable=self.settings["frozen_components"]):
            update_meta(self.settings, self.nlp, info)
        self._write_last()
        if is_best:
            with atomic_folder(self.out / BEST) as folder:
                shutil.copytree(self.out / LAST, folder, dirs_exist_ok=True)
        info["output_path"] = str(self.out / LAST)

    def _write_last(self) -> None:
        with self.nlp.use_params(self.settings["optimizer"].averages):
            self.progress.write(self.before_to_disk(self.nlp), self.out / LAST)


def _with_another_seed(config: Any, steps: int) -> Any:
    """A config with another order of the examples than the one in which it began."""
    config = config.copy()
    if steps:
        config["system"]["seed"] = int(config["system"].get("seed") or 0) + steps
    return config
