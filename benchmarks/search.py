"""Speed of the search beside transformers' `generate` with a dict of prefixes.

    python benchmarks/search.py [DATA] [--shape mini] [--beams 5] [--tokens 64] [--batch 32] ...

DATA holds titles/titles.tsv.gz and benchmarks/wned_wiki.jsonl.gz; it is needed for the shape
"mini", the model that comes with the package, with those titles and mentions. "base" and "large"
are BARTs with random weights and 100,000 made-up titles. All systems take turns in one process;
printed are medians.
"""

import copy
import ctypes
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
from spacy_genre.decoding import constrained_search, score_sets
from spacy_genre.model import pad

logging.set_verbosity_error()
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
SIZES = {"base": (768, 6, 12, 3072), "large": (1024, 12, 16, 4096)}
# Sequences and their scores, best first.
Answers = List[Tuple[List[int], float]]
System = Callable[[List[List[int]]], List[Answers]]
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
        self.depth = max(map(len, sequences)) + 1
        self.root: Dict[int, Any] = {}
        for sequence in sequences:
            node = self.root
            for token in (*sequence, eos):
                node = node.setdefault(token, {})

    def allowed(self, sent: torch.Tensor) -> List[int]:
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


def by_generate(
    model: Any, tries: Sequence[DictTrie], beams: int, inputs: List[List[int]]
) -> List[Answers]:
    """The answers of `generate`, called as in the paper's code.

    tries (Sequence[DictTrie]): One for each input, or one for all.
    """
    config = model.config
    ids, mask = pad(inputs, config.pad_token_id, torch.device("cpu"))
    with torch.inference_mode():
        output = model.generate(
            input_ids=ids,
            attention_mask=mask,
            num_beams=beams,
            num_return_sequences=beams,
            min_length=0,
            max_new_tokens=max(trie.depth for trie in tries),
            prefix_allowed_tokens_fn=lambda i, sent: tries[i % len(tries)].allowed(sent),
            output_scores=True,
            return_dict_in_generate=True,
        )
    eos = config.eos_token_id
    rows = [row[1 : row.index(eos, 1)] if eos in row[1:] else row for row in output[0].tolist()]
    pairs = [*zip(rows, output.sequences_scores.tolist(), strict=True)]
    # Those far below are beams that nothing could follow.
    return [
        [pair for pair in pairs[i : i + beams] if pair[1] > -1e6]
        for i in range(0, len(pairs), beams)
    ]


def by_search(task: Task, dtype: str, beams: int, inputs: List[List[int]]) -> List[Answers]:
    """The answers of this package's search."""
    found = constrained_search(task.model, inputs, task.trie, num_beams=beams, dtype=DTYPES[dtype])
    return [[(task.trie.path(path.node), path.score) for path in paths] for paths in found]


def by_sets(
    task: Task, tries: List[TokenTrie], dtype: str, beams: int, inputs: List[List[int]]
) -> List[Answers]:
    """The answers of this package, where each input has a few names of its own."""
    tries = tries[: len(inputs)]
    search = partial(constrained_search, num_beams=beams, dtype=DTYPES[dtype])
    found = score_sets(task.model, inputs, tries, search, dtype=DTYPES[dtype])
    return [
        [(trie.path(path.node), path.score) for path in paths[:beams]]
        for paths, trie in zip(found, tries, strict=True)
    ]


def outside_matmul(run: Callable[[], Any]) -> float:
    """The share of a run's time that is not spent in multiplying matrices."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        start = time.perf_counter()
        run()
        seconds = time.perf_counter() - start
    inside = sum(
        event.self_cpu_time_total
        for event in profiler.key_averages()
        if any(name in event.key for name in MATMULS)
    )
    return 1 - inside / 1e6 / seconds


def peak_memory(run: Callable[[], Any]) -> float:
    """How many MB a run takes on top of what is taken already (Linux with glibc)."""
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = memory_status("VmRSS")
    run()
    return (memory_status("VmHWM") - before) / 1024


def memory_status(key: str) -> int:
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
    beams: Annotated[int, typer.Option(help="How many beams.")] = 5,
    tokens: Annotated[int, typer.Option(help="Length of the input.")] = 64,
    batch: Annotated[List[int], typer.Option(help="Mentions at a time.")] = [1, 8, 32],  # noqa: B006
    dtype: Annotated[List[str], typer.Option(help="What to compute in.")] = list(DTYPES),  # noqa: B006
    candidates: Annotated[int, typer.Option(help="Only so many names for each mention.")] = 0,
    rounds: Annotated[int, typer.Option(help="Batches to take the median of.")] = 5,
    threads: Annotated[int, typer.Option(help="Threads of torch.")] = 2,
    check: Annotated[int, typer.Option(help="Compare the answers for so many mentions.")] = 0,
    details: Annotated[bool, typer.Option(help="Memory and what the time goes into, too.")] = False,
    plot: Annotated[Optional[Path], typer.Option(help="Draw speed against batch size.")] = None,
) -> None:
    """Print mentions a second of each system."""
    torch.set_num_threads(threads)
    task = mini_task(data, tokens) if shape == "mini" and data else random_task(shape, tokens)
    systems = make_systems(task, dtype, beams, candidates, max(batch))
    gc.freeze()  # or the collector would go through millions of dicts again and again
    rng = np.random.default_rng(0)
    if check:
        compare(systems, draw_batch(task, check, rng))
    speeds: Dict[str, List[float]] = {name: [] for name in systems}
    for n in batch:
        batches = [draw_batch(task, n, rng) for _ in range(rounds + 1)]
        measure(systems, batches[:1])  # everything is loaded and packed then
        times = measure(systems, batches[1:])
        report(f"{shape}, {tokens} tokens, {beams} beams, batch {n}", n, times)
        for name, seconds in times.items():
            speeds[name].append(n / statistics.median(seconds))
        if details:
            explain(systems, batches[0], dtype)
    if plot:
        draw(plot, batch, speeds)


def draw_batch(task: Task, n: int, rng: np.random.Generator) -> List[List[int]]:
    return [task.inputs[i] for i in rng.choice(len(task.inputs), n, replace=False)]


def make_systems(
    task: Task, dtypes: List[str], beams: int, n_candidates: int, batch: int
) -> Dict[str, System]:
    """What is compared, by name."""
    eos = task.model.config.eos_token_id
    groups = [task.sequences]
    if n_candidates:
        rng = np.random.default_rng(1)
        rows = [rng.choice(len(task.sequences), n_candidates, replace=False) for _ in range(batch)]
        groups = [[task.sequences[i] for i in row] for row in rows]
    dict_tries = [DictTrie(group, eos) for group in groups]
    tries = [TokenTrie.build(group)[0] for group in groups] if n_candidates else []
    systems: Dict[str, System] = {}
    for name in dtypes:
        model = copy.deepcopy(task.model).to(DTYPES[name])
        systems[f"generate {name}"] = partial(by_generate, model, dict_tries, beams)
        # A module's weights are packed for one dtype at a time.
        own = replace(task, model=copy.deepcopy(task.model))
        if n_candidates:
            systems[f"sets {name}"] = partial(by_sets, own, tries, name, beams)
        else:
            systems[f"search {name}"] = partial(by_search, own, name, beams)
    return systems


def compare(systems: Dict[str, System], inputs: List[List[int]]) -> None:
    """Print how far each system's answers are those of the first one, one mention at a time."""
    first = next(iter(systems.values()))
    expected = [first([ids])[0] for ids in inputs]
    print(f"beside the first, one of {len(inputs)} mentions at a time:")
    for name, run in systems.items():
        found = run(inputs) if name.startswith("search") else [run([ids])[0] for ids in inputs]
        pairs = [*zip(found, expected, strict=True)]
        best = np.mean([a[0][0] == b[0][0] for a, b in pairs])
        same = np.mean([[t for t, _ in a] == [t for t, _ in b] for a, b in pairs])
        apart = [
            abs(score - other)
            for a, b in pairs
            for tokens, score in a
            for other_tokens, other in b
            if tokens == other_tokens
        ]
        print(
            f"  {name:20} same first answer {best:7.2%}, all the same {same:7.2%}, scores apart "
            f"{max(apart):.1e} at most",
            flush=True,
        )


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
        share = outside_matmul(partial(run, batch))
        memory = peak_memory(partial(run, batch))
        print(
            f"  {name:20} {share:4.0%} of the time not in multiplications, "
            f"{memory:6.0f} MB more at the peak",
            flush=True,
        )


def draw(path: Path, batch: List[int], speeds: Dict[str, List[float]]) -> None:
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
