"""The published checkpoints in their true format, small and with random weights: the files of the
hub, with their configurations."""

import json

import sentencepiece
import torch
from tokenizers import Tokenizer, models, pre_tokenizers, trainers
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    MBartConfig,
    MBartForConditionalGeneration,
)

ENGLISH = ("genre-linking-blink", "genre-linking-aidayago2", "genre-kilt")
TEXTS = [
    "Einstein was a [START_ENT] German [END_ENT] physicist.",
    "Albert Einstein Germany Germans German Empire New York New York New York Ulm Ångström",
    "[START] Einstein [END] era un fisico tedesco.",
    "Albert Einstein >> it Deutschland >> de 東京 >> ja",
]
SMALL = {
    "d_model": 32,
    "encoder_layers": 1,
    "decoder_layers": 2,
    "num_hidden_layers": 1,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
}
LARGE = {
    "d_model": 1024,
    "encoder_layers": 12,
    "decoder_layers": 12,
    "num_hidden_layers": 12,
    "encoder_attention_heads": 16,
    "decoder_attention_heads": 16,
    "encoder_ffn_dim": 4096,
    "decoder_ffn_dim": 4096,
}
# As in files that are converted from fairseq's BART for summaries, with settings of generation that
# forbid most names.
COMMON = {
    "activation_dropout": 0.1,
    "activation_function": "gelu",
    "attention_dropout": 0.1,
    "bos_token_id": 0,
    "classifier_dropout": 0.0,
    "decoder_layerdrop": 0.0,
    "decoder_start_token_id": 2,
    "dropout": 0.1,
    "early_stopping": True,
    "encoder_layerdrop": 0.0,
    "eos_token_id": 2,
    "forced_eos_token_id": 2,
    "gradient_checkpointing": False,
    "init_std": 0.02,
    "is_encoder_decoder": True,
    "max_length": 62,
    "max_position_embeddings": 1024,
    "min_length": 11,
    "no_repeat_ngram_size": 3,
    "normalize_embedding": True,
    "num_beams": 6,
    "output_past": True,
    "pad_token_id": 1,
    "prefix": " ",
    "static_position_embeddings": False,
    "use_cache": True,
}
BART = {
    "architectures": ["BartForConditionalGeneration"],
    "forced_bos_token_id": 0,
    "model_type": "bart",
    "normalize_before": False,
    "scale_embedding": False,
    "task_specific_params": {"summarization": {"min_length": 56, "no_repeat_ngram_size": 3}},
}
MBART = {
    "architectures": ["MBartForConditionalGeneration"],
    "add_final_layer_norm": True,
    "model_type": "mbart",
    "normalize_before": True,
    "scale_embedding": True,
    "tokenizer_class": "XLMRobertaTokenizer",
}


def write_checkpoint(folder, name, sizes=SMALL, vocab_size=None, seed=0):
    """Write the folder of a checkpoint.

    vocab_size: That of the embeddings; None for that of the tokenizer, without the mask token.
    """
    folder.mkdir(parents=True, exist_ok=True)
    is_mgenre = name == "mgenre-wiki"
    n_tokens = (_write_sentencepiece if is_mgenre else _write_byte_level)(folder)
    config = {**COMMON, **(MBART if is_mgenre else BART), **sizes}
    config["vocab_size"] = vocab_size or n_tokens
    (folder / "config.json").write_text(json.dumps(config))
    torch.manual_seed(seed)
    if is_mgenre:
        model = MBartForConditionalGeneration(MBartConfig(**config))
        last = model.model.decoder.layer_norm
    else:
        model = BartForConditionalGeneration(BartConfig(**config))
        last = model.model.decoder.layers[-1].final_layer_norm
    with torch.no_grad():
        last.weight.mul_(20 if sizes is SMALL else 1)  # sharp enough that its beams differ
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    return folder


def _write_byte_level(folder):
    """The files of BART's tokenizer: vocab.json and merges.txt. RETURNS: The number of tokens."""
    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    trainer = trainers.BpeTrainer(
        vocab_size=420,
        special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(TEXTS * 3, trainer)
    backend.model.save(str(folder))
    vocabulary = json.loads((folder / "vocab.json").read_text("utf8"))
    n_tokens = len(vocabulary)
    vocabulary["<mask>"] = n_tokens  # without an embedding, as in the published checkpoints
    (folder / "vocab.json").write_text(json.dumps(vocabulary), "utf8")
    (folder / "tokenizer_config.json").write_text('{"model_max_length": 1024}')
    return n_tokens


def _write_sentencepiece(folder):
    """The files of mGENRE's tokenizer. RETURNS: The number of tokens without the mask."""
    text = folder / "text"
    text.write_text("\n".join(TEXTS * 20), "utf8")
    sentencepiece.SentencePieceTrainer.train(
        input=str(text),
        model_prefix=str(folder / "sentencepiece.bpe"),
        vocab_size=120,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    text.unlink()
    (folder / "sentencepiece.bpe.vocab").unlink()
    (folder / "tokenizer_config.json").write_text('{"tokenizer_class": "XLMRobertaTokenizer"}')
    path = str(folder / "sentencepiece.bpe.model")
    return sentencepiece.SentencePieceProcessor(model_file=path).get_piece_size() + 1
