"""Sets of names, one for each mention: small ones are scored whole, in one pass of the decoder."""

from typing import Any, Callable, List, Sequence

import numpy as np
import torch

from ..errors import Errors
from ..ragged import IntArray
from ..titles.trie import TokenTrie
from .bart.model import Bart
from .bart.weights import packed
from .beam_search import check_options, check_vocabulary
from .beams import Path
from .continuations import Goal
from .devices import without_cudnn_attention
from .exact import Wanted, batches, paths_of
from .exhaustive import score_all

# Tries with at most so many nodes are computed whole: about a dozen names. That takes a row for
# each node, where five beams take about forty, but one pass where these take one for each token. In
# processor time both cost the same at 50 to 90 nodes for one mention, where a pass costs most by
# reading the weights, and at about 40 for many, where rows count alone (measured with the embedded
# model and with BART-base, in float32 and bfloat16).
SMALL = 64

# Finds the best paths for inputs in tries, one for each.
Search = Callable[[Any, Sequence[List[int]], Sequence[TokenTrie]], List[List[Path]]]


def score_sets(
    module: Any,
    inputs: Sequence[List[int]],
    tries: Sequence[TokenTrie],
    search: Search,
    *,
    length_penalty: float = 1.0,
    batch_tokens: int = 4096,
    dtype: torch.dtype = torch.float32,
) -> List[List[Path]]:
    """The sequences of small tries, all of them, for each of some inputs.

    module (transformers.PreTrainedModel): An encoder-decoder, in evaluation mode.
    inputs (Sequence[List[int]]): The encoder's inputs, B lists of token ids.
    tries (Sequence[TokenTrie]): What may be generated for each, [B]. A trie without entries gives
        no paths.
    search (Search): Finds the best paths where not all are scored: in tries of more than `SMALL`
        nodes, and in all of them if the model is no BART or mBART.
    length_penalty, batch_tokens, dtype: As in `constrained_search`.
    RETURNS (List[List[Path]]): For each input its paths, best score first.
    RAISES (ValueError): As `constrained_search`.
    """
    check_options(1, length_penalty, False)
    check_vocabulary(module, inputs, tries)
    if len(tries) != len(inputs):
        raise ValueError(Errors.S004.format(tries=len(tries), mentions=len(inputs)))
    found: List[List[Path]] = [[] for _ in inputs]
    n_rows: IntArray = np.asarray([trie.n_nodes if len(trie) else 0 for trie in tries], np.int64)
    with torch.inference_mode(), without_cudnn_attention(module.device):
        bart = packed(module, dtype)
        is_small = (n_rows > 0) & (n_rows <= (SMALL if bart is not None else 0))
        for batch in batches(np.flatnonzero(is_small), inputs, n_rows, batch_tokens):
            assert bart is not None  # or none would be small
            task = ([inputs[i] for i in batch], [tries[i] for i in batch])
            paths = _all_paths(bart, module.config, *task, length_penalty)
            for i, own in zip(batch.tolist(), paths, strict=True):
                found[i] = own
    large = np.flatnonzero(n_rows * ~is_small).tolist()
    if large:
        searched = search(module, [inputs[i] for i in large], [tries[i] for i in large])
        for i, own in zip(large, searched, strict=True):
            found[i] = own
    return found


def _all_paths(
    bart: Bart,
    config: Any,
    inputs: Sequence[List[int]],
    tries: Sequence[TokenTrie],
    length_penalty: float,
) -> List[List[Path]]:
    """All paths of some tries, none of them empty, in one pass."""
    forest, roots = TokenTrie.forest(tries)
    goal = Goal(forest, config.decoder_start_token_id, config.eos_token_id)
    ends = score_all(bart, goal, inputs, roots)
    # In the forest the nodes of each trie have other numbers, but are in the same order.
    ends = ends[np.lexsort((ends["node"], ends["mention"]))]
    ends["node"] = np.concatenate([np.unique(trie.entry_nodes) for trie in tries])
    wanted = Wanted(max(map(len, tries)), length_penalty, max_rows=SMALL)
    return paths_of(ends, len(tries), wanted)
