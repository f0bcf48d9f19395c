"""Loading an encoder-decoder and its tokenizer from a folder or from the hub."""

import importlib.util
import warnings
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Hashable, Optional, Sequence, TypeVar

import torch
from huggingface_hub import snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError
from thinc.api import get_torch_default_device
from transformers import (
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModelForSeq2SeqLM,
)

from ..errors import Errors, Warnings
from ..tokenization import NameTokenizer
from .settings import GenreSettings
from .sharing import load_shared
from .versions import DTYPE_ARGUMENT, load_tokenizer, quiet

EMBEDDED = Path(__file__).parents[1] / "assets" / "genre_mini"
# The files of a hub model that are downloaded: many have the same weights in several formats.
CONFIG_FILES = ["*.json", "*.txt", "*.model"]
WEIGHTS = ["*.safetensors", "pytorch_model*.bin"]
T = TypeVar("T")


@dataclass(frozen=True)
class HFObjects:
    """A loaded model.

    tokenizer (transformers.PreTrainedTokenizerBase): The tokenizer.
    transformer (transformers.PreTrainedModel): The encoder-decoder.
    """

    tokenizer: Any
    transformer: Any


def load_pretrained(
    name: Optional[str],
    tokenizer_config: Optional[Dict[str, Any]] = None,
    transformer_config: Optional[Dict[str, Any]] = None,
) -> HFObjects:
    """Load a model.

    name (Optional[str]): A folder that transformers' `save_pretrained` wrote, or the name of a
        model on the hub, or None for the model that comes with the package. The network is used
        only for a hub model that is not in the local cache.
    tokenizer_config (Optional[Dict[str, Any]]): Arguments of the tokenizer's `from_pretrained`.
    transformer_config (Optional[Dict[str, Any]]): Arguments of the configuration's.
    RETURNS (HFObjects): The tokenizer and the model, in float32, on thinc's current device. Models
        that were loaded from the same files share their weights (see `sharing`).
    RAISES (ValueError): If there is no such model, it can't be loaded, or it is no
        encoder-decoder.
    """
    load = partial(
        _load_model, tokenizer_config=tokenizer_config, transformer_config=transformer_config
    )
    return load_from_folder(name, WEIGHTS, load)


def load_name_tokenizer(name: Optional[str]) -> NameTokenizer:
    """Load a model's tokenizer of names, without its weights.

    name (Optional[str]): As for `load_pretrained`.
    RAISES (ValueError): As `load_pretrained`.
    """
    return load_from_folder(name, ["config.json"], _load_tokenizer)


def find_folder(name: Optional[str]) -> Optional[Path]:
    """The folder from which a model is loaded. Nothing is loaded or downloaded.

    name (Optional[str]): As for `load_pretrained`.
    RETURNS (Optional[Path]): The folder; None for a hub model that is not in the local cache.
    RAISES (ValueError): If the name is that of a folder that has no model.
    """
    if name is None or is_folder(name):
        folder = EMBEDDED if name is None else Path(name).expanduser()
        if not (folder / "config.json").is_file():
            raise ValueError(Errors.M001.format(name=str(folder)))
        return folder
    with suppress(IncompleteModelError, LocalEntryNotFoundError):
        return _snapshot(name, WEIGHTS, local=True)
    return None


def load_from_folder(name: Optional[str], patterns: Sequence[str], load: Callable[[Path], T]) -> T:
    """Load from a model's folder. A hub model is downloaded if the cache does not have all of it.

    name (Optional[str]): As for `load_pretrained`.
    patterns (Sequence[str]): Alternatives in order of preference: a file of one of them is needed.
    load (Callable[[Path], T]): Loads from the folder.
    RAISES (ValueError): If there is no such model.
    """
    if name is None or is_folder(name):
        folder = find_folder(name)
        assert folder is not None  # as it would be for a hub model
        return load(folder)
    # By the folder, since with the name transformers asks the hub even about cached files.
    with suppress(IncompleteModelError, LocalEntryNotFoundError):
        return load(_snapshot(name, patterns, local=True))
    return load(_download(name, patterns))


def _download(name: str, patterns: Sequence[str]) -> Path:
    try:
        return _snapshot(name, patterns, local=False)
    except Exception as err:  # of the network, the hub or the disk
        reason = str(err).strip().split("\n")[0]
        raise ValueError(Errors.M002.format(name=name, reason=reason)) from err


def _snapshot(name: str, patterns: Sequence[str], *, local: bool) -> Path:
    """The folder of a hub model in the local cache.

    local (bool): Whether to leave the network alone.
    """
    for pattern in patterns:
        files = [*CONFIG_FILES, pattern]
        folder = Path(snapshot_download(name, allow_patterns=files, local_files_only=local))
        if (folder / "config.json").is_file() and any(folder.glob(pattern)):
            return folder
    raise IncompleteModelError(
        Errors.M003.format(name=name, reason="config.json or weights are missing")
    )


class IncompleteModelError(ValueError):
    """Files of a model are missing or broken."""


def _load_model(
    folder: Path,
    *,
    tokenizer_config: Optional[Dict[str, Any]],
    transformer_config: Optional[Dict[str, Any]],
) -> HFObjects:
    config = _load_config(folder, transformer_config)
    tokenizer = _load(load_tokenizer, folder, tokenizer_config)
    device = get_torch_default_device()
    source = (_files_state(folder), repr(transformer_config or {}), str(device))
    transformer = load_shared(source, partial(_load_transformer, folder, config, device))
    _warn_of_unused_gpu(device)
    return HFObjects(tokenizer, transformer.eval())


def _load_transformer(folder: Path, config: Any, device: torch.device) -> Any:
    transformer, info = _load_weights(folder, config)
    if wrong := [*info["missing_keys"], *info["mismatched_keys"]]:
        reason = f"its weights lack or do not fit {', '.join(map(str, wrong[:3]))}"
        raise IncompleteModelError(Errors.M003.format(name=str(folder), reason=reason))
    return transformer.to(device).eval()


def _files_state(folder: Path) -> Hashable:
    """Identifies the files of a model: path, inode, size and time of each."""
    paths = {folder / "config.json", *(path for glob in WEIGHTS for path in folder.glob(glob))}
    stats = ((path.resolve(), path.stat()) for path in sorted(paths))
    return tuple((str(path), s.st_ino, s.st_size, s.st_mtime_ns) for path, s in stats)


def _warn_of_unused_gpu(device: torch.device) -> None:
    """Warn once if torch could use a GPU and thinc can't, since CuPy is missing: then
    `spacy.prefer_gpu` has no effect."""
    global _warned_of_gpu
    if _warned_of_gpu or device.type != "cpu" or importlib.util.find_spec("cupy") is not None:
        return
    if torch.cuda.is_available():
        _warned_of_gpu = True
        warnings.warn(Warnings.W020, stacklevel=2)


_warned_of_gpu = False


def _load_tokenizer(folder: Path) -> NameTokenizer:
    settings = GenreSettings.from_config(_load_config(folder, None))
    tokenizer = _load(load_tokenizer, folder, None)
    return NameTokenizer(tokenizer, bos=settings.name_bos, space=settings.name_space)


def is_folder(name: str) -> bool:
    """Whether a model's name is that of a folder, which may not exist, and not of a hub model."""
    path = Path(name).expanduser()
    return path.exists() or path.is_absolute() or name[:1] in ".~" or name.count("/") > 1


def _load_config(folder: Path, options: Optional[Dict[str, Any]]) -> Any:
    config = _load(AutoConfig.from_pretrained, folder, options)
    if type(config) not in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING:
        raise ValueError(Errors.M004.format(name=str(folder), model_type=config.model_type))
    GenreSettings.from_config(config)  # fail now and not at the first document
    return config


def _load_weights(folder: Path, config: Any) -> Any:
    options = {
        "config": config,
        DTYPE_ARGUMENT: "float32",
        "output_loading_info": True,
        "ignore_mismatched_sizes": True,  # our own error says which
    }
    # transformers would warn of missing weights, for which we raise an error.
    with quiet():
        return _load(AutoModelForSeq2SeqLM.from_pretrained, folder, options)


def _load(load: Callable[..., Any], folder: Path, options: Optional[Dict[str, Any]]) -> Any:
    try:
        return load(str(folder), local_files_only=True, **(options or {}))
    # transformers, tokenizers and safetensors raise many types for missing and broken files.
    except Exception as err:
        reason = str(err).strip().split("\n")[0]
        raise IncompleteModelError(Errors.M003.format(name=str(folder), reason=reason)) from err
