"""What may follow the nodes of a trie, and how likely it is."""

from dataclasses import dataclass, fields, replace
from typing import Iterable, Iterator, Optional, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from ..errors import Errors
from ..ragged import IntArray
from ..titles.overlay import AnyTrie
from .logprobs import LogProbs

# With more children, a node's rows are gathered as a block and only the best are looked at
# further: the first token of a name has thousands of choices.
MANY = 256


@dataclass(frozen=True)
class Edges:
    """Continuations of some sequences ("rows").

    row (IntArray): [C], the row that each one continues, ascending.
    node (IntArray): [C], the node that it leads to; for an end the node that it ends at.
    token (IntArray): [C], its token.
    is_end (bool): [C], whether the sequence ends with it.
    logprob (float32): [C], its log-probability.
    """

    row: IntArray
    node: IntArray
    token: IntArray
    is_end: NDArray[np.bool_]
    logprob: NDArray[np.float32]

    @classmethod
    def join(cls, parts: Sequence["Edges"]) -> "Edges":
        """All in one, in the order of their rows."""
        if len(parts) == 1:
            return parts[0]
        whole = [np.concatenate([getattr(part, f.name) for part in parts]) for f in fields(cls)]
        order = np.argsort(whole[0], kind="stable")
        return cls(*(array[order] for array in whole))

    def shifted(self, by: int) -> "Edges":
        """The same with higher numbers of rows."""
        return replace(self, row=self.row + by)

    def of_rows(self, rows: IntArray) -> "Edges":
        """Those of some rows, [R], which then have the numbers from 0 on."""
        start, end = (np.searchsorted(self.row, rows, side) for side in ("left", "right"))
        count = end - start
        row = np.repeat(np.arange(len(rows)), count)
        at = np.arange(len(row)) + np.repeat(start - (np.cumsum(count) - count), count)
        rest = (getattr(self, f.name)[at] for f in fields(self)[1:])
        return Edges(row, *rest)


@dataclass(frozen=True)
class Goal:
    """What is to be generated.

    trie (AnyTrie): The sequences that may be.
    start, eos (int): The start token and the end token.
    limit (Optional[int]): How many continuations of a sequence matter; None for all.
    """

    trie: AnyTrie
    start: int
    eos: int
    limit: Optional[int] = None

    def follow(self, nodes: IntArray, logprobs: Iterable[LogProbs]) -> Edges:
        """What may follow some rows; of those with many continuations only the best ones.

        nodes (IntArray): [R], the node that each row has reached.
        logprobs (Iterable[LogProbs]): [R, V] in pieces of some rows.
        RETURNS (Edges): The continuations.
        RAISES (ValueError): If a token is beyond V.
        """
        found, start = [], 0
        for piece in logprobs:
            part = nodes[start : start + len(piece)]
            n_children = self.trie.n_children(part)
            edges = [_few(self, part, n_children <= MANY, piece)]
            edges += _many(self, part, n_children > MANY, piece)
            found += [part.shifted(start) for part in edges]
            start += len(piece)
        return Edges.join(found)


def check_finite(edges: Edges, dtype: torch.dtype) -> None:
    """RAISES (ValueError): If a log-probability is not a finite number.

    dtype (torch.dtype): What was computed in.
    """
    if not np.isfinite(edges.logprob).all():
        raise ValueError(Errors.M006.format(dtype=str(dtype).removeprefix("torch.")))


def check_tokens(tokens: IntArray, size: int) -> None:
    """RAISES (ValueError): If a token is beyond a vocabulary of some size."""
    if tokens.max(initial=0) >= size:
        raise ValueError(Errors.M009.format(found=tokens.max(), size=size))


def _few(goal: Goal, nodes: IntArray, is_usual: NDArray[np.bool_], logprobs: LogProbs) -> Edges:
    """The ends, and the children of nodes that have not many."""
    trie = goal.trie
    ending, usual = np.flatnonzero(trie.is_end(nodes)), np.flatnonzero(is_usual)
    at, child = trie.children(nodes[usual])
    row = np.concatenate([usual[at], ending])
    node = np.concatenate([child, nodes[ending]])
    token = np.concatenate([trie.token_of(child), np.full(len(ending), goal.eos)]).astype(np.int64)
    check_tokens(token, logprobs.n_tokens)
    is_end = np.arange(len(row)) >= len(child)
    if len(child) and len(ending):
        order = np.argsort(row, kind="stable")
        row, node, token, is_end = row[order], node[order], token[order], is_end[order]
    return Edges(row, node, token, is_end, logprobs.at(row, token).cpu().numpy())


def _many(
    goal: Goal, nodes: IntArray, is_large: NDArray[np.bool_], logprobs: LogProbs
) -> Iterator[Edges]:
    """The best children of nodes that have many. Such nodes are few, and shared by many rows."""
    trie, rows = goal.trie, np.flatnonzero(is_large)
    if not len(rows):
        return
    found = []
    for node in np.unique(nodes[rows]):
        _, children = trie.children(np.asarray([node]))
        tokens = trie.token_of(children).astype(np.int64)
        check_tokens(tokens, logprobs.n_tokens)
        n_best = min(goal.limit or len(tokens), len(tokens))
        same = rows[nodes[rows] == node]
        found.append((same, children, tokens, *logprobs.best(same, tokens, n_best)))
    # A GPU is waited for once, not for each node.
    logprob = torch.cat([part[3].flatten() for part in found]).cpu().numpy()
    best = torch.cat([part[4].flatten() for part in found]).cpu().numpy()
    ends = np.cumsum([part[3].numel() for part in found])[:-1]
    parts = zip(found, np.split(logprob, ends), np.split(best, ends), strict=True)
    for (same, children, tokens, *_), own, at in parts:
        row = np.repeat(same, len(at) // len(same))
        yield Edges(row, children[at], tokens[at], np.zeros(len(at), bool), own)
