"""Decoding step by step: the protocol that beam search needs, and transformers' own decoder."""

from typing import Any, List, Protocol, Sequence

import numpy as np
import torch
from transformers.cache_utils import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from ..batching import pad
from ..ragged import IntArray
from .constraint import Constraint
from .devices import autocast, to_device
from .logprobs import LogProbs
from .scoring import ScoredContinuations, score_continuations

# transformers computes the logits of all rows at once (float32), so these limit the rows.
MAX_LOGITS = 2**24


class StepDecoder(Protocol):
    """Extends the sequences of inputs by one token a step, and keeps their state.

    continuous (bool): Whether inputs can be added while others are in progress.
    max_rows (int): How many sequences to follow at once, over all inputs.
    """

    continuous: bool
    max_rows: int

    def add_inputs(self, inputs: IntArray, sources: Sequence[List[int]], live: IntArray) -> None:
        """Encode inputs.

        inputs (IntArray): [M], unique numbers that identify the inputs.
        sources (Sequence[List[int]]): [M], their token ids.
        live (IntArray): The inputs in progress; all earlier others are finished.
        """

    def step(
        self, inputs: IntArray, parents: IntArray, states: IntArray, tokens: IntArray
    ) -> ScoredContinuations:
        """Add a token to each sequence. Inputs without sequences are dropped.

        inputs (IntArray): [R], the input of each sequence; those of an input are neighbours.
        parents (IntArray): [R], the sequence of the step before that each one continues; -1 if the
            token is the first.
        states (IntArray): [R], the constraint's state after the token.
        tokens (IntArray): [R], the tokens.
        RETURNS (ScoredContinuations): What may follow each sequence.
        """


class TransformersStepDecoder:
    """Steps of any encoder-decoder of transformers, by its own forward pass.

    module (transformers.PreTrainedModel): The model.
    dtype (torch.dtype): The dtype of the computation.
    constraint (Constraint): What may be generated.
    limit (int): The number of continuations of a sequence that matter.
    """

    continuous = False

    def __init__(self, module: Any, dtype: torch.dtype, constraint: Constraint, limit: int) -> None:
        self.module, self.dtype = module, dtype
        self.constraint, self.limit = constraint, limit
        self.device = module.get_input_embeddings().weight.device
        self.max_rows = MAX_LOGITS // module.config.vocab_size

    def add_inputs(self, inputs: IntArray, sources: Sequence[List[int]], live: IntArray) -> None:
        """As `StepDecoder.add_inputs`; no input may be in progress."""
        ids, mask = pad(sources, self.module.config.pad_token_id or 0)
        self.mask = to_device(mask.astype(np.int64), self.device)
        with autocast(self.dtype, self.device):
            encoded = self.module.get_encoder()(
                input_ids=to_device(ids, self.device), attention_mask=self.mask
            )
        self.encoded = encoded.last_hidden_state
        # Holds the keys and values of the decoded tokens and, for each row, of the input.
        self.cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        self.inputs = inputs

    def step(
        self, inputs: IntArray, parents: IntArray, states: IntArray, tokens: IntArray
    ) -> ScoredContinuations:
        """As `StepDecoder.step`."""
        if self.cache.get_seq_length() > 0:
            index = self._tensor(parents)
            self.cache.reorder_cache(index)
        else:
            order = np.argsort(self.inputs)
            index = self._tensor(order[np.searchsorted(self.inputs[order], inputs)])
        self.mask, self.encoded = self.mask[index], self.encoded[index]
        with autocast(self.dtype, self.device):
            output = self.module(
                decoder_input_ids=self._tensor(tokens)[:, None],
                encoder_outputs=BaseModelOutput(last_hidden_state=self.encoded),
                attention_mask=self.mask,
                past_key_values=self.cache,
                use_cache=True,
            )
        logprobs = [LogProbs(output.logits[:, -1])]
        return score_continuations(self.constraint, states, logprobs, self.limit)

    def _tensor(self, array: IntArray) -> Any:
        return to_device(array.astype(np.int64, copy=False), self.device)
