"""What a model computes in."""

from typing import ContextManager

import torch

from ..errors import Errors

DTYPES = ("auto", "float32", "bfloat16", "float16")


def torch_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """What to compute in on a device.

    dtype (str): One of `DTYPES`. "auto" is bfloat16 where the device multiplies it fast, and
        float32 elsewhere.
    RAISES (ValueError): For float16 on a CPU.
    """
    on_gpu = device.type == "cuda"
    if dtype == "auto":
        fast = torch.cuda.is_bf16_supported() if on_gpu else cpu_has_bfloat16()
        dtype = "bfloat16" if fast else "float32"
    if dtype == "float16" and not on_gpu:
        raise ValueError(Errors.C003)
    return getattr(torch, dtype)


def precision(dtype: torch.dtype, device: torch.device) -> ContextManager:
    """A context in which a float32 module computes in a dtype, and its weights stay as they are."""
    lower = dtype != torch.float32
    return torch.autocast(device.type, dtype if lower else None, enabled=lower)


def cpu_has_bfloat16() -> bool:
    """Whether this CPU multiplies bfloat16: by AVX512-BF16 or AMX."""
    # Not torch's public functions, so they may go.
    tests = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, test, bool)() for test in tests)
