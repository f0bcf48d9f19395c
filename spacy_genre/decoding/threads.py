"""The number of torch's threads in the passes of a model on a CPU, chosen by what passes cost.

Several threads share each product, and wait for the slowest. Where other programs use the same
cores, a thread waits for its turn at each product, and one thread alone can be ten times as fast.
"""

import os
import threading
import time
from contextlib import contextmanager, suppress
from typing import Dict, Iterator, List, Tuple
from weakref import WeakSet

import torch

# Trials of numbers of threads that are not in use take at most one part in so many of the time. So
# the longer a trial takes, the later is the next one.
PATIENCE = 20.0
# Off by default: on two idle cores, changing the number of threads costs a third of the speed at
# batch 64. It helps where other programs use the same cores.
ENABLED = False
# The weights of a new time in the running mean: of the number in use, and of one that is tried.
RATE_IN_USE, RATE_TRIAL = 0.2, 0.5

# `most`: the number of threads that the caller of a search has set, 0 outside of a search.
_search = threading.local()


@contextmanager
def adaptive_threads(device: torch.device) -> Iterator[None]:
    """The context of a search, in which `PassTimes.measure` may use fewer threads than
    `torch.get_num_threads()`. That number is set again at the end.

    device (torch.device): The device of the model.
    """
    outer, most = getattr(_search, "most", 0), torch.get_num_threads()
    _search.most = most if ENABLED and device.type == "cpu" and most > 1 else 0
    try:
        yield
    finally:
        if _search.most:
            _use_threads(most, most)
        _search.most = outer


class PassTimes:
    """How long the passes of a model take with some numbers of threads."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.kinds: Dict[Tuple[str, int], _KindOfPass] = {}
        _all.add(self)

    @contextmanager
    def measure(self, part: str, size: int) -> Iterator[None]:
        """The context of a pass: it runs with the number of threads that is likely the fastest,
        and its time is noted. Without effect outside of `adaptive_threads`.

        part (str): The part of the model.
        size (int): The number of rows. Passes whose numbers have equally many bits are of one kind.
        """
        most = getattr(_search, "most", 0)
        if not most:
            yield
            return
        with self.lock:
            kind = self.kinds.setdefault((part, size.bit_length()), _KindOfPass())
            n = kind.choose(most)
        _use_threads(n, most)
        start = time.perf_counter()
        yield
        seconds = time.perf_counter() - start
        with self.lock:
            kind.note(n, seconds, most)


class _KindOfPass:
    """Times of similar passes.

    mean (Dict[int, float]): For each number of threads a running mean of the seconds.
    last (Dict[int, float]): The seconds of the last pass.
    since (Dict[int, float]): The seconds that all passes together took since then.
    """

    def __init__(self) -> None:
        self.mean: Dict[int, float] = {}
        self.last: Dict[int, float] = {}
        self.since: Dict[int, float] = {}

    def choose(self, most: int) -> int:
        """The number of threads of the next pass: the best one so far, or another one that has not
        been tried for some time."""
        numbers = _numbers(most)
        patience = PATIENCE * (len(numbers) - 1)
        for n in numbers:
            if n not in self.mean:
                return n
        best = self._best(most)
        for n in numbers:
            if n != best and self.since[n] >= patience * self.last[n]:
                return n
        return best

    def _best(self, most: int) -> int:
        known = [n for n in _numbers(most) if n in self.mean]
        return min(known, key=self.mean.__getitem__, default=most)

    def note(self, n: int, seconds: float, most: int) -> None:
        """Note the time of a pass with n threads."""
        rate = RATE_IN_USE if n == self._best(most) else RATE_TRIAL
        before = self.mean.get(n, seconds)
        self.mean[n] = before + rate * (seconds - before)
        self.since = {key: value + seconds for key, value in self.since.items()}
        self.last[n], self.since[n] = seconds, 0.0


def _numbers(most: int) -> List[int]:
    """The numbers of threads that are tried: 12, 6, 3, 1."""
    numbers = [most]
    while numbers[-1] > 1:
        numbers.append(numbers[-1] // 2)
    return numbers


def _use_threads(n: int, most: int) -> None:
    """Set the number of torch's threads for this thread of the process."""
    if torch.get_num_threads() == n:
        return
    torch.set_num_threads(n)
    if n != most:
        # Threads that come to torch later would take this number over: another thread sets theirs.
        with suppress(RuntimeError):  # the interpreter shuts down
            other = threading.Thread(target=torch.set_num_threads, args=(most,))
            other.start()
            other.join()


_all: "WeakSet[PassTimes]" = WeakSet()


def _reset_in_child() -> None:
    """Replace the locks that other threads held when the process was forked."""
    for times in _all:
        times.lock = threading.Lock()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_reset_in_child)
