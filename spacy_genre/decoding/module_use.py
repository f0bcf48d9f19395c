"""Searches and training with one module in several threads, independent of the caller's settings of
torch."""

import os
import threading
from contextlib import ExitStack, contextmanager
from typing import Any, Iterator
from weakref import WeakKeyDictionary

import torch

from .devices import without_cudnn_attention, without_outer_autocast


@contextmanager
def searching(module: Any) -> Iterator[None]:
    """The context of a search: the weights do not change, and the caller's autocast, default dtype
    and gradient mode have no effect.

    module (transformers.PreTrainedModel): The model. It is set to evaluation mode.
    """
    device = module.device
    with ExitStack() as stack:
        stack.enter_context(reading(module))
        stack.enter_context(torch.inference_mode())
        stack.enter_context(without_outer_autocast(device))
        stack.enter_context(without_cudnn_attention(device))
        if module.training:
            module.eval()
        yield


@contextmanager
def training(module: Any) -> Iterator[None]:
    """The context of a part of a training step: no search of the module runs, gradients are
    recorded, and the caller's autocast, no_grad and inference mode have no effect.

    module (transformers.PreTrainedModel): The model. It is in evaluation mode afterwards.
    """
    with ExitStack() as stack:
        stack.enter_context(_lock_of(module).changing())
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(without_outer_autocast(module.device))
        try:
            yield
        finally:
            module.eval()


@contextmanager
def reading(module: Any) -> Iterator[None]:
    """A context in which the weights of a module do not change, by a training of this package."""
    with _lock_of(module).reading():
        yield


class _ModuleLock:
    """A readers-writer lock: many threads may read a module at once; a thread that changes it has
    exclusive access. The contexts are reentrant, but a reader must not become a writer."""

    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.n_readers = 0
        self.n_waiting = 0  # threads that want to change it; new readers wait for them
        self.owner = 0  # the thread that changes it, or 0
        self.mine = threading.local()  # how often this thread is a reader

    @contextmanager
    def reading(self) -> Iterator[None]:
        depth = getattr(self.mine, "depth", 0)
        nested = depth > 0 or self.owner == threading.get_ident()
        if not nested:
            with self.condition:
                self.condition.wait_for(lambda: not self.owner and not self.n_waiting)
                self.n_readers += 1
        self.mine.depth = depth + 1
        try:
            yield
        finally:
            self.mine.depth = depth
            if not nested:
                with self.condition:
                    self.n_readers -= 1
                    self.condition.notify_all()

    @contextmanager
    def changing(self) -> Iterator[None]:
        if self.owner == threading.get_ident():
            yield
            return
        with self.condition:
            self.n_waiting += 1
            try:
                self.condition.wait_for(lambda: not self.owner and not self.n_readers)
            finally:
                self.n_waiting -= 1
            self.owner = threading.get_ident()
        try:
            yield
        finally:
            with self.condition:
                self.owner = 0
                self.condition.notify_all()


_locks: "WeakKeyDictionary[Any, _ModuleLock]" = WeakKeyDictionary()
_locks_lock = threading.Lock()


def _lock_of(module: Any) -> _ModuleLock:
    with _locks_lock:
        return _locks.setdefault(module, _ModuleLock())


def _reset_in_child() -> None:
    """Forget the locks that other threads held when the process was forked."""
    global _locks_lock
    _locks_lock = threading.Lock()
    _locks.clear()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_reset_in_child)
