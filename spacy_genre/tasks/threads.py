"""Getting along with processes."""

import os

import torch

_process = os.getpid()


def use_one_thread_in_fork() -> None:
    """Compute with one thread in a process that was forked off (`nlp.pipe` with n_process).

    Such a process has none of the threads that torch's OpenMP waits for, and would hang if its
    parent had used them; and with a process for each core, a thread for each is fair.
    """
    global _process
    if os.getpid() != _process:
        torch.set_num_threads(1)
        _process = os.getpid()
