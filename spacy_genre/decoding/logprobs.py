"""Log-probabilities of the next token, normalised over the vocabulary but gathered where needed."""

import threading
from typing import Tuple

import torch
from torch import Tensor

from ..ragged import IntArray
from .devices import to_device

# The log-sum-exp is computed over this many logits at a time: 4 MB in float32, which stay in the
# processor's cache.
PIECE = 2**20
# Each thread's scratch memory for it. Memory allocated for each piece would come from the system
# each time, and the page faults would cost more than the arithmetic.
_memory = threading.local()


class LogProbs:
    """Log-probabilities over the vocabulary (natural logarithm), in float32.

    bfloat16 logits are rounded, since oneDNN returns the dtype of its operands. Computing them in
    float32 would cost a fifth of the time and hardly bring the scores closer to float32's.

    logits (FloatTensor): [R, V].
    """

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits
        self.norm = _log_sum_exp(logits)  # [R]

    def __len__(self) -> int:
        return len(self.logits)

    @property
    def n_tokens(self) -> int:
        return self.logits.shape[1]

    def at(self, rows: IntArray, tokens: IntArray) -> Tensor:
        """The log-probability of each of some tokens after one of the rows, [C]."""
        at = self._tensor(rows)
        logits = self.logits.flatten()[at * self.n_tokens + self._tensor(tokens)]
        return logits.float() - self.norm[at]

    def best(self, rows: IntArray, tokens: IntArray, k: int) -> Tuple[Tensor, Tensor]:
        """The k best of some tokens, [T], after each of some rows, [R].

        RETURNS (Tuple[FloatTensor, LongTensor]): The log-probabilities and the tokens' indices,
            [R, k] each.
        """
        at = self._tensor(rows)
        cells = at[:, None] * self.n_tokens + self._tensor(tokens)
        logits, which = torch.topk(self.logits.flatten()[cells].float(), k)
        return logits - self.norm[at, None], which

    def _tensor(self, array: IntArray) -> Tensor:
        return to_device(array, self.logits.device)


def _log_sum_exp(logits: Tensor) -> Tensor:
    """[R, V] to [R], float32."""
    if logits.device.type != "cpu":
        return torch.logsumexp(logits.float(), dim=-1)
    size = max(1, PIECE // logits.shape[1])
    norm = torch.empty(len(logits), dtype=torch.float32, device=logits.device)
    for start in range(0, len(logits), size):
        piece = logits[start : start + size]
        # `torch.logsumexp` takes several times as long as this.
        exact, logprobs = _scratch(piece.shape)
        torch.log_softmax(exact.copy_(piece), dim=-1, out=logprobs)
        # By the largest: the difference is that of any other, but these are finite.
        torch.sub(exact.amax(-1), logprobs.amax(-1), out=norm[start : start + size])
    return norm


def _scratch(shape: torch.Size) -> Tuple[Tensor, Tensor]:
    """Two tensors of a shape to write to."""
    n = shape.numel()
    if getattr(_memory, "space", None) is None or n > _memory.space.shape[1]:
        with torch.inference_mode(False):  # else it could be written to in that mode only
            _memory.space = torch.empty(2, max(n, PIECE), dtype=torch.float32, device="cpu")
    both = _memory.space[:, :n]
    return both[0].view(shape), both[1].view(shape)
