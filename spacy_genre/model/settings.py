"""What a model wants its input to look like: the `genre` block of its config.json."""

import math
from dataclasses import dataclass, fields
from typing import Any, Dict, Optional

from ..errors import Errors

# How the published checkpoints of the authors were trained; their config.json does not say.
BY_MODEL_TYPE: Dict[str, Dict[str, Any]] = {
    "mbart": {"start_delimiter": "[START]", "end_delimiter": "[END]", "name_bos": False},
}


@dataclass(frozen=True)
class GenreSettings:
    """How a model was trained to read mentions and to write names.

    start_delimiter, end_delimiter (str): What marks the mention. Special tokens if the tokenizer
        has them, else plain text, as in the published GENRE checkpoints.
    name_bos (bool): Whether a name begins with the tokenizer's start token.
    context_tokens (int): Tokens of context to each side of the mention that the model was
        trained with.
    opening_tokens (int): So many tokens of how the document begins stand before the context, where
        that does not reach so far; 0 for none, as in the published checkpoints.
    temperature (float): Divides the scores before they become probabilities; it makes the
        first candidate's probability match how often it is right.
    nil_score (Optional[float]): The score that "none of these names" has in the probabilities, as
        one answer more; None if there is no such answer, as in the published checkpoints.
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

        config (transformers.PretrainedConfig): Its configuration. What its `genre` block leaves
            open is as in the published checkpoints of the model's type.
        RAISES (ValueError): If a setting is unknown or has a wrong value.
        """
        given: Optional[Dict[str, Any]] = getattr(config, "genre", None)
        if not isinstance(given, (dict, type(None))):
            raise ValueError(Errors.M005.format(key="genre", value=given, allowed="a table"))
        values = {**BY_MODEL_TYPE.get(config.model_type, {}), **(given or {})}
        known = {f.name: f.type for f in fields(cls)}
        for key, value in values.items():
            allowed = _allowed(known.get(key), value)
            if allowed is not None:
                raise ValueError(Errors.M005.format(key=key, value=value, allowed=allowed))
        return cls(**values)


def _allowed(kind: Any, value: Any) -> Optional[str]:
    """What a value must be, or None if it is that."""
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
