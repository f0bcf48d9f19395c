"""BART and mBART for inference, from the weights of transformers' modules.

The arithmetic is that of `BartForConditionalGeneration` and `MBartForConditionalGeneration`. What
is different is what is computed: every row here is one token, none is padding, and the caller says
what each row may see.
"""

from functools import partial
from typing import Any, Callable, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BartForConditionalGeneration, MBartForConditionalGeneration
from transformers.activations import GELUActivation

from ..devices import to_device
from ..logprobs import LogProbs
from .attention import Block, Grid, blocks, n_extra
from .layers import Activation, Linear

# So many bytes of logits at a time. On a CPU, malloc takes new pages from the system each time from
# 32 MB on, which costs as much as the multiplication.
MAX_LOGITS = {"cpu": 30 * 2**20, "cuda": 2**29}
OFFSET = 2  # learned positions of the BART family begin here

# A part of a layer: of what it reads and what is to be added to the result.
Part = Callable[[Tensor, Tensor], Tensor]


def is_supported(module: Any) -> bool:
    """Whether `Bart` computes what a module of transformers does."""
    known = type(module) in (BartForConditionalGeneration, MBartForConditionalGeneration)
    # Quantized modules and adapters have layers of their own.
    return known and all(
        type(layer) is nn.Linear
        for name, layer in module.named_modules()
        if name.endswith(("_proj", ".fc1", ".fc2", "lm_head"))
    )


class Norm:
    """A layer norm, or nothing."""

    def __init__(self, module: Optional[nn.LayerNorm], dtype: torch.dtype) -> None:
        self.module = module is not None
        if module is not None:
            self.shape, self.eps = module.normalized_shape, module.eps
            self.weight = module.weight.detach().to(dtype)
            self.bias = module.bias.detach().to(dtype)

    def __call__(self, x: Tensor) -> Tensor:
        if not self.module:
            return x
        return torch.layer_norm(x, self.shape, self.weight, self.bias, self.eps)


class Embedding:
    """Tokens at positions as vectors."""

    def __init__(self, module: Any, dtype: torch.dtype) -> None:
        self.tokens = module.embed_tokens.weight.detach().to(dtype)
        self.positions = module.embed_positions.weight.detach().to(dtype)
        self.scale = getattr(module.embed_tokens, "embed_scale", 1.0)
        self.norm = Norm(module.layernorm_embedding, dtype)

    def __call__(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """tokens, positions (LongTensor, [N]). RETURNS (FloatTensor): [N, d]."""
        return self.norm(self.tokens[tokens] * self.scale + self.positions[positions + OFFSET])


class Attention:
    """The weights of one attention.

    module (transformers' BartAttention or MBartAttention): Where they come from.
    crosses (bool): Whether keys and values come from elsewhere than the queries.
    """

    def __init__(self, module: Any, dtype: torch.dtype, *, crosses: bool = False) -> None:
        q, k, v = module.q_proj, module.k_proj, module.v_proj
        scale = module.head_dim**-0.5
        self.n_heads = module.num_heads
        self.read = Linear([q] if crosses else [q, k, v], dtype, scale)
        if crosses:
            self.remember = Linear([k, v], dtype)
        self.write = Linear([module.out_proj], dtype)


class Layer:
    """A layer of the encoder or the decoder: attention to its own kind, in the decoder attention
    to the encoder, and two linear layers; each is added to what it read, and normalised after
    (BART) or before (mBART)."""

    def __init__(self, module: Any, dtype: torch.dtype, *, norm_first: bool) -> None:
        self.norm_first = norm_first
        self.own = Attention(module.self_attn, dtype)
        self.own_norm = Norm(module.self_attn_layer_norm, dtype)
        if hasattr(module, "encoder_attn"):  # a layer of the decoder
            self.cross = Attention(module.encoder_attn, dtype, crosses=True)
            self.cross_norm = Norm(module.encoder_attn_layer_norm, dtype)
        self.up, self.down = Linear([module.fc1], dtype), Linear([module.fc2], dtype)
        self.last_norm = Norm(module.final_layer_norm, dtype)
        # F.gelu itself can be fused with the layer before it.
        exact = isinstance(module.activation_fn, GELUActivation) or module.activation_fn is F.gelu
        self.activation: Activation = F.gelu if exact else module.activation_fn

    def apply(self, x: Tensor, norm: Norm, part: Part) -> Tensor:
        return part(norm(x), x) if self.norm_first else norm(part(x, x))

    def feed(self, x: Tensor, add: Tensor) -> Tensor:
        return self.down(self.up(x, activation=self.activation), add=add)


class Bart:
    """The weights of a model, ready to compute with. Later changes of the module don't reach it.

    module (Union[BartForConditionalGeneration, MBartForConditionalGeneration]): The model.
    dtype (torch.dtype): What to compute in. Log-probabilities are float32 whatever it is.
    """

    def __init__(self, module: Any, dtype: torch.dtype) -> None:
        config = module.config
        first = isinstance(module, MBartForConditionalGeneration)
        encoder, decoder = module.get_encoder(), module.get_decoder()
        self.dtype, self.device = dtype, module.lm_head.weight.device
        self.d, self.vocab_size = config.d_model, module.lm_head.out_features
        self.embed_input = Embedding(encoder, dtype)
        self.encoder = [Layer(layer, dtype, norm_first=first) for layer in encoder.layers]
        self.encoder_norm = Norm(getattr(encoder, "layer_norm", None), dtype)
        self.embed_output = Embedding(decoder, dtype)
        self.decoder = [Layer(layer, dtype, norm_first=first) for layer in decoder.layers]
        self.decoder_norm = Norm(getattr(decoder, "layer_norm", None), dtype)
        self.head = Linear([_with_bias(module.lm_head, module.final_logits_bias)], dtype)

    def encode(self, inputs: Sequence[Sequence[int]]) -> Tuple[Tensor, Grid]:
        """Read some inputs.

        inputs (Sequence[Sequence[int]]): B token sequences.
        RETURNS (Tuple[FloatTensor, Grid]): What the decoder may look at: of all N tokens, one
            input after the other, [>= N, d]; and where these are among the padded inputs, [B, S].
        """
        lengths = np.fromiter(map(len, inputs), np.int64, len(inputs))
        extra = n_extra(int(lengths.sum()))
        real = np.arange(lengths.max()) < lengths[:, None]
        grid = Grid(np.flatnonzero(real), real.shape, self.device, extra)
        parts = blocks(lengths, extra, self.encoder[0].own.n_heads, self.device, self.dtype)
        tokens = np.asarray([token for ids in inputs for token in ids], np.int64)
        at = (tokens, np.nonzero(real)[1])
        x = self.embed_input(*(to_device(grid.extend(a), self.device) for a in at))
        for layer in self.encoder:
            x = layer.apply(x, layer.own_norm, partial(_attend_within, layer.own, parts))
            x = layer.apply(x, layer.last_norm, layer.feed)
        return self.encoder_norm(x), grid

    def follow(self, hidden: Tensor, n_rows: int) -> Iterator[LogProbs]:
        """What may follow the decoder's rows, some rows at a time.

        hidden (FloatTensor): [>= R, d], what the decoder made of the rows.
        n_rows (int): R.
        RETURNS (Iterator[LogProbs]): [<= R, V].
        """
        limit = MAX_LOGITS.get(self.device.type, MAX_LOGITS["cpu"])
        size = max(1, limit // (self.vocab_size * self.dtype.itemsize))
        for start in range(0, n_rows, size):
            yield LogProbs(self.head(hidden[start : start + size])[: n_rows - start])


def _attend_within(attention: Attention, parts: List[Block], x: Tensor, add: Tensor) -> Tensor:
    """The attention of each input's tokens to all tokens of that input, [N, d] to [N, d]."""
    qkv = attention.read(x)
    found = [part.attend(qkv, attention.n_heads) for part in parts]
    return attention.write(torch.cat(found) if len(found) > 1 else found[0], add=add)


def _with_bias(head: nn.Linear, bias: Tensor) -> nn.Linear:
    """The layer, with a bias of its own."""
    layer = nn.Linear(head.in_features, head.out_features, device="meta")
    layer.weight, layer.bias = head.weight, nn.Parameter(bias[0], requires_grad=False)
    return layer
