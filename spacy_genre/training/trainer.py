"""Training a model: gradients over whole batches, and the optimizer."""

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, ContextManager, Dict, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from thinc.api import Model, Optimizer

from ..atomic import write_atomically
from ..batching import token_batches
from ..decoding.devices import without_cudnn_attention
from ..decoding.module_use import training
from ..errors import Errors
from ..model.seq2seq import make_batch, shim_of
from ..model.sharing import own_weights
from .cpu import faster_on_cpu
from .loss import hard_negative_loss, smoothed_loss
from .pairs import Pair
from .settings import TrainingSettings
from .task import TrainingTask

EMBEDDINGS = {"shared", "embed_tokens", "embed_positions", "lm_head"}
# How many pairs of a batch an error message shows.
MAX_SHOWN = 10
# Inputs whose lengths differ by less may be padded to one length, so that equal names meet.
BUCKET = 8
# A batch is closed when padding makes it this many times as large, unless it is small.
MAX_PADDING = 1.4


class Trainer:
    """Trains a `spacy_genre.Seq2Seq.v1`.

    model (Model): The model, loaded.
    settings (TrainingSettings): How it is trained.
    task (TrainingTask): Finds hard negatives, and knows which tokens of an input may be masked.
    n_steps (int): The number of optimizer steps so far.
    RAISES (ValueError): If context is to be masked and the tokenizer has no mask token.
    """

    def __init__(self, model: Model, settings: TrainingSettings, task: TrainingTask) -> None:
        self.model = model
        self.settings = settings
        self.task = task
        self.module = shim_of(model).transformer
        own_weights(self.module)
        self.n_steps = 0
        self.optimizer: Optional[torch.optim.Optimizer] = None
        self.loaded_state: Dict[str, Dict[str, torch.Tensor]] = {}
        self.groups = _parameter_groups(self.module, settings)
        tokenizer = shim_of(model).tokenizer
        self.mask_token: Optional[int] = tokenizer.mask_token_id
        if settings.mask_context and self.mask_token is None:
            raise ValueError(Errors.D017.format(kind=type(tokenizer).__name__))
        _set_checkpointing(self.module, settings.gradient_checkpointing)

    @property
    def weights(self) -> List[torch.nn.Parameter]:
        """The weights that are trained."""
        return [weight for group in self.groups for weight in group["params"]]

    def accumulate(
        self,
        pairs: Sequence[Pair],
        precision: Callable[[], ContextManager],
        *,
        drop: float = 0.0,
        n_tokens: Optional[int] = None,
        n_pairs: Optional[int] = None,
        weight: float = 1.0,
    ) -> float:
        """Add the gradient of the loss over some pairs to the weights' gradients.

        pairs (Sequence[Pair]): A batch of any size, or one process's share of it.
        precision (Callable[[], ContextManager]): The context of the forward pass (autocast).
        drop (float): The dropout rate, 0 to below 1; 0 for the model's own rates.
        n_tokens (Optional[int]): The number of the names' tokens in the whole batch that are
            learnt, end tokens included; None if `pairs` is the whole batch.
        n_pairs (Optional[int]): The number of pairs in the whole batch, likewise.
        weight (float): A factor of the gradient.
        RETURNS (float): The label-smoothed loss per token of the names, in nats, plus the
            hard-negative loss per pair times its weight.
        RAISES (ValueError): If the loss is not finite; the message shows the pairs.
        """
        n_tokens = n_tokens or sum(pair.n_learnt for pair in pairs)
        n_pairs = n_pairs or len(pairs)
        if self.settings.mask_context:
            pairs = [replace(pair, input=self._mask_context(pair.input)) for pair in pairs]
        if self.settings.hard_negatives:
            negatives = map(tuple, self.task.find_negatives(pairs))
            pairs = [replace(p, negatives=n) for p, n in zip(pairs, negatives, strict=True)]
        total = 0.0
        with training(self.module), dropout_rate(self.module, drop):
            self.module.train()
            for batch in pair_batches(pairs, self.settings.batch_tokens):
                total += self._accumulate(batch, precision, n_tokens, n_pairs, weight)
        return total

    def _mask_context(self, tokens: List[int]) -> List[int]:
        assert self.mask_token is not None
        maskable, share = self.task.maskable_tokens(tokens), self.settings.mask_context
        return mask_tokens(tokens, maskable, share=share, mask_token=self.mask_token)

    def _accumulate(
        self,
        batch: List[Pair],
        precision: Callable[[], ContextManager],
        n_tokens: int,
        n_pairs: int,
        weight: float,
    ) -> float:
        # The contexts hold for the backward pass, too: checkpointing recomputes layers there.
        longest = max(len(pair.input) for pair in batch)
        with faster_on_cpu(self.module, longest), without_cudnn_attention(self.module.device):
            with precision():
                loss = self._loss(batch, n_tokens, n_pairs)
            if not torch.isfinite(loss):
                self._raise_not_finite(loss.item(), batch)
            (weight * loss).backward()
        return loss.item()

    def _loss(self, pairs: List[Pair], n_tokens: int, n_pairs: int) -> torch.Tensor:
        inputs, smoothing = [pair.input for pair in pairs], self.settings.label_smoothing
        weight = self.settings.hard_negatives
        if not weight:
            names, learnt = [pair.name for pair in pairs], [pair.learnt for pair in pairs]
            batch = make_batch(self.model, inputs, names, learnt=learnt)
            return smoothed_loss(self.module, batch, smoothing) / n_tokens
        owned = [
            (i, name, None if k else pair.learnt)
            for i, pair in enumerate(pairs)
            for k, name in enumerate((pair.name, *pair.negatives))
        ]
        owners, names, learnt = ([*column] for column in zip(*owned, strict=True))
        batch = make_batch(self.model, inputs, names, owners, learnt)
        gold_loss, negatives_loss = hard_negative_loss(
            self.module,
            batch,
            smoothing,
            length_penalty=self.task.length_penalty,
            temperature=self.task.temperature,
        )
        return gold_loss / n_tokens + weight * negatives_loss / n_pairs

    def _raise_not_finite(self, loss: float, batch: List[Pair]) -> None:
        self.module.zero_grad(set_to_none=True)
        shown = "; ".join(pair.shown for pair in batch[:MAX_SHOWN])
        message = Errors.D010.format(value=loss, steps=self.n_steps, count=len(batch), pairs=shown)
        raise ValueError(message)

    def step(self, sgd: Optimizer) -> None:
        """Change the weights by their gradients, with torch's AdamW and the settings of thinc's
        optimizer: learning rate, betas, epsilon, L2, and the norm to which the gradient of all
        weights together is clipped.

        sgd (Optimizer): "Adam.v1" in the config. Its moving averages of weights are not kept.
        RAISES (ValueError): If it is another optimizer, or the gradient is not finite.
        """
        with training(self.module):
            self._step(sgd)

    def _step(self, sgd: Optimizer) -> None:
        weights = self.weights
        if all(weight.grad is None for weight in weights):
            return
        if self.optimizer is None:
            self.optimizer = self._make_optimizer(sgd)
        for group in self.optimizer.param_groups:
            rate = sgd.learn_rate * group["factor"]
            group.update(lr=rate, betas=(sgd.b1, sgd.b2), eps=sgd.eps, weight_decay=sgd.L2)
        norm = torch.nn.utils.clip_grad_norm_(weights, sgd.grad_clip or float("inf"))
        if not torch.isfinite(norm):
            self.module.zero_grad(set_to_none=True)
            raise ValueError(Errors.D011.format(value=norm.item(), steps=self.n_steps))
        self.optimizer.step()
        self.module.zero_grad(set_to_none=True)
        self.n_steps += 1

    def _make_optimizer(self, sgd: Optimizer) -> torch.optim.Optimizer:
        if sgd.use_radam or not sgd.b2:
            raise ValueError(Errors.D012)
        kind = torch.optim.AdamW if sgd.L2_is_weight_decay else torch.optim.Adam
        optimizer = kind(self.groups, fused=True)
        weights = dict(self.module.named_parameters())
        for name, state in self.loaded_state.items():
            weight = weights[name]
            optimizer.state[weight] = {key: v.to(weight.device) for key, v in state.items()}
        self.loaded_state = {}
        return optimizer

    # Checkpoints

    def save(self, path: Path) -> None:
        """Write the optimizer's state and the number of steps to a file, atomically. (The weights
        are written by `Seq2SeqShim.to_folder`.)"""
        tensors = {}
        states = self.optimizer.state if self.optimizer is not None else {}
        for name, weight in self.module.named_parameters():
            for key, value in states.get(weight, {}).items():
                tensors[f"{name}/{key}"] = value.contiguous()
        write_atomically(path, save(tensors, metadata={"n_steps": str(self.n_steps)}))

    def load(self, path: Path) -> None:
        """Load what `save` wrote.

        RAISES (ValueError): If the file is damaged or of another model.
        """
        states: Dict[str, Dict[str, torch.Tensor]] = {}
        try:
            with safe_open(path, "pt") as file:
                n_steps = int(file.metadata()["n_steps"])
                for tensor_name in file.keys():  # noqa: SIM118
                    name, _, key = tensor_name.rpartition("/")
                    states.setdefault(name, {})[key] = file.get_tensor(tensor_name)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as err:
            raise ValueError(Errors.D003.format(path=path, reason=err)) from err
        shapes = {name: weight.shape for name, weight in self.module.named_parameters()}
        if any(
            shapes.get(name) != getattr(state.get("exp_avg"), "shape", None)
            for name, state in states.items()
        ):
            raise ValueError(Errors.D003.format(path=path, reason="it is of another model"))
        self.optimizer, self.loaded_state = None, states
        self.n_steps = n_steps


def pair_batches(pairs: Sequence[Pair], batch_tokens: int) -> Iterator[List[Pair]]:
    """Divide pairs into batches of similar lengths of inputs and names.

    pairs (Sequence[Pair]): The pairs.
    batch_tokens (int): The most tokens of inputs and names, padding included, in a batch; a pair
        that has more is a batch of its own.
    """
    if not pairs:
        return
    names = [(pair.name, *pair.negatives) for pair in pairs]
    n_names = np.array([len(of_pair) for of_pair in names])
    inputs = np.array([len(pair.input) for pair in pairs])
    longest_names = np.array([max(map(len, of_pair)) + 1 for of_pair in names])
    gold_names = np.array([len(pair.name) for pair in pairs])
    for batch in token_batches(
        np.stack([inputs, longest_names], axis=1),
        batch_tokens,
        counts=np.stack([np.ones_like(n_names), n_names], axis=1),
        order=np.lexsort([gold_names, inputs // BUCKET]),
        max_padding=MAX_PADDING,
    ):
        yield [pairs[i] for i in batch]


def mask_tokens(
    tokens: List[int], maskable: NDArray[np.bool_], *, share: float, mask_token: int
) -> List[int]:
    """Replace some tokens by the mask token: the token dropout of Iyyer et al., ACL 2015.

    tokens (List[int]): N tokens.
    maskable (NDArray[np.bool_]): [N], which of them may be masked.
    share (float): The probability that one is. Torch's generator draws.
    mask_token (int): The mask token.
    RETURNS (List[int]): N tokens.
    """
    masked = maskable & (torch.rand(len(tokens)).numpy() < share)
    result: List[int] = np.where(masked, mask_token, tokens).tolist()
    return result


@contextmanager
def dropout_rate(module: Any, rate: float) -> Iterator[None]:
    """Within this context all dropout of a model, of hidden states and of attention, has one rate.

    module (transformers.PreTrainedModel): The model.
    rate (float): 0 to below 1; 0 for the model's own rates.
    RAISES (ValueError): If the rate is out of range.
    """
    if not 0 <= rate < 1:
        raise ValueError(Errors.D006.format(key="dropout", value=rate, allowed="from 0 to below 1"))
    own_rates = _dropout_rates(module) if rate else []
    for part, key, _ in own_rates:
        setattr(part, key, rate)
    try:
        yield
    finally:
        for part, key, own_rate in own_rates:
            setattr(part, key, own_rate)


def _dropout_rates(module: Any) -> List[Tuple[Any, str, float]]:
    """The parts of a model that have a dropout rate, the name of the attribute, and the rate."""
    rates = []
    for part in module.modules():
        key = "p" if isinstance(part, torch.nn.Dropout) else "dropout"
        rate = getattr(part, key, None)
        if isinstance(rate, (int, float)):
            rates.append((part, key, rate))
    return rates


def part_of(name: str) -> str:
    """The part of an encoder-decoder that a weight belongs to.

    name (str): The weight's name in `named_parameters`.
    RETURNS (str): "embeddings", "encoder" or "decoder".
    """
    modules = name.split(".")
    if EMBEDDINGS.intersection(modules):
        return "embeddings"
    return "encoder" if "encoder" in modules else "decoder"


def _parameter_groups(module: Any, settings: TrainingSettings) -> List[Dict[str, Any]]:
    """The weights that are trained, grouped by the factor of their learning rate."""
    groups: Dict[float, List[Any]] = {}
    for name, weight in module.named_parameters():
        part: Any = part_of(name)
        weight.requires_grad_(part not in settings.frozen)
        if weight.requires_grad:
            groups.setdefault(settings.learn_rates.get(part, 1.0), []).append(weight)
    return [{"params": weights, "factor": factor} for factor, weights in groups.items()]


def _set_checkpointing(module: Any, on: bool) -> None:
    if on:
        module.gradient_checkpointing_enable({"use_reentrant": False})
    elif module.is_gradient_checkpointing:
        module.gradient_checkpointing_disable()
