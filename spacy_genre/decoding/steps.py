"""Step by step through sequences, a token at a time: what the beam search needs of a decoder."""

from typing import Any, Iterator, List, Protocol, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers.cache_utils import DynamicCache, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from .bart import Bart
from .packed import PackedDecoder, Rows, rank_in_group

IntArray = NDArray[np.integer]
# transformers makes those of all rows at once (float32), so these limit the rows.
MAX_LOGPROBS = 2**24


class Steps(Protocol):
    """Extends the sequences of mentions by one token a step, and keeps their state.

    continuous (bool): Whether mentions may come while others are under way.
    max_rows (int): How many sequences to follow at once, those of many mentions together.
    """

    continuous: bool
    max_rows: int

    def admit(self, mentions: IntArray, inputs: Sequence[List[int]]) -> None:
        """Take in mentions and read their inputs.

        mentions (IntArray): [M], any numbers by which they are told apart.
        inputs (Sequence[List[int]]): [M], their token ids.
        """

    def step(self, mentions: IntArray, parents: IntArray, tokens: IntArray) -> Iterator[Tensor]:
        """Add a token to sequences. Mentions without any are forgotten.

        mentions (IntArray): [R], whose each sequence is; those of a mention are neighbours.
        parents (IntArray): [R], which sequence of the step before each one continues; -1 where
            the token is the first.
        tokens (IntArray): [R], the tokens.
        RETURNS (Iterator[FloatTensor]): The log-probabilities of what follows each sequence
            (natural logarithm, float32 whatever is computed in), [R, V] in pieces of some rows.
        """


class PackedSteps:
    """Steps of a BART or mBART.

    bart (Bart): The model.
    depth (int): The most tokens of a sequence, the start token included.
    """

    continuous = True
    max_rows = 256  # more make the multiplications no faster

    def __init__(self, bart: Bart, depth: int) -> None:
        self.bart, self.decoder = bart, PackedDecoder(bart)
        self.mentions = np.zeros(0, np.int64)  # [M] whose each slot is
        # The rows of the last step; a last one more stands before each sequence's first token.
        self.depths = np.full(1, -1)
        self.ancestors = np.zeros((1, depth), np.int64)

    def admit(self, mentions: IntArray, inputs: Sequence[List[int]]) -> None:
        """As `Steps.admit`."""
        self.decoder.admit(inputs)
        self.mentions = np.concatenate([self.mentions, mentions])

    def step(self, mentions: IntArray, parents: IntArray, tokens: IntArray) -> Iterator[Tensor]:
        """As `Steps.step`."""
        slots = self._slots(mentions)
        places = self.decoder.used[slots] + rank_in_group(slots)
        depths = self.depths[parents] + 1
        # A row's own place stands at its depth, and on to the end.
        later = np.arange(self.ancestors.shape[1]) >= depths[:, None]
        ancestors = np.where(later, places[:, None], self.ancestors[parents])
        self.depths, self.ancestors = np.append(depths, -1), np.pad(ancestors, ((0, 1), (0, 0)))
        rows = Rows(slots, places, ancestors[:, : depths.max() + 1], depths, tokens)
        return self.bart.log_probs(self.decoder.evaluate(rows))

    def _slots(self, mentions: IntArray) -> IntArray:
        """The slot of each mention. When half of the slots are of others, these are given up."""
        is_alive = np.isin(self.mentions, mentions)
        if 2 * is_alive.sum() <= len(is_alive):
            self.decoder.keep(np.flatnonzero(is_alive))
            self.mentions = self.mentions[is_alive]
        slot_of = np.zeros(self.mentions.max() + 1, np.int64)
        slot_of[self.mentions] = np.arange(len(self.mentions))
        return slot_of[mentions]


class ModuleSteps:
    """Steps of any encoder-decoder of transformers, by its own forward pass.

    module (transformers.PreTrainedModel): The model.
    dtype (torch.dtype): What to compute in.
    """

    continuous = False

    def __init__(self, module: Any, dtype: torch.dtype) -> None:
        self.module, self.dtype = module, dtype
        self.device = module.get_input_embeddings().weight.device
        self.max_rows = MAX_LOGPROBS // module.config.vocab_size

    def admit(self, mentions: IntArray, inputs: Sequence[List[int]]) -> None:
        """As `Steps.admit`; those of before must be done."""
        lengths = torch.tensor([len(ids) for ids in inputs])
        self.mask = (torch.arange(int(lengths.max())) < lengths[:, None]).long().to(self.device)
        ids = torch.full_like(self.mask, self.module.config.pad_token_id or 0)
        ids[self.mask.bool()] = torch.tensor([i for row in inputs for i in row]).to(self.device)
        with self._autocast():
            encoded = self.module.get_encoder()(input_ids=ids, attention_mask=self.mask)
        self.encoded = encoded.last_hidden_state
        # Holds the keys and values of the decoded tokens and, per row, those of the input.
        self.cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        self.mentions = mentions

    def step(self, mentions: IntArray, parents: IntArray, tokens: IntArray) -> Iterator[Tensor]:
        """As `Steps.step`."""
        if self.cache.get_seq_length() > 0:
            index = self._tensor(parents)
            self.cache.reorder_cache(index)
        else:
            order = np.argsort(self.mentions)
            index = self._tensor(order[np.searchsorted(self.mentions[order], mentions)])
        self.mask, self.encoded = self.mask[index], self.encoded[index]
        with self._autocast():
            output = self.module(
                decoder_input_ids=self._tensor(tokens)[:, None],
                encoder_outputs=BaseModelOutput(last_hidden_state=self.encoded),
                attention_mask=self.mask,
                past_key_values=self.cache,
                use_cache=True,
            )
        yield torch.log_softmax(output.logits[:, -1], dim=-1, dtype=torch.float32)

    def _autocast(self) -> Any:
        lower = self.dtype != torch.float32
        return torch.autocast(self.device.type, self.dtype if lower else None, enabled=lower)

    def _tensor(self, array: IntArray) -> Any:
        return torch.from_numpy(array.astype(np.int64, copy=False)).to(self.device)
