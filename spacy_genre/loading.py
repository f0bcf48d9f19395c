"""Getting an encoder-decoder and its tokenizer from a folder or from the hub."""

from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, Optional, Tuple, TypeVar

from spacy_transformers.data_classes import HFObjects
from thinc.api import get_torch_default_device
from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING
from transformers.utils import logging as transformers_logging

from .errors import Errors
from .settings import GenreSettings
from .tokenization import NameTokenizer

EMBEDDED = Path(__file__).parent / "assets" / "genre_mini"
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
    source, config = _load_config(name, transformer_config)
    tokenizer = _load_tokenizer(source, tokenizer_config)
    transformer, info = _locally_first(source, partial(_load_weights, source, config=config))
    if lacking := [*info["missing_keys"], *info["mismatched_keys"]]:
        reason = f"its weights lack or do not fit {', '.join(map(str, lacking[:3]))}"
        raise ValueError(_message(source).format(name=source, reason=reason))
    transformer.to(get_torch_default_device())
    return HFObjects(tokenizer, transformer.eval(), None)


def load_name_tokenizer(name: Optional[str]) -> NameTokenizer:
    """How a model writes names, without loading its weights.

    name (Optional[str]): As in `load_pretrained`.
    RAISES (ValueError): As `load_pretrained`.
    """
    source, config = _load_config(name, None)
    settings = GenreSettings.from_config(config)
    return NameTokenizer(_load_tokenizer(source, None), bos=settings.name_bos)


def is_folder(name: str) -> bool:
    """Whether a model's name means a folder, there or not, rather than a model on the hub."""
    path = Path(name).expanduser()
    return path.exists() or path.is_absolute() or name[:1] in ".~" or name.count("/") > 1


def _load_config(name: Optional[str], options: Optional[Dict[str, Any]]) -> Tuple[str, Any]:
    """Where to load a model from, and its configuration."""
    source = str(EMBEDDED) if name is None else name
    if is_folder(source):
        source = str(Path(source).expanduser())
        if not (Path(source) / "config.json").is_file():
            raise ValueError(Errors.M001.format(name=source))
    config = _locally_first(source, partial(AutoConfig.from_pretrained, source, **(options or {})))
    if type(config) not in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING:
        raise ValueError(Errors.M004.format(name=source, model_type=config.model_type))
    GenreSettings.from_config(config)  # better to fail now than at the first document
    return source, config


def _load_tokenizer(source: str, options: Optional[Dict[str, Any]]) -> Any:
    return _locally_first(source, partial(AutoTokenizer.from_pretrained, source, **(options or {})))


def _load_weights(source: str, *, config: Any, local_files_only: bool) -> Any:
    # Our own message about missing weights says more than the warning that they are random.
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        return AutoModelForSeq2SeqLM.from_pretrained(
            source,
            config=config,
            torch_dtype="float32",
            local_files_only=local_files_only,
            output_loading_info=True,
        )
    finally:
        transformers_logging.set_verbosity(verbosity)


def _locally_first(source: str, load: Callable[..., T]) -> T:
    """Load from files that are here; only if some of a hub model are not, use the network."""
    attempts = [True] if is_folder(source) else [True, False]
    for local in attempts:
        try:
            return load(local_files_only=local)
        # transformers and safetensors raise all of these for files that are missing or broken.
        except Exception as err:
            failure = err
    reason = str(failure).strip().split("\n")[0]
    raise ValueError(_message(source).format(name=source, reason=reason)) from failure


def _message(source: str) -> str:
    return Errors.M003 if is_folder(source) else Errors.M002
