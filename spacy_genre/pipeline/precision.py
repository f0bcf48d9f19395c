"""What the model computes in."""

import contextlib
from typing import ContextManager

import torch

from ..errors import Errors
from .validation import check

DTYPES = ("auto", "float32", "bfloat16", "float16")


def check_dtype(component: str, dtype: str) -> None:
    """RAISES (ValueError): If it is none of the dtypes."""
    allowed = "one of " + ", ".join(f'"{d}"' for d in DTYPES)
    check(component, "dtype", dtype, allowed, dtype in DTYPES)


def precision(dtype: str, device: torch.device) -> ContextManager:
    """A context in which a float32 module computes in a dtype. The weights stay as they are,
    and log-probabilities are computed in float32 whatever the dtype.

    dtype (str): "auto" is bfloat16 on a GPU that has it and float32 anywhere else.
    RAISES (ValueError): For float16 on a CPU.
    """
    on_gpu = device.type == "cuda"
    if dtype == "auto":
        dtype = "bfloat16" if on_gpu and torch.cuda.is_bf16_supported() else "float32"
    if dtype == "float32":
        return contextlib.nullcontext()
    if dtype == "float16" and not on_gpu:
        raise ValueError(Errors.C003)
    return torch.autocast(device.type, getattr(torch, dtype))
