"""Scoring of the continuations of states: their log-probabilities."""

from dataclasses import dataclass, fields
from typing import Iterable, Iterator, List, Optional, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import Errors
from ..ragged import IntArray
from .constraint import Constraint, Continuations
from .logprobs import LogProbs

# With more continuations, the logits of a state's tokens are gathered as a block, of which only the
# best are looked at: the first token of a name has thousands of choices.
MANY = 256


@dataclass(frozen=True)
class ScoredContinuations(Continuations):
    """Continuations of the rows of a decoder, with their probabilities.

    logprob (float32): [C], the log-probability of each token (natural logarithm).
    """

    logprob: NDArray[np.float32]

    @classmethod
    def empty(cls) -> "ScoredContinuations":
        none = np.zeros(0, np.int64)
        return cls(none, none, none, none.astype(bool), none.astype(np.float32))

    @classmethod
    def join(cls, parts: Sequence["ScoredContinuations"]) -> "ScoredContinuations":
        """Put parts together, in the order of their rows."""
        if len(parts) == 1:
            return parts[0]
        columns = [np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)]
        order = np.argsort(columns[0], kind="stable")
        return cls(*(column[order] for column in columns))

    def shift_rows(self, offset: int) -> "ScoredContinuations":
        """Add an offset to the row indices."""
        columns = [getattr(self, f.name) for f in fields(self)]
        return ScoredContinuations(columns[0] + offset, *columns[1:])

    def select_rows(self, rows: IntArray) -> "ScoredContinuations":
        """The continuations of some rows, [R], which are then numbered from 0 on."""
        start, end = (np.searchsorted(self.row, rows, side) for side in ("left", "right"))
        count = end - start
        row = np.repeat(np.arange(len(rows)), count)
        index = np.arange(len(row)) + np.repeat(start - (np.cumsum(count) - count), count)
        return ScoredContinuations(row, *(getattr(self, f.name)[index] for f in fields(self)[1:]))


def score_continuations(
    constraint: Constraint,
    states: IntArray,
    logprobs: Iterable[LogProbs],
    limit: Optional[int] = None,
) -> ScoredContinuations:
    """Score what may follow the rows of a decoder.

    states (IntArray): [R], the state that each row has reached.
    logprobs (Iterable[LogProbs]): [R, V] in pieces of some rows.
    limit (Optional[int]): Keep at least this many of the best continuations of a row; None for
        all. Only rows with many continuations are cut.
    RETURNS (ScoredContinuations): The continuations.
    RAISES (ValueError): If the constraint asks for a token beyond V.
    """
    scored: List[ScoredContinuations] = []
    start = 0
    for piece in logprobs:
        part = states[start : start + len(piece)]
        is_large = constraint.n_continuations(part) > MANY
        small = np.flatnonzero(~is_large)
        new = [_score_all(constraint, part, small, piece)]
        if is_large.any():
            new += _score_best(constraint, part, np.flatnonzero(is_large), piece, limit)
        scored += [continuations.shift_rows(start) for continuations in new]
        start += len(piece)
    return ScoredContinuations.join(scored)


def check_finite(logprobs: NDArray[np.floating], dtype: torch.dtype) -> None:
    """RAISES (ValueError): If a log-probability is not a finite number.

    dtype (torch.dtype): The dtype of the computation.
    """
    if not np.isfinite(logprobs).all():
        raise ValueError(Errors.M006.format(dtype=str(dtype).removeprefix("torch.")))


def check_tokens(tokens: IntArray, size: int) -> None:
    """RAISES (ValueError): If a token is not in a vocabulary of some size."""
    if tokens.max(initial=0) >= size:
        raise ValueError(Errors.M009.format(found=tokens.max(), size=size))


def _score_all(
    constraint: Constraint, states: IntArray, rows: IntArray, logprobs: LogProbs
) -> ScoredContinuations:
    """Score all continuations of some rows."""
    c = constraint.continuations(states[rows])
    check_tokens(c.token, logprobs.n_tokens)
    row = rows[c.row]
    logprob = logprobs.at(row, c.token).cpu().numpy()
    return ScoredContinuations(row, c.token, c.state, c.is_end, logprob)


def _score_best(
    constraint: Constraint,
    states: IntArray,
    rows: IntArray,
    logprobs: LogProbs,
    limit: Optional[int],
) -> Iterator[ScoredContinuations]:
    """Score the best continuations of rows that have many. Their states are few, and shared by many
    rows."""
    groups = []
    for state in np.unique(states[rows]):
        c = constraint.continuations(np.asarray([state]))
        check_tokens(c.token, logprobs.n_tokens)
        same = rows[states[rows] == state]
        k = min(limit or len(c.token), len(c.token))
        groups.append((same, c, *logprobs.best(same, c.token, k)))
    # One copy from the device for all of them: a GPU is waited for only once.
    logprob = torch.cat([group[2].flatten() for group in groups]).cpu().numpy()
    best = torch.cat([group[3].flatten() for group in groups]).cpu().numpy()
    borders = np.cumsum([group[2].numel() for group in groups])[:-1]
    parts = zip(groups, np.split(logprob, borders), np.split(best, borders), strict=True)
    for (same, c, *_), score, index in parts:
        row = np.repeat(same, len(index) // len(same))
        yield ScoredContinuations(row, c.token[index], c.state[index], c.is_end[index], score)
