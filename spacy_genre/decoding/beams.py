"""The state of a beam search, for all inputs at once."""

from dataclasses import dataclass
from typing import List, Tuple, Union

import numpy as np
import torch
from numpy.typing import NDArray

from ..ragged import IntArray
from .scoring import ScoredContinuations

EarlyStopping = Union[bool, str]
FloatArray = NDArray[np.floating]


@dataclass(frozen=True)
class Hypothesis:
    """A complete sequence that a search has found.

    state (int): The constraint's state that identifies it (for a trie, the node at which it ends).
    tokens (Tuple[int, ...]): Its tokens, without start token and end token.
    logprob (float): The sum of the tokens' log-probabilities, end token included, over the full
        vocabulary (natural logarithm).
    score (float): logprob / length ** length_penalty.
    token_logprobs (Tuple[float, ...]): The log-probability of each token, without the end token;
        empty if they were not kept.
    """

    state: int
    tokens: Tuple[int, ...]
    logprob: float
    score: float
    token_logprobs: Tuple[float, ...] = ()

    @property
    def length(self) -> int:
        """The number of generated tokens, with the end token and without the start token."""
        return len(self.tokens) + 1


class Beams:
    """The live and the complete sequences of each input.

    The live beams of all inputs are the rows of six arrays. The beams of an input are neighbours,
    best first; inputs that are finished, or have not started yet, have none.

    n_inputs (int): B, the number of inputs.
    max_length (int): The length of the longest sequence, with its end token.
    num_beams (int): K, the maximum number of live sequences of each input.
    length_penalty (float): The exponent of the length in the score.
    early_stopping (EarlyStopping): As in `constrained_search`.
    """

    def __init__(
        self,
        n_inputs: int,
        max_length: int,
        *,
        num_beams: int,
        length_penalty: float,
        early_stopping: EarlyStopping,
    ) -> None:
        self.k, self.length_penalty = num_beams, length_penalty
        # With one beam `generate` is greedy: the first complete sequence is the answer.
        self.early_stopping = early_stopping if num_beams > 1 else True
        self.max_length = max_length
        self.length = np.zeros(n_inputs, np.int64)  # tokens that each input has generated so far
        # Of each live beam:
        self.input: IntArray = np.zeros(0, np.int64)
        self.state: IntArray = np.zeros(0, np.int64)  # the constraint's, after the token
        self.token: IntArray = np.zeros(0, np.int64)  # the next token for the decoder
        # The beam of the previous step that it continues, -1 at the first step.
        self.parent: IntArray = np.zeros(0, np.int64)
        self.logprob: FloatArray = np.zeros(0, np.float32)  # the sum so far
        self.last: IntArray = np.zeros(0, np.int64)  # its last token's place in the history, or -1
        self.history = _History()
        # The complete sequences of each input, best first; -inf where there is none yet.
        shape = (n_inputs, num_beams)
        self.done_score = np.full(shape, -np.inf, np.float32)
        self.done_logprob = np.full(shape, -np.inf, np.float32)
        self.done_state = np.zeros(shape, np.int64)
        self.done_last = np.full(shape, -1)

    def start(self, inputs: IntArray, states: IntArray, token: int) -> None:
        """Start the search of some inputs, in their start states and with the start token."""
        n = len(inputs)
        self.input = np.concatenate([self.input, inputs])
        self.state = np.concatenate([self.state, states])
        self.token = np.concatenate([self.token, np.full(n, token)])
        self.parent = np.concatenate([self.parent, np.full(n, -1)])
        self.logprob = np.concatenate([self.logprob, np.zeros(n, np.float32)])
        self.last = np.concatenate([self.last, np.full(n, -1)])

    @property
    def n_live(self) -> int:
        """The number of inputs that have live beams."""
        # The beams of an input are neighbours.
        return int(np.count_nonzero(np.diff(self.input))) + (len(self.input) > 0)

    def advance(self, c: ScoredContinuations) -> None:
        """Extend the beams by one token.

        c (ScoredContinuations): What may follow each beam, at least its 2K best continuations.
        """
        score = self.logprob[c.row] + c.logprob
        # Of each input the 2K best: K of them at least are no ends, if there are so many.
        inputs, top = top_per_group(self.input[c.row], score, 2 * self.k)
        self.length[inputs] += 1
        exists = top >= 0
        ends = exists & c.is_end[top]
        self._collect(inputs, top, ends, score, c)
        lives = exists & ~ends
        lives &= np.cumsum(lives, axis=1) <= self.k
        lives[self._are_done(inputs, score[top], lives)] = False
        kept = top[lives]
        self.parent = c.row[kept]
        self.last = self.history.append(self.last[self.parent], c.token[kept], c.logprob[kept])
        self.input, self.logprob = self.input[self.parent], score[kept]
        self.state, self.token = c.state[kept], c.token[kept]

    def _collect(
        self,
        inputs: IntArray,
        top: IntArray,
        ends: NDArray[np.bool_],
        score: FloatArray,
        c: ScoredContinuations,
    ) -> None:
        """Add the sequences that are now complete to the best ones of their input."""
        # Only ends among the K best count; the others are there to keep K beams alive.
        ends = ends[:, : self.k]
        some = ends.any(axis=1)
        if not some.any():
            return
        inputs, ends, top = inputs[some], ends[some], top[some, : self.k]
        new_logprob = np.where(ends, score[top], -np.inf).astype(np.float32)
        new_score = new_logprob / self._norm(self.length[inputs])
        merged = np.concatenate([self.done_score[inputs], new_score], axis=1)
        order = np.argsort(-merged, axis=1, kind="stable")[:, : self.k]

        def merge(old: np.ndarray, new: np.ndarray) -> np.ndarray:
            return np.take_along_axis(np.concatenate([old[inputs], new], axis=1), order, axis=1)

        self.done_logprob[inputs] = merge(self.done_logprob, new_logprob)
        self.done_state[inputs] = merge(self.done_state, c.state[top])
        self.done_last[inputs] = merge(self.done_last, self.last[c.row[top]])
        self.done_score[inputs] = np.take_along_axis(merged, order, axis=1)

    def _norm(self, length: IntArray) -> FloatArray:
        """The divisor of the sum of log-probabilities, [N, 1]."""
        return (length.astype(np.float64) ** self.length_penalty).astype(np.float32)[:, None]

    def _are_done(
        self, inputs: IntArray, score: FloatArray, lives: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Whether each input can stop: no beam lives, or none can beat its K complete sequences."""
        worst = self.done_score[inputs, -1]  # -inf unless there are K
        if self.early_stopping is True:
            return np.isfinite(worst)
        # A longer sequence has a larger divisor, so the longest one bounds what may still come.
        to_the_end = self.early_stopping == "never" and self.length_penalty > 0
        longest = np.full(len(inputs), self.max_length)
        norm = self._norm(longest if to_the_end else self.length[inputs])
        best = np.max(score / norm, axis=1, where=lives, initial=-np.inf)
        return ~(best > worst)

    def hypotheses(self) -> List[List[Hypothesis]]:
        """The complete sequences of each input, best first."""
        inputs, rank = np.nonzero(self.done_score > -np.inf)
        tokens, logprobs = self.history.sequences(self.done_last[inputs, rank])
        columns = (self.done_state, self.done_logprob, self.done_score)
        state, logprob, score = (column[inputs, rank].tolist() for column in columns)
        found: List[List[Hypothesis]] = [[] for _ in self.done_score]
        values = zip(inputs.tolist(), state, tokens, logprob, score, logprobs, strict=True)
        for i, *hypothesis in values:
            found[i].append(Hypothesis(*hypothesis))
        return found


class _History:
    """The tokens of all beams, each with the place of the token before it; beams that share a
    beginning share its tokens."""

    def __init__(self) -> None:
        self.previous: List[IntArray] = []
        self.tokens: List[IntArray] = []
        self.logprobs: List[FloatArray] = []
        self.size = 0

    def append(self, previous: IntArray, tokens: IntArray, logprobs: FloatArray) -> IntArray:
        """Add tokens behind others, with their log-probabilities. RETURNS (IntArray): [R], their
        places."""
        self.previous.append(previous)
        self.tokens.append(tokens)
        self.logprobs.append(logprobs)
        places = self.size + np.arange(len(tokens))
        self.size += len(tokens)
        return places

    def sequences(self, last: IntArray) -> Tuple[List[Tuple[int, ...]], List[Tuple[float, ...]]]:
        """The tokens up to each of some places, [N], and their log-probabilities."""
        if not self.size:
            return [()] * len(last), [()] * len(last)
        arrays = (self.previous, self.tokens, self.logprobs)
        previous, tokens, logprobs = (np.concatenate(array) for array in arrays)
        columns, place = [], last
        while (place >= 0).any():
            columns.append(place)
            place = np.where(place >= 0, previous[place], -1)
        rows = np.stack(columns[::-1], axis=1) if columns else np.zeros((len(last), 0), np.int64)
        paths = [row[row >= 0] for row in rows]
        return (
            [tuple(tokens[path].tolist()) for path in paths],
            [tuple(logprobs[path].tolist()) for path in paths],
        )


def top_per_group(group: IntArray, score: FloatArray, k: int) -> Tuple[IntArray, IntArray]:
    """The k best items of each group.

    group (IntArray): [C], the group of each item; those of a group are neighbours.
    score (FloatArray): [C].
    RETURNS (Tuple[IntArray, IntArray]): The G groups, [G]; and the items of each, best first, -1
        where there are fewer, [G, k].
    """
    is_first = np.ones(len(group), bool)
    is_first[1:] = group[1:] != group[:-1]
    first = np.flatnonzero(is_first)
    row = np.cumsum(is_first) - 1
    column = np.arange(len(group)) - first[row]
    width = int(column.max(initial=-1)) + 1
    padded = np.full((len(first), width), -np.inf, np.float32)
    padded[row, column] = score
    best_score, best = torch.topk(torch.from_numpy(padded), min(k, width), dim=1)
    top = np.full((len(first), k), -1)
    items = best.numpy() + first[:, None]
    top[:, : best.shape[1]] = np.where(np.isneginf(best_score.numpy()), -1, items)
    return group[first], top
