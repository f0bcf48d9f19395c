"""Speed of the linker while other programs use the same cores.

    python benchmarks/load.py [DATA] [--busy 0] [--busy 1] [--busy 2] [--rounds 9] [--dtype float32]

All of torch's threads and one thread take turns in one process. Printed are medians over the
rounds, and the speed with all threads (what users get) relative to the better one. The other
programs are processes in endless loops.

DATA holds titles/titles.tsv.gz and benchmarks/wned_wiki.jsonl.gz. Without it, the title set of the
package and some made-up texts are used.
"""

import statistics
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated, Any, Dict, Iterator, List, Optional

import spacy
import torch
import typer
from datasets import make_linker, read_gold
from spacy.language import Language
from spacy.tokens import Doc, Span

TEXT = "Einstein met Curie in Paris and Bohr in Copenhagen before Berlin became dangerous ."
MENTIONS = [0, 2, 4, 6, 8, 10]


def main(
    data: Annotated[Optional[Path], typer.Argument(help="Real titles and mentions.")] = None,
    busy: Annotated[List[int], typer.Option(help="Other busy processes.")] = [0, 1, 2],  # noqa: B006
    rounds: Annotated[int, typer.Option(help="Rounds to take the median of.")] = 9,
    docs: Annotated[int, typer.Option(help="Documents in a round.")] = 8,
    dtype: Annotated[str, typer.Option(help="What to compute in.")] = "float32",
    n_threads: Annotated[int, typer.Option(help="Torch's threads; 0 for its default.")] = 0,
) -> None:
    """Print mentions per second of each setting."""
    if n_threads:
        torch.set_num_threads(n_threads)
    most = torch.get_num_threads()
    nlp, stream = make_stream(data)
    nlp.get_pipe("genre_linker").dtype = dtype
    settings = {f"{most} threads": most, "1 thread": 1}
    for n_busy in busy:
        speeds: Dict[str, List[float]] = {name: [] for name in settings}
        with busy_processes(n_busy):
            for n_round in range(rounds + 1):
                batch = list(islice(stream, docs))
                for name, n in settings.items():
                    torch.set_num_threads(n)
                    speed = measure(nlp, batch)
                    if n_round:  # the first round compiles and packs
                        speeds[name].append(speed)
        report(f"{n_busy} busy processes, {dtype}", speeds)


def make_stream(data: Optional[Path]) -> Any:
    """A pipeline, and documents without end."""
    if data is None:
        nlp = spacy.blank("en")
        nlp.add_pipe("genre_linker")
        doc = Doc(nlp.vocab, TEXT.split())
        doc.ents = [Span(doc, i, i + 1, "MISC") for i in MENTIONS]
        return nlp, (make_variant(doc, i) for i in cycle(range(1000)))
    nlp, _ = make_linker(data / "titles" / "titles.tsv.gz")
    gold = read_gold(data / "benchmarks" / "wned_wiki.jsonl.gz", nlp.vocab)
    return nlp, cycle([row.doc for row in gold if row.doc.ents])


def make_variant(doc: Doc, i: int) -> Doc:
    """A document of another text: equal inputs would be searched once."""
    words = [token.text for token in doc]
    new = Doc(doc.vocab, words=[*words, *f"It was in {1000 + i} .".split()])
    new.ents = [Span(new, ent.start, ent.end, ent.label_) for ent in doc.ents]
    return new


def measure(nlp: Language, batch: List[Doc]) -> float:
    """Mentions per second."""
    copies = [doc.copy() for doc in batch]
    start = time.perf_counter()
    n = sum(len(doc.ents) for doc in nlp.pipe(copies))
    return n / (time.perf_counter() - start)


@contextmanager
def busy_processes(n: int) -> Iterator[None]:
    """Run some processes that keep a core busy each."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(n)]
    try:
        time.sleep(1)
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def report(title: str, speeds: Dict[str, List[float]]) -> None:
    """Print the medians."""
    medians = {name: statistics.median(values) for name, values in speeds.items()}
    print(title)
    for name, speed in medians.items():
        low, high = min(speeds[name]), max(speeds[name])
        print(f"  {name:12} {speed:7.1f} mentions per second ({low:.1f} to {high:.1f})")
    default = next(iter(medians.values()))
    print(f"  all threads: {default / max(medians.values()):.2f} times the better one", flush=True)


if __name__ == "__main__":
    typer.run(main)
