"""Speed of the search beside transformers' `generate` with a dict of prefixes.

    python benchmarks/search.py [DATA] [--shape mini] [--beams 5] [--tokens 64] [--batch 32] ...

DATA holds titles/titles.tsv.gz and benchmarks/wned_wiki.jsonl.gz; it is needed for the shape
"mini", the model that comes with the package, with those titles and mentions. "base" and "large"
are BARTs with random weights and 100,000 made-up titles. All systems take turns in one process;
printed are medians.
"""

import copy
import gc
import statistics
import time
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
import torch
import typer
from datasets import make_linker, read_gold
from torch.profiler import ProfilerActivity, profile
from transformers import BartConfig, BartForConditionalGeneration
from transformers.utils import logging

from spacy_genre import TokenTrie
from spacy_genre.decoding import constrained_search
from spacy_genre.model import pad

logging.set_verbosity_error()
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
SIZES = {"base": (768, 6, 12, 3072), "large": (1024, 12, 16, 4096)}
System = Callable[[List[List[int]]], None]
N_TITLES, VOCABULARY = 100_000, 50_265
# What torch calls the operations that multiply matrices.
MATMULS = ("mm", "linear", "baddbmm", "attention")


@dataclass(frozen=True)
class Task:
    """A model, the sequences it may generate, and inputs to choose from."""

    model: Any
    trie: TokenTrie
    sequences: List[List[int]]
    inputs: List[List[int]]


class DictTrie:
    """Nested dicts, as in the paper's code; the end token is in them."""

    def __init__(self, sequences: Sequence[Sequence[int]], eos: int) -> None:
        self.root: Dict[int, Any] = {}
        for sequence in sequences:
            node = self.root
            for token in (*sequence, eos):
                node = node.setdefault(token, {})

    def allowed(self, _: int, sent: torch.Tensor) -> List[int]:
        """What may follow the start token and some tokens; never nothing, which would raise."""
        node = self.root
        for token in sent.tolist()[1:]:
            node = node.get(token, {})
        return list(node) or [1]


def mini_task(data: Path, n_tokens: int) -> Task:
    """The package's model with real titles and mentions."""
    nlp, linker = make_linker(data / "titles" / "titles.tsv.gz")
    docs = [gold.doc for gold in read_gold(data / "benchmarks" / "wned_wiki.jsonl.gz", nlp.vocab)]
    linker.context_tokens = n_tokens // 2
    inputs = linker._encode([ent for doc in docs for ent in doc.ents])
    trie = linker.titles.view.trie
    flat, lengths = trie.sequences()
    sequences = [part.tolist() for part in np.split(flat, np.cumsum(lengths)[:-1])]
    return Task(linker.shim.transformer, trie, sequences, [i[:510] for i in inputs if i])


def random_task(shape: str, n_tokens: int) -> Task:
    """A BART with random weights, sharp enough that its beams differ, and made-up titles."""
    d, layers, heads, ffn = SIZES[shape]
    half = {f"{side}_{key}": value for side in ("encoder", "decoder") for key, value in
            (("layers", layers), ("attention_heads", heads), ("ffn_dim", ffn))}  # fmt: skip
    torch.manual_seed(0)
    config = BartConfig(vocab_size=VOCABULARY, d_model=d, **half, forced_eos_token_id=None)
    model = BartForConditionalGeneration(config).eval()
    with torch.no_grad():
        norm: Any = model.model.decoder.layers[-1].final_layer_norm
        norm.weight.mul_(8)
    rng = np.random.default_rng(0)
    # Frequent first tokens and rare ones, as names have them.
    words = 4 + (rng.pareto(0.6, (N_TITLES, 12)) * 50).astype(int) % (VOCABULARY - 4)
    lengths = rng.integers(2, 12, N_TITLES)
    sequences = [[0, *row[:n].tolist()] for row, n in zip(words, lengths, strict=True)]
    trie, _ = TokenTrie.build(sequences)
    inputs = rng.integers(4, VOCABULARY, (512, n_tokens)).tolist()
    return Task(model, trie, sequences, inputs)


def by_generate(model: Any, trie: DictTrie, beams: int, inputs: List[List[int]]) -> None:
    """Let `generate` answer, called as in the paper's code."""
    config = model.config
    ids, mask = pad(inputs, config.pad_token_id, torch.device("cpu"))
    with torch.inference_mode():
        model.generate(
            input_ids=ids,
            attention_mask=mask,
            num_beams=beams,
            num_return_sequences=beams,
            min_length=0,
            max_new_tokens=64,
            prefix_allowed_tokens_fn=trie.allowed,
        )


def by_search(task: Task, dtype: str, beams: int, inputs: List[List[int]]) -> None:
    """Let this package's search answer."""
    constrained_search(task.model, inputs, task.trie, num_beams=beams, dtype=DTYPES[dtype])


def outside_matmul(run: Callable[[], Any]) -> Tuple[float, float]:
    """The share of a run's time that is not spent in multiplying matrices, and their FLOP."""
    with profile(activities=[ProfilerActivity.CPU], with_flops=True) as profiler:
        start = time.perf_counter()
        run()
        seconds = time.perf_counter() - start
    events = profiler.key_averages()
    inside = sum(
        event.self_cpu_time_total for event in events if any(name in event.key for name in MATMULS)
    )
    return 1 - inside / 1e6 / seconds, sum(event.flops for event in events)


def peak_memory(run: Callable[[], Any]) -> float:
    """How many MB a run takes on top of what is taken already (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    run()
    return (_status("VmHWM") - before) / 1024


def _status(key: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1])
    raise ValueError(key)


def gemm_peak(dtype: torch.dtype, size: int = 1024) -> float:
    """FLOP a second in a large multiplication."""
    a, b = (torch.randn(size, size).to(dtype) for _ in range(2))
    times = []
    for _ in range(10):
        start = time.perf_counter()
        torch.mm(a, b)
        times.append(time.perf_counter() - start)
    return 2 * size**3 / min(times)


def measure(systems: Dict[str, System], batches: List[List[List[int]]]) -> Dict[str, List[float]]:
    """The seconds that each system takes for each batch; they take turns."""
    times: Dict[str, List[float]] = {name: [] for name in systems}
    for batch in batches:
        for name, run in systems.items():
            start = time.perf_counter()
            run(batch)
            times[name].append(time.perf_counter() - start)
    return times


def main(
    data: Annotated[Optional[Path], typer.Argument(help="Real titles and mentions.")] = None,
    shape: Annotated[str, typer.Option(help="mini, base or large.")] = "mini",
    beams: Annotated[List[int], typer.Option(help="How many beams.")] = [5],  # noqa: B006
    tokens: Annotated[int, typer.Option(help="Length of the input.")] = 64,
    batch: Annotated[List[int], typer.Option(help="Mentions at a time.")] = [1, 8, 32],  # noqa: B006
    dtype: Annotated[List[str], typer.Option(help="What to compute in.")] = list(DTYPES),  # noqa: B006
    rounds: Annotated[int, typer.Option(help="Batches to take the median of.")] = 5,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 2,
    ours: Annotated[bool, typer.Option(help="Leave out `generate`.")] = False,
    details: Annotated[bool, typer.Option(help="Memory and what the time goes into, too.")] = False,
) -> None:
    """Print mentions a second of each system."""
    torch.set_num_threads(threads)
    task = mini_task(data, tokens) if shape == "mini" and data else random_task(shape, tokens)
    systems_of = partial(make_systems, task, dtype, ours)
    gc.freeze()  # or the collector would go through millions of dicts again and again
    rng = np.random.default_rng(0)
    for n_beams in beams:
        systems = systems_of(n_beams)
        for n in batch:
            chosen = [rng.choice(len(task.inputs), n, replace=False) for _ in range(rounds + 1)]
            batches = [[task.inputs[i] for i in rows] for rows in chosen]
            measure(systems, batches[:1])  # everything is loaded and packed then
            times = measure(systems, batches[1:])
            report(f"{shape} {tokens} tokens, {n_beams} beams, batch {n}", n, times)
            if details:
                explain(systems, batches[0], dtype)


def make_systems(task: Task, dtypes: List[str], only_ours: bool, beams: int) -> Dict[str, System]:
    """What is compared, by name."""
    systems: Dict[str, System] = {}
    trie = DictTrie([] if only_ours else task.sequences, task.model.config.eos_token_id)
    for name in dtypes:
        if not only_ours:
            model = copy.deepcopy(task.model).to(DTYPES[name])
            systems[f"generate {name}"] = partial(by_generate, model, trie, beams)
        # A module's weights are packed for one dtype at a time.
        own = replace(task, model=copy.deepcopy(task.model))
        systems[f"search {name}"] = partial(by_search, own, name, beams)
    return systems


def report(title: str, n: int, times: Dict[str, List[float]]) -> None:
    """Print medians, and for each system how many times faster than the first one it is."""
    print(f"{title}, {torch.get_num_threads()} threads")
    first = next(iter(times.values()))
    for name, seconds in times.items():
        ratio = statistics.median(a / b for a, b in zip(first, seconds, strict=True))
        a_second = n / statistics.median(seconds)
        print(f"  {name:20} {a_second:8.1f} mentions a second {ratio:6.1f} x", flush=True)


def explain(systems: Dict[str, System], batch: List[List[int]], dtypes: List[str]) -> None:
    """Print what the time goes into, and the memory."""
    for name in dtypes:
        print(f"  {name}: {gemm_peak(DTYPES[name]) / 1e9:.0f} GFLOP/s in a large multiplication")
    for name, run in systems.items():
        share, flops = outside_matmul(partial(run, batch))
        print(
            f"  {name:20} {flops / len(batch) / 1e9:5.2f} GFLOP a mention, {share:4.0%} of the "
            f"time not in multiplications, {peak_memory(partial(run, batch)):6.0f} MB at the peak",
            flush=True,
        )


if __name__ == "__main__":
    typer.run(main)
