"""The log-probabilities of what follows some rows, of which only a few are looked at."""

import threading
from typing import Tuple

import torch
from torch import Tensor

from ..ragged import IntArray
from .devices import to_device

# Of so many logits at a time the logarithm of the summed exponentials is taken: 4 MB in float32,
# which stay in the cache.
PIECE = 2**20
# Where each thread does it. Memory taken anew for each piece would come from the system each time,
# and the page faults would cost more than the arithmetic.
_memory = threading.local()


class LogProbs:
    """Log-probabilities over the vocabulary (natural logarithm), computed where they are asked for.

    They are float32, whatever the logits are. bfloat16 has rounded the logits themselves: on a CPU
    oneDNN gives them in the dtype of its operands. To have them in float32 costs a fifth of the
    time, and brings the scores hardly closer to those of float32.

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
        """Those of some tokens, each after one of the rows, [C]."""
        at = self._tensor(rows)
        logits = self.logits.flatten()[at * self.n_tokens + self._tensor(tokens)]
        return logits.float() - self.norm[at]

    def best(self, rows: IntArray, tokens: IntArray, k: int) -> Tuple[Tensor, Tensor]:
        """The k best of T tokens, [T], after each of some rows, [R]: the log-probabilities, and
        which of the tokens they are, both [R, k]."""
        at = self._tensor(rows)
        cells = at[:, None] * self.n_tokens + self._tensor(tokens)
        logits, which = torch.topk(self.logits.flatten()[cells].float(), k)
        return logits - self.norm[at, None], which

    def _tensor(self, array: IntArray) -> Tensor:
        return to_device(array, self.logits.device)


def _log_sum_exp(logits: Tensor) -> Tensor:
    """Of each row, [R, V] to [R], float32."""
    if logits.device.type != "cpu":
        return torch.logsumexp(logits.float(), dim=-1)
    size = max(1, PIECE // logits.shape[1])
    norm = torch.empty(len(logits))
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
            _memory.space = torch.empty(2, max(n, PIECE))
    both = _memory.space[:, :n]
    return both[0].view(shape), both[1].view(shape)
