"""How a model was trained: the `genre` block of its config.json."""

import math
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Dict, Mapping, Optional, Tuple, Type, TypeVar

from ..errors import Errors

# The settings of the authors' published checkpoints, whose config.json has no `genre` block.
PUBLISHED: Dict[str, Dict[str, Any]] = {
    "mbart": {"start_delimiter": "[START]", "end_delimiter": "[END]", "name_bos": False},
}


# The tasks that a model can be trained for, by component.
LINKING, RETRIEVAL, ANNOTATION = "linking", "retrieval", "annotation"
TASKS = (LINKING, RETRIEVAL, ANNOTATION)
Tasks = Tuple[str, ...]
# Numbers that may be 0 or less, and probabilities; other numbers are above 0.
Finite = Annotated[float, "a finite number"]
Share = Annotated[float, "a number from 0 to 1"]


@dataclass(frozen=True)
class RetrievalSettings:
    """The input format of document retrieval, and the calibration of the pages' probabilities.

    marker (Optional[str]): The text before each input: a token, if the tokenizer has it, else plain
        text; None for nothing, as in the published KILT checkpoint.
    max_tokens (int): The longest input in the training data, in tokens, special tokens included; 0
        for the longest one that the model can read.
    temperature (float): As in `GenreSettings`.
    nil_score (Optional[float]): As in `GenreSettings`.
    """

    marker: Optional[str] = None
    max_tokens: int = 0
    temperature: float = 1.0
    nil_score: Optional[float] = None


@dataclass(frozen=True)
class AnnotationSettings:
    """The format of texts in which mentions and names are marked, and the calibration of names'
    probabilities.

    marker (Optional[str]): What stands before the text: a token, if the tokenizer has it, else
        plain text; None for nothing, as in the published checkpoints.
    open_mention, close_mention, open_name, close_name (str): What marks a mention and its name.
        Each is one token: one that no text contains, or a bracket in plain text, as in the
        published checkpoints. In the latter case the brackets of a text are read as parentheses.
    window_tokens (int): The longest text in the training data, in tokens; 0 for half of the longest
        one that the model can read.
    temperature (float): As in `GenreSettings`.
    nil_score (Optional[float]): As in `GenreSettings`.
    """

    marker: Optional[str] = None
    open_mention: str = " {"
    close_mention: str = " }"
    open_name: str = " ["
    close_name: str = " ]"
    window_tokens: int = 0
    temperature: float = 1.0
    nil_score: Optional[float] = None


@dataclass(frozen=True)
class AliasSettings:
    """The weights with which the model's scores join the priors of a title set with aliases or
    redirects (`joint_probabilities`). `benchmarks/calibration.py` fits them.

    temperature (float): The divisor of the scores.
    score_floor (float): Lower scores count as this one.
    weight (float): The weight of the log-prior of a name.
    alias_bias (float): What the logit of a name gets for which the mention is an alias.
    nil_bias (float): The logit of the answer "none of these names".
    nil_weight (float): The weight of the log-probability of a meaning that the title set lacks.
    """

    temperature: float = 1.0
    score_floor: Finite = -2.5
    weight: Finite = 1.0
    alias_bias: Finite = 0.0
    nil_bias: Finite = -1.0
    nil_weight: Finite = 1.0


@dataclass(frozen=True)
class GenreSettings:
    """The format of a model's inputs and names, and the calibration of its probabilities.

    start_delimiter (str): The text before a mention: a special token if the tokenizer has it, else
        plain text, as in the published GENRE checkpoints.
    end_delimiter (str): The text after a mention, likewise.
    name_bos (bool): Whether a name begins with the tokenizer's start token.
    name_space (bool): Whether there is a space before a name, as in the published checkpoints that
        annotate texts; it matters for byte-level tokenizers.
    context_tokens (int): The context on each side of a mention in the training data, in tokens.
    opening_tokens (int): How many of the document's first tokens precede the context, if it does
        not contain them; 0 for none, as in the published checkpoints.
    temperature (float): The divisor of the scores in the softmax over candidates. It is fitted so
        that the first candidate's probability is its expected accuracy (temperature scaling).
    nil_score (Optional[float]): The score of the answer "none of these names" in that softmax; None
        for no such answer, as in the published checkpoints.
    threshold (Optional[float]): The probability below which an entity is not linked, for linkers
        with `threshold = "auto"`; None to link all, as for the published checkpoints.
    aliases (Optional[AliasSettings]): How scores join the priors of aliases; None if they do not,
        as for the published checkpoints.
    tasks (Optional[Tasks]): The tasks that the model was trained for, of `TASKS`; None if that is
        not known, as for the published checkpoints.
    retrieval (RetrievalSettings): The settings of document retrieval.
    annotation (AnnotationSettings): The settings of end-to-end linking.
    """

    start_delimiter: str = "[START_ENT]"
    end_delimiter: str = "[END_ENT]"
    name_bos: bool = True
    name_space: bool = False
    context_tokens: int = 128
    opening_tokens: int = 0
    temperature: float = 1.0
    nil_score: Optional[float] = None
    threshold: Optional[Share] = None
    aliases: Optional[AliasSettings] = None
    tasks: Optional[Tasks] = None
    retrieval: RetrievalSettings = field(default_factory=RetrievalSettings)
    annotation: AnnotationSettings = field(default_factory=AnnotationSettings)

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
        if isinstance(values.get("tasks"), list):
            values["tasks"] = tuple(values["tasks"])
        for key, kind in BLOCKS.items():
            if isinstance(values.get(key), dict):
                values[key] = _read(kind, values[key], f"{key}.")
        return _read(cls, values)


# The settings of a task have a table of their own in the config.
BLOCKS: Dict[str, Any] = {
    "aliases": AliasSettings,
    "retrieval": RetrievalSettings,
    "annotation": AnnotationSettings,
}
SettingsT = TypeVar(
    "SettingsT", GenreSettings, AliasSettings, RetrievalSettings, AnnotationSettings
)


def _read(kind: Type[SettingsT], values: Mapping[str, Any], where: str = "") -> SettingsT:
    """Make settings from a table of the config.

    where (str): What precedes the keys in messages.
    RAISES (ValueError): If a setting is unknown or has a wrong value.
    """
    types = {f.name: f.type for f in fields(kind)}
    for key, value in values.items():
        allowed = _allowed(types.get(key), value)
        if key not in types:
            allowed = f"left out: the settings are {', '.join(types)}"
        if allowed is not None:
            raise ValueError(Errors.M005.format(key=where + key, value=value, allowed=allowed))
    return kind(**values)


def _allowed(kind: Any, value: Any) -> Optional[str]:
    """What a value of this type must be; None if the value is valid."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    is_text = isinstance(value, str) and bool(value.strip())
    if kind is str:
        return None if is_text else "a string that is not blank"
    if kind == Optional[str]:
        return None if is_text or value is None else "null, or a string that is not blank"
    if kind is bool:
        return None if isinstance(value, bool) else "true or false"
    if kind is int:
        good = isinstance(value, int) and not isinstance(value, bool) and value >= 0
        return None if good else "an integer, 0 or more"
    if kind is float:
        return None if is_number and value > 0 else "a number above 0"
    if kind == Optional[float]:
        good = value is None or (is_number and math.isfinite(value))
        return None if good else "null, or a finite number"
    if kind == Finite:
        return None if is_number and math.isfinite(value) else "a finite number"
    if kind == Optional[Share]:
        good = value is None or (is_number and 0 <= value <= 1)
        return None if good else "null, or a number from 0 to 1"
    if kind == Optional[Tasks]:
        is_list = isinstance(value, tuple) and all(task in TASKS for task in value)
        good = value is None or is_list
        return None if good else f"null, or a list of {', '.join(TASKS)}"
    if kind == Optional[AliasSettings]:
        good = value is None or isinstance(value, AliasSettings)
        return None if good else "null, or a table"
    return None if isinstance(value, (RetrievalSettings, AnnotationSettings)) else "a table"
