"""The loss, and how it is computed over a whole batch without much padding."""

from dataclasses import dataclass, field
from typing import Any, Dict, Iterator, List, Sequence, Tuple

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import BartForConditionalGeneration, MBartForConditionalGeneration
from transformers.modeling_outputs import BaseModelOutput

from ..model.seq2seq import IGNORED, Seq2SeqBatch
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


def hard_negative_loss(
    module: Any,
    batch: Seq2SeqBatch,
    label_smoothing: float,
    *,
    length_penalty: float,
    temperature: float,
) -> Tuple[Tensor, Tensor]:
    """The loss of the gold names, and how likely they are among their negatives: the negative
    log-likelihood of each, where its score and those of its negatives, divided by the temperature, are
    what the softmax is of ("SeqNLL" of Edunov et al., NAACL 2018, arXiv 1711.04956, section 3.2).

    batch (Seq2SeqBatch): B inputs with R names; the first one of each is gold.
    length_penalty (float): The exponent of a name's length in its score, as in the search.
    temperature (float): The model's.
    RETURNS (Tuple[Tensor, Tensor]): What `smoothed_loss` gives for the gold names, and the sum over
        the B inputs, in nats; scalars in float32.
    """
    where, owners = batch.labels != IGNORED, batch.owners
    assert owners is not None
    logprobs = F.log_softmax(_logits(module, batch, where).float(), dim=-1)
    logprob = logprobs.gather(1, batch.labels[where][:, None])[:, 0]
    row = where.nonzero()[:, 0]
    rank = _rank(owners)
    is_gold = (rank == 0)[row]
    smooth = (1 - label_smoothing) * logprob + label_smoothing * logprobs.mean(1)
    sums = logprob.new_zeros(len(owners)).index_add(0, row, logprob)
    scores = sums / where.sum(1) ** length_penalty / temperature
    # Where an input has fewer negatives than another, there is none.
    table = scores.new_full((len(batch.input_ids), int(rank.max()) + 1), -torch.inf)
    table = table.index_put((owners, rank), scores)
    return -smooth[is_gold].sum(), -F.log_softmax(table, dim=1)[:, 0].sum()


def _rank(owners: Tensor) -> Tensor:
    """How many rows before each one have the same owner, [R]."""
    counts = torch.bincount(owners)
    first = counts.cumsum(0) - counts
    return torch.arange(len(owners), device=owners.device) - first[owners]


def _logits(module: Any, batch: Seq2SeqBatch, where: Tensor) -> Tensor:
    """The logits at the N positions that have a label, [N, V]."""
    inputs: Dict[str, Any] = {
        "attention_mask": batch.attention_mask,
        "decoder_input_ids": batch.decoder_input_ids,
        "use_cache": False,
    }
    if batch.owners is None:
        inputs["input_ids"] = batch.input_ids
    else:  # each input is read once, whatever the number of its names
        encoder = module.get_encoder()
        hidden = encoder(batch.input_ids, attention_mask=batch.attention_mask).last_hidden_state
        inputs["encoder_outputs"] = BaseModelOutput(last_hidden_state=hidden[batch.owners])
        inputs["attention_mask"] = batch.attention_mask[batch.owners]
    if isinstance(module, (BartForConditionalGeneration, MBartForConditionalGeneration)):
        # Half of a small model's work is the vocabulary: so not for padding.
        hidden = module.model(**inputs).last_hidden_state[where]
        bias: Any = module.final_logits_bias
        return module.lm_head(hidden) + bias[0]
    return module(**inputs).logits[where]


def packs(pairs: Sequence[Pair], batch_tokens: int) -> Iterator[List[Pair]]:
    """Pairs in packs of similar length.

    batch_tokens (int): How many tokens of input and names, padding included, a pack has at most,
        unless a single pair has more.
    """
    pack = _Pack()
    for pair in sorted(pairs, key=lambda pair: (len(pair.input) // BUCKET, len(pair.name))):
        larger = pack.plus(pair)
        limit = min(batch_tokens, MAX_PADDED * larger.n_tokens + batch_tokens / 16)
        if pack.pairs and larger.n_padded > limit:
            yield pack.pairs
            larger = _Pack().plus(pair)
        pack = larger
    if pack.pairs:
        yield pack.pairs


@dataclass(frozen=True)
class _Pack:
    """Some pairs, how wide they are when padded, and how many names and true tokens they have."""

    pairs: List[Pair] = field(default_factory=list)
    input_width: int = 0
    name_width: int = 0
    n_names: int = 0
    n_tokens: int = 0

    def plus(self, pair: Pair) -> "_Pack":
        lengths = [len(name) + 1 for name in (pair.name, *pair.negatives)]
        return _Pack(
            [*self.pairs, pair],
            max(self.input_width, len(pair.input)),
            max(self.name_width, *lengths),
            self.n_names + len(lengths),
            self.n_tokens + len(pair.input) + sum(lengths),
        )

    @property
    def n_padded(self) -> int:
        return self.input_width * len(self.pairs) + self.name_width * self.n_names
