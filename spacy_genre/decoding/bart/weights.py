"""Which decoder a model gets, and the packed weights of the models that were used."""

import warnings
from dataclasses import dataclass
from typing import Any, List, Optional, Tuple
from weakref import WeakKeyDictionary, WeakSet

import torch
from torch import Tensor

from ...errors import Warnings
from ..continuations import Goal
from ..step_decoder import ModuleSteps, Steps
from .model import Bart, is_supported
from .stepper import PackedSteps

State = Tuple[List[Tuple[int, int]], List[float]]


@dataclass(frozen=True)
class Weights:
    """A model's own weights.

    tensors (List[Tensor]): The weights.
    firsts (List[Tensor]): The first number of each, where it stands, [1].
    """

    tensors: List[Tensor]
    firsts: List[Tensor]

    @classmethod
    def of(cls, module: Any) -> "Weights":
        tensors = [w for w in (*module.parameters(), *module.buffers()) if w.numel()]
        return cls(tensors, [w.detach()[(0,) * w.dim()].reshape(1) for w in tensors])


@dataclass(frozen=True)
class Packed:
    """A model's packed weights, and what tells whether they are still those of the model.

    bart (Bart): The packed weights.
    weights (Weights): The model's own weights.
    state (State): Where each was, how often it had been changed in place, and its first number.
    """

    bart: Bart
    weights: Weights
    state: State


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
    if known is not None and known.bart.dtype == dtype and _state(known.weights) == known.state:
        return known.bart
    if not is_supported(module):
        return None
    weights = Weights.of(module)
    _packed[module] = Packed(Bart(module, dtype), weights, _state(weights))
    return _packed[module].bart


def state_of(module: Any) -> State:
    """What is another one when the weights of a model are, also if an optimizer has changed them in
    place."""
    known = _packed.get(module)
    return _state(Weights.of(module) if known is None else known.weights)


def _state(weights: Weights) -> State:
    # An optimizer changes weights in place or puts others in their place. Fused ones don't count
    # as a change in place, but there is hardly a number that they leave as it was.
    versions = [(w.data_ptr(), 0 if w.is_inference() else w._version) for w in weights.tensors]
    return versions, torch.cat(weights.firsts).tolist()
