"""Beam search that can only generate what stands in a prefix tree (paper, section 3.2).

For one mention at a time the result is that of transformers' `generate(num_beams=k,
prefix_allowed_tokens_fn=...)`. There, in a batch, the neighbours decide when a mention stops;
here each mention stops by itself, so that its result never depends on its batch.
"""

from dataclasses import dataclass, replace
from typing import Any, List, Sequence, Union

import numpy as np
import torch

from ..errors import Errors
from ..ragged import IntArray
from ..titles.overlay import AnyTrie, OverlayTrie
from ..titles.trie import TokenTrie
from .bart.weights import open_steps, packed
from .beams import Beams, EarlyStopping, Path
from .continuations import Goal, check_finite, check_tokens
from .devices import without_cudnn_attention
from .exact import Found, Wanted, best_sequences

MAX_BEAMS = 1000
Tries = Union[AnyTrie, Sequence[TokenTrie]]


def constrained_search(
    module: Any,
    inputs: Sequence[List[int]],
    tries: Tries,
    *,
    num_beams: int = 5,
    length_penalty: float = 1.0,
    early_stopping: EarlyStopping = False,
    batch_tokens: int = 4096,
    dtype: torch.dtype = torch.float32,
) -> List[List[Path]]:
    """The best sequences of a trie, for each of some inputs.

    module (transformers.PreTrainedModel): An encoder-decoder with a language modelling head,
        in evaluation mode. Those of BART and mBART are the fastest.
    inputs (Sequence[List[int]]): The encoder's inputs, B lists of token ids.
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
    batch_tokens (int): How many tokens of input the encoder reads at once.
    dtype (torch.dtype): What to compute in; log-probabilities are float32 whatever it is.
    RETURNS (List[List[Path]]): For each input its paths, best score first.
    RAISES (ValueError): If an option is out of range; if there are not as many tries as inputs;
        if the model's answer is not finite.
    """
    check_options(num_beams, length_penalty, early_stopping)
    task = Task.of(module, inputs, tries)
    beams = Beams(
        task.trie,
        len(inputs),
        num_beams=num_beams,
        length_penalty=length_penalty,
        early_stopping=early_stopping,
    )
    with torch.inference_mode(), without_cudnn_attention(module.device):
        _run(module, task, beams, batch_tokens, dtype)
    return task.localized(beams.paths())


def exact_search(
    module: Any,
    inputs: Sequence[List[int]],
    tries: Tries,
    *,
    top_k: int = 5,
    length_penalty: float = 1.0,
    max_rows: int = 1000,
    batch_tokens: int = 4096,
    dtype: torch.dtype = torch.float32,
) -> List[Found]:
    """The true best sequences of a trie, for each of some inputs; a beam search may drop some.

    module (transformers.PreTrainedModel): A BART or an mBART, in evaluation mode.
    top_k (int): The most paths returned for each.
    max_rows (int): The search for an input ends when so many rows (places in sequences) were
        computed, which takes a second or more. Its paths are then good, but perhaps not the best.
    inputs, tries, length_penalty, batch_tokens, dtype: As in `constrained_search`.
    RETURNS (List[Found]): For each input its paths, best score first, how many rows were computed
        for it (a beam search computes about `num_beams` for each token), and whether the paths
        are certainly the best.
    RAISES (ValueError): As `constrained_search`; or if the model is of another kind.
    """
    check_options(top_k, length_penalty, False)
    task = Task.of(module, inputs, tries)
    with torch.inference_mode(), without_cudnn_attention(module.device):
        bart = packed(module, dtype)
        if bart is None:
            raise ValueError(Errors.S005.format(kind=type(module).__name__))
        found = best_sequences(
            bart,
            Goal(task.trie, module.config.decoder_start_token_id, module.config.eos_token_id),
            inputs,
            task.roots,
            Wanted(top_k, length_penalty, max_rows),
            batch_tokens,
        )
    paths = task.localized([one.paths for one in found])
    return [replace(one, paths=own) for own, one in zip(paths, found, strict=True)]


@dataclass(frozen=True)
class Task:
    """What is to be searched.

    inputs (Sequence[List[int]]): The encoder's inputs, B lists of token ids.
    tries (Tries): What may be generated, as it was given.
    trie (AnyTrie): All of it in one trie.
    roots (IntArray): [B], the node of that at which each input's sequences begin; -1 if there are
        none.
    """

    inputs: Sequence[List[int]]
    tries: Tries
    trie: AnyTrie
    roots: IntArray

    @classmethod
    def of(cls, module: Any, inputs: Sequence[List[int]], tries: Tries) -> "Task":
        """RAISES (ValueError): If there are not as many tries as inputs, or a token of either is
        beyond the model's vocabulary."""
        check_vocabulary(module, inputs, tries)
        if isinstance(tries, (TokenTrie, OverlayTrie)):
            # An empty trie has nothing to begin with.
            return cls(inputs, tries, tries, np.full(len(inputs), 0 if len(tries) else -1))
        if len(tries) != len(inputs):
            raise ValueError(Errors.S004.format(tries=len(tries), mentions=len(inputs)))
        return cls(inputs, tries, *TokenTrie.forest(tries))

    def localized(self, found: List[List[Path]]) -> List[List[Path]]:
        """Paths in the trie that was searched as paths in those that were given."""
        if isinstance(self.tries, (TokenTrie, OverlayTrie)):
            return found
        return [
            # In the forest, the number of the trie stands before the tokens.
            [replace(path, node=trie.find(self.trie.path(path.node)[1:])) for path in paths]
            for paths, trie in zip(found, self.tries, strict=True)
        ]


def _run(module: Any, task: Task, beams: Beams, batch_tokens: int, dtype: torch.dtype) -> None:
    """Follow all mentions to their ends. As some are done, others take their place."""
    config, inputs = module.config, task.inputs
    goal = Goal(task.trie, config.decoder_start_token_id, config.eos_token_id, 2 * beams.k)
    steps = open_steps(module, dtype, goal)
    room = max(1, steps.max_rows // beams.k)
    # The longest come first, so that those that are read together are about as long.
    waiting = sorted(np.flatnonzero(task.roots >= 0).tolist(), key=lambda i: len(inputs[i]))
    while waiting or len(beams.mention):
        n_live = beams.n_live
        if waiting and (n_live == 0 or (steps.continuous and 2 * n_live <= room)):
            new = _next_batch(waiting, inputs, room - n_live, batch_tokens)
            steps.admit(new, [inputs[i] for i in new], beams.mention)
            beams.admit(new, task.roots[new], goal.start)
            continue  # perhaps there is room for more
        edges = steps.step(beams.mention, beams.parent, beams.node, beams.token)
        check_finite(edges, dtype)
        beams.advance(edges)


def _next_batch(
    waiting: List[int], inputs: Sequence[List[int]], room: int, batch_tokens: int
) -> IntArray:
    """Take the next mentions out of those that wait, at least one."""
    longest = len(inputs[waiting[-1]])
    n = min(room, max(1, batch_tokens // longest))
    return np.asarray([waiting.pop() for _ in range(min(n, len(waiting)))])


def check_options(num_beams: int, length_penalty: float, early_stopping: EarlyStopping) -> None:
    """RAISES (ValueError): If an option of `constrained_search` is out of range."""
    is_int = isinstance(num_beams, int) and not isinstance(num_beams, bool)
    if not is_int or not 1 <= num_beams <= MAX_BEAMS:
        raise ValueError(Errors.S001.format(limit=MAX_BEAMS, value=num_beams))
    if not isinstance(length_penalty, (int, float)) or not abs(length_penalty) <= 10:
        raise ValueError(Errors.S002.format(value=length_penalty))
    if early_stopping not in (True, False, "never"):
        raise ValueError(Errors.S003.format(value=early_stopping))


def check_vocabulary(module: Any, inputs: Sequence[List[int]], tries: Tries) -> None:
    """RAISES (ValueError): If a token of an input or of a trie is beyond the model's vocabulary."""
    size = module.get_input_embeddings().num_embeddings
    all_tries = [tries] if isinstance(tries, (TokenTrie, OverlayTrie)) else tries
    found = [*(max(ids) for ids in inputs), *(trie.max_token for trie in all_tries)]
    check_tokens(np.asarray(found), size)
