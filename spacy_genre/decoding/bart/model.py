"""BART and mBART for inference, from the weights of transformers' modules.

The arithmetic is that of `BartForConditionalGeneration` and `MBartForConditionalGeneration`, but
nothing is computed for padding: each row of an activation is one token, and the caller says which
tokens a row attends to.
"""

from functools import partial
from typing import Any, Callable, Iterator, List, Optional, Sequence, Tuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import BartForConditionalGeneration, MBartForConditionalGeneration
from transformers.activations import GELUActivation

from ...ragged import IntArray
from ..devices import to_device
from ..logprobs import LogProbs
from .attention import AttentionBlock, RowGrid, attention_blocks, n_extra_rows
from .layers import Activation, Linear
from .paging import MappedFiles

# The bytes of logits that are computed at a time. On a CPU, malloc asks the system for new pages
# from 32 MB on, which costs as much as the multiplication.
MAX_LOGITS = {"cpu": 30 * 2**20, "cuda": 2**29}
POSITION_OFFSET = 2  # learned positions of the BART family begin at this row

# A sublayer: its input and the residual to its output plus the residual.
Sublayer = Callable[[Tensor, Tensor], Tensor]


def is_supported(module: Any) -> bool:
    """Whether `Bart` computes the same as a module of transformers."""
    known = type(module) in (BartForConditionalGeneration, MBartForConditionalGeneration)
    # Quantized modules and adapters have linear layers of other classes.
    return known and all(
        type(layer) is nn.Linear
        for name, layer in module.named_modules()
        if name.endswith(("_proj", ".fc1", ".fc2", "lm_head"))
    )


class Norm:
    """A layer norm, or the identity."""

    def __init__(self, module: Optional[nn.LayerNorm], dtype: torch.dtype) -> None:
        self.is_identity = module is None
        if module is not None:
            self.shape, self.eps = module.normalized_shape, module.eps
            self.weight = module.weight.detach().to(dtype)
            self.bias = module.bias.detach().to(dtype)

    def __call__(self, x: Tensor) -> Tensor:
        if self.is_identity:
            return x
        return torch.layer_norm(x, self.shape, self.weight, self.bias, self.eps)


class Embedding:
    """The embeddings of tokens and positions."""

    def __init__(
        self, module: Any, dtype: torch.dtype, other: Optional["Embedding"] = None
    ) -> None:
        self.source = module.embed_tokens.weight
        self.tokens: Tensor
        # The encoder and the decoder have the same embeddings: one copy is enough.
        is_shared = other is not None and other.source is self.source
        self.tokens = other.tokens if is_shared and other else self.source.detach().to(dtype)
        self.positions = module.embed_positions.weight.detach().to(dtype)
        self.scale = getattr(module.embed_tokens, "embed_scale", 1.0)
        self.norm = Norm(module.layernorm_embedding, dtype)

    def __call__(self, tokens: Tensor, positions: Tensor) -> Tensor:
        """tokens, positions (LongTensor, [N]). RETURNS (FloatTensor): [N, d]."""
        x = self.tokens[tokens] * self.scale + self.positions[positions + POSITION_OFFSET]
        return self.norm(x)


class Attention:
    """The projections of one attention.

    module (transformers' BartAttention or MBartAttention): The source of the weights.
    is_cross (bool): Whether keys and values come from the encoder.
    """

    def __init__(self, module: Any, dtype: torch.dtype, *, is_cross: bool = False) -> None:
        q, k, v = module.q_proj, module.k_proj, module.v_proj
        scale = module.head_dim**-0.5
        self.n_heads = module.num_heads
        if is_cross:
            self.q_proj = Linear([q], dtype, scale)
            self.kv_proj = Linear([k, v], dtype)
        else:
            self.qkv_proj = Linear([q, k, v], dtype, scale)
        self.out_proj = Linear([module.out_proj], dtype)


class Layer:
    """A layer of the encoder or the decoder: self-attention, cross-attention (decoder only), and a
    feed-forward network. The output of each is added to its input, and normalised after (BART) or
    before (mBART)."""

    def __init__(self, module: Any, dtype: torch.dtype, *, norm_first: bool) -> None:
        self.norm_first = norm_first
        self.self_attention = Attention(module.self_attn, dtype)
        self.self_attention_norm = Norm(module.self_attn_layer_norm, dtype)
        if hasattr(module, "encoder_attn"):  # a layer of the decoder
            self.cross_attention = Attention(module.encoder_attn, dtype, is_cross=True)
            self.cross_attention_norm = Norm(module.encoder_attn_layer_norm, dtype)
        self.fc1, self.fc2 = Linear([module.fc1], dtype), Linear([module.fc2], dtype)
        self.final_norm = Norm(module.final_layer_norm, dtype)
        # F.gelu itself can be fused with the layer before it.
        exact = isinstance(module.activation_fn, GELUActivation) or module.activation_fn is F.gelu
        self.activation: Activation = F.gelu if exact else module.activation_fn

    def apply(self, x: Tensor, norm: Norm, sublayer: Sublayer) -> Tensor:
        """One sublayer with its residual connection and norm, [N, d] to [N, d]."""
        return sublayer(norm(x), x) if self.norm_first else norm(sublayer(x, x))

    def feed_forward(self, x: Tensor, residual: Tensor) -> Tensor:
        return self.fc2(self.fc1(x, activation=self.activation), residual=residual)


class Bart:
    """The weights of a model, laid out for inference. Later changes of the module have no effect.

    module (Union[BartForConditionalGeneration, MBartForConditionalGeneration]): The model.
    dtype (torch.dtype): The dtype of the computation. Log-probabilities are always float32.
    """

    def __init__(self, module: Any, dtype: torch.dtype) -> None:
        config = module.config
        norm_first = isinstance(module, MBartForConditionalGeneration)
        encoder, decoder = module.get_encoder(), module.get_decoder()
        self.dtype, self.device = dtype, module.lm_head.weight.device
        self.d, self.vocab_size = config.d_model, module.lm_head.out_features
        self.embed_input = Embedding(encoder, dtype)
        self.encoder = self._layers(encoder, norm_first)
        self.encoder_norm = Norm(getattr(encoder, "layer_norm", None), dtype)
        self.embed_output = Embedding(decoder, dtype, self.embed_input)
        self.decoder = self._layers(decoder, norm_first)
        self.decoder_norm = Norm(getattr(decoder, "layer_norm", None), dtype)
        self.lm_head = Linear([_with_bias(module.lm_head, module.final_logits_bias)], dtype)
        MappedFiles().release(module, trim=True)

    def _layers(self, part: Any, norm_first: bool) -> List[Layer]:
        """The layers of the encoder or the decoder. The module's weights leave memory one by one,
        so that it never holds both kinds of all weights."""
        files, layers = MappedFiles(), []
        for layer in part.layers:
            layers.append(Layer(layer, self.dtype, norm_first=norm_first))
            files.release(layer)
        return layers

    def encode(self, inputs: Sequence[Sequence[int]]) -> Tuple[Tensor, RowGrid]:
        """Run the encoder.

        inputs (Sequence[Sequence[int]]): B token sequences.
        RETURNS (Tuple[FloatTensor, RowGrid]): The hidden states of all N tokens, one input after
            the other, [>= N, d]; and the positions of these rows in the padded inputs, [B, S].
        """
        lengths = np.fromiter(map(len, inputs), np.int64, len(inputs))
        extra = n_extra_rows(int(lengths.sum()))
        real = np.arange(lengths.max()) < lengths[:, None]
        grid = RowGrid(np.flatnonzero(real), real.shape, self.device, extra)
        n_heads = self.encoder[0].self_attention.n_heads
        blocks = attention_blocks(lengths, extra, n_heads, self.device, self.dtype)
        tokens = np.asarray([token for ids in inputs for token in ids], np.int64)
        positions = np.nonzero(real)[1]
        x = self.embed_input(self._rows(tokens, grid), self._rows(positions, grid))
        for layer in self.encoder:
            self_attention = partial(_attend_within_inputs, layer.self_attention, blocks)
            x = layer.apply(x, layer.self_attention_norm, self_attention)
            x = layer.apply(x, layer.final_norm, layer.feed_forward)
        return self.encoder_norm(x), grid

    def _rows(self, values: IntArray, grid: RowGrid) -> Any:
        return to_device(grid.with_extra_rows(values), self.device)

    def logprobs(self, hidden: Tensor, n_rows: int) -> Iterator[LogProbs]:
        """The log-probabilities of the next token, some rows at a time.

        hidden (FloatTensor): [>= R, d], the decoder's hidden states.
        n_rows (int): R.
        RETURNS (Iterator[LogProbs]): [<= R, V].
        """
        limit = MAX_LOGITS.get(self.device.type, MAX_LOGITS["cpu"])
        size = max(1, limit // (self.vocab_size * self.dtype.itemsize))
        for start in range(0, n_rows, size):
            yield LogProbs(self.lm_head(hidden[start : start + size])[: n_rows - start])


def _attend_within_inputs(
    attention: Attention, blocks: List[AttentionBlock], x: Tensor, residual: Tensor
) -> Tensor:
    """Self-attention of the tokens of each input, [N, d] to [N, d]."""
    qkv = attention.qkv_proj(x)
    y = [block.attend(qkv, attention.n_heads) for block in blocks]
    return attention.out_proj(torch.cat(y) if len(y) > 1 else y[0], residual=residual)


def _with_bias(head: nn.Linear, bias: Tensor) -> nn.Linear:
    """The layer with another bias, [1, V]."""
    layer = nn.Linear(head.in_features, head.out_features, device="meta")
    layer.weight, layer.bias = head.weight, nn.Parameter(bias[0], requires_grad=False)
    return layer
