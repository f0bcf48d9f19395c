"""Speed and memory of training, compared with `Seq2SeqTrainer` of transformers.

    python benchmarks/training.py DATA [--texts 16] [--updates 8] [--rounds 3] [--threads 2]

DATA is a corpus, or any file of texts with mentions. Both systems train the model in the package on
the same pairs in the same batches, with the optimizer of configs/small.cfg. They take turns in one
process, each time from the start. `genre_linker` makes its pairs from spaCy's Examples in each
update; `Seq2SeqTrainer` gets ready-made pairs. Prints medians, without the first update of a round,
which allocates memory.
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
from spacy_genre.batching import pad
from spacy_genre.corpora.readers import Corpus_v1, texts_in
from spacy_genre.model.loading import load_name_tokenizer, load_pretrained
from spacy_genre.training.pairs import Pair

logging.set_verbosity_error()
CONFIG = Path(__file__).parents[1] / "configs" / "small.cfg"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
IGNORED = -100  # the label of padding, as in torch's cross entropy


@dataclass
class Run:
    """The measurements of a system.

    seconds (List[List[float]]): The time of each update, in each round.
    peak (List[float]): The memory in MB that each round takes at its peak.
    resident (List[float]): The resident memory in MB after each update of the last round.
    loss (List[float]): The loss of each update of the last round.
    """

    seconds: List[List[float]] = field(default_factory=list)
    peak: List[float] = field(default_factory=list)
    resident: List[float] = field(default_factory=list)
    loss: List[float] = field(default_factory=list)

    def start_round(self) -> None:
        self.seconds.append([])
        self.resident.clear()
        self.loss.clear()

    def add_update(self, seconds: float) -> None:
        self.seconds[-1].append(seconds)
        self.resident.append(memory())

    def medians(self) -> List[float]:
        """The median time in seconds of each update except for the first."""
        return [statistics.median(times) for times in zip(*self.seconds, strict=True)][1:]


def make_linker(titles: TitleSet, dtype: str) -> Any:
    """Make a component with the training settings of configs/small.cfg."""
    settings = load_config(CONFIG)["components"]["genre_linker"]["training"]
    nlp = spacy.blank("en")
    linker: Any = nlp.add_pipe("genre_linker", config={"training": {**settings, "dtype": dtype}})
    linker.titles = titles
    return linker


def train_linker(titles: TitleSet, batches: List[List[Example]], dtype: str, run: Run) -> None:
    """Train with the component's `update`."""
    config = load_config(CONFIG, interpolate=True)
    sgd = registry.resolve({"optimizer": config["training"]["optimizer"]})["optimizer"]
    linker = make_linker(titles, dtype)
    linker.initialize(lambda: batches[0])
    for batch in batches:
        start = time.perf_counter()
        losses = linker.update(batch, sgd=sgd)
        run.add_update(time.perf_counter() - start)
        run.loss.append(losses[linker.name])


class Timer(TrainerCallback):
    """Measures the time of each update, including the time to make its batch."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.last = 0.0

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        self.last = time.perf_counter()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        now = time.perf_counter()
        self.run.add_update(now - self.last)
        self.last = now

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if "loss" in (logs or {}):
            self.run.loss.append(logs["loss"])


def train_seq2seq(batches: List[List[Pair]], dtype: str, run: Run) -> None:
    """Train with `Seq2SeqTrainer`. Each item of its data set is a batch of pairs."""
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
        trainer: Any = SequentialTrainer(
            model=module,
            args=options,
            train_dataset=batches,
            data_collator=partial(collate, config=module.config),
            callbacks=[Timer(run)],
        )
        trainer.remove_callback(PrinterCallback)
        trainer.train()


class SequentialTrainer(Seq2SeqTrainer):
    """A trainer that takes the batches in their order."""

    def _get_train_sampler(self, *args: Any) -> Any:
        return torch.utils.data.SequentialSampler(args[0])


def collate(batches: List[List[Pair]], config: Any) -> Dict[str, torch.Tensor]:
    """The arguments of the forward pass for one batch of pairs."""
    (pairs,) = batches
    ids, mask = pad([pair.input for pair in pairs], config.pad_token_id)
    starts = [[config.decoder_start_token_id, *pair.name] for pair in pairs]
    ends = [[*pair.name, config.eos_token_id] for pair in pairs]
    arrays = {
        "input_ids": ids,
        "attention_mask": mask,
        "decoder_input_ids": pad(starts, config.pad_token_id)[0],
        "labels": pad(ends, IGNORED)[0],
    }
    return {key: torch.from_numpy(array) for key, array in arrays.items()}


def flop(config: Any, pairs: List[Pair]) -> float:
    """The FLOP of all matrix multiplications in an update, without those of padding."""
    d, total = config.d_model, 0
    for pair in pairs:
        s, t = len(pair.input), len(pair.name) + 1  # source and target tokens
        encoder = s * (4 * d * d + 2 * d * config.encoder_ffn_dim) + 2 * s * s * d
        decoder = t * (6 * d * d + 2 * d * config.decoder_ffn_dim) + 2 * s * d * d
        decoder += 2 * t * (t + s) * d
        total += config.encoder_layers * encoder + config.decoder_layers * decoder
        total += t * d * config.vocab_size
    return 3 * 2 * total


def main(
    data: Annotated[Path, typer.Argument(help="Texts with mentions.")],
    texts: Annotated[int, typer.Option(help="Texts in each batch.")] = 16,
    updates: Annotated[int, typer.Option(help="Updates in each round.")] = 8,
    rounds: Annotated[int, typer.Option(help="Rounds, of which the median is taken.")] = 3,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 2,
    dtype: Annotated[List[str], typer.Option(help="float32, bfloat16.")] = list(DTYPES),  # noqa: B006
) -> None:
    """Print pairs per second, the share of peak FLOP, and memory of both systems."""
    torch.set_num_threads(threads)
    n_texts = texts * updates
    golds = [text for text in islice(texts_in(data), 50 * n_texts) if text.mentions][:n_texts]
    names = {mention.title for text in golds for mention in text.mentions}
    titles = TitleSet.build(sorted(names), load_name_tokenizer(None), on_invalid="skip")
    reader = Corpus_v1(data, limit=50 * n_texts)(spacy.blank("en"))
    examples = [*islice((eg for eg in reader if eg.reference.ents), n_texts)]
    batches = [examples[i : i + texts] for i in range(0, len(examples), texts)]
    linker = make_linker(titles, "float32")
    pairs = [linker.make_pairs(batch) for batch in batches]
    config = linker.shim.transformer.config
    del linker
    n_pairs = sum(map(len, pairs))
    width = statistics.mean(len(pair.input) for batch in pairs for pair in batch)
    print(f"{n_pairs} pairs of {width:.0f} tokens in {len(batches)} batches, {threads} threads")
    for name in dtype:
        systems: Dict[str, Callable[[Run], None]] = {
            "Seq2SeqTrainer": partial(train_seq2seq, pairs, name),
            "genre_linker": partial(train_linker, titles, batches, name),
        }
        runs = measure(systems, rounds)
        peak = gemm_peak(DTYPES[name])
        print(f"{name}: {peak / 1e9:.0f} GFLOP/s in a large multiplication")
        report(runs, pairs, config, peak)


def measure(systems: Dict[str, Callable[[Run], None]], rounds: int) -> Dict[str, Run]:
    """Let the systems take turns."""
    runs = {name: Run() for name in systems}
    for _ in range(rounds):
        for name, train in systems.items():
            run = runs[name]
            run.start_round()
            gc.collect()
            torch.manual_seed(0)
            run.peak.append(peak_memory(partial(train, run)))
    return runs


def report(runs: Dict[str, Run], pairs: List[List[Pair]], config: Any, peak: float) -> None:
    """Print the measurements. The speed relative to the first system is a median, too."""
    first = next(iter(runs.values())).medians()
    for name, run in runs.items():
        seconds = run.medians()
        per_second = sum(map(len, pairs[1:])) / sum(seconds)
        share = sum(flop(config, batch) for batch in pairs[1:]) / sum(seconds) / peak
        ratio = statistics.median(a / b for a, b in zip(first, seconds, strict=True))
        growth = run.resident[-1] - run.resident[len(run.resident) // 2]
        print(
            f"  {name:15} {per_second:7.1f} pairs per second {ratio:5.2f} x, {share:4.0%} of peak, "
            f"{statistics.median(run.peak):6.0f} MB at the peak, {growth:+5.0f} MB in the second "
            f"half, loss {run.loss[0]:.3f} to {run.loss[-1]:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    typer.run(main)
