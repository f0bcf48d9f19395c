"""The losses: label-smoothed cross entropy, and the gold name against hard negatives."""

from typing import Any, Dict, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import BartForConditionalGeneration, MBartForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from ..model.seq2seq import IGNORED, Seq2SeqBatch


def smoothed_loss(module: Any, batch: Seq2SeqBatch, label_smoothing: float) -> Tensor:
    """The label-smoothed cross entropy of the names' tokens, in nats, summed over the tokens
    (paper, section 3.1 and appendix A.1: a standard seq2seq objective, smoothed by 0.1).

    module (torch.nn.Module): The encoder-decoder.
    batch (Seq2SeqBatch): B pairs.
    label_smoothing (float): The share of the probability that is spread over the vocabulary.
    RETURNS (Tensor): A scalar in float32.
    """
    labelled = batch.labels != IGNORED
    logits = _logits(module, batch, labelled)
    labels = batch.labels[labelled]
    return F.cross_entropy(logits.float(), labels, reduction="sum", label_smoothing=label_smoothing)


def hard_negative_loss(
    module: Any,
    batch: Seq2SeqBatch,
    label_smoothing: float,
    *,
    length_penalty: float,
    temperature: float,
) -> Tuple[Tensor, Tensor]:
    """The loss of the gold names, and the negative log-likelihood of each gold name among its hard
    negatives: a softmax over the names' scores, divided by the temperature ("SeqNLL" of Edunov et
    al., NAACL 2018, arXiv 1711.04956, section 3.2).

    The cross entropy compares single tokens with the whole vocabulary; this loss compares whole
    names with each other, as the search does.

    module (torch.nn.Module): The encoder-decoder.
    batch (Seq2SeqBatch): B inputs with R names; the first one of each input is gold.
    label_smoothing (float): The share of the probability that is spread over the vocabulary.
    length_penalty (float): The exponent of a name's length in its score, as in the search.
    temperature (float): The divisor of the scores.
    RETURNS (Tuple[Tensor, Tensor]): The smoothed loss of the gold names, and the second loss summed
        over the B inputs, in nats; scalars in float32.
    """
    labelled, owners = batch.labels != IGNORED, batch.owners
    assert owners is not None
    logprobs = F.log_softmax(_logits(module, batch, labelled).float(), dim=-1)
    token_logprob = logprobs.gather(1, batch.labels[labelled][:, None])[:, 0]
    row = labelled.nonzero()[:, 0]
    rank = _rank(owners)
    is_gold = (rank == 0)[row]
    smoothed = (1 - label_smoothing) * token_logprob + label_smoothing * logprobs.mean(1)
    name_logprob = token_logprob.new_zeros(len(owners)).index_add(0, row, token_logprob)
    scores = name_logprob / labelled.sum(1) ** length_penalty / temperature
    # Inputs have different numbers of negatives: the others' places have probability 0.
    table = scores.new_full((len(batch.input_ids), int(rank.max()) + 1), -torch.inf)
    table = table.index_put((owners, rank), scores)
    return -smoothed[is_gold].sum(), -F.log_softmax(table, dim=1)[:, 0].sum()


def _rank(owners: Tensor) -> Tensor:
    """The position of each row among the rows of its owner, [R]."""
    counts = torch.bincount(owners)
    first = counts.cumsum(0) - counts
    return torch.arange(len(owners), device=owners.device) - first[owners]


def _logits(module: Any, batch: Seq2SeqBatch, labelled: Tensor) -> Tensor:
    """The logits at the N labelled positions, [N, V]."""
    inputs: Dict[str, Any] = {
        "attention_mask": batch.attention_mask,
        "decoder_input_ids": batch.decoder_input_ids,
        "use_cache": False,
    }
    if batch.owners is None:
        inputs["input_ids"] = batch.input_ids
    else:  # the encoder reads each input once, however many names it has
        encoder = module.get_encoder()
        hidden = encoder(batch.input_ids, attention_mask=batch.attention_mask).last_hidden_state
        inputs["encoder_outputs"] = BaseModelOutput(last_hidden_state=hidden[batch.owners])
        inputs["attention_mask"] = batch.attention_mask[batch.owners]
    if isinstance(module, (BartForConditionalGeneration, MBartForConditionalGeneration)):
        # The output layer is half of a small model's work, so it leaves out padding.
        hidden = module.model(**inputs).last_hidden_state[labelled]
        bias: Any = module.final_logits_bias
        return module.lm_head(hidden) + bias[0]
    return module(**inputs).logits[labelled]
