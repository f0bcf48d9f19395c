"""Encoding the training pairs of a corpus once, with several processes."""

import multiprocessing
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Iterator, Optional

from spacy.language import Language
from spacy.training import Example
from spacy.util import minibatch
from tqdm import tqdm

from ..corpora.readers import CorpusReader
from .pairs import PairWriter
from .task import TrainableComponent

EXAMPLES_PER_BATCH = 256
# Seconds between two lines of progress in a file; on a terminal, the bar moves.
LOG_INTERVAL = 10.0
# What a forked process encodes: the corpus and the pipeline are not sent to it.
_encode_share: Optional[Callable[[int], int]] = None


def encode_pairs(
    nlp: Language,
    corpus: Callable[[Language], Iterator[Example]],
    component: TrainableComponent,
    folder: Path,
    *,
    rank: int = 0,
    n_ranks: int = 1,
    n_process: Optional[int] = None,
) -> int:
    """Write the training pairs of one rank's share of a corpus to files of a folder, with several
    processes where the system can fork.

    nlp (Language): The pipeline.
    corpus (Callable[[Language], Iterator[Example]]): The corpus. `spacy_genre.Corpus.v1` makes
        only the Examples of a share; another reader makes all of them in each process.
    component (TrainableComponent): Makes the pairs.
    folder (Path): The folder; see `PairWriter`.
    rank, n_ranks (int): Which share, and how many there are.
    n_process (Optional[int]): The number of processes; None for the rank's share of the cores.
    RETURNS (int): The number of pairs of this rank.
    RAISES (OSError, ValueError): If the corpus can't be read, or the disk is full.
    """
    global _encode_share
    can_fork = "fork" in multiprocessing.get_all_start_methods() and sys.platform != "darwin"
    n = max(1, (n_process or _n_cores() // n_ranks) if can_fork else 1)
    # A process takes every n-th text of its rank's share, so ranks may have different numbers of
    # processes.
    shares = [rank + n_ranks * i for i in range(n)]
    encode = partial(_encode, nlp, corpus, component, folder, n_ranks * n)
    if n == 1:
        return encode(rank)
    _encode_share = encode
    try:
        with ProcessPoolExecutor(n, multiprocessing.get_context("fork")) as pool:
            return sum(pool.map(_call_encode_share, shares))
    finally:
        _encode_share = None


def _call_encode_share(share: int) -> int:
    assert _encode_share is not None
    return _encode_share(share)


def _n_cores() -> int:
    """The number of CPU cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _encode(
    nlp: Language,
    corpus: Callable[[Language], Iterator[Example]],
    component: TrainableComponent,
    folder: Path,
    n_shares: int,
    share: int,
) -> int:
    """Encode every `n_shares`-th text, from text `share` on. Share 0 shows the progress."""
    total = None
    if isinstance(corpus, CorpusReader):
        examples, n_texts = corpus.share(nlp, share, n_shares), corpus.n_texts
        total = n_texts and -(-n_texts // n_shares)
    else:
        examples = islice(corpus(nlp), share, None, n_shares)
    writer, n_pairs = PairWriter(folder, f"{share:03}"), 0
    bar: Any = tqdm(
        desc=f"encode (1 of {n_shares} shares)",
        unit=" texts",
        total=total,
        disable=share > 0,
        mininterval=0.1 if sys.stderr.isatty() else LOG_INTERVAL,
        delay=LOG_INTERVAL,
    )
    with bar:
        for batch in minibatch(examples, EXAMPLES_PER_BATCH):
            pairs = component.make_pairs(batch)
            writer.write(pairs)
            n_pairs += len(pairs)
            bar.update(len(batch))
    writer.finish()
    return n_pairs
