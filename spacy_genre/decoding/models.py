"""Which decoder a model gets, and the packed weights of the models that were used."""

from typing import Any, Tuple
from weakref import WeakKeyDictionary

import torch

from .bart import Bart, is_supported
from .steps import ModuleSteps, PackedSteps, Steps

# For each module what its weights were when they were packed, and the packed weights.
_packed: "WeakKeyDictionary[Any, Tuple[Any, Bart]]" = WeakKeyDictionary()


def open_steps(module: Any, depth: int, dtype: torch.dtype) -> Steps:
    """A decoder for a model.

    module (transformers.PreTrainedModel): An encoder-decoder, in evaluation mode.
    depth (int): The most tokens of a sequence, the start token included.
    dtype (torch.dtype): What to compute in.
    """
    if is_supported(module):
        return PackedSteps(packed(module, dtype), depth)
    return ModuleSteps(module, dtype)


def packed(module: Any, dtype: torch.dtype) -> Bart:
    """A model's packed weights. They are kept as long as the module is there, and made anew when
    its weights have changed."""
    # The version counts changes in place; an optimizer may put other tensors in place, too.
    state = (dtype, [(p.data_ptr(), p._version) for p in module.state_dict().values()])
    known = _packed.get(module)
    if known is None or known[0] != state:
        known = (state, Bart(module, dtype))
        _packed[module] = known
    return known[1]
