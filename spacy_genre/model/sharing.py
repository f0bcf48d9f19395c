"""Weights that models loaded from the same files share, until one of them is trained."""

import copy
import threading
import weakref
from typing import Any, Callable, Dict, Hashable, List, Tuple

import torch
from torch import Tensor, nn

# Of each tensor its address and its version counter.
State = List[Tuple[int, int]]

_lock = threading.RLock()
# For each source: the modules in use that were loaded from it, and the state of their weights then.
_loaded: Dict[Hashable, Tuple["weakref.WeakSet[Any]", State]] = {}


def load_shared(source: Hashable, load: Callable[[], Any]) -> Any:
    """Load a module, or make one that shares its weights with a module from the same source.

    Each has its own module object: moving one to another device or dtype leaves the others alone.

    source (Hashable): Identifies the weights: files with their sizes and times, and options.
    load (Callable[[], Any]): Loads the module.
    RETURNS (torch.nn.Module): The module.
    """
    # Tensors of the inference mode could never be trained.
    with _lock, torch.inference_mode(False):
        for key in [key for key, (modules, _) in _loaded.items() if not modules]:
            del _loaded[key]
        modules, state = _loaded.get(source, (weakref.WeakSet(), []))
        unchanged = next((module for module in modules if _state(module) == state), None)
        if unchanged is not None:
            module = _shell(unchanged)
            modules.add(module)
        else:
            module = load()
            _loaded[source] = weakref.WeakSet([module]), _state(module)
        return module


def own_weights(module: Any) -> None:
    """Give a module a copy of its weights if other modules share them. To be called before they are
    changed in place.

    module (torch.nn.Module): The module.
    """
    with _lock, torch.inference_mode(False), torch.no_grad():
        for modules, _ in _loaded.values():
            if module in modules:
                modules.discard(module)
                addresses = {w.data_ptr() for other in modules for w in _tensors(other)}
                for tensor in _tensors(module):
                    if tensor.data_ptr() in addresses:
                        tensor.data = tensor.data.clone()


def _shell(module: Any) -> Any:
    """A copy of a module whose parameters and buffers use the memory of the module's own."""
    memo: Dict[int, Any] = {}
    for weight in module.parameters():
        memo[id(weight)] = nn.Parameter(weight.detach(), weight.requires_grad)
    for buffer in module.buffers():
        memo[id(buffer)] = buffer.detach()
    return copy.deepcopy(module, memo)


def _tensors(module: Any) -> List[Tensor]:
    return [*module.parameters(), *module.buffers()]


def _state(module: Any) -> State:
    return [(tensor.data_ptr(), tensor._version) for tensor in _tensors(module)]
