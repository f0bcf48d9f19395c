"""Inference weights of the models in use, made anew when a model's weights change."""

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

    @property
    def is_outdated(self) -> bool:
        return _version(self.tensors, self.firsts) != self.version


# Kept as long as their module. They are no attribute of it: a module can be copied and pickled,
# packed weights cannot.
_cache: "WeakKeyDictionary[Any, _Cached]" = WeakKeyDictionary()


def inference_weights(module: Any, dtype: torch.dtype) -> Optional[Bart]:
    """The inference weights of a model, made when they are first needed and when the weights or the
    dtype have changed.

    module (transformers.PreTrainedModel): The model.
    dtype (torch.dtype): The dtype of the computation.
    RETURNS (Optional[Bart]): None if the model is not a supported BART or mBART.
    """
    cached = _cache.get(module)
    if cached is not None and cached.bart.dtype == dtype and not cached.is_outdated:
        return cached.bart
    if not is_supported(module):
        return None
    tensors = [w for w in (*module.parameters(), *module.buffers()) if w.numel()]
    firsts = [w.detach()[(0,) * w.dim()].reshape(1) for w in tensors]
    version = _version(tensors, firsts)
    _cache[module] = _Cached(Bart(module, dtype), tensors, firsts, version)
    return _cache[module].bart


def _version(tensors: List[Tensor], firsts: List[Tensor]) -> Version:
    # An optimizer changes weights in place or replaces them. A fused optimizer does not increase
    # the version counter, but hardly ever leaves a number unchanged.
    counters = [(w.data_ptr(), 0 if w.is_inference() else w._version) for w in tensors]
    return counters, torch.cat(firsts).tolist()
