"""Getting an encoder-decoder and its tokenizer from a folder or from the hub."""

from pathlib import Path
from typing import Any, Dict, Optional

from spacy_transformers.data_classes import HFObjects
from thinc.api import get_torch_default_device
from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer
from transformers.models.auto.modeling_auto import MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING
from transformers.utils import logging as transformers_logging

from .errors import Errors
from .settings import GenreSettings

EMBEDDED = Path(__file__).parent / "assets" / "genre_mini"


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
    source = str(EMBEDDED) if name is None else name
    if is_folder(source):
        if not (Path(source) / "config.json").is_file():
            raise ValueError(Errors.M001.format(name=source))
        return _load(source, Errors.M003, tokenizer_config, transformer_config, local=True)
    try:
        return _load(source, Errors.M002, tokenizer_config, transformer_config, local=True)
    except _NotCached:
        return _load(source, Errors.M002, tokenizer_config, transformer_config, local=False)


def is_folder(name: str) -> bool:
    """Whether a model's name means a folder, there or not, rather than a model on the hub."""
    path = Path(name).expanduser()
    return path.exists() or path.is_absolute() or name[:1] in ".~" or name.count("/") > 1


class _NotCached(Exception):
    """A hub model whose files are not here yet."""


def _load(
    name: str,
    message: str,
    tokenizer_config: Optional[Dict[str, Any]],
    transformer_config: Optional[Dict[str, Any]],
    *,
    local: bool,
) -> HFObjects:
    try:
        config = AutoConfig.from_pretrained(
            name, local_files_only=local, **(transformer_config or {})
        )
    except (OSError, ValueError) as err:
        if local and not is_folder(name):
            raise _NotCached from err
        raise ValueError(message.format(name=name, reason=_first_line(err))) from err
    if type(config) not in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING:
        raise ValueError(Errors.M004.format(name=name, model_type=config.model_type))
    GenreSettings.from_config(config)  # better to fail now than at the first document
    try:
        tokenizer = AutoTokenizer.from_pretrained(
            name, local_files_only=local, **(tokenizer_config or {})
        )
        transformer, info = _load_weights(name, config, local)
    except (OSError, ValueError, RuntimeError) as err:
        if local and not is_folder(name):
            raise _NotCached from err
        raise ValueError(message.format(name=name, reason=_first_line(err))) from err
    if info["missing_keys"] or info["mismatched_keys"]:
        missing = ", ".join(map(str, [*info["missing_keys"], *info["mismatched_keys"]][:3]))
        reason = f"the weights lack or don't fit {missing}, …"
        raise ValueError(message.format(name=name, reason=reason))
    transformer.to(get_torch_default_device())
    transformer.eval()
    return HFObjects(tokenizer, transformer, None)


def _load_weights(name: str, config: Any, local: bool) -> Any:
    # Our own message about missing weights says more than the warning that they are random.
    verbosity = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()
    try:
        return AutoModelForSeq2SeqLM.from_pretrained(
            name,
            config=config,
            torch_dtype="float32",
            local_files_only=local,
            output_loading_info=True,
        )
    finally:
        transformers_logging.set_verbosity(verbosity)


def _first_line(err: BaseException) -> str:
    return str(err).strip().split("\n")[0]


def load_name_tokenizer(name: Optional[str]) -> NameTokenizer:
    """How a model writes names: its tokenizer and configuration, without the weights.

    name (Optional[str]): As in `load_pretrained`.
    """
    raise NotImplementedError
