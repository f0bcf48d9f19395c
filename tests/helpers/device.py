"""A device that no machine has, to see that everything a model needs is where the model is.

Its tensors call themselves "meta" but hold numbers on the CPU. What would fail on a GPU fails here:
an operation on tensors of two devices, or a look at numbers that were not brought back.
"""

from collections import Counter
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

DEVICE = torch.device("meta")


class Elsewhere(torch.Tensor):
    """A tensor on that device. held: Its numbers."""

    __torch_function__ = torch._C._disabled_torch_function_impl

    @staticmethod
    def __new__(cls, held):
        made = torch.Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=DEVICE,
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(cls, func, types, args=(), kwargs=None):
        raise AssertionError(f"{func} outside of `OtherDevice`")

    def tolist(self):
        return self.cpu().tolist()


class OtherDevice(TorchDispatchMode):
    """While it lasts, there is such a device.

    transfers (Counter): How many tensors were brought "there" and "back".
    """

    def __init__(self) -> None:
        super().__init__()
        self.transfers: Counter = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        tensors = [a for a in tree_flatten((args, kwargs))[0] if isinstance(a, torch.Tensor)]
        there = [tensor for tensor in tensors if isinstance(tensor, Elsewhere)]
        goes_there = is_there = bool(there)
        if kwargs.get("device") is not None:
            goes_there = torch.device(kwargs["device"]) == DEVICE
            kwargs = {**kwargs, "device": torch.device("cpu")}
        if func is torch.ops.aten._local_scalar_dense.default and is_there:
            self.transfers["back"] += 1
        elif tensors and goes_there != is_there:
            self.transfers["there" if goes_there else "back"] += 1
        elif is_there:
            here = [t.shape for t in tensors if not isinstance(t, Elsewhere) and t.dim()]
            assert not here, f"{func} on both devices, with tensors {here} on the CPU"
        result = func(*tree_map(_held, args), **tree_map(_held, kwargs))
        known = {id(tensor.held): tensor for tensor in there}

        def placed(value: Any) -> Any:
            if not goes_there or not isinstance(value, torch.Tensor):
                return value
            return known[id(value)] if id(value) in known else Elsewhere(value)

        return tree_map(placed, result)


def _held(value: Any) -> Any:
    return value.held if isinstance(value, Elsewhere) else value


def move(module: Any) -> Any:
    """Move a module to that device, which `Module.to` can't."""
    known = {}
    for part in module.modules():
        for name, weight in part._parameters.items():
            if weight is not None:
                if id(weight) not in known:  # weights may be shared
                    moved = Elsewhere(weight.data)
                    known[id(weight)] = torch.nn.Parameter(moved, weight.requires_grad)
                part._parameters[name] = known[id(weight)]
        for name, table in part._buffers.items():
            if table is not None:
                part._buffers[name] = Elsewhere(table)
    return module
