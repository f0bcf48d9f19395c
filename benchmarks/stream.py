"""Speed and memory of `nlp.pipe` over a long stream.

    python benchmarks/stream.py DATA [--docs 2000] [--n-process 1] [--n-process 2]
    python benchmarks/stream.py DATA --mentions 100000      length in mentions

DATA has titles/titles.tsv.gz and benchmarks/wned_wiki.jsonl.gz. The stream repeats these texts,
with their gold mentions as entities. Prints mentions per second and memory for each tenth of the
stream. With several processes, the memory is the sum over all processes, in which shared memory is
counted once for each.
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
    data: Annotated[Path, typer.Argument(help="The folder with titles and mentions.")],
    docs: Annotated[int, typer.Option(help="Length of the stream in documents.")] = 2000,
    mentions: Annotated[
        int, typer.Option(help="Length of the stream in mentions, in place of --docs.")
    ] = 0,
    n_process: Annotated[
        List[int], typer.Option(help="The number of processes; may be repeated.")
    ] = [1, 2],  # noqa: B006
    batch_size: Annotated[int, typer.Option(help="Documents in a batch.")] = 32,
    threads: Annotated[int, typer.Option(help="Threads of torch in each process.")] = 2,
) -> None:
    """Print speed and memory for each tenth of the stream."""
    torch.set_num_threads(threads)
    nlp, _ = make_linker(data / "titles" / "titles.tsv.gz")
    gold = read_gold(data / "benchmarks" / "wned_wiki.jsonl.gz", nlp.vocab)
    docs_with_ents = [row.doc for row in gold if row.doc.ents]
    stream = [*islice(cycle(docs_with_ents), docs)]
    if mentions:
        stream = [*take_mentions(cycle(docs_with_ents), mentions)]
    for n in n_process:
        n_mentions = sum(len(doc.ents) for doc in stream)
        print(f"{len(stream)} documents, {n_mentions} mentions, {n} processes", flush=True)
        measure(nlp, stream, n, batch_size)


def take_mentions(docs: Iterator[Doc], n: int) -> Iterator[Doc]:
    """Yield documents until they have n mentions."""
    while n > 0:
        doc = next(docs)
        n -= len(doc.ents)
        yield doc


def measure(nlp: Language, stream: List[Doc], n_process: int, batch_size: int) -> None:
    """Link a stream and print speed and memory for each tenth."""
    # Copies, so that annotations of one round are not there in the next.
    docs = (doc.copy() for doc in stream)
    linked = nlp.pipe(docs, n_process=n_process, batch_size=batch_size)
    start, n_done, peak, part = time.perf_counter(), 0, 0.0, 1
    for i, doc in enumerate(linked, start=1):
        n_done += len(doc.ents)
        if i >= part * len(stream) / 10:
            speed, now = n_done / (time.perf_counter() - start), total_memory()
            print(f"  {part:2}/10 {speed:8.1f} mentions per second, {now:6.0f} MB", flush=True)
            start, n_done, part, peak = time.perf_counter(), 0, part + 1, max(peak, now)
    print(f"  {max(peak, memory('VmHWM')):.0f} MB at the peak")


def total_memory() -> float:
    """The memory of this process and its child processes, in MB."""
    children = Path("/proc/self/task").glob("*/children")
    processes = [pid for file in children for pid in file.read_text().split()]
    return memory() + sum(memory(process=pid) for pid in processes if Path("/proc", pid).exists())


if __name__ == "__main__":
    typer.run(main)
