"""What differs between versions 4 and 5 of transformers, in one place."""

import json
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

import transformers
from huggingface_hub.utils import are_progress_bars_disabled, disable_progress_bars
from packaging.version import Version
from transformers import AutoTokenizer
from transformers.utils import logging

from ..errors import Errors

# The argument of `from_pretrained` that sets the dtype of the weights.
DTYPE_ARGUMENT = "dtype" if Version(transformers.__version__) >= Version("4.56") else "torch_dtype"


@contextmanager
def quiet() -> Iterator[None]:
    """Within this context, transformers shows no warnings and no progress bars."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    hub_bars_disabled = are_progress_bars_disabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()
        if hub_bars_disabled:  # the two functions for bars also switch those of the hub
            disable_progress_bars()


def load_tokenizer(name: str, **options: Any) -> Any:
    """Load a tokenizer.

    name (str): A folder or the name of a model on the hub.
    RAISES (ValueError): If its vocabulary is missing. Version 5 then makes a tokenizer of special
        tokens only, without an error.
    """
    tokenizer = AutoTokenizer.from_pretrained(name, **options)
    words = tokenizer.get_vocab().keys() - set(tokenizer.all_special_tokens)
    if len(words) < 2:  # SentencePiece's lone space counts as one
        raise ValueError(Errors.M010)
    return tokenizer


def save_pretrained(folder: Path, module: Any, tokenizer: Any) -> None:
    """Write a model and its tokenizer so that both versions can load them.

    folder (Path): The folder to write to.
    module (transformers.PreTrainedModel): The model. Its weights are written as safetensors.
    tokenizer (transformers.PreTrainedTokenizerBase): The tokenizer.
    """
    with quiet():  # version 5 shows a progress bar
        module.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    path = folder / "tokenizer_config.json"
    # Not with srsly: without a limit of its own, a tokenizer has the maximal length 10 ** 30, which
    # srsly can't read.
    config = json.loads(path.read_text("utf8"))
    # Version 5 writes names that version 4 does not know. It still reads the names of version 4.
    if config.get("tokenizer_class") == "TokenizersBackend":
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
    if isinstance(config.get("extra_special_tokens"), list):
        config["additional_special_tokens"] = config.pop("extra_special_tokens")
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", "utf8")
