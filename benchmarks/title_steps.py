"""Steps in the life of a title set, each in a process of its own so that its memory can be told;
`titles.py` runs them. Figures are printed as one line of JSON."""

import json
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List

import numpy as np
import typer

from spacy_genre import TitleSet
from spacy_genre.model.loading import load_name_tokenizer

app = typer.Typer()


def show(figures: Dict[str, Any]) -> None:
    print(json.dumps(figures), flush=True)


def memory_mb() -> Dict[str, float]:
    """The resident memory that is this process's own, that of files, and the most of both."""
    # Not getrusage, whose maximum a process takes over from the one that started it.
    lines = Path("/proc/self/status").read_text().split("\n")
    fields = dict(line.split(":") for line in lines if line.startswith(("Rss", "VmHWM")))
    return {key: int(value.split()[0]) / 1e3 for key, value in fields.items()}


@app.command()
def build(names_path: Path, path: Path) -> None:
    """From names, one a line, to a file; every name has an id."""
    names = names_path.read_text("utf8").split("\n")
    tokenizer = load_name_tokenizer(None)
    start = time.perf_counter()
    ids = [f"Q{i + 1}" for i in range(len(names))]
    TitleSet.build(names, tokenizer, ids=ids, on_invalid="skip").save(path)
    show({"from names to file s": time.perf_counter() - start, "its peak MB": memory_mb()["VmHWM"]})


@app.command("open")
def open_set(path: Path) -> None:
    """Open a set and do nothing else."""
    before, start = memory_mb(), time.perf_counter()
    _titles = TitleSet.open(path)
    ms, after = (time.perf_counter() - start) * 1e3, memory_mb()
    own, files = (after[key] - before[key] for key in ("RssAnon", "RssFile"))
    show({"open ms": ms, "its own MB": own, "its file's MB": files})


@app.command()
def hold(path: Path) -> None:
    """Read every page of a set, and hold it until a line comes in."""
    titles = TitleSet.open(path)
    arrays = titles.view.base.to_arrays().values()
    total = sum(int(array.view(np.uint8)[::1024].sum()) for array in arrays)
    show({"total": total})
    sys.stdin.readline()


@app.command()
def change(path: Path, out: Path) -> None:
    """Change a set, look at it after each change, and save it."""
    titles = TitleSet.open(path, tokenizer=load_name_tokenizer(None))
    rng = np.random.default_rng(0)
    known = [titles.view.name_at(int(row)) for row in rng.integers(0, len(titles), 10)]
    added = [f"A name that is not there ({i})" for i in range(5)]
    figures = {
        **timed("add", lambda name: titles.add(name, id="Q1"), added, titles),
        **timed("add_alias", lambda name: titles.add_alias("it", name), known[5:], titles),
        **timed("remove", titles.remove, known[:5], titles),
    }
    start = time.perf_counter()
    titles.save(out)
    saved = {
        "save after changes s": time.perf_counter() - start,
        "its peak MB": memory_mb()["VmHWM"],
    }
    show({**figures, **saved})


def timed(
    what: str, call: Callable[[str], None], names: List[str], titles: TitleSet
) -> Dict[str, float]:
    """The median and the longest time of a change and the look at the set behind it."""
    ms = []
    for name in names:
        start = time.perf_counter()
        call(name)
        _ = titles.trie
        ms.append((time.perf_counter() - start) * 1e3)
    return {f"{what} ms": float(np.median(ms)), f"{what} ms at most": max(ms)}


if __name__ == "__main__":
    app()
