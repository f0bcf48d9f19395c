"""Measure arithmetic, memory and time."""

import ctypes
import time
from pathlib import Path
from typing import Any, Callable

import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile

from spacy_genre.decoding.bart.layers import Linear

# Parts of the names of torch operations that multiply matrices.
MATMULS = ("mm", "linear", "attention")


def gemm_peak(dtype: torch.dtype, size: int = 1024) -> float:
    """FLOP per second of a large matrix multiplication, by `torch.mm` or by our packed layer,
    whichever is faster."""
    a, b = (torch.randn(size, size).to(dtype) for _ in range(2))
    packed = Linear([nn.Linear(size, size)], dtype)
    with torch.inference_mode():
        for _ in range(3):
            packed(a)
        seconds = [min(_seconds(torch.mm, a, b), _seconds(packed, a)) for _ in range(10)]
    return 2 * size**3 / min(seconds)


def _seconds(run: Callable[..., Any], *args: Any) -> float:
    start = time.perf_counter()
    run(*args)
    return time.perf_counter() - start


def outside_matmul(run: Callable[[], Any]) -> float:
    """The share of time that a call does not spend in matrix multiplications."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        seconds = _seconds(run)
    inside = sum(
        event.self_cpu_time_total
        for event in profiler.key_averages()
        if any(name in event.key for name in MATMULS)
    )
    return 1 - inside / 1e6 / seconds


def peak_memory(run: Callable[[], Any]) -> float:
    """The memory in MB that a call needs at its peak, above what the process already has (Linux
    with glibc)."""
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = memory("VmRSS")
    run()
    return memory("VmHWM") - before


def memory(key: str = "VmRSS", process: str = "self") -> float:
    """The memory of a process in MB: VmRSS is its resident memory now, VmHWM its peak (Linux)."""
    for line in Path(f"/proc/{process}/status").read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) / 1024
    raise ValueError(key)
