"""Parts of a Doc that the model reads at once. They end at sentences, overlap, and cover it all."""

from itertools import pairwise
from typing import Iterator, List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.pipeline import Sentencizer
from spacy.tokens import Doc

from ...ragged import IntArray
from ...types import LinkedSpan


def sentence_starts(doc: Doc) -> NDArray[np.bool_]:
    """Whether each token begins a sentence: as the Doc says or, if it has no sentences, after
    punctuation that ends one. The Doc is not changed."""
    if doc.has_annotation("SENT_START"):
        return np.asarray([token.is_sent_start is True for token in doc], bool)
    (guesses,) = Sentencizer().predict([doc]) if len(doc) else ([],)
    return np.asarray(guesses, bool)


def make_windows(
    n_pieces: IntArray, is_start: NDArray[np.bool_], size: int, overlap: int
) -> List[Tuple[int, int]]:
    """Divide a Doc into windows.

    n_pieces (IntArray): [T], the number of the model's tokens of each token.
    is_start (NDArray[np.bool_]): [T], whether each token begins a sentence.
    size (int): The most of the model's tokens in a window. Only a window that is a single token may
        have more.
    overlap (int): The most of the model's tokens that two windows share; at most half of `size`.
    RETURNS (List[Tuple[int, int]]): The first token of each window, and the one after its last.
        Every token is in a window. A window ends at a sentence if a sentence ends in it; the next
        one then begins at a sentence.
    """
    n_tokens = len(n_pieces)
    before = np.concatenate([[0], np.cumsum(n_pieces)])  # the model's tokens before each token
    borders = np.flatnonzero(is_start)
    windows: List[Tuple[int, int]] = []
    start = end = 0
    while end < n_tokens:
        last_end = end
        fit = int(np.searchsorted(before, before[start] + size, "right")) - 1
        if fit <= last_end:  # a token that is longer than what is left of the window
            start, fit = last_end, max(fit, last_end + 1)
        end = min(fit, n_tokens)
        if end < n_tokens:
            end = _last_border(borders, last_end, end)
        windows.append((start, end))
        start = _next_start(before, borders, start, end, overlap)
    return windows


def _last_border(borders: IntArray, low: int, high: int) -> int:
    """The last sentence border above `low`, up to `high`; `high` if there is none."""
    index = int(np.searchsorted(borders, high, "right")) - 1
    return int(borders[index]) if index >= 0 and borders[index] > low else high


def _next_start(before: IntArray, borders: IntArray, start: int, end: int, overlap: int) -> int:
    """Where the window after one from `start` to `end` begins."""
    low = max(start + 1, int(np.searchsorted(before, before[min(end, len(before) - 1)] - overlap)))
    index = int(np.searchsorted(borders, low))
    if index < len(borders) and borders[index] <= end:
        return int(borders[index])
    return min(low, end)  # in a long sentence


def merge_windows(
    windows: Sequence[Tuple[int, int]], found: Sequence[Sequence[LinkedSpan]]
) -> List[LinkedSpan]:
    """The mentions of a Doc from those of its windows. Of what two windows share, the first half
    counts in the first one and the second half in the second one: there is more context. Mentions
    never overlap: of two that do, the more probable one is kept.

    windows (Sequence[Tuple[int, int]]): The first token of each window, and the one after its last.
    found (Sequence[Sequence[LinkedSpan]]): The mentions of each window.
    RETURNS (List[LinkedSpan]): The mentions, in order.
    """
    mentions = list(_owned(windows, found))
    mentions.sort(key=lambda mention: (-_probability(mention), mention.start))
    kept: List[LinkedSpan] = []
    is_taken = np.zeros(max((end for _, end in windows), default=0), bool)
    for mention in mentions:
        if not is_taken[mention.start : mention.end].any():
            is_taken[mention.start : mention.end] = True
            kept.append(mention)
    return sorted(kept, key=lambda mention: mention.start)


def _owned(
    windows: Sequence[Tuple[int, int]], found: Sequence[Sequence[LinkedSpan]]
) -> Iterator[LinkedSpan]:
    """The mentions that begin in the part of their window that counts."""
    if not windows:
        return
    borders = [(end + start) // 2 for (_, end), (start, _) in pairwise(windows)]
    lows, highs = [0, *borders], [*borders, windows[-1][1]]
    for low, high, mentions in zip(lows, highs, found, strict=True):
        yield from (mention for mention in mentions if low <= mention.start < high)


def _probability(mention: LinkedSpan) -> float:
    return mention.candidates[0].probability if mention.candidates else 0.0
