"""The state of a beam search, for all mentions at once."""

from dataclasses import dataclass
from typing import List, Tuple, Union

import numpy as np
import torch
from numpy.typing import NDArray

from ..ragged import IntArray
from ..titles.overlay import AnyTrie
from .continuations import Edges

EarlyStopping = Union[bool, str]
FloatArray = NDArray[np.floating]


@dataclass(frozen=True)
class Path:
    """A sequence of the trie, generated to its end.

    node (int): The node of the trie at which it ends.
    length (int): The number of generated tokens, with the end token, without the start token.
    logprob (float): The sum of their log-probabilities over the full vocabulary (natural log).
    score (float): logprob / length ** length_penalty.
    """

    node: int
    length: int
    logprob: float
    score: float


class Beams:
    """Which sequences of each mention are followed, and which are complete.

    The live beams of all mentions are the rows of five arrays. Those of a mention are neighbours,
    best first; mentions that are done, or were not yet admitted, have none.

    trie (AnyTrie): What may be generated.
    n_mentions (int): How many mentions there are in all.
    num_beams (int): How many sequences are followed of each.
    length_penalty (float): The exponent of the length in the score.
    early_stopping (EarlyStopping): As in `constrained_search`.
    """

    def __init__(
        self,
        trie: AnyTrie,
        n_mentions: int,
        *,
        num_beams: int,
        length_penalty: float,
        early_stopping: EarlyStopping,
    ) -> None:
        self.k, self.length_penalty = num_beams, length_penalty
        # With one beam `generate` is greedy: the first end is the answer.
        self.early_stopping = early_stopping if num_beams > 1 else True
        self.max_length = trie.depth + 1
        self.length = np.zeros(n_mentions, np.int64)  # tokens that each has generated so far
        # Of each live beam:
        self.mention: IntArray = np.zeros(0, np.int64)
        self.node: IntArray = np.zeros(0, np.int64)  # that it has reached
        self.token: IntArray = np.zeros(0, np.int64)  # that is now to be decoded
        # The beam of the step before that it continues, -1 at the first step.
        self.parent: IntArray = np.zeros(0, np.int64)
        self.logprob: FloatArray = np.zeros(0, np.float32)  # the sum so far
        # The complete paths of each mention, best first; -inf where there is none yet.
        shape = (n_mentions, num_beams)
        self.done_score = np.full(shape, -np.inf, np.float32)
        self.done_logprob = np.full(shape, -np.inf, np.float32)
        self.done_node = np.zeros(shape, np.int64)
        self.done_length = np.zeros(shape, np.int64)

    def admit(self, mentions: IntArray, roots: IntArray, token: int) -> None:
        """Begin with mentions, at their roots and with the start token."""
        n = len(mentions)
        self.mention = np.concatenate([self.mention, mentions])
        self.node = np.concatenate([self.node, roots])
        self.token = np.concatenate([self.token, np.full(n, token)])
        self.parent = np.concatenate([self.parent, np.full(n, -1)])
        self.logprob = np.concatenate([self.logprob, np.zeros(n, np.float32)])

    @property
    def n_live(self) -> int:
        """How many mentions are under way."""
        # Those of a mention are neighbours.
        return int(np.count_nonzero(np.diff(self.mention))) + (len(self.mention) > 0)

    def advance(self, edges: Edges) -> None:
        """Extend the beams by one token.

        edges (Edges): What may follow them; for each beam the 2k best at least.
        """
        score = self.logprob[edges.row] + edges.logprob
        # Of each mention the best 2k: k of them at least are no ends, if there are so many.
        mentions, top = top_per_group(self.mention[edges.row], score, 2 * self.k)
        self.length[mentions] += 1
        exists = top >= 0
        ends = exists & edges.is_end[top]
        self._collect(mentions, top, ends, score, edges.node)
        lives = exists & ~ends
        lives &= np.cumsum(lives, axis=1) <= self.k
        lives[self._are_done(mentions, score[top], lives)] = False
        kept = top[lives]
        self.parent = edges.row[kept]
        self.mention, self.logprob = self.mention[self.parent], score[kept]
        self.node, self.token = edges.node[kept], edges.token[kept]

    def _collect(
        self,
        mentions: IntArray,
        top: IntArray,
        ends: NDArray[np.bool_],
        score: FloatArray,
        node: IntArray,
    ) -> None:
        """Add the paths that are now complete to the best ones of their mention."""
        # Only ends among the best k count; the rest is there to keep k beams alive.
        ends = ends[:, : self.k]
        some = ends.any(axis=1)
        if not some.any():
            return
        mentions, ends, top = mentions[some], ends[some], top[some, : self.k]
        new_logprob = np.where(ends, score[top], -np.inf).astype(np.float32)
        new_score = new_logprob / self._norm(self.length[mentions])
        merged = np.concatenate([self.done_score[mentions], new_score], axis=1)
        order = np.argsort(-merged, axis=1, kind="stable")[:, : self.k]

        def merge(old: np.ndarray, new: np.ndarray) -> np.ndarray:
            return np.take_along_axis(np.concatenate([old[mentions], new], axis=1), order, axis=1)

        new_length = np.broadcast_to(self.length[mentions, None], top.shape)
        self.done_logprob[mentions] = merge(self.done_logprob, new_logprob)
        self.done_node[mentions] = merge(self.done_node, node[top])
        self.done_length[mentions] = merge(self.done_length, new_length)
        self.done_score[mentions] = np.take_along_axis(merged, order, axis=1)

    def _norm(self, length: IntArray) -> FloatArray:
        """What the sum of log-probabilities is divided by, [M, 1]."""
        return (length.astype(np.float64) ** self.length_penalty).astype(np.float32)[:, None]

    def _are_done(
        self, mentions: IntArray, score: FloatArray, lives: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Whether each mention can stop: nothing lives, or it has k paths that none may beat."""
        worst = self.done_score[mentions, -1]  # -inf unless there are k
        if self.early_stopping is True:
            return np.isfinite(worst)
        # A longer path has a milder norm, so the longest possible bounds what may still come.
        to_the_end = self.early_stopping == "never" and self.length_penalty > 0
        longest = np.full(len(mentions), self.max_length)
        norm = self._norm(longest if to_the_end else self.length[mentions])
        best = np.max(score / norm, axis=1, where=lives, initial=-np.inf)
        return ~(best > worst)

    def paths(self) -> List[List[Path]]:
        """The complete paths of each mention, best first."""
        columns = (self.done_node, self.done_length, self.done_logprob, self.done_score)
        rows = zip(*(column.tolist() for column in columns), strict=True)
        return [
            [Path(*values) for values in zip(*row, strict=True) if values[-1] > -np.inf]
            for row in rows
        ]


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
