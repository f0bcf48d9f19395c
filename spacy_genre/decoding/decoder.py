"""One step of decoding at a time, for any encoder-decoder of transformers."""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers.cache_utils import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput


class StepDecoder:
    """Extends decoded sequences ("rows") by one token a step and keeps their state.

    Each mention of the batch starts as one row; a step may then multiply, drop and reorder rows.

    module (transformers.PreTrainedModel): An encoder-decoder with a language modelling head.
    input_ids (LongTensor, [B, S]): The encoder's input, padded.
    attention_mask (LongTensor, [B, S]): 0 where it is padding.
    """

    def __init__(self, module: Any, input_ids: Tensor, attention_mask: Tensor) -> None:
        self.module = module
        self.mask = attention_mask
        encoded = module.get_encoder()(input_ids=input_ids, attention_mask=attention_mask)
        self.encoded = encoded.last_hidden_state
        # Holds the keys and values of the decoded tokens and, per row, those of the input.
        self.cache = EncoderDecoderCache(DynamicCache(), DynamicCache())

    def step(self, rows: np.ndarray, tokens: np.ndarray) -> Tensor:
        """Append a token to each row.

        rows (IntArray): [R], which row of the step before each one continues (at the first
            step: which mention).
        tokens (IntArray): [R], the tokens.
        RETURNS (FloatTensor): [R, V], the log-probabilities of the next token (natural
            logarithm, float32 whatever the model computes in).
        """
        device = self.encoded.device
        index: Any = torch.from_numpy(np.ascontiguousarray(rows)).to(device)
        self.mask = self.mask[index]
        self.encoded = self.encoded[index]
        if self.cache.get_seq_length() > 0:
            self.cache.reorder_cache(index)
        output = self.module(
            decoder_input_ids=torch.from_numpy(tokens.astype(np.int64)[:, None]).to(device),
            encoder_outputs=BaseModelOutput(last_hidden_state=self.encoded),
            attention_mask=self.mask,
            past_key_values=self.cache,
            use_cache=True,
        )
        return torch.log_softmax(output.logits[:, -1].float(), dim=-1)
