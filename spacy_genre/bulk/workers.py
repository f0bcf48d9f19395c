"""Worker processes of `nlp.pipe`: they end when their parent is killed."""

import os
import threading
import time
from contextlib import contextmanager
from typing import Iterator

# Seconds between two looks at the parent.
INTERVAL = 0.5

_is_active = False


@contextmanager
def ending_with_parent() -> Iterator[None]:
    """A context in which forked processes end soon after this one has ended, however it ends.

    spaCy's workers wait for texts. If their parent is killed, they wait forever, with the memory of
    a model and with the locks of their parent.
    """
    global _is_active
    _is_active = True
    try:
        yield
    finally:
        _is_active = False


def _watch_parent() -> None:
    if _is_active:
        threading.Thread(target=_end_after, args=(os.getppid(),), daemon=True).start()


def _end_after(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(INTERVAL)
    os._exit(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_watch_parent)
