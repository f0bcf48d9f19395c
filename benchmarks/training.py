"""Speed and memory of training beside transformers' own `Seq2SeqTrainer`.

    python benchmarks/training.py DATA [--texts 16] [--updates 8] [--rounds 3] [--threads 2]

DATA is a corpus, or any file of texts with mentions. Both train the model that comes with the
package on the same pairs of input and name, in the same batches, with the optimizer of
configs/small.cfg; they take turns in one process, each time from the beginning. `genre_linker`
makes its pairs of spaCy's Examples at each update; `Seq2SeqTrainer` gets them ready-made. Printed
are medians; the first update of a round, which allocates, is not counted.
"""

import gc
import statistics
import tempfile
import time
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Callable, Dict, List

import spacy
import torch
import typer
from machine import gemm_peak, memory, peak_memory
from spacy.training import Example
from spacy.util import load_config, registry
from transformers import Seq2SeqTrainer, Seq2SeqTrainingArguments, TrainerCallback
from transformers.trainer_callback import PrinterCallback
from transformers.utils import logging

from spacy_genre import TitleSet
from spacy_genre.corpora.readers import Corpus_v1, texts_in
from spacy_genre.model.loading import load_name_tokenizer, load_pretrained
from spacy_genre.model.seq2seq import IGNORED, pad
from spacy_genre.training.pairs import Pair

logging.set_verbosity_error()
CONFIG = Path(__file__).parents[1] / "configs" / "small.cfg"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


@dataclass
class Run:
    """What was measured of a system.

    seconds (List[List[float]]): Of each update, in each round.
    peak (List[float]): MB on top of what was taken before a round.
    resident (List[float]): MB that the process holds after each update of the last round.
    loss (List[float]): Of each update of the last round.
    """

    seconds: List[List[float]] = field(default_factory=list)
    peak: List[float] = field(default_factory=list)
    resident: List[float] = field(default_factory=list)
    loss: List[float] = field(default_factory=list)

    def begin(self) -> None:
        self.seconds.append([])
        self.resident.clear()
        self.loss.clear()

    def note(self, seconds: float) -> None:
        self.seconds[-1].append(seconds)
        self.resident.append(memory())

    def medians(self) -> List[float]:
        """The median seconds of each update but for the first."""
        return [statistics.median(times) for times in zip(*self.seconds, strict=True)][1:]


def make_linker(titles: TitleSet, dtype: str) -> Any:
    """A component as configs/small.cfg has it."""
    settings = load_config(CONFIG)["components"]["genre_linker"]["training"]
    nlp = spacy.blank("en")
    linker: Any = nlp.add_pipe("genre_linker", config={"training": {**settings, "dtype": dtype}})
    linker.titles = titles
    return linker


def by_update(titles: TitleSet, batches: List[List[Example]], dtype: str, run: Run) -> None:
    """Train by the component's own `update`."""
    config = load_config(CONFIG, interpolate=True)
    sgd = registry.resolve({"optimizer": config["training"]["optimizer"]})["optimizer"]
    linker = make_linker(titles, dtype)
    linker.initialize(lambda: batches[0])
    for batch in batches:
        start = time.perf_counter()
        losses = linker.update(batch, sgd=sgd)
        run.note(time.perf_counter() - start)
        run.loss.append(losses[linker.name])


class Clock(TrainerCallback):
    """Notes how long each update takes, the making of its batch included."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.last = 0.0

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        self.last = time.perf_counter()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        now = time.perf_counter()
        self.run.note(now - self.last)
        self.last = now

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if "loss" in (logs or {}):
            self.run.loss.append(logs["loss"])


def by_trainer(batches: List[List[Pair]], dtype: str, run: Run) -> None:
    """Train by transformers' `Seq2SeqTrainer`. An item of its data is a whole batch of ours."""
    optimizer = load_config(CONFIG, interpolate=True)["training"]["optimizer"]
    hf = load_pretrained(None)
    module: Any = hf.transformer
    with tempfile.TemporaryDirectory() as folder:
        options = Seq2SeqTrainingArguments(
            output_dir=folder,
            use_cpu=True,
            bf16=dtype == "bfloat16",
            per_device_train_batch_size=1,
            max_steps=len(batches),
            label_smoothing_factor=0.1,
            learning_rate=optimizer["learn_rate"]["initial_rate"],
            warmup_steps=optimizer["learn_rate"]["warmup_steps"],
            adam_beta2=optimizer["beta2"],
            weight_decay=optimizer["L2"],
            max_grad_norm=optimizer["grad_clip"],
            logging_steps=1,
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            remove_unused_columns=False,
        )
        trainer: Any = InOrder(
            model=module,
            args=options,
            train_dataset=batches,
            data_collator=partial(collate, config=module.config),
            callbacks=[Clock(run)],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()


class InOrder(Seq2SeqTrainer):
    """Takes the batches as they come."""

    def _get_train_sampler(self, *args: Any) -> Any:
        return torch.utils.data.SequentialSampler(args[0])


def collate(batches: List[List[Pair]], config: Any) -> Dict[str, torch.Tensor]:
    """What the module's forward pass takes, for one batch of pairs."""
    (pairs,) = batches
    cpu = torch.device("cpu")
    ids, mask = pad([pair.input for pair in pairs], config.pad_token_id, cpu)
    starts = [[config.decoder_start_token_id, *pair.name] for pair in pairs]
    return {
        "input_ids": ids,
        "attention_mask": mask,
        "decoder_input_ids": pad(starts, config.pad_token_id, cpu)[0],
        "labels": pad([[*p.name, config.eos_token_id] for p in pairs], IGNORED, cpu)[0],
    }


def flop(config: Any, pairs: List[Pair]) -> float:
    """The operations of the multiplications of an update, forward and backward, without padding."""
    d, total = config.d_model, 0
    for pair in pairs:
        s, t = len(pair.input), len(pair.name) + 1
        encoder = s * (4 * d * d + 2 * d * config.encoder_ffn_dim) + 2 * s * s * d
        decoder = t * (6 * d * d + 2 * d * config.decoder_ffn_dim) + 2 * s * d * d
        decoder += 2 * t * (t + s) * d
        total += config.encoder_layers * encoder + config.decoder_layers * decoder
        total += t * d * config.vocab_size
    return 3 * 2 * total


def main(
    data: Annotated[Path, typer.Argument(help="Texts with mentions.")],
    texts: Annotated[int, typer.Option(help="Texts in a batch.")] = 16,
    updates: Annotated[int, typer.Option(help="Updates in a round.")] = 8,
    rounds: Annotated[int, typer.Option(help="Rounds to take the median of.")] = 3,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 2,
    dtype: Annotated[List[str], typer.Option(help="What to compute in.")] = list(DTYPES),  # noqa: B006
) -> None:
    """Print examples a second, the share of the peak, and memory of both."""
    torch.set_num_threads(threads)
    n_texts = texts * updates
    golds = [text for text in islice(texts_in(data), 50 * n_texts) if text.mentions][:n_texts]
    names = {mention.title for text in golds for mention in text.mentions}
    titles = TitleSet.build(sorted(names), load_name_tokenizer(None), on_invalid="skip")
    reader = Corpus_v1(data, limit=50 * n_texts)(spacy.blank("en"))
    examples = [*islice((eg for eg in reader if eg.reference.ents), n_texts)]
    batches = [examples[i : i + texts] for i in range(0, len(examples), texts)]
    linker = make_linker(titles, "float32")
    pairs = [linker._pairs(batch) for batch in batches]
    config = linker.shim.transformer.config
    del linker
    n_pairs = sum(map(len, pairs))
    width = statistics.mean(len(pair.input) for batch in pairs for pair in batch)
    print(f"{n_pairs} pairs of {width:.0f} tokens in {len(batches)} batches, {threads} threads")
    for name in dtype:
        systems: Dict[str, Callable[[Run], None]] = {
            "Seq2SeqTrainer": partial(by_trainer, pairs, name),
            "genre_linker": partial(by_update, titles, batches, name),
        }
        found = measure(systems, rounds)
        peak = gemm_peak(DTYPES[name])
        print(f"{name}: {peak / 1e9:.0f} GFLOP/s in a large multiplication")
        report(found, pairs, config, peak)


def measure(systems: Dict[str, Callable[[Run], None]], rounds: int) -> Dict[str, Run]:
    """Let the systems take turns."""
    found = {name: Run() for name in systems}
    for _ in range(rounds):
        for name, train in systems.items():
            run = found[name]
            run.begin()
            gc.collect()
            torch.manual_seed(0)
            run.peak.append(peak_memory(partial(train, run)))
    return found


def report(found: Dict[str, Run], pairs: List[List[Pair]], config: Any, peak: float) -> None:
    """Print what was measured; how many times faster than the first one is a median, too."""
    first = next(iter(found.values())).medians()
    for name, run in found.items():
        seconds = run.medians()
        a_second = sum(map(len, pairs[1:])) / sum(seconds)
        share = sum(flop(config, batch) for batch in pairs[1:]) / sum(seconds) / peak
        ratio = statistics.median(a / b for a, b in zip(first, seconds, strict=True))
        growth = run.resident[-1] - run.resident[len(run.resident) // 2]
        print(
            f"  {name:15} {a_second:7.1f} pairs a second {ratio:5.2f} x, {share:4.0%} of the peak, "
            f"{statistics.median(run.peak):6.0f} MB at the peak, {growth:+5.0f} MB in the second "
            f"half, loss {run.loss[0]:.3f} to {run.loss[-1]:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    typer.run(main)
