"""What a service counts, in the format of Prometheus."""

from typing import Callable

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

PREFIX = "spacy_genre"
POWERS = [4.0**n for n in range(9)]  # 1 to 65,536
CONTENT_TYPE = CONTENT_TYPE_LATEST


class Metrics:
    """The metrics of one service. Each has a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)  # memory and processor time
        self._requests = Counter(
            f"{PREFIX}_requests", "Requests.", ["path", "status"], registry=self.registry
        )
        self._seconds = Histogram(
            f"{PREFIX}_request_seconds", "Time to a reply.", ["path"], registry=self.registry
        )
        self._batch_jobs = Histogram(
            f"{PREFIX}_batch_requests",
            "Requests in a batch.",
            buckets=POWERS[:5],
            registry=self.registry,
        )
        self._batch_tokens = Histogram(
            f"{PREFIX}_batch_tokens", "Tokens in a batch.", buckets=POWERS, registry=self.registry
        )

    def watch(self, name: str, text: str, value: Callable[[], float]) -> None:
        """Add a value that is asked for when the metrics are read.

        name (str): Its name, without the prefix.
        text (str): What it is.
        value (Callable[[], float]): Gives the value.
        """
        Gauge(f"{PREFIX}_{name}", text, registry=self.registry).set_function(value)

    def count_request(self, path: str, status: int, seconds: float) -> None:
        """Count a request. The path is that of the route, so that there are few."""
        self._requests.labels(path, str(status)).inc()
        self._seconds.labels(path).observe(seconds)

    def count_batch(self, n_jobs: int, n_tokens: int) -> None:
        """Count a batch of requests."""
        self._batch_jobs.observe(n_jobs)
        self._batch_tokens.observe(n_tokens)

    def text(self) -> bytes:
        """All metrics, as Prometheus reads them."""
        return generate_latest(self.registry)
