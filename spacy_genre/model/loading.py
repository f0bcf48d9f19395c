"""Getting an encoder-decoder and its tokenizer from a folder or from the hub."""

from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Sequence, Tuple, TypeVar

from huggingface_hub import snapshot_download
from huggingface_hub.errors import LocalEntryNotFoundError
from spacy_transformers.data_classes import HFObjects
from thinc.api import get_torch_default_device
from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING
from transformers.utils import logging as transformers_logging

from ..errors import Errors
from ..tokenization import NameTokenizer
from .settings import GenreSettings

EMBEDDED = Path(__file__).parents[1] / "assets" / "genre_mini"
# Which files of a hub model are needed; many have the same weights in several formats.
SMALL_FILES = ["*.json", "*.txt", "*.model"]
WEIGHTS = ["*.safetensors", "pytorch_model*.bin"]
T = TypeVar("T")


def load_pretrained(
    name: Optional[str],
    tokenizer_config: Optional[Dict[str, Any]] = None,
    transformer_config: Optional[Dict[str, Any]] = None,
) -> HFObjects:
    """Load a model.

    name (Optional[str]): A folder that transformers' `save_pretrained` wrote, or the name of a
        model on the hub, or None for the model that comes with the package. The network is used
        only for a hub model that is not yet in the local cache.
    tokenizer_config, transformer_config (Optional[Dict[str, Any]]): Passed on to transformers.
    RETURNS (HFObjects): The tokenizer and the model, in float32, on thinc's current device.
    RAISES (ValueError): If there is no such model, it can't be loaded, or is of another kind.
    """
    options = (tokenizer_config, transformer_config)
    return _with_folder(name, WEIGHTS, partial(_load_all, options=options))


def load_name_tokenizer(name: Optional[str]) -> NameTokenizer:
    """How a model writes names, without loading its weights.

    name (Optional[str]): As in `load_pretrained`.
    RAISES (ValueError): As `load_pretrained`.
    """
    return _with_folder(name, ["config.json"], _load_names)


def _with_folder(name: Optional[str], needed: Sequence[str], load: Callable[[Path], T]) -> T:
    """Load from a model's folder; only if a hub model is not here, or not all of it, use the
    network.

    needed (Sequence[str]): Patterns of which one file is needed: the first that has any.
    """
    if name is None or is_folder(name):
        folder = EMBEDDED if name is None else Path(name).expanduser()
        if not (folder / "config.json").is_file():
            raise ValueError(Errors.M001.format(name=str(folder)))
        return load(folder)
    # transformers asks the hub about files that are here; a folder leaves it nothing to ask.
    with suppress(_Incomplete, LocalEntryNotFoundError):
        return load(_snapshot(name, needed, local=True))
    try:
        return load(_snapshot(name, needed, local=False))
    except Exception as err:  # of the network, of the hub, of the disk
        reason = str(err).strip().split("\n")[0]
        raise ValueError(Errors.M002.format(name=name, reason=reason)) from err


def _snapshot(name: str, needed: Sequence[str], *, local: bool) -> Path:
    """The folder of a hub model in the local cache."""
    for pattern in needed:
        patterns = [*SMALL_FILES, pattern]
        folder = Path(snapshot_download(name, allow_patterns=patterns, local_files_only=local))
        if (folder / "config.json").is_file() and any(folder.glob(pattern)):
            return folder
    raise _Incomplete(Errors.M003.format(name=name, reason="config.json or weights are missing"))


class _Incomplete(ValueError):
    """Files of a model are missing or broken."""


def _load_all(folder: Path, *, options: Tuple) -> HFObjects:
    tokenizer_config, transformer_config = options
    config = _load_config(folder, transformer_config)
    tokenizer = _load(AutoTokenizer, folder, tokenizer_config)
    transformer, info = _load_weights(folder, config)
    if lacking := [*info["missing_keys"], *info["mismatched_keys"]]:
        reason = f"its weights lack or do not fit {', '.join(map(str, lacking[:3]))}"
        raise _Incomplete(Errors.M003.format(name=str(folder), reason=reason))
    transformer.to(get_torch_default_device())
    return HFObjects(tokenizer, transformer.eval(), None)


def _load_names(folder: Path) -> NameTokenizer:
    settings = GenreSettings.from_config(_load_config(folder, None))
    return NameTokenizer(_load(AutoTokenizer, folder, None), bos=settings.name_bos)


def is_folder(name: str) -> bool:
    """Whether a model's name means a folder, there or not, rather than a model on the hub."""
    path = Path(name).expanduser()
    return path.exists() or path.is_absolute() or name[:1] in ".~" or name.count("/") > 1


def _load_config(folder: Path, options: Optional[Dict[str, Any]]) -> Any:
    config = _load(AutoConfig, folder, options)
    if type(config) not in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING:
        raise ValueError(Errors.M004.format(name=str(folder), model_type=config.model_type))
    GenreSettings.from_config(config)  # better to fail now than at the first document
    return config


def _load_weights(folder: Path, config: Any) -> Any:
    # Our own message about missing weights says more than the warning that they are random.
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    options = {"config": config, "torch_dtype": "float32", "output_loading_info": True}
    try:
        return _load(AutoModelForSeq2SeqLM, folder, options)
    finally:
        transformers_logging.set_verbosity(verbosity)


def _load(auto: Any, folder: Path, options: Optional[Dict[str, Any]]) -> Any:
    try:
        return auto.from_pretrained(str(folder), local_files_only=True, **(options or {}))
    # transformers, tokenizers and safetensors raise all sorts for files missing or broken.
    except Exception as err:
        reason = str(err).strip().split("\n")[0]
        raise _Incomplete(Errors.M003.format(name=str(folder), reason=reason)) from err
