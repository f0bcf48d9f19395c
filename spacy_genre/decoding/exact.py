"""The true best sequences of a trie, where a beam search may drop some.

Two ways to the same answer. A small trie, such as the candidates of one mention, is computed whole.
In a large one only the nodes are computed under which one of the best sequences may still be: a
node's log-probability bounds those of all sequences that go on from it, and how far down the trie
goes from there bounds the norm of their scores.
"""

from dataclasses import dataclass
from typing import List, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from ..ragged import IntArray
from .bart.kv_cache import PackedDecoder, Rows, rank_in_group
from .bart.model import Bart
from .beams import Path, top_per_group
from .continuations import Edges, Goal, check_finite
from .exhaustive import REACHED, count_nodes, score_all

FloatArray = NDArray[np.floating]

# At most so many rows are computed in one pass, those of many mentions together.
MAX_ROWS = 256
# Of each mention so many nodes a pass; more would often be in vain.
WIDTH = 8
# Tries with at most so many nodes are computed whole, which takes fewer passes but more rows.
SMALL = 128


@dataclass(frozen=True)
class Wanted:
    """What an exact search is to find.

    k (int): How many paths at most.
    length_penalty (float): The exponent of the length in the score.
    max_rows (int): After so many rows the search for an input ends.
    """

    k: int
    length_penalty: float
    max_rows: int

    def scores(self, reached: np.ndarray, more: Union[int, IntArray]) -> FloatArray:
        """The scores of sequences (REACHED, [N]) if they had more tokens (one number, or
        [N])."""
        norm = np.power(reached["length"] + more, self.length_penalty, dtype=np.float64)
        return np.divide(reached["logprob"], norm, dtype=np.float32)


@dataclass(frozen=True)
class Found:
    """What was found for an input.

    paths (List[Path]): The paths, best score first.
    n_rows (int): How many rows (places in sequences) the decoder has computed for it.
    is_exact (bool): Whether these are the best paths for certain; not if `max_rows` ended the
        search.
    """

    paths: List[Path]
    n_rows: int
    is_exact: bool = True


def best_sequences(
    bart: Bart,
    goal: Goal,
    inputs: Sequence[List[int]],
    roots: IntArray,
    wanted: Wanted,
    batch_tokens: int,
) -> List[Found]:
    """The best sequences for each of some inputs.

    bart (Bart): The model.
    goal (Goal): What is generated.
    inputs (Sequence[List[int]]): B lists of token ids.
    roots (IntArray): [B], the node at which each begins, -1 for those that have nothing.
    wanted (Wanted): How many, by which score.
    batch_tokens (int): How many tokens of input the encoder reads at once.
    RETURNS (List[Found]): The paths for each input, and what they took.
    """
    found = [Found([], 0)] * len(inputs)
    mentions = np.flatnonzero(roots >= 0)
    n_rows: IntArray = np.zeros(len(inputs), np.int64)
    n_rows[mentions] = count_nodes(goal.trie, roots[mentions], SMALL)
    is_small = n_rows <= SMALL
    n_rows[~is_small] = WIDTH
    for group in (mentions[is_small[mentions]], mentions[~is_small[mentions]]):
        for batch in batches(group, inputs, n_rows, batch_tokens):
            task = (bart, goal, [inputs[i] for i in batch], roots[batch])
            if is_small[batch[0]]:
                ends, taken = score_all(*task), n_rows[batch]
                is_exact = np.ones(len(batch), bool)
            else:
                ends, taken, is_exact = _best_first(*task, wanted)
            paths = paths_of(ends, len(batch), wanted)
            columns = (batch, paths, taken.tolist(), is_exact.tolist())
            for i, *values in zip(*columns, strict=True):
                found[i] = Found(*values)
    return found


def batches(
    mentions: IntArray, inputs: Sequence[List[int]], n_rows: IntArray, batch_tokens: int
) -> List[IntArray]:
    """Mentions in batches of similar length, limited by tokens of input and by rows."""
    order = sorted(mentions.tolist(), key=lambda i: -len(inputs[i]))
    batches: List[List[int]] = []
    for i in order:
        batch = batches[-1] if batches else []
        tokens = len(inputs[batch[0]]) * (len(batch) + 1) if batch else 0
        if not batch or tokens > batch_tokens or n_rows[[*batch, i]].sum() > MAX_ROWS:
            batches.append([])
        batches[-1].append(i)
    return [np.asarray(batch) for batch in batches]


def _best_first(
    bart: Bart, goal: Goal, inputs: Sequence[List[int]], roots: IntArray, wanted: Wanted
) -> Tuple[np.ndarray, IntArray, NDArray[np.bool_]]:
    """The k best ends of each input (REACHED, [<= B * k]); how many rows were computed, [B]; and
    whether there are no better ends for certain, [B]."""
    decoder = PackedDecoder(bart)
    decoder.admit(inputs, np.arange(len(inputs)))
    ends, is_exact = np.zeros(0, REACHED), np.ones(len(inputs), bool)
    waiting = np.zeros(len(inputs), REACHED)  # what follows these is not known
    waiting["mention"], waiting["node"] = np.arange(len(inputs)), roots
    waiting["token"] = goal.start
    ancestors = np.zeros((1, goal.trie.depth + 1), np.int64)  # of all rows; the first is no row
    while len(waiting):
        # The order in which nodes are taken is of no matter for the result. Those with good scores
        # soon lead to good ends, which rule out others.
        taken = _best(waiting, WIDTH, wanted.scores(waiting, 1))
        nodes, n_before = waiting[taken], len(ancestors)
        rows = _rows(decoder, nodes, ancestors)
        ancestors = np.concatenate([ancestors, rows.ancestors])
        edges = goal.follow(nodes["node"], decoder.evaluate(rows))
        check_finite(edges, bart.dtype)
        new = _extend(nodes, edges, n_before)
        ends = _grouped(np.concatenate([ends, new[edges.is_end]]))
        ends = ends[_best(ends, wanted.k, wanted.scores(ends, 0))]
        waiting = _grouped(np.concatenate([np.delete(waiting, taken), new[~edges.is_end]]))
        waiting = waiting[_can_matter(waiting, ends, goal, wanted, len(inputs))]
        over = decoder.used[waiting["mention"]] >= wanted.max_rows
        is_exact[waiting["mention"][over]] = False
        waiting = waiting[~over]
    return ends, decoder.used, is_exact


def _rows(decoder: PackedDecoder, nodes: np.ndarray, ancestors: IntArray) -> Rows:
    """The rows to compute for nodes (REACHED), from the ancestors of all rows so far."""
    slots, depths = nodes["mention"], nodes["length"]
    places = decoder.used[slots] + rank_in_group(slots)
    later = np.arange(ancestors.shape[1]) >= depths[:, None]
    own = np.where(later, places[:, None], ancestors[nodes["parent"]])
    return Rows(slots, places, own, depths, nodes["token"])


def _extend(nodes: np.ndarray, edges: Edges, n_before: int) -> np.ndarray:
    """What edges lead to (REACHED) from nodes whose rows have the numbers from n_before on."""
    new = np.zeros(len(edges.row), REACHED)
    new["mention"], new["node"] = nodes["mention"][edges.row], edges.node
    new["token"], new["parent"] = edges.token, n_before + edges.row
    new["length"] = nodes["length"][edges.row] + 1
    new["logprob"] = nodes["logprob"][edges.row] + edges.logprob
    return new


def _grouped(reached: np.ndarray) -> np.ndarray:
    """The same (REACHED), those of a mention side by side."""
    return reached[np.argsort(reached["mention"], kind="stable")]


def _can_matter(
    waiting: np.ndarray, ends: np.ndarray, goal: Goal, wanted: Wanted, n_mentions: int
) -> NDArray[np.bool_]:
    """Whether a sequence that goes on from a node may be better than the k best so far."""
    worst = np.full(n_mentions, np.inf)
    np.minimum.at(worst, ends["mention"], wanted.scores(ends, 0))
    worst[np.bincount(ends["mention"], minlength=n_mentions) < wanted.k] = -np.inf
    # A sum of log-probabilities only falls. With a positive exponent it is divided by most in the
    # longest sequence; else the end that comes at once has the mildest norm.
    more = goal.trie.height(waiting["node"]) if wanted.length_penalty > 0 else 0
    return wanted.scores(waiting, more + 1) > worst[waiting["mention"]]


def _best(reached: np.ndarray, k: int, score: FloatArray) -> IntArray:
    """Which of some sequences (REACHED, those of a mention side by side) are the k best of each
    mention, best first."""
    _, top = top_per_group(reached["mention"], score, k)
    return top[top >= 0]


def paths_of(ends: np.ndarray, n_mentions: int, wanted: Wanted) -> List[List[Path]]:
    """The k best ends of each mention as paths."""
    paths: List[List[Path]] = [[] for _ in range(n_mentions)]
    best = ends[_best(ends, wanted.k, wanted.scores(ends, 0))]
    names = ("mention", "node", "length", "logprob")
    columns = [*(best[name].tolist() for name in names), wanted.scores(best, 0).tolist()]
    for mention, *values in zip(*columns, strict=True):
        paths[mention].append(Path(*values))
    return paths
