"""Which decoder a model gets, and the packed weights of the models that were used."""

import warnings
from dataclasses import dataclass
from typing import Any, List, Optional, Tuple
from weakref import WeakKeyDictionary, WeakSet

import torch
from torch import Tensor

from ..errors import Warnings
from .bart import Bart, is_supported
from .edges import Goal
from .packed_steps import PackedSteps
from .steps import ModuleSteps, Steps

State = Tuple[List[Tuple[int, int]], List[float]]


@dataclass(frozen=True)
class Packed:
    """A model's packed weights, and what tells whether they are still those of the model.

    bart (Bart): The packed weights.
    weights (List[Tensor]): The model's own weights.
    firsts (List[Tensor]): The first number of each, where it stands.
    state (State): Where each was, how often it had been changed in place, and its first number.
    """

    bart: Bart
    weights: List[Tensor]
    firsts: List[Tensor]
    state: State

    def is_current(self) -> bool:
        return _state(self.weights, self.firsts) == self.state


# They last as long as their module. They are no attribute of it, since it may be copied and sent
# to other processes, and packed weights can't.
_packed: "WeakKeyDictionary[Any, Packed]" = WeakKeyDictionary()
# Modules of other kinds, whose user was told that there are faster ones.
_other: "WeakSet[Any]" = WeakSet()


def open_steps(module: Any, dtype: torch.dtype, goal: Goal) -> Steps:
    """A decoder for a model.

    module (transformers.PreTrainedModel): An encoder-decoder, in evaluation mode.
    dtype (torch.dtype): What to compute in.
    goal (Goal): What is generated.
    """
    bart = packed(module, dtype)
    if bart is not None:
        return PackedSteps(bart, goal)
    if module not in _other:
        _other.add(module)
        warnings.warn(Warnings.W003.format(kind=type(module).__name__), stacklevel=2)
    return ModuleSteps(module, dtype, goal)


def packed(module: Any, dtype: torch.dtype) -> Optional[Bart]:
    """A model's packed weights, or None if it is of a kind that can't be packed. They are made when
    they are first needed, and again when the model's weights or the dtype have changed."""
    known = _packed.get(module)
    if known is not None and known.bart.dtype == dtype and known.is_current():
        return known.bart
    if not is_supported(module):
        return None
    weights = [w for w in (*module.parameters(), *module.buffers()) if w.numel()]
    firsts = [w.detach()[(0,) * w.dim()].reshape(1) for w in weights]
    state = _state(weights, firsts)
    _packed[module] = Packed(Bart(module, dtype), weights, firsts, state)
    return _packed[module].bart


def _state(weights: List[Tensor], firsts: List[Tensor]) -> State:
    # An optimizer changes weights in place or puts others in their place. Fused ones don't count
    # as a change in place, but there is hardly a number that they leave as it was.
    versions = [(w.data_ptr(), 0 if w.is_inference() else w._version) for w in weights]
    return versions, torch.cat(firsts).tolist()
