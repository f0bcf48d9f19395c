"""What makes training on a CPU faster, without changing what is computed."""

from contextlib import ExitStack, contextmanager
from typing import Any, Callable, Dict, Iterator, Optional, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

# Up to so many tokens of input, attention by plain multiplications is faster than torch's own
# kernel, whose gradient is slow on CPUs. Beyond, what it keeps for the gradient takes much memory.
EAGER_UP_TO = 256
# Dropout rates are rounded to one part of so many: to 16 random bits.
PARTS = 1 << 16


@contextmanager
def faster_on_cpu(module: Any, width: int) -> Iterator[None]:
    """While it lasts, forward and backward passes are faster if the model is on a CPU.

    module (transformers.PreTrainedModel): The model.
    width (int): The length of the input, in tokens.
    """
    with ExitStack() as stack:
        if module.device.type == "cpu":
            # What is computed once more for the gradient, torch computes with its own dropout.
            if not module.is_gradient_checkpointing:
                stack.enter_context(CheapDropout())
            if width <= EAGER_UP_TO:
                stack.enter_context(_eager_attention(module.config))
        yield


@contextmanager
def _eager_attention(config: Any) -> Iterator[None]:
    chosen = config._attn_implementation
    config._attn_implementation = "eager"
    try:
        yield
    finally:
        config._attn_implementation = chosen


class CheapDropout(TorchFunctionMode):
    """While it is active, `torch.nn.functional.dropout` draws four numbers at a time: they are most
    of what dropout costs on a CPU. They come from torch's generator, so that a seed means the same
    draws."""

    def __torch_function__(
        self,
        func: Callable,
        types: Any,
        args: Tuple[Any, ...] = (),
        kwargs: Optional[Dict[str, Any]] = None,
    ) -> Any:
        if func is F.dropout:
            return _dropout(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """As torch's function, which it calls where it would not be faster."""
    n_dropped = round(p * PARTS)
    if not training or inplace or not 0 < n_dropped < PARTS:
        return F.dropout(input, p, training, inplace)
    n = input.numel()
    draws = torch.empty((n + 3) // 4, dtype=torch.int64).random_(-(2**63), 2**63 - 1)
    bits = draws.view(torch.int16)[:n].view(input.shape)
    kept = (bits >= n_dropped - PARTS // 2).to(input.dtype)
    return input * kept.mul_(PARTS / (PARTS - n_dropped))
