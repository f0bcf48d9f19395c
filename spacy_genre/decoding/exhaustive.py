"""Scoring all sequences of small tries, such as a mention's candidates, in one decoder pass."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Iterable, Iterator, List, Sequence, Tuple

import numpy as np
import torch

from ..batching import token_batches
from ..ragged import IntArray
from ..titles.trie import TokenTrie
from .bart.kv_cache import BartDecoder, DecoderRows, rank_in_group
from .bart.model import Bart
from .bart.weights import inference_weights
from .beam_search import check_inputs, check_options, constrained_search
from .beams import EarlyStopping, FloatArray, Hypothesis
from .constraint import Constraint
from .logprobs import LogProbs
from .module_use import searching
from .scoring import check_finite
from .trie import CandidateTries

# A trie of at most so many nodes is scored whole: about a dozen names. That takes a row for each
# node, where five beams take about forty, but one pass, where beam search takes one for each token.
# In processor time both cost the same at 50 to 90 nodes for one mention, where most of a pass is
# spent on reading the weights, and at about 40 for many, where the rows alone count (measured with
# the embedded model and with BART-base, in float32 and bfloat16).
MAX_NODES = 64
# The most rows of a pass, over all inputs.
MAX_ROWS = 256


def search_candidates(
    module: Any,
    inputs: Sequence[List[int]],
    tries: Sequence[TokenTrie],
    *,
    num_beams: int = 5,
    length_penalty: float = 1.0,
    early_stopping: EarlyStopping = False,
    batch_tokens: int = 4096,
    dtype: torch.dtype = torch.float32,
) -> List[List[Hypothesis]]:
    """Score the candidates of each of some inputs: all of them where they are few, and the best
    `num_beams` by beam search where they are many or the model is no BART or mBART.

    module (transformers.PreTrainedModel): An encoder-decoder; it is set to evaluation mode.
    inputs (Sequence[List[int]]): The encoder's inputs, B lists of token ids.
    tries (Sequence[TokenTrie]): [B], the candidates of each input; none for an empty trie.
    num_beams, length_penalty, early_stopping, batch_tokens, dtype: As in `constrained_search`.
    RETURNS (List[List[Hypothesis]]): For each input its hypotheses, best score first. Their state
        is a node of the input's own trie.
    RAISES (ValueError): As `constrained_search`.
    """
    check_options(num_beams, length_penalty, early_stopping)
    check_inputs(module, inputs, CandidateTries(tries, module.config.eos_token_id))
    scored: List[List[Hypothesis]] = [[] for _ in inputs]
    n_nodes: IntArray = np.asarray([trie.n_nodes if len(trie) else 0 for trie in tries], np.int64)
    with searching(module):
        bart = inference_weights(module, dtype)
        small = np.flatnonzero((n_nodes > 0) & (n_nodes <= (MAX_NODES if bart is not None else 0)))
        lengths = np.asarray([len(inputs[i]) for i in small.tolist()], np.int64)
        for batch in token_batches(lengths, batch_tokens, rows=n_nodes[small], max_rows=MAX_ROWS):
            index: List[int] = small[batch].tolist()
            part = ([inputs[i] for i in index], [tries[i] for i in index])
            found = _score_tries(bart, module.config, *part, length_penalty)
            for i, hypotheses in zip(index, found, strict=True):
                scored[i] = hypotheses
    large = np.setdiff1d(np.flatnonzero(n_nodes), small).tolist()
    if large:
        of_large = [tries[i] for i in large]
        found = constrained_search(
            module,
            [inputs[i] for i in large],
            CandidateTries(of_large, module.config.eos_token_id),
            num_beams=num_beams,
            length_penalty=length_penalty,
            early_stopping=early_stopping,
            batch_tokens=batch_tokens,
            dtype=dtype,
        )
        for i, trie, hypotheses in zip(large, of_large, found, strict=True):
            scored[i] = [replace(h, state=trie.find(h.tokens)) for h in hypotheses]
    return scored


def _score_tries(
    bart: Any,
    config: Any,
    inputs: Sequence[List[int]],
    tries: Sequence[TokenTrie],
    length_penalty: float,
) -> List[List[Hypothesis]]:
    """All sequences of small tries, none of them empty, best score first."""
    tree = _SequenceTree.expand(CandidateTries(tries, config.eos_token_id))
    logprobs = tree.logprobs(bart, inputs, config.decoder_start_token_id, config.eos_token_id)
    check_finite(logprobs, bart.dtype)
    tokens = tree.sequences()
    scores = logprobs / (tree.depth[tree.end_row] + 1.0) ** length_penalty
    end_input = tree.input[tree.end_row]
    # The nodes of a forest have other numbers than those of its tries, but the same order.
    nodes = np.empty(len(tokens), np.int64)
    order = np.lexsort((tree.end_state, end_input))
    nodes[order] = np.concatenate([np.unique(trie.entry_nodes) for trie in tries])
    hypotheses: List[List[Hypothesis]] = [[] for _ in inputs]
    for i in np.lexsort((-scores, end_input)).tolist():
        values = (int(nodes[i]), tokens[i], float(logprobs[i]), float(scores[i]))
        hypotheses[end_input[i]].append(Hypothesis(*values))
    return hypotheses


@dataclass(frozen=True)
class _SequenceTree:
    """All sequences of a constraint as a tree for each input: a row for each of N nodes, the rows
    of an input side by side and parents before their children; and E ends.

    input (IntArray): [N], the input of each row, ascending.
    parent (IntArray): [N], the row of its parent; -1 for the root of an input.
    depth (IntArray): [N], the number of tokens from the root to it.
    token (IntArray): [N], its token; 0 for a root.
    end_row (IntArray): [E], the row at which each sequence ends.
    end_state (IntArray): [E], the constraint's state that identifies the sequence.
    """

    input: IntArray
    parent: IntArray
    depth: IntArray
    token: IntArray
    end_row: IntArray
    end_state: IntArray

    @classmethod
    def expand(cls, constraint: Constraint) -> "_SequenceTree":
        """Follow a constraint with a finite number of sequences to all its ends."""
        state: IntArray = constraint.start_states
        source: IntArray = np.arange(len(state))
        parent: IntArray = np.full(len(state), -1)
        token: IntArray = np.zeros(len(state), np.int64)
        depth = 0
        rows: List[Tuple[IntArray, ...]] = []
        ends: List[Tuple[IntArray, IntArray]] = []
        n_before = 0
        while len(state):
            rows.append((source, parent, np.full(len(state), depth), token))
            c = constraint.continuations(state)
            is_end = c.is_end
            ends.append((n_before + c.row[is_end], c.state[is_end]))
            source, parent = source[c.row[~is_end]], n_before + c.row[~is_end]
            n_before += len(state)
            state, token, depth = c.state[~is_end], c.token[~is_end], depth + 1
        columns = [np.concatenate(a) for a in zip(*rows, strict=True)]
        end_row, end_state = (np.concatenate(a) for a in zip(*ends, strict=True))
        order = np.argsort(columns[0], kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        columns[1] = np.where(columns[1] >= 0, place[columns[1]], -1)
        source, parent, depths, token = (column[order] for column in columns)
        return cls(source, parent, depths, token, place[end_row], end_state)

    def levels(self) -> Iterator[IntArray]:
        """The rows at each depth below the roots, from the top down."""
        for depth in range(1, self.depth.max() + 1):
            yield np.flatnonzero(self.depth == depth)

    @cached_property
    def ancestors(self) -> IntArray:
        """[N, T], for each depth the place among the rows of its input of each row's ancestor, and
        from its own depth on its own place."""
        places = rank_in_group(self.input)
        ancestors = np.repeat(places[:, None], self.depth.max() + 1, axis=1)
        for depth, rows in enumerate(self.levels(), start=1):
            ancestors[rows, :depth] = ancestors[self.parent[rows], :depth]
        return ancestors

    def sequences(self) -> List[Tuple[int, ...]]:
        """The tokens of each end, [E]."""
        first = np.searchsorted(self.input, self.input[self.end_row])
        table = self.token[first[:, None] + self.ancestors[self.end_row]].tolist()
        depths = self.depth[self.end_row].tolist()
        return [tuple(row[1 : depth + 1]) for row, depth in zip(table, depths, strict=True)]

    def logprobs(self, bart: Bart, inputs: Sequence[List[int]], start: int, eos: int) -> FloatArray:
        """The log-probabilities of all sequences in one decoder pass, [E]."""
        tokens = np.where(self.parent >= 0, self.token, start)
        places = self.ancestors[:, -1]
        decoder = BartDecoder(bart)
        decoder.add_inputs(inputs, np.arange(len(inputs)))
        rows = DecoderRows(self.input, places, self.ancestors, self.depth, tokens)
        inner = np.flatnonzero(self.parent >= 0)
        row = np.concatenate([self.parent[inner], self.end_row])
        token = np.concatenate([self.token[inner], np.full(len(self.end_row), eos)])
        logprob = _gather(decoder.decode(rows), row, token)
        total = np.zeros(len(self.parent), np.float32)
        total[inner] = logprob[: len(inner)]
        for level in self.levels():
            total[level] += total[self.parent[level]]
        return total[self.end_row] + logprob[len(inner) :]


def _gather(pieces: Iterable[LogProbs], rows: IntArray, tokens: IntArray) -> FloatArray:
    """The log-probability of some tokens, each after one of the rows, [C].

    pieces (Iterable[LogProbs]): [R, V] in pieces of some rows.
    """
    logprob, start = np.empty(len(rows), np.float32), 0
    for piece in pieces:
        here = np.flatnonzero((rows >= start) & (rows < start + len(piece)))
        logprob[here] = piece.at(rows[here] - start, tokens[here]).cpu().numpy()
        start += len(piece)
    return logprob
