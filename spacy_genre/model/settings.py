"""How a model was trained: the `genre` block of its config.json."""

import math
from dataclasses import dataclass, fields
from typing import Any, Dict, Optional

from ..errors import Errors

# The settings of the authors' published checkpoints, whose config.json has no `genre` block.
PUBLISHED: Dict[str, Dict[str, Any]] = {
    "mbart": {"start_delimiter": "[START]", "end_delimiter": "[END]", "name_bos": False},
}


@dataclass(frozen=True)
class GenreSettings:
    """The format of a model's inputs and names, and the calibration of its probabilities.

    start_delimiter (str): The text before a mention: a special token if the tokenizer has it, else
        plain text, as in the published GENRE checkpoints.
    end_delimiter (str): The text after a mention, likewise.
    name_bos (bool): Whether a name begins with the tokenizer's start token.
    context_tokens (int): The context on each side of a mention in the training data, in tokens.
    opening_tokens (int): How many of the document's first tokens stand before the context, if it
        does not contain them; 0 for none, as in the published checkpoints.
    temperature (float): The divisor of scores in the softmax that makes them probabilities. It is
        fitted so that the first candidate's probability is how often it is right.
    nil_score (Optional[float]): The score of the answer "none of these names" in that softmax; None
        for no such answer, as in the published checkpoints.
    """

    start_delimiter: str = "[START_ENT]"
    end_delimiter: str = "[END_ENT]"
    name_bos: bool = True
    context_tokens: int = 128
    opening_tokens: int = 0
    temperature: float = 1.0
    nil_score: Optional[float] = None

    @classmethod
    def from_config(cls, config: Any) -> "GenreSettings":
        """Read the settings of a model.

        config (transformers.PretrainedConfig): Its configuration. Settings that its `genre` block
            does not have are those of the published checkpoints of its type.
        RAISES (ValueError): If a setting is unknown or has a wrong value.
        """
        block: Optional[Dict[str, Any]] = getattr(config, "genre", None)
        if not isinstance(block, (dict, type(None))):
            raise ValueError(Errors.M005.format(key="genre", value=block, allowed="a table"))
        values = {**PUBLISHED.get(config.model_type, {}), **(block or {})}
        types = {f.name: f.type for f in fields(cls)}
        for key, value in values.items():
            allowed = _allowed(types.get(key), value)
            if allowed is not None:
                raise ValueError(Errors.M005.format(key=key, value=value, allowed=allowed))
        return cls(**values)


def _allowed(kind: Any, value: Any) -> Optional[str]:
    """What a value of this type must be; None if the value is valid.

    kind (Any): The type of the setting; None if there is no such setting.
    """
    if kind is str:
        return None if isinstance(value, str) and value.strip() else "a text that is not blank"
    if kind is bool:
        return None if isinstance(value, bool) else "true or false"
    if kind is int:
        good = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return None if good else "a whole number, 0 or more"
    if kind is float:
        good = isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0
        return None if good else "a number above 0"
    if kind == Optional[float]:
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        good = value is None or (is_number and math.isfinite(value))
        return None if good else "null, or a finite number"
    return f"left out: the settings are {', '.join(f.name for f in fields(GenreSettings))}"
