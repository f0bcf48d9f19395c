"""What a GPU wants otherwise than a CPU."""

from contextlib import contextmanager
from typing import Any, Iterator

import torch
from numpy.typing import NDArray


def on_device(array: NDArray[Any], device: torch.device) -> Any:
    """An array as a tensor on a device. On a GPU nobody waits for it: what is sent there is copied
    first, so that the array may change at once."""
    return torch.from_numpy(array).to(device, non_blocking=device.type == "cuda")


@contextmanager
def without_plans(device: torch.device) -> Iterator[None]:
    """While it lasts, torch computes attention without cuDNN.

    cuDNN makes a plan for each shape that it has not met yet, and texts have all lengths: on an
    H200 a search took up to 14 times as long with it. But on Hopper and Blackwell GPUs torch
    prefers it for bfloat16 and float16.
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
