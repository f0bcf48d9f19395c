"""The way of a generated sequence: the probability of each token, and what else was allowed."""

from dataclasses import dataclass
from typing import Any, List, Sequence, Tuple

import numpy as np
import torch

from .beam_search import check_inputs, open_step_decoder
from .constraint import Constraint
from .module_use import searching
from .scoring import ScoredContinuations, check_finite

# Keeps all continuations of a state, not only the best ones.
ALL = 2**31


@dataclass(frozen=True)
class ScoredToken:
    """A token that may follow.

    token (int): The token id.
    logprob (float): Its log-probability over the full vocabulary (natural logarithm).
    is_end (bool): Whether it is the end token.
    """

    token: int
    logprob: float
    is_end: bool


@dataclass(frozen=True)
class PathStep:
    """A step of the way of a sequence.

    chosen (ScoredToken): The token of the sequence.
    alternatives (Tuple[ScoredToken, ...]): The most probable of the other tokens that were allowed,
        best first.
    n_allowed (int): The number of tokens that were allowed, the chosen one included.
    allowed_logprob (float): The log-probability of all allowed tokens together. The rest of the
        probability is that of tokens that would lead to no name.
    """

    chosen: ScoredToken
    alternatives: Tuple[ScoredToken, ...]
    n_allowed: int
    allowed_logprob: float


def explain_sequence(
    module: Any,
    input: Sequence[int],
    constraint: Constraint,
    tokens: Sequence[int],
    *,
    n_alternatives: int = 5,
    dtype: torch.dtype = torch.float32,
) -> List[PathStep]:
    """Follow a sequence through a constraint.

    module (transformers.PreTrainedModel): An encoder-decoder, as for `constrained_search`.
    input (Sequence[int]): The token ids of the encoder's input.
    constraint (Constraint): A constraint for this one input.
    tokens (Sequence[int]): The tokens of the sequence, without the end token.
    n_alternatives (int): The most alternatives of a step.
    dtype (torch.dtype): The dtype of the computation.
    RETURNS (List[PathStep]): A step for each token, and one for the end token.
    RAISES (KeyError): If the constraint does not allow the sequence.
    RAISES (ValueError): As `constrained_search`.
    """
    check_inputs(module, [list(input)], constraint)
    start = module.config.decoder_start_token_id
    state, token, parent = int(constraint.start_states[0]), start, -1
    steps: List[PathStep] = []
    one = np.zeros(1, np.int64)
    with searching(module):
        decoder = open_step_decoder(module, dtype, constraint, ALL)
        decoder.add_inputs(one, [list(input)], one[:0])
        for wanted in (*tokens, None):
            scored = decoder.step(one, one + parent, one + state, one + token)
            check_finite(scored.logprob, dtype)
            index = _index(scored, wanted)
            steps.append(_step(scored, index, n_alternatives))
            state, token, parent = int(scored.state[index]), int(scored.token[index]), 0
    return steps


def _index(scored: ScoredContinuations, token: Any) -> int:
    """Where a token is among the continuations; None for the end token.

    RAISES (KeyError): If it is not.
    """
    is_end = scored.is_end
    matches = np.flatnonzero(is_end if token is None else ~is_end & (scored.token == token))
    if not len(matches):
        raise KeyError(token)
    return int(matches[0])


def _step(scored: ScoredContinuations, index: int, n_alternatives: int) -> PathStep:
    order = [i for i in np.argsort(-scored.logprob, kind="stable").tolist() if i != index]
    return PathStep(
        _scored_token(scored, index),
        tuple(_scored_token(scored, i) for i in order[:n_alternatives]),
        len(scored.token),
        float(np.logaddexp.reduce(scored.logprob.astype(np.float64))),
    )


def _scored_token(scored: ScoredContinuations, i: int) -> ScoredToken:
    return ScoredToken(int(scored.token[i]), float(scored.logprob[i]), bool(scored.is_end[i]))
