"""Warm start: a BART whose weights come from a BERT, from which to train a small model."""

from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, Tuple

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModel, BartConfig
from transformers import BartForConditionalGeneration as Bart

from ..atomic import atomic_folder
from ..errors import Errors
from ..tokenization import NameTokenizer
from .loading import WEIGHTS, IncompleteModelError, load_from_folder
from .settings import GenreSettings
from .versions import DTYPE_ARGUMENT, load_tokenizer, quiet, save_pretrained

MODEL_TYPES = ("bert", "roberta", "xlm-roberta")
# The rows of BART's position embeddings before the first position.
BART_OFFSET = 2
ATTENTION = {"q_proj": "self.query", "k_proj": "self.key", "v_proj": "self.value"}
# Vocabulary sizes are rounded up to a multiple of this, for faster matrix products.
VOCAB_MULTIPLE = 8
# How much of transformers' error messages is shown, in characters.
MAX_REASON = 200


def warm_start(
    encoder: str,
    out: Path,
    *,
    decoder_layers: int = 3,
    context_tokens: int = 32,
    opening_tokens: int = 0,
    dropout: float = 0.1,
) -> None:
    """Write a `BartForConditionalGeneration` whose encoder computes the same as a BERT.

    Both are Transformers with layer normalization after each block and learned positions, so the
    encoder's weights are copied; the embedding of the token type is added to the positions. The
    decoder's layers are copies of encoder layers, with the weights of the self-attention also in
    the cross-attention. Encoder, decoder and output layer share the embeddings.

    encoder (str): A folder that transformers' `save_pretrained` wrote, or the name of a model on
        the hub: BERT, RoBERTa, XLM-RoBERTa, or a model distilled into their form, such as MiniLM.
    out (Path): The folder to write: the model and its tokenizer, with the delimiters added.
    decoder_layers (int): The number of decoder layers, copied from evenly spaced encoder layers.
    context_tokens (int): The context on each side of a mention to train with, in tokens.
    opening_tokens (int): How many of the document's first tokens to train with.
    dropout (float): The dropout rate in training.
    RAISES (ValueError): If there is no such encoder, it is damaged or of another type, or a number
        is out of range. Nothing is written then.
    """
    _check("dropout", dropout, "from 0 to below 1", 0 <= dropout < 1)
    for key, value in (("context_tokens", context_tokens), ("opening_tokens", opening_tokens)):
        # Not isinstance, since `GenreSettings` takes no bool either.
        _check(key, value, "an integer, 0 or more", type(value) is int and value >= 0)
    bert, tokenizer = load_from_folder(encoder, WEIGHTS, partial(_load, encoder))
    n_layers = bert.config.num_hidden_layers
    allowed = f"from 1 to {n_layers}, the layers of the encoder"
    _check("decoder_layers", decoder_layers, allowed, 1 <= decoder_layers <= n_layers)
    settings = GenreSettings(context_tokens=context_tokens, opening_tokens=opening_tokens)
    delimiters = [settings.start_delimiter, settings.end_delimiter]
    shared = _embeddings(bert, tokenizer, delimiters)
    model = Bart(_config(bert.config, tokenizer, len(shared), decoder_layers, dropout))
    model.config.genre = {"context_tokens": context_tokens, "opening_tokens": opening_tokens}
    model.load_state_dict(_weights(bert, shared, decoder_layers))
    model.tie_weights()
    with atomic_folder(out) as folder:
        save_pretrained(folder, model, tokenizer)


def _check(key: str, value: float, allowed: str, is_valid: bool) -> None:
    if not is_valid:
        raise ValueError(Errors.D006.format(key=key, value=value, allowed=allowed))


def _load(name: str, folder: Path) -> Tuple[Any, Any]:
    """RETURNS (Tuple[Any, Any]): The encoder, in float32, and its tokenizer.

    name (str): The name that the user gave, for messages.
    """
    load_part = partial(_load_part, name, folder)
    config = load_part("configuration", AutoConfig.from_pretrained)
    if config.model_type not in MODEL_TYPES:
        raise ValueError(Errors.D013.format(name=name, found=config.model_type))
    positions = getattr(config, "position_embedding_type", "absolute")
    if positions != "absolute":
        raise ValueError(Errors.D022.format(name=name, found=positions))
    tokenizer = load_part("tokenizer", load_tokenizer)
    options: Any = {DTYPE_ARGUMENT: "float32", "output_loading_info": True}
    options["ignore_mismatched_sizes"] = True  # our own error says which
    bert, info = load_part("weights", AutoModel.from_pretrained, **options)
    # Many checkpoints have no pooler, and BART needs none.
    missing = [key for key in sorted(info["missing_keys"]) if not key.startswith("pooler.")]
    if missing:
        reason = f"they lack {', '.join(missing[:3])}"
        raise ValueError(Errors.D021.format(part="weights", name=name, reason=reason))
    if info["mismatched_keys"]:
        # Names (version 4), or names with both shapes (version 5).
        reason = f"size mismatch: {sorted(map(str, info['mismatched_keys']))[0]}"
        raise ValueError(Errors.D021.format(part="weights", name=name, reason=reason))
    n_words = len(bert.embeddings.word_embeddings.weight)
    # Added tokens, such as the delimiters, are not counted by vocab_size.
    if tokenizer.vocab_size > n_words:
        raise ValueError(Errors.M009.format(found=tokenizer.vocab_size - 1, size=n_words))
    return bert.eval(), tokenizer


def _load_part(name: str, folder: Path, part: str, load: Callable[..., Any], **options: Any) -> Any:
    try:
        with quiet():
            return load(str(folder), local_files_only=True, **options)
    # transformers, tokenizers and safetensors raise many types for missing and broken files.
    except Exception as err:
        reason = " ".join(str(err).split())[:MAX_REASON]
        message = Errors.D021.format(part=part, name=name, reason=reason)
        raise IncompleteModelError(message) from err


def _embeddings(bert: Any, tokenizer: Any, delimiters: List[str]) -> Tensor:
    """The token embeddings with those of the delimiters, [V, D]. Adds the delimiters to the
    tokenizer. The embedding of a delimiter is the mean of those of the pieces of its text."""
    pieces = NameTokenizer(tokenizer).pieces(delimiters)
    tokenizer.add_special_tokens({"additional_special_tokens": delimiters})
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    tokenizer.model_max_length = _n_positions(bert.config)
    words = bert.embeddings.word_embeddings.weight.detach()
    size = -(-max(len(tokenizer), len(words)) // VOCAB_MULTIPLE) * VOCAB_MULTIPLE
    shared = torch.zeros(size, words.shape[1])
    shared[: len(words)] = words
    for text, ids in zip(delimiters, pieces, strict=True):
        shared[tokenizer.convert_tokens_to_ids(text)] = words[ids].mean(0)
    return shared


def _n_positions(config: Any) -> int:
    return int(config.max_position_embeddings) - _offset(config)


def _offset(config: Any) -> int:
    """The rows of the encoder's position embeddings before the first position."""
    return 0 if config.model_type == "bert" else int(config.pad_token_id) + 1


def _config(
    bert: Any, tokenizer: Any, vocab_size: int, decoder_layers: int, dropout: float
) -> BartConfig:
    sides: Dict[str, Any] = {}
    for side, n_layers in (("encoder", bert.num_hidden_layers), ("decoder", decoder_layers)):
        sides[f"{side}_layers"] = n_layers
        sides[f"{side}_ffn_dim"] = bert.intermediate_size
        sides[f"{side}_attention_heads"] = bert.num_attention_heads
    return BartConfig(
        vocab_size=vocab_size,
        max_position_embeddings=_n_positions(bert),
        d_model=bert.hidden_size,
        activation_function=bert.hidden_act,
        dropout=dropout,
        attention_dropout=dropout,
        activation_dropout=0.0,
        scale_embedding=False,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.cls_token_id,
        eos_token_id=tokenizer.sep_token_id,
        # As in the published checkpoints: </s> <s> name </s>.
        decoder_start_token_id=tokenizer.sep_token_id,
        forced_eos_token_id=None,
        **sides,
    )


def _weights(bert: Any, shared: Tensor, decoder_layers: int) -> Dict[str, Tensor]:
    """BART's weights under BART's names."""
    old = bert.state_dict()
    new = {"final_logits_bias": torch.zeros(1, len(shared)), "model.shared.weight": shared}
    new["lm_head.weight"] = shared
    positions = _positions(bert)
    n_layers = bert.config.num_hidden_layers
    copied = {
        "encoder": range(n_layers),
        "decoder": [(i + 1) * n_layers // decoder_layers - 1 for i in range(decoder_layers)],
    }
    for side, layers in copied.items():
        new[f"model.{side}.embed_tokens.weight"] = shared
        new[f"model.{side}.embed_positions.weight"] = positions
        names = {f"model.{side}.layernorm_embedding": "embeddings.LayerNorm"}
        for i, layer in enumerate(layers):
            names.update(_layer_names(f"model.{side}.layers.{i}", f"encoder.layer.{layer}", side))
        for to, source in names.items():
            for kind in ("weight", "bias"):
                new[f"{to}.{kind}"] = old[f"{source}.{kind}"]
    return {name: weight.clone() for name, weight in new.items()}


def _positions(bert: Any) -> Tensor:
    embeddings = bert.embeddings
    weight = embeddings.position_embeddings.weight[_offset(bert.config) :].detach()
    positions = torch.zeros(len(weight) + BART_OFFSET, weight.shape[1])
    positions[BART_OFFSET:] = weight + embeddings.token_type_embeddings.weight[0].detach()
    return positions


def _layer_names(to: str, source: str, side: str) -> Dict[str, str]:
    """The names of a layer's modules in BART, and of the BERT modules that they copy."""
    names = {
        f"{to}.fc1": f"{source}.intermediate.dense",
        f"{to}.fc2": f"{source}.output.dense",
        f"{to}.final_layer_norm": f"{source}.output.LayerNorm",
    }
    for block in ("self_attn", "encoder_attn") if side == "decoder" else ("self_attn",):
        for part, old in ATTENTION.items():
            names[f"{to}.{block}.{part}"] = f"{source}.attention.{old}"
        names[f"{to}.{block}.out_proj"] = f"{source}.attention.output.dense"
        names[f"{to}.{block}_layer_norm"] = f"{source}.attention.output.LayerNorm"
    return names
