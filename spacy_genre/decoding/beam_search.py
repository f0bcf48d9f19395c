"""Beam search that generates only what a constraint allows (paper, section 3.2).

For one input at a time the result is that of transformers' `generate(num_beams=k,
prefix_allowed_tokens_fn=...)`. In a batch of `generate`, an input's neighbours influence when it
stops; here each input stops by itself, so its result never depends on the batch.
"""

import warnings
from typing import Any, List, Sequence
from weakref import WeakSet

import numpy as np
import torch

from ..batching import token_batches
from ..errors import Errors, Warnings
from ..ragged import IntArray
from .bart.stepper import BartStepDecoder
from .bart.weights import inference_weights
from .beams import Beams, EarlyStopping, Hypothesis
from .constraint import Constraint
from .module_use import searching
from .scoring import check_finite, check_tokens
from .step_decoder import StepDecoder, TransformersStepDecoder

MAX_BEAMS = 1000
MAX_INPUTS = 2**20
# Modules of other kinds, for which the warning about the slower decoder was already given.
_warned: "WeakSet[Any]" = WeakSet()


def constrained_search(
    module: Any,
    inputs: Sequence[List[int]],
    constraint: Constraint,
    *,
    num_beams: int = 5,
    length_penalty: float = 1.0,
    early_stopping: EarlyStopping = False,
    batch_tokens: int = 4096,
    dtype: torch.dtype = torch.float32,
) -> List[List[Hypothesis]]:
    """Find the best sequences that a constraint allows, for a batch of inputs.

    module (transformers.PreTrainedModel): An encoder-decoder with a language modelling head;
        it is set to evaluation mode. BART and mBART have a faster decoder than others.
    inputs (Sequence[List[int]]): The encoder's inputs, B lists of token ids.
    constraint (Constraint): What may be generated, for these B inputs.
    num_beams (int): K, the number of unfinished sequences that are kept at each step, and the
        maximum number of hypotheses returned. One beam is greedy search.
    length_penalty (float): The exponent of the length in the score. 0 ranks by the plain sum of
        log-probabilities.
    early_stopping (Union[bool, str]): When to stop once `num_beams` hypotheses are complete: False
        as soon as the best unfinished one, at its present length, scores no better than the
        worst complete one (as the paper's code does); "never" when none could, at any length; True
        at once.
    batch_tokens (int): How many tokens of input, padding included, the encoder reads at once.
    dtype (torch.dtype): The dtype of the computation; log-probabilities are always float32.
    RETURNS (List[List[Hypothesis]]): For each input its hypotheses, best score first.
    RAISES (ValueError): If an option is out of range, the constraint is for another number of
        inputs, a token is not in the model's vocabulary, or the model's output is not finite.
    """
    check_options(num_beams, length_penalty, early_stopping)
    check_inputs(module, inputs, constraint)
    beams = Beams(
        len(inputs),
        constraint.max_length,
        num_beams=num_beams,
        length_penalty=length_penalty,
        early_stopping=early_stopping,
    )
    with searching(module):
        decoder = open_step_decoder(module, dtype, constraint, 2 * num_beams)
        _run(module, inputs, constraint, beams, decoder, batch_tokens, dtype)
    return beams.hypotheses()


def open_step_decoder(
    module: Any, dtype: torch.dtype, constraint: Constraint, limit: int
) -> StepDecoder:
    """The decoder for a model; see `TransformersStepDecoder` for the arguments."""
    bart = inference_weights(module, dtype)
    if bart is not None:
        return BartStepDecoder(bart, constraint, limit)
    if module not in _warned:
        _warned.add(module)
        warnings.warn(Warnings.W003.format(kind=type(module).__name__), stacklevel=2)
    return TransformersStepDecoder(module, dtype, constraint, limit)


def _run(
    module: Any,
    inputs: Sequence[List[int]],
    constraint: Constraint,
    beams: Beams,
    decoder: StepDecoder,
    batch_tokens: int,
    dtype: torch.dtype,
) -> None:
    """Search all inputs to their ends. When some are finished, others take their place."""
    room = max(1, decoder.max_rows // beams.k)
    # The longest come first, so that inputs that are encoded together are of similar length.
    startable = np.flatnonzero(constraint.start_states >= 0).tolist()
    waiting = sorted(startable, key=lambda i: len(inputs[i]))
    while waiting or len(beams.input):
        n_live = beams.n_live
        if waiting and (n_live == 0 or (decoder.continuous and 2 * n_live <= room)):
            new = _next_batch(waiting, inputs, room - n_live, batch_tokens)
            decoder.add_inputs(new, [inputs[i] for i in new], beams.input)
            start = module.config.decoder_start_token_id
            beams.start(new, constraint.start_states[new], start)
            continue  # perhaps there is room for more
        continuations = decoder.step(beams.input, beams.parent, beams.state, beams.token)
        check_finite(continuations.logprob, dtype)
        beams.advance(continuations)


def _next_batch(
    waiting: List[int], inputs: Sequence[List[int]], room: int, batch_tokens: int
) -> IntArray:
    """Pop the next inputs, at least one, from the end of those that wait, sorted by length."""
    candidates = waiting[: -max(room, 1) - 1 : -1]
    lengths = np.asarray([len(inputs[i]) for i in candidates])
    batch = next(token_batches(lengths, batch_tokens, order=np.arange(len(candidates))))
    del waiting[len(waiting) - len(batch) :]
    return np.asarray(candidates[: len(batch)])


def check_options(num_beams: int, length_penalty: float, early_stopping: EarlyStopping) -> None:
    """RAISES (ValueError): If an option of `constrained_search` is out of range."""
    is_int = isinstance(num_beams, int) and not isinstance(num_beams, bool)
    if not is_int or not 1 <= num_beams <= MAX_BEAMS:
        raise ValueError(Errors.S001.format(limit=MAX_BEAMS, value=num_beams))
    if not isinstance(length_penalty, (int, float)) or not abs(length_penalty) <= 10:
        raise ValueError(Errors.S002.format(value=length_penalty))
    if early_stopping not in (True, False, "never"):
        raise ValueError(Errors.S003.format(value=early_stopping))


def check_inputs(module: Any, inputs: Sequence[List[int]], constraint: Constraint) -> None:
    """RAISES (ValueError): If the constraint is for another number of inputs, there are too many
    inputs, or a token of either is not in the model's vocabulary."""
    if len(constraint.start_states) != len(inputs):
        found = len(constraint.start_states)
        raise ValueError(Errors.S004.format(found=found, inputs=len(inputs)))
    if len(inputs) > MAX_INPUTS:
        raise ValueError(Errors.S006.format(inputs=len(inputs), limit=MAX_INPUTS))
    size = module.get_input_embeddings().num_embeddings
    check_tokens(np.asarray([*(max(ids) for ids in inputs), constraint.max_token]), size)
