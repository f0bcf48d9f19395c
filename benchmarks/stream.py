"""Whether `nlp.pipe` keeps its speed and its memory over a long stream.

    python benchmarks/stream.py DATA [--docs 2000] [--n-process 1] [--n-process 2]
    python benchmarks/stream.py DATA --mentions 100000      until so many mentions are linked

DATA holds titles/titles.tsv.gz and benchmarks/wned_wiki.jsonl.gz: the documents of the stream are
those texts, again and again, with their gold mentions as entities. Printed are mentions a second
and the memory, for each tenth of the stream; with several processes the memory of all together,
in which what they share is counted for each.
"""

import time
from itertools import cycle, islice
from pathlib import Path
from typing import Annotated, Iterator, List

import torch
import typer
from datasets import make_linker, read_gold
from machine import memory
from spacy.language import Language
from spacy.tokens import Doc


def main(
    data: Annotated[Path, typer.Argument(help="Real titles and mentions.")],
    docs: Annotated[int, typer.Option(help="Length of the stream in documents.")] = 2000,
    mentions: Annotated[int, typer.Option(help="Its length in mentions instead.")] = 0,
    n_process: Annotated[List[int], typer.Option(help="Processes, one run for each.")] = [1, 2],  # noqa: B006
    batch_size: Annotated[int, typer.Option(help="Documents at a time.")] = 32,
    threads: Annotated[int, typer.Option(help="Threads of torch in one process.")] = 2,
) -> None:
    """Print speed and memory along the stream."""
    torch.set_num_threads(threads)
    nlp, _ = make_linker(data / "titles" / "titles.tsv.gz")
    gold = read_gold(data / "benchmarks" / "wned_wiki.jsonl.gz", nlp.vocab)
    texts = [one.doc for one in gold if len(one.doc.ents)]
    stream = [*islice(cycle(texts), docs)]
    if mentions:
        stream = [*first_mentions(cycle(texts), mentions)]
    for n in n_process:
        n_mentions = sum(len(doc.ents) for doc in stream)
        print(f"{len(stream)} documents, {n_mentions} mentions, {n} processes", flush=True)
        follow(nlp, stream, n, batch_size)


def first_mentions(docs: Iterator[Doc], n: int) -> Iterator[Doc]:
    """Documents until they have n mentions."""
    while n > 0:
        doc = next(docs)
        n -= len(doc.ents)
        yield doc


def follow(nlp: Language, stream: List[Doc], n_process: int, batch_size: int) -> None:
    """Link a stream, and print what each tenth of it took."""
    # Copies, or the annotations of the first round would be there in the next.
    docs = (doc.copy() for doc in stream)
    linked = nlp.pipe(docs, n_process=n_process, batch_size=batch_size)
    start, n_done, peak, part = time.perf_counter(), 0, 0.0, 1
    for i, doc in enumerate(linked, start=1):
        n_done += len(doc.ents)
        if i >= part * len(stream) / 10:
            speed, now = n_done / (time.perf_counter() - start), all_memory()
            print(f"  {part:2}/10 {speed:8.1f} mentions a second, {now:6.0f} MB", flush=True)
            start, n_done, part, peak = time.perf_counter(), 0, part + 1, max(peak, now)
    print(f"  {max(peak, memory('VmHWM')):.0f} MB at the peak")


def all_memory() -> float:
    """The memory of this process and of those that it has started, in MB."""
    children = Path("/proc/self/task").glob("*/children")
    processes = [pid for file in children for pid in file.read_text().split()]
    return memory() + sum(memory(process=pid) for pid in processes if Path("/proc", pid).exists())


if __name__ == "__main__":
    typer.run(main)
