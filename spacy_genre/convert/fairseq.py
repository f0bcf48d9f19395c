"""Checkpoints of fairseq (`model.pt` of the official GENRE code) as a folder of transformers.

The file is read by `torch.load(weights_only=True)`, which executes nothing. Besides tensors and
plain data, only the class of fairseq's arguments is known to it (`argparse.Namespace`, which holds
attributes and has no code).
"""

import argparse
import pickle
import re
import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Tuple

import srsly
import torch
from torch import Tensor
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    MBartConfig,
    MBartForConditionalGeneration,
)

from ..atomic import atomic_folder
from ..errors import Errors
from ..model.published import BLOCKS_OF_TASK
from ..model.settings import TASKS
from ..model.versions import load_tokenizer, quiet, save_pretrained

# Weights that transformers computes, or that only fairseq's other tasks need.
IGNORED = re.compile(r"(encoder|decoder)\.version|.*_float_tensor|classification_heads\..*")
EMBEDDINGS = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")
PROJECTION = "decoder.output_projection.weight"
SPECIAL_TOKENS = {"bos_token_id": 0, "pad_token_id": 1, "eos_token_id": 2}


def convert_checkpoint(
    checkpoint: Path, out: Path, *, tokenizer: Optional[str] = None, task: str = "linking"
) -> str:
    """Convert a checkpoint of fairseq.

    checkpoint (Path): `model.pt`, or its folder.
    out (Path): The folder to write: config.json, model.safetensors and the tokenizer's files.
    tokenizer (Optional[str]): A folder with the tokenizer, a SentencePiece model, or a name on the
        hub. None for a SentencePiece model in the checkpoint's folder (mGENRE), or else
        "facebook/bart-large".
    task (str): What the checkpoint was trained for: "linking", "retrieval" or "annotation".
    RETURNS (str): The type of the model: "bart" or "mbart".
    RAISES (FileNotFoundError, ValueError): If the file does not exist, is no such checkpoint or
        needs code, or if the tokenizer does not fit.
    """
    if task not in TASKS:
        raise ValueError(Errors.X064.format(task=task, allowed=", ".join(TASKS)))
    path = checkpoint / "model.pt" if checkpoint.is_dir() else checkpoint
    state, arguments = read_checkpoint(path)
    config = make_config(state, arguments, path)
    hf_tokenizer = _load_tokenizer(path.parent, tokenizer)
    largest = _largest_id(hf_tokenizer)
    if largest >= config.vocab_size:
        name = tokenizer or hf_tokenizer.name_or_path
        raise ValueError(Errors.X061.format(name=name, largest=largest, rows=config.vocab_size))
    config.genre = dict(BLOCKS_OF_TASK["multilingual" if config.model_type == "mbart" else task])
    model = _make_model(state, config, path)
    with atomic_folder(out) as folder:
        save_pretrained(folder, model, hf_tokenizer)
    return str(config.model_type)


def _largest_id(tokenizer: Any) -> int:
    """The largest token id of a text. (The mask token of mGENRE's tokenizer has no embedding.)"""
    unused = {tokenizer.mask_token, *tokenizer.additional_special_tokens}
    return max(token for text, token in tokenizer.get_vocab().items() if text not in unused)


def read_checkpoint(path: Path) -> Tuple[Dict[str, Tensor], Mapping[str, Any]]:
    """Read the weights and arguments of a checkpoint, without executing anything.

    path (Path): `model.pt`.
    RETURNS (Tuple[Dict[str, Tensor], Mapping[str, Any]]): The weights by fairseq's names, and the
        arguments of the training.
    RAISES (FileNotFoundError, ValueError): See `convert_checkpoint`.
    """
    if not path.is_file():
        raise FileNotFoundError(Errors.F001.format(path=path))
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=_is_zip(path))
    # Of hostile and damaged files: torch raises many types.
    except Exception as err:
        raise ValueError(Errors.X059.format(path=path, reason=_reason(err))) from err
    state = content.get("model") if isinstance(content, dict) else None
    are_weights = isinstance(state, dict) and all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in state.items()
    )
    if not are_weights or not state:
        raise ValueError(Errors.X059.format(path=path, reason="it has no weights under 'model'"))
    return state, _arguments(content)


def _is_zip(path: Path) -> bool:
    """Whether a file has the format that torch can map into memory."""
    return zipfile.is_zipfile(path)


def _reason(err: Exception) -> str:
    """The reason of torch's error, with the name of the class or function that was refused."""
    match = re.search(r"GLOBAL (\S+)", str(err))
    if match and isinstance(err, pickle.UnpicklingError):
        return f"it needs {match[1]!r}, which is not plain data and may run code"
    return (str(err).strip() or type(err).__name__).split("\n")[0]


def _arguments(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """The arguments of the training: `args`, or `cfg.model` in newer versions of fairseq."""
    config = content.get("cfg")
    arguments = config.get("model") if isinstance(config, dict) else content.get("args")
    if isinstance(arguments, argparse.Namespace):
        return vars(arguments)
    return arguments if isinstance(arguments, dict) else {}


def make_config(state: Mapping[str, Tensor], arguments: Mapping[str, Any], path: Path) -> Any:
    """The configuration of a model, from the shapes of its weights and fairseq's arguments.

    RAISES (ValueError): If weights are missing.
    """
    try:
        rows, width = state[EMBEDDINGS[1]].shape
        sizes = {
            f"{side}_ffn_dim": state[f"{side}.layers.0.fc1.weight"].shape[0]
            for side in ("encoder", "decoder")
        }
        positions = state["encoder.embed_positions.weight"].shape[0] - 2
    except (KeyError, ValueError) as err:
        reason = f"it lacks {err}"
        raise ValueError(Errors.X060.format(path=path, kind="BART", reason=reason)) from err
    # mBART has a layer norm at the end of the encoder and before each block.
    is_mbart = "encoder.layer_norm.weight" in state
    for side in ("encoder", "decoder"):
        sizes[f"{side}_layers"] = _count_layers(state, side, path)
        heads = arguments.get(f"{side}_attention_heads", 16)
        sizes[f"{side}_attention_heads"] = heads if isinstance(heads, int) else 16
    return (MBartConfig if is_mbart else BartConfig)(
        vocab_size=rows,
        d_model=width,
        max_position_embeddings=positions,
        activation_function=str(arguments.get("activation_fn", "gelu")),
        scale_embedding=not arguments.get("no_scale_embedding", not is_mbart),
        decoder_start_token_id=SPECIAL_TOKENS["eos_token_id"],
        forced_bos_token_id=None,
        forced_eos_token_id=None,
        **SPECIAL_TOKENS,
        **sizes,
    )


def _count_layers(state: Mapping[str, Tensor], side: str, path: Path) -> int:
    matches = (re.match(rf"{side}\.layers\.(\d+)\.", name) for name in state)
    found = {int(match[1]) for match in matches if match}
    if found != set(range(len(found))):
        reason = f"layers of the {side} are missing"
        raise ValueError(Errors.X060.format(path=path, kind="BART", reason=reason))
    return len(found)


def _make_model(state: Mapping[str, Tensor], config: Any, path: Path) -> Any:
    """The model with the checkpoint's weights, in float32.

    RAISES (ValueError): If weights are missing, left over or of another shape.
    """
    is_mbart = config.model_type == "mbart"
    of_type: Any = MBartForConditionalGeneration if is_mbart else BartForConditionalGeneration
    embeddings = state[EMBEDDINGS[1]]
    if PROJECTION in state and not torch.equal(state[PROJECTION], embeddings):
        reason = "its output projection is not tied to the embeddings"
        raise ValueError(Errors.X060.format(path=path, kind=config.model_type, reason=reason))
    weights = {
        f"model.{name}": value.float()
        for name, value in state.items()
        if not IGNORED.fullmatch(name) and name != PROJECTION
    }
    weights["model.shared.weight"] = weights["lm_head.weight"] = embeddings.float()
    weights["final_logits_bias"] = torch.zeros(1, config.vocab_size)
    for name in EMBEDDINGS:
        weights.setdefault(f"model.{name}", embeddings.float())
    try:
        with quiet():
            model = of_type(config)
            model.load_state_dict(weights)
    except (RuntimeError, ValueError, KeyError) as err:
        reason = " ".join(str(err).split())[:300]
        kind = config.model_type
        raise ValueError(Errors.X060.format(path=path, kind=kind, reason=reason)) from err
    return model.eval()


def _load_tokenizer(folder: Path, name: Optional[str]) -> Any:
    """The checkpoint's tokenizer; see `convert_checkpoint`."""
    if name is None:
        pieces = sorted(folder.glob("*.model"))
        name = str(pieces[0]) if pieces else "facebook/bart-large"
    try:
        if name.endswith(".model") and Path(name).is_file():
            return _load_sentencepiece(Path(name))
        return load_tokenizer(name)
    # transformers, tokenizers and sentencepiece raise many types for missing and broken files.
    except Exception as err:
        reason = (str(err).strip() or type(err).__name__).split("\n")[0]
        raise ValueError(Errors.X062.format(name=name, reason=reason)) from err


def _load_sentencepiece(path: Path) -> Any:
    """The tokenizer of a SentencePiece model with fairseq's ids, as on the hub for mGENRE."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(path, Path(folder) / "sentencepiece.bpe.model")
        kind = {"tokenizer_class": "XLMRobertaTokenizer", "model_max_length": 1024}
        srsly.write_json(Path(folder) / "tokenizer_config.json", kind)
        return load_tokenizer(folder)
