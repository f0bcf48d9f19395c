"""Speed of the search beside transformers' `generate` with a dict of prefixes.

    python benchmarks/search.py [DATA] [--shape mini] [--beams 5] [--tokens 64] [--batch 32] ...
    python benchmarks/search.py DATA --everything           speeds of all of these
    python benchmarks/search.py DATA --check 1000           whether the answers are the same
    python benchmarks/search.py DATA --candidates 10        each mention with a few names of its own
    python benchmarks/search.py DATA --roofline --memory    how far from what the machine can do

DATA holds titles/titles.tsv.gz and benchmarks/wned_wiki.jsonl.gz; it is needed for the shape
"mini", the model that comes with the package, with those titles and mentions. "base" and "large"
are BARTs with random weights and 100,000 made-up titles. All systems take turns in one process;
printed are medians. With --gpu-id 0 they compute on a GPU (there --dtype float16 as well).
"""

import gc
import statistics
import time
from functools import partial
from itertools import product
from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional
from unittest import mock

import numpy as np
import torch
import typer
from machine import gemm_peak, outside_matmul, peak_memory
from search_checks import check as check_answers
from search_systems import DTYPES, System, Task, make_systems, mini_task, random_task
from transformers.utils import logging

from spacy_genre.decoding import TrieConstraint, constrained_search
from spacy_genre.decoding.bart.kv_cache import BartDecoder, DecoderRows
from spacy_genre.decoding.bart.stepper import BartStepDecoder

logging.set_verbosity_error()
Times = Dict[str, List[float]]
DEFAULT_DTYPES = ["float32", "bfloat16"]


def main(
    data: Annotated[Optional[Path], typer.Argument(help="Real titles and mentions.")] = None,
    shape: Annotated[List[str], typer.Option(help="mini, base or large.")] = ["mini"],  # noqa: B006
    beams: Annotated[List[int], typer.Option(help="How many beams.")] = [5],  # noqa: B006
    tokens: Annotated[List[int], typer.Option(help="Length of the input.")] = [64],  # noqa: B006
    batch: Annotated[List[int], typer.Option(help="Mentions at a time.")] = [1, 8, 32],  # noqa: B006
    dtype: Annotated[List[str], typer.Option(help="What to compute in.")] = DEFAULT_DTYPES,
    gpu_id: Annotated[int, typer.Option(help="The GPU, or -1 for the CPU.")] = -1,
    everything: Annotated[
        bool, typer.Option("--everything", help="All shapes, 5 and 10 beams, 64 and 256 tokens.")
    ] = False,
    candidates: Annotated[int, typer.Option(help="Only so many names for each mention.")] = 0,
    rounds: Annotated[int, typer.Option(help="Batches to take the median of.")] = 5,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 2,
    check: Annotated[
        int, typer.Option(help="Compare answers: so many mentions, half as many random cases.")
    ] = 0,
    roofline: Annotated[
        bool, typer.Option("--roofline", help="The share of what the machine can multiply.")
    ] = False,
    memory: Annotated[bool, typer.Option("--memory", help="Memory at the peak, too.")] = False,
    plot: Annotated[
        Optional[Path], typer.Option(help="Draw speed against batch size, of the last kind.")
    ] = None,
) -> None:
    """Print mentions a second of each system."""
    torch.set_num_threads(threads)
    if gpu_id >= 0 and (roofline or memory):
        raise typer.BadParameter("--roofline and --memory measure the CPU; leave out --gpu-id")
    device = f"cuda:{gpu_id}" if gpu_id >= 0 else "cpu"
    if everything:
        shape, beams, tokens = ["mini", "base", "large"], [5, 10], [64, 256]
    for one_shape, n_tokens in product(shape, tokens):
        if one_shape == "mini" and data is not None:
            task = mini_task(data, n_tokens)
        else:
            task = random_task(one_shape, n_tokens)
        for k in beams:
            systems = make_systems(task, dtype, k, candidates, max(batch), device)
            gc.freeze()  # or the collector would go through millions of dicts again and again
            if check:
                check_answers(task, systems, check)
            speeds: Times = {name: [] for name in systems}
            for n in batch:
                rng = np.random.default_rng(n)
                batches = [task.draw(n, rng) for _ in range(rounds + 1)]
                measure(systems, batches[:1])  # everything is loaded and packed then
                times = measure(systems, batches[1:])
                report(f"{one_shape}, {n_tokens} tokens, {k} beams, batch {n}", n, times)
                for name, seconds in times.items():
                    speeds[name].append(n / statistics.median(seconds))
                if roofline and not candidates:
                    explain(task, systems, k, batches[1:], times)
                if memory:
                    report_memory(systems, batches[0])
            if plot:
                draw(plot, batch, speeds)
            gc.unfreeze()


def measure(systems: Dict[str, System], batches: List[List[List[int]]]) -> Times:
    """The seconds that each system takes for each batch; they take turns."""
    times: Times = {name: [] for name in systems}
    for batch in batches:
        for name, run in systems.items():
            start = time.perf_counter()
            run(batch)
            times[name].append(time.perf_counter() - start)
    return times


def report(title: str, n: int, times: Times) -> None:
    """Print medians, and how many times faster than each kind of `generate` a system is."""
    print(f"{title}, {torch.get_num_threads()} threads")
    others = [name for name in times if name.startswith("generate")]
    for name, seconds in times.items():
        text = f"  {name:20} {n / statistics.median(seconds):8.1f} mentions a second"
        for other in others:
            if other != name:
                pairs = zip(times[other], seconds, strict=True)
                text += f"  {statistics.median(a / b for a, b in pairs):5.1f} x {other}"
        print(text, flush=True)


def explain(
    task: Task, systems: Dict[str, System], beams: int, batches: List[Any], times: Times
) -> None:
    """Print the arithmetic that the job needs, the machine's peak, and what share of it is used."""
    n = len(batches[0])
    needed = statistics.mean(needed_flop(task, beams, batch) for batch in batches) / n
    print(f"  needed are {needed / 1e9:.2f} GFLOP a mention")
    for name, run in systems.items():
        peak = gemm_peak(DTYPES[name.split()[-1]])
        share = needed * n / statistics.median(times[name]) / peak
        outside = outside_matmul(partial(run, batches[0]))
        print(f"  {name:20} {share:4.0%} of the peak, {peak / 1e9:.0f} GFLOP/s; ", end="")
        print(f"{outside:4.0%} of the time outside multiplications", flush=True)


def needed_flop(task: Task, beams: int, inputs: List[List[int]]) -> float:
    """The least arithmetic that a beam search of some inputs takes: the encoder reads each token
    once, and the decoder computes each sequence that is followed once."""
    config = task.model.config
    d, lengths = config.d_model, np.asarray([len(ids) for ids in inputs])
    seen: List[DecoderRows] = []
    decode = BartDecoder.decode

    def counted(self: BartDecoder, rows: DecoderRows) -> Any:
        seen.append(rows)
        return decode(self, rows)

    nothing_ahead = mock.patch.object(BartStepDecoder, "few_rows", 0)
    with mock.patch.object(BartDecoder, "decode", counted), nothing_ahead:
        constraint = TrieConstraint(task.trie, len(inputs), config.eos_token_id)
        constrained_search(task.model, inputs, constraint, num_beams=beams)
    n_rows = sum(len(rows.slots) for rows in seen)
    n_keys = sum(int((rows.depths + 1 + lengths.mean()).sum()) for rows in seen)
    # Multiplications (and as many additions); of keys and of values one each for each number.
    reading = lengths.sum() * (4 * d**2 + 2 * d * config.encoder_ffn_dim)
    reading += (lengths**2).sum() * 2 * d
    keys = lengths.sum() * 2 * d**2
    writing = n_rows * (6 * d**2 + 2 * d * config.decoder_ffn_dim) + n_keys * 2 * d
    head = n_rows * d * config.vocab_size
    layers = (config.encoder_layers, config.decoder_layers)
    return 2.0 * (layers[0] * reading + layers[1] * (keys + writing) + head)


def report_memory(systems: Dict[str, System], batch: List[List[int]]) -> None:
    """Print what each system takes beyond the model and the names."""
    for name, run in systems.items():
        more = peak_memory(partial(run, batch))
        print(f"  {name:20} {more:6.0f} MB more at the peak", flush=True)


def draw(path: Path, batch: List[int], speeds: Times) -> None:
    """Draw mentions a second against the size of the batch."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 4))
    for name, speed in speeds.items():
        axes.plot(batch, speed, marker="o", label=name)
    axes.set(xscale="log", yscale="log", xlabel="mentions in a batch", ylabel="mentions a second")
    axes.set_xticks(batch, [str(n) for n in batch])
    axes.legend()
    figure.savefig(path, dpi=150, bbox_inches="tight")


if __name__ == "__main__":
    typer.run(main)
