"""Step by step through sequences, a token at a time: what the beam search needs of a decoder."""

from typing import Any, List, Protocol, Sequence

import numpy as np
import torch
from transformers.cache_utils import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from ..ragged import IntArray
from .continuations import Edges, Goal
from .devices import autocast, to_device
from .logprobs import LogProbs

# transformers makes those of all rows at once (float32), so these limit the rows.
MAX_LOGPROBS = 2**24


class Steps(Protocol):
    """Extends the sequences of mentions by one token a step, and keeps their state.

    continuous (bool): Whether mentions may come while others are under way.
    max_rows (int): How many sequences to follow at once, those of many mentions together.
    """

    continuous: bool
    max_rows: int

    def admit(self, mentions: IntArray, inputs: Sequence[List[int]], live: IntArray) -> None:
        """Take in mentions and read their inputs.

        mentions (IntArray): [M], any numbers by which they are told apart.
        inputs (Sequence[List[int]]): [M], their token ids.
        live (IntArray): The mentions that are under way; others of before are done.
        """

    def step(
        self, mentions: IntArray, parents: IntArray, nodes: IntArray, tokens: IntArray
    ) -> Edges:
        """Add a token to sequences. Mentions without any are forgotten.

        mentions (IntArray): [R], whose each sequence is; those of a mention are neighbours.
        parents (IntArray): [R], which sequence of the step before each one continues; -1 where
            the token is the first.
        nodes (IntArray): [R], the nodes that they have reached with the token.
        tokens (IntArray): [R], the tokens.
        RETURNS (Edges): What may follow.
        """


class ModuleSteps:
    """Steps of any encoder-decoder of transformers, by its own forward pass.

    module (transformers.PreTrainedModel): The model.
    dtype (torch.dtype): What to compute in.
    goal (Goal): What is generated.
    """

    continuous = False

    def __init__(self, module: Any, dtype: torch.dtype, goal: Goal) -> None:
        self.module, self.dtype, self.goal = module, dtype, goal
        self.device = module.get_input_embeddings().weight.device
        self.max_rows = MAX_LOGPROBS // module.config.vocab_size

    def admit(self, mentions: IntArray, inputs: Sequence[List[int]], live: IntArray) -> None:
        """As `Steps.admit`; none may be under way."""
        lengths = torch.tensor([len(ids) for ids in inputs])
        self.mask = (torch.arange(int(lengths.max())) < lengths[:, None]).long().to(self.device)
        ids = torch.full_like(self.mask, self.module.config.pad_token_id or 0)
        ids[self.mask.bool()] = torch.tensor([i for row in inputs for i in row]).to(self.device)
        with autocast(self.dtype, self.device):
            encoded = self.module.get_encoder()(input_ids=ids, attention_mask=self.mask)
        self.encoded = encoded.last_hidden_state
        # Holds the keys and values of the decoded tokens and, per row, those of the input.
        self.cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        self.mentions = mentions

    def step(
        self, mentions: IntArray, parents: IntArray, nodes: IntArray, tokens: IntArray
    ) -> Edges:
        """As `Steps.step`."""
        if self.cache.get_seq_length() > 0:
            index = self._tensor(parents)
            self.cache.reorder_cache(index)
        else:
            order = np.argsort(self.mentions)
            index = self._tensor(order[np.searchsorted(self.mentions[order], mentions)])
        self.mask, self.encoded = self.mask[index], self.encoded[index]
        with autocast(self.dtype, self.device):
            output = self.module(
                decoder_input_ids=self._tensor(tokens)[:, None],
                encoder_outputs=BaseModelOutput(last_hidden_state=self.encoded),
                attention_mask=self.mask,
                past_key_values=self.cache,
                use_cache=True,
            )
        return self.goal.follow(nodes, [LogProbs(output.logits[:, -1])])

    def _tensor(self, array: IntArray) -> Any:
        return to_device(array.astype(np.int64, copy=False), self.device)
