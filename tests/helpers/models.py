"""Small encoder-decoders with random weights."""

import torch
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    MBartConfig,
    MBartForConditionalGeneration,
    T5Config,
    T5ForConditionalGeneration,
)


def make_bart(
    vocab_size: int, seed: int, *, bos=101, eos=102, pad=0
) -> BartForConditionalGeneration:
    """A small BART with random weights, sharp enough that its beams differ."""
    torch.manual_seed(seed)
    config = BartConfig(
        vocab_size=vocab_size,
        max_position_embeddings=256,
        d_model=32,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        bos_token_id=bos,
        eos_token_id=eos,
        pad_token_id=pad,
        decoder_start_token_id=eos,
        forced_eos_token_id=None,
        forced_bos_token_id=None,
    )
    model = BartForConditionalGeneration(config).eval()
    with torch.no_grad():
        model.model.decoder.layers[-1].final_layer_norm.weight.mul_(20)
        model.final_logits_bias.normal_(std=0.1)
    return model


def make_mbart(vocab_size: int, seed: int, *, bos=0, eos=2, pad=1) -> MBartForConditionalGeneration:
    """A small mBART with random weights: layer norms come first, embeddings are scaled."""
    torch.manual_seed(seed)
    half = {f"{side}_{key}": value for side in ("encoder", "decoder") for key, value in
            (("layers", 2), ("attention_heads", 4), ("ffn_dim", 64))}  # fmt: skip
    config = MBartConfig(
        vocab_size=vocab_size,
        max_position_embeddings=256,
        d_model=32,
        **half,
        activation_function="relu",
        scale_embedding=True,
        bos_token_id=bos,
        eos_token_id=eos,
        pad_token_id=pad,
        decoder_start_token_id=eos,
        forced_eos_token_id=None,
    )
    model = MBartForConditionalGeneration(config).eval()
    with torch.no_grad():
        model.model.decoder.layer_norm.weight.mul_(20)
        model.final_logits_bias.normal_(std=0.1)
    return model


def make_t5(vocab_size: int, seed: int = 0, *, eos=1, pad=0) -> T5ForConditionalGeneration:
    """A small T5 with random weights: a model that is decoded by transformers."""
    torch.manual_seed(seed)
    config = T5Config(
        vocab_size=vocab_size,
        d_model=32,
        d_kv=8,
        d_ff=64,
        num_layers=1,
        num_heads=4,
        pad_token_id=pad,
        eos_token_id=eos,
        decoder_start_token_id=pad,
    )
    return T5ForConditionalGeneration(config).eval()
