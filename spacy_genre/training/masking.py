"""Hiding some of the context, each time another part of it, so that a model does not learn a small
corpus by heart: the tokens' dropout of Iyyer et al., ACL 2015, with the tokenizer's mask token."""

from typing import List

import torch

from ..errors import Errors
from ..model.seq2seq import Seq2SeqShim
from ..tasks.linker.encoding import delimiters
from ..tokenization import find_subsequence


class ContextMask:
    """Puts the mask token in place of some tokens of the context. The mention, the delimiters and
    the special tokens stay.

    shim (Seq2SeqShim): The model, loaded.
    share (float): The probability of each token, 0 to below 1.
    RAISES (ValueError): If the tokenizer has no mask token.
    """

    def __init__(self, shim: Seq2SeqShim, share: float) -> None:
        tokenizer = shim.name_tokenizer
        self.share = share
        self.mask = tokenizer.hf.mask_token_id
        if self.mask is None:
            raise ValueError(Errors.D017.format(kind=type(tokenizer.hf).__name__))
        *self.starts, self.end = delimiters(tokenizer, shim.settings)
        self.n_before, self.n_after = len(tokenizer.before), len(tokenizer.after)

    def __call__(self, tokens: List[int]) -> List[int]:
        """tokens (List[int]): An input of the encoder.
        RETURNS (List[int]): As many tokens. Torch's generator draws which are hidden.
        """
        hidden = torch.rand(len(tokens)) < self.share
        hidden[: self.n_before] = False
        hidden[len(tokens) - self.n_after :] = False
        start = max(find_subsequence(tokens, start) for start in self.starts)
        if start >= 0:
            hidden[start : find_subsequence(tokens, self.end) + len(self.end)] = False
        shown: List[int] = torch.where(hidden, self.mask, torch.tensor(tokens)).tolist()
        return shown
