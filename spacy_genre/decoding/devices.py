"""What differs between devices: dtypes, copies, attention kernels."""

from contextlib import contextmanager
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
def without_cudnn_attention(device: torch.device) -> Iterator[None]:
    """A context in which torch computes attention without cuDNN.

    On Hopper and Blackwell GPUs torch prefers cuDNN's attention for bfloat16 and float16. cuDNN
    makes a plan for each new shape, and texts have all lengths: on an H200 a search took up to 14
    times as long with it.
    """
    settings = torch.backends.cuda
    before = device.type == "cuda" and settings.cudnn_sdp_enabled()
    if before:
        settings.enable_cudnn_sdp(False)
    try:
        yield
    finally:
        if before:
            settings.enable_cudnn_sdp(True)


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
