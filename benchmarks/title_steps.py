"""Single operations on a title set. `titles.py` runs each in a process of its own, so that its
memory can be measured. Each prints its figures as one line of JSON."""

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
    """The resident memory of this process: private (RssAnon), of mapped files (RssFile), and the
    peak of their sum (VmHWM)."""
    # getrusage is not usable: a process inherits its maximum from the process that started it.
    lines = Path("/proc/self/status").read_text().split("\n")
    fields = dict(line.split(":") for line in lines if line.startswith(("Rss", "VmHWM")))
    return {key: int(value.split()[0]) / 1e3 for key, value in fields.items()}


@app.command()
def build(names_path: Path, path: Path) -> None:
    """Build a title set from names, one per line, with an id for each."""
    names = names_path.read_text("utf8").split("\n")
    tokenizer = load_name_tokenizer(None)
    start = time.perf_counter()
    ids = [f"Q{i + 1}" for i in range(len(names))]
    TitleSet.build(names, tokenizer, ids=ids, on_invalid="skip").save(path)
    show({"names to file s": time.perf_counter() - start, "peak MB": memory_mb()["VmHWM"]})


@app.command("open")
def open_set(path: Path) -> None:
    """Open a title set."""
    before, start = memory_mb(), time.perf_counter()
    _titles = TitleSet.open(path)
    ms, after = (time.perf_counter() - start) * 1e3, memory_mb()
    private, mapped = (after[key] - before[key] for key in ("RssAnon", "RssFile"))
    show({"open ms": ms, "private MB": private, "mapped file MB": mapped})


@app.command()
def hold(path: Path) -> None:
    """Read every page of a title set and hold it until a line is read from stdin."""
    titles = TitleSet.open(path)
    arrays = titles.view.base.to_arrays().values()
    total = sum(int(array.view(np.uint8)[::1024].sum()) for array in arrays)
    show({"total": total})
    sys.stdin.readline()


@app.command()
def change(path: Path, out: Path) -> None:
    """Change a title set, read its trie after each change, and save it."""
    titles = TitleSet.open(path, tokenizer=load_name_tokenizer(None))
    rng = np.random.default_rng(0)
    names = [titles.view.name_at(int(row)) for row in rng.integers(0, len(titles), 10)]
    new_names = [f"A name that is not there ({i})" for i in range(5)]
    figures = {
        **timed("add", lambda name: titles.add(name, id="Q1"), new_names, titles),
        **timed("add_alias", lambda name: titles.add_alias("it", name), names[5:], titles),
        **timed("remove", titles.remove, names[:5], titles),
    }
    start = time.perf_counter()
    titles.save(out)
    saved = {
        "save after changes s": time.perf_counter() - start,
        "peak MB": memory_mb()["VmHWM"],
    }
    show({**figures, **saved})


def timed(
    what: str, change_name: Callable[[str], None], names: List[str], titles: TitleSet
) -> Dict[str, float]:
    """The median and the maximum time of a change and of reading the trie after it."""
    ms = []
    for name in names:
        start = time.perf_counter()
        change_name(name)
        _ = titles.trie
        ms.append((time.perf_counter() - start) * 1e3)
    return {f"{what} ms": float(np.median(ms)), f"{what} max ms": max(ms)}


if __name__ == "__main__":
    app()
