"""What differs between devices: dtypes, copies, attention kernels."""

import os
import threading
from contextlib import ExitStack, contextmanager
from typing import Any, ContextManager, Iterator

import torch
from numpy.typing import NDArray

from ..errors import Errors

DTYPES = ("auto", "float32", "bfloat16", "float16")


def to_device(array: NDArray[Any], device: torch.device) -> Any:
    """An array as a tensor on a device. The copy to a GPU is asynchronous; the array may be changed
    at once, since it is staged first."""
    return torch.from_numpy(array).to(device, non_blocking=device.type == "cuda")


@contextmanager
def without_outer_autocast(device: torch.device) -> Iterator[None]:
    """A context in which a `torch.autocast` around it has no effect: what is computed depends on
    the settings of a component only.

    device (torch.device): The device of the model.
    """
    with ExitStack() as stack:
        for kind in {"cpu", device.type}:
            if torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        yield


@contextmanager
def without_cudnn_attention(device: torch.device) -> Iterator[None]:
    """A context in which torch computes attention without cuDNN. The setting belongs to the
    process: it is restored when no thread is in such a context any more.

    On Hopper and Blackwell GPUs torch prefers cuDNN's attention for bfloat16 and float16. cuDNN
    makes a plan for each new shape, and texts have all lengths: on an H200 a search took up to 14
    times as long with it.
    """
    if device.type != "cuda":
        yield
        return
    _cudnn.enter()
    try:
        yield
    finally:
        _cudnn.leave()


class _CudnnSwitch:
    """Turns cuDNN attention off while any thread asks for it."""

    def __init__(self) -> None:
        self.lock, self.n_users, self.before = threading.Lock(), 0, False

    def enter(self) -> None:
        with self.lock:
            if not self.n_users:
                self.before = torch.backends.cuda.cudnn_sdp_enabled()
                torch.backends.cuda.enable_cudnn_sdp(False)
            self.n_users += 1

    def leave(self) -> None:
        with self.lock:
            self.n_users -= 1
            if not self.n_users:
                torch.backends.cuda.enable_cudnn_sdp(self.before)


_cudnn = _CudnnSwitch()


def torch_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """The dtype of the computation on a device.

    dtype (str): One of `DTYPES`. "auto" is bfloat16 where the device has fast bfloat16 products,
        else float32.
    RAISES (ValueError): For float16 on a CPU.
    """
    on_gpu = device.type == "cuda"
    if dtype == "auto":
        fast = torch.cuda.is_bf16_supported() if on_gpu else cpu_has_bfloat16()
        dtype = "bfloat16" if fast else "float32"
    if dtype == "float16" and not on_gpu:
        raise ValueError(Errors.C003)
    return getattr(torch, dtype)


def autocast(dtype: torch.dtype, device: torch.device) -> ContextManager:
    """A context in which a float32 module computes in a dtype; its weights stay float32."""
    lower = dtype != torch.float32
    return torch.autocast(device.type, dtype if lower else None, enabled=lower)


def cpu_has_bfloat16() -> bool:
    """Whether this CPU has bfloat16 products: AVX512-BF16 or AMX."""
    # Not public functions of torch: a later version may lack them.
    tests = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, test, bool)() for test in tests)


_process = os.getpid()


def use_one_thread_in_fork() -> None:
    """Let torch use one thread in a forked process (`nlp.pipe` with n_process).

    A forked process has none of the threads of torch's OpenMP, and hangs if its parent has used
    them. With one process for each core, it needs no more.
    """
    global _process
    if os.getpid() != _process:
        torch.set_num_threads(1)
        _process = os.getpid()
