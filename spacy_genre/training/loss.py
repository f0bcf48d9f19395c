"""The loss, and how it is computed over a whole batch without much padding."""

from typing import Any, Iterator, List, Sequence

import torch.nn.functional as F
from torch import Tensor
from transformers import BartForConditionalGeneration, MBartForConditionalGeneration

from ..model import IGNORED, Seq2SeqBatch
from .pairs import Pair

# Inputs whose lengths differ by less may be padded to one, so that names of one length meet.
BUCKET = 8
# A pack that would have so many times its tokens with padding is closed, unless it is small.
MAX_PADDED = 1.4


def smoothed_loss(module: Any, batch: Seq2SeqBatch, label_smoothing: float) -> Tensor:
    """The label-smoothed cross entropy of the names' tokens, in nats, as a sum over the tokens
    (paper, section 3.1 and appendix A.1: a standard seq2seq objective, smoothed by 0.1).

    module (torch.nn.Module): The encoder-decoder.
    batch (Seq2SeqBatch): B pairs.
    label_smoothing (float): The share of the probability that is spread over the vocabulary.
    RETURNS (Tensor): A scalar in float32.
    """
    where = batch.labels != IGNORED
    logits = _logits(module, batch, where)
    labels = batch.labels[where]
    return F.cross_entropy(logits.float(), labels, reduction="sum", label_smoothing=label_smoothing)


def _logits(module: Any, batch: Seq2SeqBatch, where: Tensor) -> Tensor:
    """The logits at the N positions that have a label, [N, V]."""
    inputs = {
        "input_ids": batch.input_ids,
        "attention_mask": batch.attention_mask,
        "decoder_input_ids": batch.decoder_input_ids,
        "use_cache": False,
    }
    if isinstance(module, (BartForConditionalGeneration, MBartForConditionalGeneration)):
        # Half of a small model's work is the vocabulary: so not for padding.
        hidden = module.model(**inputs).last_hidden_state[where]
        bias: Any = module.final_logits_bias
        return module.lm_head(hidden) + bias[0]
    return module(**inputs).logits[where]


def packs(pairs: Sequence[Pair], batch_tokens: int) -> Iterator[List[Pair]]:
    """Pairs in packs of similar length.

    batch_tokens (int): How many tokens of input and name, padding included, a pack has at most,
        unless a single pair has more.
    """
    pack: List[Pair] = []
    widest_input = widest_name = n_tokens = 0
    for pair in sorted(pairs, key=lambda pair: (len(pair.input) // BUCKET, len(pair.name))):
        width = max(widest_input, len(pair.input)) + max(widest_name, len(pair.name) + 1)
        n_padded, n_true = width * (len(pack) + 1), n_tokens + len(pair.input) + len(pair.name) + 1
        if pack and (n_padded > batch_tokens or n_padded > MAX_PADDED * n_true + batch_tokens / 16):
            yield pack
            pack, widest_input, widest_name, n_tokens = [], 0, 0, 0
        pack.append(pair)
        widest_input = max(widest_input, len(pair.input))
        widest_name = max(widest_name, len(pair.name) + 1)
        n_tokens += len(pair.input) + len(pair.name) + 1
    if pack:
        yield pack
