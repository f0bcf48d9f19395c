"""A queue in which the jobs of all clients wait, and from which the model takes batches by tokens.

No library does all of this: `batched` and `async-batcher` have no limit in tokens or none for the
queue, and neither drops jobs whose client has stopped waiting.
"""

import asyncio
from collections import Counter, deque
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Callable, Deque, List, Optional, Sequence

from ..errors import Errors


class QueueFullError(Exception):
    """All clients together have too many tokens in the queue."""


class TooManyRequestsError(Exception):
    """A client has too many jobs in the queue."""


class StoppingError(Exception):
    """The queue takes no more jobs."""


@dataclass(eq=False)
class _Entry:
    job: Any
    n_tokens: int
    future: "asyncio.Future[Any]"


class TokenQueue:
    """Runs jobs in batches, in one thread, in the order in which they came.

    A batch begins as soon as the one before has ended, with all jobs that wait and fit. So a job
    never waits for others to come, and batches grow with the load.

    run (Callable[[List[Any]], Sequence[Any]]): Gives the result of each of some jobs, or an
        exception for it.
    batch_tokens (int): The most tokens of a batch, unless a single job has more.
    max_tokens (int): The most tokens that wait, unless a single job has more.
    max_per_client (int): The most jobs of a client that wait or run.
    timeout (float): The longest time that a job waits and runs, in seconds.
    on_batch (Callable[[int, int], None]): Called with the number of jobs and tokens of each batch.
    """

    def __init__(
        self,
        run: Callable[[List[Any]], Sequence[Any]],
        *,
        batch_tokens: int,
        max_tokens: int,
        max_per_client: int,
        timeout: float,
        on_batch: Callable[[int, int], None] = lambda n_jobs, n_tokens: None,
    ) -> None:
        self._run, self._on_batch = run, on_batch
        self.batch_tokens, self.max_tokens = batch_tokens, max_tokens
        self.max_per_client, self.timeout = max_per_client, timeout
        self._waiting: Deque[_Entry] = deque()
        self._of_client: Counter = Counter()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="genre-model")
        self._wake = asyncio.Event()
        self._worker: Optional[asyncio.Task] = None
        self.is_stopping = False

    @property
    def n_tokens(self) -> int:
        """The tokens of the jobs that wait."""
        return sum(entry.n_tokens for entry in self._waiting if not entry.future.done())

    def start(self) -> None:
        """Begin to run jobs, in the running event loop."""
        self._worker = asyncio.get_running_loop().create_task(self._work())

    async def stop(self) -> None:
        """Take no more jobs, and wait for those that were taken."""
        self.is_stopping = True
        self._wake.set()
        if self._worker is not None:
            await self._worker
        self._executor.shutdown()

    async def submit(self, job: Any, n_tokens: int, client: str = "") -> Any:
        """Wait for the result of a job.

        job (Any): What `run` gets.
        n_tokens (int): How many tokens the model reads for it.
        client (str): Who sends it.
        RAISES (QueueFullError, TooManyRequestsError, StoppingError): If it is not taken.
        RAISES (asyncio.TimeoutError): If there is no result in time.
        RAISES (Exception): What `run` gave for it.
        """
        if self.is_stopping:
            raise StoppingError(Errors.V062)
        if (n := self._of_client[client]) >= self.max_per_client:
            raise TooManyRequestsError(Errors.V060.format(n=n, limit=self.max_per_client))
        waiting = self.n_tokens
        if waiting and waiting + n_tokens > self.max_tokens:
            raise QueueFullError(Errors.V059.format(tokens=waiting, limit=self.max_tokens))
        future = asyncio.get_running_loop().create_future()
        self._waiting.append(_Entry(job, n_tokens, future))
        self._of_client[client] += 1
        self._wake.set()
        try:
            return await asyncio.wait_for(future, self.timeout)
        finally:
            self._of_client -= Counter({client: 1})

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._wake.wait()
            if not (batch := self._next_batch()):
                if self.is_stopping:
                    return
                self._wake.clear()
                continue
            self._on_batch(len(batch), sum(entry.n_tokens for entry in batch))
            jobs = [entry.job for entry in batch]
            results = await loop.run_in_executor(self._executor, self._run_all, jobs)
            for entry, result in zip(batch, results, strict=True):
                if entry.future.done():  # nobody waits any more
                    continue
                if isinstance(result, Exception):
                    entry.future.set_exception(result)
                else:
                    entry.future.set_result(result)

    def _next_batch(self) -> List[_Entry]:
        """Take the next jobs that fit into a batch, at least one."""
        batch: List[_Entry] = []
        n_tokens = 0
        while self._waiting:
            entry = self._waiting[0]
            if not entry.future.done():
                if batch and n_tokens + entry.n_tokens > self.batch_tokens:
                    break
                batch.append(entry)
                n_tokens += entry.n_tokens
            self._waiting.popleft()
        return batch

    def _run_all(self, jobs: List[Any]) -> Sequence[Any]:
        try:
            return self._run(jobs)
        except Exception as err:
            return [err] * len(jobs)
