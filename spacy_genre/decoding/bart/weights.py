"""A cache of inference weights, updated when a model's weights change."""

import os
import threading
from dataclasses import dataclass
from typing import Any, List, Optional, Tuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from .model import Bart, is_supported

# Of each tensor its address, its version counter, and its first number.
Version = Tuple[List[Tuple[int, int]], List[float]]


@dataclass(frozen=True)
class _Cached:
    """The inference weights of a module.

    bart (Bart): The inference weights.
    tensors (List[Tensor]): The module's parameters and buffers.
    firsts (List[Tensor]): The first number of each, as a view, [1].
    version (Version): What they were when the inference weights were made.
    """

    bart: Bart
    tensors: List[Tensor]
    firsts: List[Tensor]
    version: Version

    def fits(self, dtype: torch.dtype) -> bool:
        """Whether the inference weights are those of the module now, in a dtype."""
        return self.bart.dtype == dtype and _version(self.tensors, self.firsts) == self.version


# Kept as long as their module. They are no attribute of it: a module can be copied and pickled,
# packed weights cannot.
_cache: "WeakKeyDictionary[Any, _Cached]" = WeakKeyDictionary()
_packing = threading.Lock()  # several threads may need the same inference weights first


def inference_weights(module: Any, dtype: torch.dtype) -> Optional[Bart]:
    """The inference weights of a model, made when they are first needed and when the weights or the
    dtype have changed.

    module (transformers.PreTrainedModel): The model.
    dtype (torch.dtype): The dtype of the computation.
    RETURNS (Optional[Bart]): None if the model is not a supported BART or mBART.
    """
    cached = _cache.get(module)
    if cached is None or not cached.fits(dtype):
        if not is_supported(module):
            return None
        with _packing:
            cached = _cache.get(module)
            if cached is None or not cached.fits(dtype):
                cached = _cache[module] = _make(module, dtype)
    return cached.bart


def _make(module: Any, dtype: torch.dtype) -> _Cached:
    """Make inference weights, or take those of another module with the same weights."""
    tensors = [w for w in (*module.parameters(), *module.buffers()) if w.numel()]
    firsts = [w.detach()[(0,) * w.dim()].reshape(1) for w in tensors]
    version = _version(tensors, firsts)
    for other, cached in _cache.items():
        if cached.version == version and cached.fits(dtype) and _is_alike(module, other):
            return _Cached(cached.bart, tensors, firsts, version)
    return _Cached(Bart(module, dtype), tensors, firsts, version)


def _is_alike(module: Any, other: Any) -> bool:
    """Whether two modules with equal weights compute the same."""
    same = type(module) is type(other)
    return same and bool(module.config.to_dict() == other.config.to_dict())


def _version(tensors: List[Tensor], firsts: List[Tensor]) -> Version:
    # An optimizer changes weights in place or replaces them. A fused optimizer does not increase
    # the version counter, but hardly ever leaves a number unchanged.
    counters = [(w.data_ptr(), 0 if w.is_inference() else w._version) for w in tensors]
    return counters, torch.cat(firsts).tolist()


def _reset_in_child() -> None:
    """Replace the lock, which another thread may have held when the process was forked."""
    global _packing
    _packing = threading.Lock()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_reset_in_child)
