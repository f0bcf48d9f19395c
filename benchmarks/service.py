"""Load test of the service: latency, throughput and memory with many clients at once.

    python benchmarks/service.py [--clients 50] [--seconds 30]

The service runs in a process of its own on this machine, with the model and the title set of the
package. Each client sends a text with two mentions, waits for the reply, and sends the next one. No
two texts are the same. Printed are the latencies and the throughput of one client and of all, those
of calls of the same pipeline without HTTP, one text at a time, and the memory of the service after
each part.
"""

import asyncio
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from typing import Annotated, Any, Dict, Iterator, List, Tuple

import httpx
import spacy
import typer
from machine import memory
from spacy.tokens import Span

CITIES = ["Paris", "Berlin", "Chicago", "Warsaw", "London", "Moscow", "Tokyo", "Madrid"]
PEOPLE = ["Einstein", "Marie Curie", "Barack Obama", "Shakespeare", "Tolstoy"]
PERCENTILES = (50, 95, 99)


def main(
    clients: Annotated[int, typer.Option(min=1, max=200, help="Clients at once.")] = 50,
    seconds: Annotated[float, typer.Option(min=1, max=300, help="Length of each part.")] = 30,
) -> None:
    """Print the figures."""
    calls = measure_calls(seconds / 3)
    print(f"calls without HTTP       {calls:6.1f} texts per second, one at a time")
    with running_service(clients) as (process, address):
        measure(address, clients, seconds / 6)  # memory grows with the largest batch at first
        print(f"memory before            {memory('VmRSS', str(process.pid)):6.0f} MB")
        for n in (1, clients, clients, clients):
            n_texts, n_batches = count_batches(address)
            latencies, errors = measure(address, n, seconds)
            report(n, latencies, errors, seconds)
            more_texts, more_batches = count_batches(address)
            mean = (more_texts - n_texts) / max(more_batches - n_batches, 1)
            size = memory("VmRSS", str(process.pid))
            print(f"{'':24} {mean:6.1f} texts in a batch; memory {size:.0f} MB", flush=True)


def make_request(number: int) -> Dict[str, Any]:
    """A text with two mentions, of which no other number has the same."""
    person, city = PEOPLE[number % len(PEOPLE)], CITIES[number // len(PEOPLE) % len(CITIES)]
    text = f"In report {number} we read that {person} came to {city} for the first time in years."
    places = [(text.index(name), text.index(name) + len(name)) for name in (person, city)]
    return {"text": text, "mentions": [{"start": start, "end": end} for start, end in places]}


def measure_calls(seconds: float) -> float:
    """Texts per second of the pipeline itself, one text at a time."""
    nlp = spacy.blank("en")
    linker = nlp.add_pipe("genre_linker")

    def link(number: int) -> None:
        request = make_request(number)
        doc = nlp.make_doc(request["text"])
        spans = [doc.char_span(m["start"], m["end"], "MISC") for m in request["mentions"]]
        doc.ents = [span for span in spans if isinstance(span, Span)]
        linker(doc)

    link(0)
    start, n = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        n += 1
        link(n)
    return n / (time.perf_counter() - start)


@contextmanager
def running_service(clients: int) -> Iterator[Tuple[subprocess.Popen, str]]:
    """A service on a free port of this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory() as folder:
        options = ["--port", str(port), "--max-per-client", str(clients)]
        command = [sys.executable, "-m", "spacy", "genre", "serve", *options]
        environment = {**os.environ, "SPACY_GENRE_DATA": folder}
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
        try:
            wait_until_ready(process, address)
            yield process, address
        finally:
            process.terminate()
            process.wait()


def wait_until_ready(process: subprocess.Popen, address: str) -> None:
    """Wait for the first reply."""
    for _ in range(600):
        if process.poll() is not None:
            raise SystemExit("The service has ended")
        try:
            httpx.get(f"{address}/health", timeout=5)
            return
        except httpx.TransportError:
            time.sleep(0.2)
    raise SystemExit("The service does not start")


def measure(address: str, clients: int, seconds: float) -> Tuple[List[float], int]:
    """The latency of each reply in seconds, and the number of replies that are errors."""
    return asyncio.run(_measure(address, clients, seconds))


async def _measure(address: str, clients: int, seconds: float) -> Tuple[List[float], int]:
    latencies: List[float] = []
    errors = 0
    end = time.perf_counter() + seconds
    numbers = iter(range(int(time.time() * 1000) % 10**9, 2 * 10**9))
    limits = httpx.Limits(max_connections=clients)

    async def run_client(http: httpx.AsyncClient) -> None:
        nonlocal errors
        while (start := time.perf_counter()) < end:
            response = await http.post("/link", json=make_request(next(numbers)))
            latencies.append(time.perf_counter() - start)
            errors += response.status_code != 200

    async with httpx.AsyncClient(base_url=address, timeout=60, limits=limits) as http:
        await asyncio.gather(*(run_client(http) for _ in range(clients)))
    return latencies, errors


def report(clients: int, latencies: List[float], errors: int, seconds: float) -> None:
    """Print the throughput and the percentiles of the latency."""
    points = statistics.quantiles(latencies, n=100)
    shown = ", ".join(f"p{p} {points[p - 1] * 1000:.0f} ms" for p in PERCENTILES)
    label = f"{clients} client{'s' if clients > 1 else ''}"
    speed = len(latencies) / seconds
    print(f"{label:24} {speed:6.1f} texts per second, {shown}, {errors} errors", flush=True)


def count_batches(address: str) -> Tuple[float, float]:
    """The number of requests in all batches so far, and of batches, from the service's metrics."""
    lines = httpx.get(f"{address}/metrics").text.splitlines()
    rows = (line.split() for line in lines if line and line[0] != "#")
    values = {name: float(value) for name, value in rows if "{" not in name}
    name = "spacy_genre_batch_requests"
    return values[f"{name}_sum"], values[f"{name}_count"]


if __name__ == "__main__":
    typer.run(main)
