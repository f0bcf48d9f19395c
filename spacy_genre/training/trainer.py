"""Training a model: gradients over whole batches, and the optimizer."""

from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, ContextManager, Dict, Iterator, List, Optional, Sequence, Tuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from thinc.api import Model, Optimizer

from ..atomic import write_atomically
from ..decoding.devices import without_cudnn_attention
from ..errors import Errors
from ..model.seq2seq import make_batch, shim_of
from .cpu import faster_on_cpu
from .hard_negatives import HardNegatives
from .loss import hard_negative_loss, packs, smoothed_loss
from .masking import ContextMask
from .pairs import Pair
from .settings import TrainingSettings

EMBEDDINGS = {"shared", "embed_tokens", "embed_positions", "lm_head"}
# What an error shows of a batch.
MAX_SHOWN = 10


class Trainer:
    """Trains a `spacy_genre.Seq2Seq.v1`.

    model (Model): The model, loaded.
    settings (TrainingSettings): How it is trained.
    contrast (Optional[HardNegatives]): Finds the negatives of gold names; needed if `settings.contrast`.
    n_steps (int): How often the weights were changed.
    """

    def __init__(
        self, model: Model, settings: TrainingSettings, contrast: Optional[HardNegatives] = None
    ) -> None:
        settings.check()
        assert contrast is not None or not settings.contrast
        self.contrast = contrast if settings.contrast else None
        self.model = model
        self.settings = settings
        self.module = shim_of(model).transformer
        self.n_steps = 0
        self.optimizer: Optional[torch.optim.Optimizer] = None
        self.restored: Dict[str, Dict[str, torch.Tensor]] = {}
        self.groups = _groups(self.module, settings)
        share = settings.mask_context
        self.mask = ContextMask(shim_of(model), share) if share else None
        _set_checkpointing(self.module, settings.gradient_checkpointing)

    def accumulate(
        self,
        pairs: Sequence[Pair],
        precision: Callable[[], ContextManager],
        *,
        drop: float = 0.0,
        n_tokens: Optional[int] = None,
        n_pairs: Optional[int] = None,
    ) -> float:
        """Add the gradient of the loss over some pairs to what is there.

        pairs (Sequence[Pair]): A batch, of any size: it is read in packs.
        precision (Callable[[], ContextManager]): The context to compute in.
        drop (float): The dropout rate, 0 to below 1; 0 for the model's own ones.
        n_tokens, n_pairs (Optional[int]): How many tokens the gold names of the batch have, and how
            many pairs it has, if these are not all: where others compute the rest.
        RETURNS (float): The mean of the label-smoothed loss over the names' tokens, in nats; plus
            that of the contrast over the pairs, times its weight.
        RAISES (ValueError): If it is not finite, with the pairs.
        """
        n_tokens = n_tokens or sum(len(pair.name) + 1 for pair in pairs)
        n_pairs = n_pairs or len(pairs)
        if self.mask is not None:
            pairs = [replace(pair, input=self.mask(pair.input)) for pair in pairs]
        if self.contrast is not None:
            pairs = self.contrast.add_negatives(pairs)
        self.module.train()
        total = 0.0
        with dropout_rate(self.module, drop):
            for pack in packs(pairs, self.settings.batch_tokens):
                total += self._accumulate(pack, precision, n_tokens, n_pairs)
        return total

    def _accumulate(
        self,
        pack: List[Pair],
        precision: Callable[[], ContextManager],
        n_tokens: int,
        n_pairs: int,
    ) -> float:
        # The backward pass as well: with checkpoints it computes what a layer gave once more.
        width = max(len(pair.input) for pair in pack)
        with faster_on_cpu(self.module, width), without_cudnn_attention(self.module.device):
            with precision():
                loss = self._loss(pack, n_tokens, n_pairs)
            if not torch.isfinite(loss):
                self._stop(loss.item(), pack)
            loss.backward()
        return loss.item()

    def _loss(self, pack: List[Pair], n_tokens: int, n_pairs: int) -> torch.Tensor:
        inputs, smoothing = [pair.input for pair in pack], self.settings.label_smoothing
        if self.contrast is None:
            batch = make_batch(self.model, inputs, [pair.name for pair in pack])
            return smoothed_loss(self.module, batch, smoothing) / n_tokens
        named = [(i, name) for i, p in enumerate(pack) for name in (p.name, *p.negatives)]
        batch = make_batch(
            self.model, inputs, [name for _, name in named], [owner for owner, _ in named]
        )
        gold, contrast = hard_negative_loss(
            self.module,
            batch,
            smoothing,
            length_penalty=self.contrast.length_penalty,
            temperature=self.contrast.temperature,
        )
        return gold / n_tokens + self.settings.contrast * contrast / n_pairs

    def _stop(self, value: float, pack: List[Pair]) -> None:
        self.module.zero_grad(set_to_none=True)
        shown = "; ".join(pair.shown for pair in pack[:MAX_SHOWN])
        message = Errors.D010.format(value=value, steps=self.n_steps, count=len(pack), pairs=shown)
        raise ValueError(message)

    def step(self, sgd: Optimizer) -> None:
        """Change the weights by the gradient that was added up, with torch's AdamW and thinc's
        settings of it: learning rate, betas, epsilon, L2, and the norm above which the gradient of
        all weights together is scaled down.

        sgd (Optimizer): "Adam.v1" in the config. Moving averages of the weights are not kept.
        RAISES (ValueError): If it is of another kind, or the gradient is not finite.
        """
        if all(weight.grad is None for group in self.groups for weight in group["params"]):
            return
        if self.optimizer is None:
            self.optimizer = self._make_optimizer(sgd)
        for group in self.optimizer.param_groups:
            rate = sgd.learn_rate * group["factor"]
            group.update(lr=rate, betas=(sgd.b1, sgd.b2), eps=sgd.eps, weight_decay=sgd.L2)
        weights = [weight for group in self.groups for weight in group["params"]]
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
        for name, state in self.restored.items():
            weight = weights[name]
            optimizer.state[weight] = {key: v.to(weight.device) for key, v in state.items()}
        self.restored = {}
        return optimizer

    # Going on after a kill

    def save(self, path: Path) -> None:
        """Write the optimizer's state and the number of steps to a file, whole or not at all. (The
        weights are written by `Seq2SeqShim.to_folder`.)"""
        tensors = {}
        states = self.optimizer.state if self.optimizer is not None else {}
        for name, weight in self.module.named_parameters():
            for key, value in states.get(weight, {}).items():
                tensors[f"{name}/{key}"] = value.contiguous()
        write_atomically(path, save(tensors, metadata={"n_steps": str(self.n_steps)}))

    def load(self, path: Path) -> None:
        """Take up what `save` wrote.

        RAISES (ValueError): If it is damaged or of another model.
        """
        states: Dict[str, Dict[str, torch.Tensor]] = {}
        try:
            with safe_open(path, "pt") as file:
                n_steps = int(file.metadata()["n_steps"])
                for key in file.keys():  # noqa: SIM118
                    name, _, what = key.rpartition("/")
                    states.setdefault(name, {})[what] = file.get_tensor(key)
        except (OSError, SafetensorError, KeyError, TypeError, ValueError) as err:
            raise ValueError(Errors.D003.format(path=path, reason=err)) from err
        shapes = {name: weight.shape for name, weight in self.module.named_parameters()}
        found = {
            name: getattr(state.get("exp_avg"), "shape", None) for name, state in states.items()
        }
        if any(shapes.get(name) != shape for name, shape in found.items()):
            raise ValueError(Errors.D003.format(path=path, reason="it is of another model"))
        self.optimizer, self.restored = None, states
        self.n_steps = n_steps


@contextmanager
def dropout_rate(module: Any, rate: float) -> Iterator[None]:
    """While it lasts, all dropout of a model, of hidden states and of attention, has a rate.

    module (transformers.PreTrainedModel): The model.
    rate (float): 0 to below 1; 0 for the model's own rates.
    RAISES (ValueError): If it is out of range.
    """
    if not 0 <= rate < 1:
        raise ValueError(Errors.D006.format(key="dropout", value=rate, allowed="from 0 to below 1"))
    own = _dropout_rates(module) if rate else []
    for part, key, _ in own:
        setattr(part, key, rate)
    try:
        yield
    finally:
        for part, key, value in own:
            setattr(part, key, value)


def _dropout_rates(module: Any) -> List[Tuple[Any, str, float]]:
    """The parts of a model that have a rate, what it is called there, and the rate."""
    keys = [
        (part, "p" if isinstance(part, torch.nn.Dropout) else "dropout")
        for part in module.modules()
    ]
    found = [(part, key, getattr(part, key, None)) for part, key in keys]
    return [(part, key, v) for part, key, v in found if isinstance(v, (int, float))]


def part_of(name: str) -> str:
    """The part of an encoder-decoder that a weight belongs to: one of `PARTS`."""
    pieces = name.split(".")
    if EMBEDDINGS.intersection(pieces):
        return "embeddings"
    return "encoder" if "encoder" in pieces else "decoder"


def _groups(module: Any, settings: TrainingSettings) -> List[Dict[str, Any]]:
    """The weights that are trained, by the factor of their learning rate."""
    groups: Dict[float, List[Any]] = {}
    for name, weight in module.named_parameters():
        part = part_of(name)
        weight.requires_grad_(part not in settings.frozen)
        if weight.requires_grad:
            groups.setdefault(settings.learn_rates.get(part, 1.0), []).append(weight)
    return [{"params": weights, "factor": factor} for factor, weights in groups.items()]


def _set_checkpointing(module: Any, on: bool) -> None:
    if on:
        module.gradient_checkpointing_enable({"use_reentrant": False})
    elif module.is_gradient_checkpointing:
        module.gradient_checkpointing_disable()
