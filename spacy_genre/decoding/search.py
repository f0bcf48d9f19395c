"""Beam search that can only generate what stands in a prefix tree (paper, section 3.2).

For one mention at a time the result is that of transformers' `generate(num_beams=k,
prefix_allowed_tokens_fn=...)`. There, in a batch, the neighbours decide when a mention stops;
here each mention stops by itself, so that its result never depends on its batch.
"""

from dataclasses import dataclass
from typing import Any, List, Sequence, Tuple, Union

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import Errors
from ..titles.overlay import AnyTrie, OverlayTrie
from ..titles.trie import TokenTrie
from .decoder import StepDecoder

MAX_BEAMS = 1000
EarlyStopping = Union[bool, str]
IntArray = NDArray[np.integer]
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


def constrained_search(
    module: Any,
    input_ids: Tensor,
    attention_mask: Tensor,
    tries: Union[AnyTrie, Sequence[TokenTrie]],
    *,
    num_beams: int = 5,
    length_penalty: float = 1.0,
    early_stopping: EarlyStopping = False,
) -> List[List[Path]]:
    """The best sequences of a trie, for each input of a batch.

    module (transformers.PreTrainedModel): An encoder-decoder with a language modelling head,
        in evaluation mode.
    input_ids (LongTensor, [B, S]): The encoder's input, padded.
    attention_mask (LongTensor, [B, S]): 0 where it is padding.
    tries (Union[AnyTrie, Sequence[TokenTrie]]): What may be generated: one trie for all
        inputs, or one for each. A trie without entries gives no paths.
    num_beams (int): How many unfinished sequences are followed, and the most paths returned.
        One beam is greedy search.
    length_penalty (float): The exponent of the length in the score. 0 ranks by the plain sum of
        log-probabilities.
    early_stopping (Union[bool, str]): When to stop once `num_beams` paths are complete: False
        as soon as the best unfinished one, at its present length, scores no better than the
        worst path (as the paper's code does); "never" when none could, at any length; True at
        once.
    RETURNS (List[List[Path]]): For each input its paths, best score first.
    RAISES (ValueError): If an option is out of range; if there are not as many tries as inputs;
        if the model's answer is not finite.
    """
    check_options(num_beams, length_penalty, early_stopping)
    trie, roots = _one_trie(tries, len(input_ids))
    eos = module.config.eos_token_id
    beams = _Beams(trie, roots, eos, num_beams, length_penalty, early_stopping)
    size = module.get_input_embeddings().num_embeddings
    if len(input_ids) and int(input_ids.max()) >= size:
        raise ValueError(Errors.M009.format(found=int(input_ids.max()), size=size))
    rows, tokens = beams.start(module.config.decoder_start_token_id)
    if len(rows):
        decoder = StepDecoder(module, input_ids, attention_mask)
    while len(rows):
        logprobs = decoder.step(rows, tokens)
        rows, tokens = beams.advance(logprobs)
    paths = beams.paths()
    if not isinstance(tries, (TokenTrie, OverlayTrie)):
        paths = [_localize(found, trie, own) for found, own in zip(paths, tries, strict=True)]
    return paths


def check_options(num_beams: int, length_penalty: float, early_stopping: EarlyStopping) -> None:
    """RAISES (ValueError): If an option of `constrained_search` is out of range."""
    is_int = isinstance(num_beams, int) and not isinstance(num_beams, bool)
    if not is_int or not 1 <= num_beams <= MAX_BEAMS:
        raise ValueError(Errors.S001.format(limit=MAX_BEAMS, value=num_beams))
    if not isinstance(length_penalty, (int, float)) or not abs(length_penalty) <= 10:
        raise ValueError(Errors.S002.format(value=length_penalty))
    if early_stopping not in (True, False, "never"):
        raise ValueError(Errors.S003.format(value=early_stopping))


def _one_trie(
    tries: Union[AnyTrie, Sequence[TokenTrie]], n_mentions: int
) -> Tuple[AnyTrie, IntArray]:
    """The trie to search and the node at which each mention begins."""
    if isinstance(tries, (TokenTrie, OverlayTrie)):
        # An empty trie has nothing to begin with.
        return tries, np.full(n_mentions, 0 if len(tries) else -1)
    if len(tries) != n_mentions:
        raise ValueError(Errors.S004.format(tries=len(tries), mentions=n_mentions))
    return TokenTrie.forest(tries)


def _localize(paths: List[Path], forest: AnyTrie, trie: TokenTrie) -> List[Path]:
    """Paths in a forest as paths in the trie that they come from."""
    # In the forest, the number of the trie stands before the tokens.
    nodes = [trie.find(forest.path(path.node)[1:]) for path in paths]
    return [
        Path(node, path.length, path.logprob, path.score)
        for node, path in zip(nodes, paths, strict=True)
    ]


class _Beams:
    """The state of the search for all mentions of a batch at once.

    The live beams of all mentions are the rows of three arrays, best first within a mention;
    mentions that are done have none.
    """

    def __init__(
        self,
        trie: AnyTrie,
        roots: IntArray,
        eos: int,
        num_beams: int,
        length_penalty: float,
        early_stopping: EarlyStopping,
    ) -> None:
        self.trie, self.eos, self.k = trie, eos, num_beams
        self.length_penalty = length_penalty
        # With one beam `generate` is greedy: the first end is the answer.
        self.early_stopping = early_stopping if num_beams > 1 else True
        self.max_length = trie.depth + 1
        self.length = 0  # tokens generated so far
        self.mention = np.flatnonzero(roots >= 0)  # [R] the mention of each live beam
        self.node = roots[self.mention]  # [R] the node it has reached
        # [R] the sum so far
        self.logprob: FloatArray = np.zeros(len(self.mention), np.float32)
        shape = (len(roots), num_beams)
        # The complete paths of each mention, best first; -inf where there is none yet.
        self.done_score = np.full(shape, -np.inf, np.float32)
        self.done_logprob = np.full(shape, -np.inf, np.float32)
        self.done_node = np.zeros(shape, np.int64)
        self.done_length = np.zeros(shape, np.int64)

    def start(self, token: int) -> Tuple[IntArray, IntArray]:
        """The first rows and tokens to decode."""
        return self.mention, np.full(len(self.mention), token)

    def advance(self, logprobs: Tensor) -> Tuple[IntArray, IntArray]:
        """Extend the beams by one token.

        logprobs (FloatTensor): [R, V], the log-probabilities of each live beam's next token.
        RETURNS (Tuple[IntArray, IntArray]): For each beam that lives on, the row that it
            continues and its new token; empty when all mentions are done.
        """
        beam, token, node, is_end = self._continuations()
        score = self.logprob[beam] + self._gather(logprobs, beam, token)
        if not np.isfinite(score).all():
            raise ValueError(Errors.M006.format(dtype=str(logprobs.dtype)))
        self.length += 1
        # Of each mention the best 2k: k of them at least are no ends, if there are so many.
        mentions, top = _top_per_group(self.mention[beam], score, 2 * self.k)
        exists = top >= 0
        ends = exists & is_end[top]
        self._collect(mentions, top, ends, score, node)
        lives = exists & ~ends
        lives &= np.cumsum(lives, axis=1) <= self.k
        lives[self._are_done(mentions, score[top], lives)] = False
        kept = top[lives]
        self.mention, self.node, self.logprob = self.mention[beam[kept]], node[kept], score[kept]
        return beam[kept], token[kept]

    def _continuations(self) -> Tuple[IntArray, IntArray, IntArray, NDArray[np.bool_]]:
        """All that may follow the live beams: the beam, the token, the node, and whether it is
        an end (its node is then the one that it ends at)."""
        beam, child = self.trie.children(self.node)
        ending = np.flatnonzero(self.trie.is_end(self.node))
        is_end = np.zeros(len(beam) + len(ending), bool)
        is_end[len(beam) :] = True
        return (
            np.concatenate([beam, ending]),
            np.concatenate([self.trie.token_of(child), np.full(len(ending), self.eos)]),
            np.concatenate([child, self.node[ending]]),
            is_end,
        )

    @staticmethod
    def _gather(logprobs: Tensor, beam: IntArray, token: IntArray) -> FloatArray:
        if len(token) and token.max() >= logprobs.shape[1]:
            raise ValueError(Errors.M009.format(found=token.max(), size=logprobs.shape[1]))
        flat = beam * logprobs.shape[1] + token
        index = torch.from_numpy(flat.astype(np.int64)).to(logprobs.device)
        return logprobs.reshape(-1)[index].cpu().numpy()

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
        if not ends.any():
            return
        top = top[:, : self.k]
        norm = np.float32(self.length**self.length_penalty)
        new_logprob = np.where(ends, score[top], -np.inf).astype(np.float32)
        merged = np.concatenate([self.done_score[mentions], new_logprob / norm], axis=1)
        order = np.argsort(-merged, axis=1, kind="stable")[:, : self.k]

        def merge(old: np.ndarray, new: np.ndarray) -> np.ndarray:
            return np.take_along_axis(np.concatenate([old[mentions], new], axis=1), order, axis=1)

        new_length = np.full(top.shape, self.length)
        self.done_logprob[mentions] = merge(self.done_logprob, new_logprob)
        self.done_node[mentions] = merge(self.done_node, node[top])
        self.done_length[mentions] = merge(self.done_length, new_length)
        self.done_score[mentions] = np.take_along_axis(merged, order, axis=1)

    def _are_done(
        self, mentions: IntArray, score: FloatArray, lives: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """Whether each mention can stop: nothing lives, or it has k paths that none may beat."""
        worst = self.done_score[mentions, -1]  # -inf unless there are k
        if self.early_stopping is True:
            return np.isfinite(worst)
        # A longer path has a milder norm, so the longest possible bounds what may still come.
        to_the_end = self.early_stopping == "never" and self.length_penalty > 0
        norm = np.float32((self.max_length if to_the_end else self.length) ** self.length_penalty)
        best = np.max(score, axis=1, where=lives, initial=-np.inf)
        return ~(best / norm > worst)

    def paths(self) -> List[List[Path]]:
        """The complete paths of each mention, best first."""
        return [
            [
                Path(int(node), int(length), float(logprob), float(score))
                for node, length, logprob, score in zip(*columns, strict=True)
                if score > -np.inf
            ]
            for columns in zip(
                self.done_node, self.done_length, self.done_logprob, self.done_score, strict=True
            )
        ]


def _top_per_group(group: IntArray, score: FloatArray, k: int) -> Tuple[IntArray, IntArray]:
    """The k best items of each group.

    group (IntArray): [C], the group of each item.
    score (FloatArray): [C].
    RETURNS (Tuple[IntArray, IntArray]): The G groups that occur, [G]; and the items of each,
        best first, -1 where there are fewer, [G, k].
    """
    order = np.argsort(group, kind="stable")
    groups, first, count = np.unique(group[order], return_index=True, return_counts=True)
    row = np.repeat(np.arange(len(groups)), count)
    column = np.arange(len(order)) - np.repeat(first, count)
    width = int(count.max(initial=0))
    padded = np.full((len(groups), width), -np.inf, np.float32)
    padded[row, column] = score[order]
    items = np.full((len(groups), width), -1)
    items[row, column] = order
    _, best = torch.topk(torch.from_numpy(padded), min(k, width), dim=1)
    top = np.full((len(groups), k), -1)
    top[:, : best.shape[1]] = np.take_along_axis(items, best.numpy(), axis=1)
    return groups, top
