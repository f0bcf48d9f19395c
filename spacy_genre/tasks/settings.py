"""Settings of the components. Defaults, limits and descriptions are defined here and in the
subclass of each component only: factories, default configs, messages and docs are generated from
them."""

import inspect
import json
import warnings
from typing import (
    Annotated,
    Any,
    Callable,
    Dict,
    Iterable,
    List,
    Literal,
    Sequence,
    Type,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.fields import FieldInfo

from ..decoding.beam_search import MAX_BEAMS
from ..errors import Errors, Warnings

# Settings of earlier versions: what each one is called now, or None if it was removed.
DEPRECATED_SETTINGS = {"candidates": "get_candidates", "search": None, "cache_size": None}

# A number with limits, as one of several alternatives.
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

SettingsT = TypeVar("SettingsT", bound="SearchSettings")
FactoryT = TypeVar("FactoryT", bound=Callable)


class SearchSettings(BaseModel):
    """Settings that all components share: how names are searched."""

    model_config = ConfigDict(strict=True, extra="forbid", validate_assignment=True)

    num_beams: int = Field(
        5,
        ge=1,
        le=MAX_BEAMS,
        description="Number of beams: unfinished names that the search keeps at each step.",
    )
    length_penalty: float = Field(
        1.0,
        ge=-10,
        le=10,
        allow_inf_nan=False,
        description="Exponent of a name's length in its score; 0 ranks names by the sum of their "
        "tokens' log-probabilities.",
    )
    early_stopping: Union[bool, Literal["never"]] = Field(
        False,
        description="When the search stops, as in transformers' `generate`. `false`: when the best "
        "unfinished name, at its present length, scores no better than the worst of `num_beams` "
        'complete names (as in the paper\'s code). `"never"`: when no unfinished name could score '
        "better at any length. `true`: when there are `num_beams` complete names.",
    )
    batch_tokens: int = Field(
        4096,
        ge=1,
        description="Maximum number of input tokens in a batch of the model, padding included.",
    )
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="Data type that the model computes in. `float16` works on a GPU only. `auto`: "
        "bfloat16 on a GPU or CPU (AVX512-BF16, AMX) that multiplies it fast, else float32. "
        "Log-probabilities are always float32.",
    )


def make_settings(kind: Type[SettingsT], component: str, values: Dict[str, Any]) -> SettingsT:
    """Make settings from the values of a config.

    kind (Type[SettingsT]): The class of the settings.
    component (str): The component's name, for the message.
    values (Dict[str, Any]): Values by key. A setting that is left out has its default.
    RETURNS (SettingsT): The settings.
    RAISES (ValueError): If a key is unknown or a value is not allowed.
    """
    try:
        return kind(**values)
    except ValidationError as err:
        raise ValueError(_message(kind, component, values, err)) from err


def upgrade_settings(component: str, values: Dict[str, Any]) -> Dict[str, Any]:
    """Replace the settings of earlier versions, with a warning, so that pipelines that were saved
    by these can be loaded.

    component (str): The component's name, for the warning.
    values (Dict[str, Any]): Values by key, of which deprecated ones may be None.
    RETURNS (Dict[str, Any]): The values without deprecated keys.
    """
    upgraded = {key: value for key, value in values.items() if key not in DEPRECATED_SETTINGS}
    changes = []
    for key, value in values.items():
        if key not in DEPRECATED_SETTINGS or value is None:
            continue
        new_key = DEPRECATED_SETTINGS[key]
        if new_key is None:
            changes.append(f"{key!r} was removed and has no effect")
        else:
            changes.append(f"{key!r} is now called {new_key!r}")
            if upgraded.get(new_key) is None:
                upgraded[new_key] = value
    if changes:
        message = Warnings.W005.format(component=component, changes="; ".join(changes))
        warnings.warn(message, stacklevel=2)
    return upgraded


class Setting:
    """A setting as an attribute of its component. Setting it checks the value.

    key (str): The key of the setting in `component.settings`.
    RAISES (ValueError): If the value is not allowed. The setting stays as it was.
    """

    def __init__(self, key: str) -> None:
        self.key = key

    def __get__(self, component: Any, owner: Any = None) -> Any:
        return self if component is None else getattr(component.settings, self.key)

    def __set__(self, component: Any, value: Any) -> None:
        settings = component.settings
        try:
            setattr(settings, self.key, value)
        except ValidationError as err:
            message = _message(type(settings), component.name, {self.key: value}, err)
            raise ValueError(message) from err


def _message(
    kind: Type[SearchSettings], component: str, values: Dict[str, Any], error: ValidationError
) -> str:
    """The message C001 about the first wrong value."""
    key = str(error.errors()[0]["loc"][0])
    field = kind.model_fields.get(key)
    keys = ", ".join(kind.model_fields)
    allowed = f"left out, for the settings are {keys}" if field is None else allowed_values(field)
    return Errors.C001.format(key=key, component=component, value=values[key], allowed=allowed)


# Values in words, for messages and docs


def allowed_values(field: FieldInfo) -> str:
    """The values that a setting may have, in words: "an integer from 1 to 1000"."""
    types = _alternatives(field.annotation)
    words = [text for type_ in types for text in _in_words(type_, field.metadata)]
    *first, last = words
    allowed = f"{', '.join(first)} or {last}" if first else last
    return f"null, or {allowed}" if type(None) in types else allowed


def _alternatives(annotation: Any) -> Sequence[Any]:
    if get_origin(annotation) is not Union:
        return [annotation]
    return [type_ for part in get_args(annotation) for type_ in _alternatives(part)]


def _in_words(type_: Any, limits: Sequence[Any]) -> List[str]:
    """The values of a type, in words. None has none: see `allowed_values`."""
    if get_origin(type_) is Annotated:
        type_, (field, *_) = get_args(type_)[0], type_.__metadata__
        limits = field.metadata
    if type_ is type(None):
        return []
    if type_ is bool:
        return ["true", "false"]
    if get_origin(type_) is Literal:
        return [json.dumps(value) for value in get_args(type_)]
    if type_ in (int, float):
        low = next((limit.ge for limit in limits if hasattr(limit, "ge")), None)
        high = next((limit.le for limit in limits if hasattr(limit, "le")), None)
        number = "an integer" if type_ is int else "a number"
        return [f"{number}, {low} or more" if high is None else f"{number} from {low} to {high}"]
    if type_ is str:
        return ["a string"]
    return ["a list of strings" if get_origin(type_) is list else "a function"]


# Signature and default config of a factory


def default_config(kind: Type[SearchSettings]) -> Dict[str, Any]:
    """The default of each setting by its key."""
    fields = kind.model_fields.items()
    return {key: field.get_default(call_default_factory=True) for key, field in fields}


def with_settings(
    kind: Type[SearchSettings], *, deprecated: Iterable[str] = ()
) -> Callable[[FactoryT], FactoryT]:
    """Decorate a factory that takes `**settings`: its signature, by which spaCy checks a config,
    gets a keyword parameter for each setting.

    Its annotations are plain types: spaCy enforces no limits, and reports a value that is not in
    a `Literal` without the component's name. `make_settings` checks both.

    kind (Type[SearchSettings]): The class of the settings.
    deprecated (Iterable[str]): Keys of earlier versions, which the factory still accepts.
    """
    annotations = {key: _plain(field.annotation) for key, field in kind.model_fields.items()}
    annotations.update(dict.fromkeys(deprecated, Any))
    defaults = {**dict.fromkeys(deprecated), **default_config(kind)}
    generated = [
        inspect.Parameter(
            key, inspect.Parameter.KEYWORD_ONLY, default=defaults[key], annotation=annotation
        )
        for key, annotation in annotations.items()
    ]

    def decorate(factory: FactoryT) -> FactoryT:
        signature = inspect.signature(factory)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        factory.__signature__ = signature.replace(parameters=[*own, *generated])  # type: ignore[attr-defined]
        return factory

    return decorate


def _plain(annotation: Any) -> Any:
    """An annotation with the types of a `Literal`'s values in its place."""
    types: List[Any] = []
    for type_ in _alternatives(annotation):
        is_literal = get_origin(type_) is Literal
        type_ = get_args(type_)[0] if get_origin(type_) is Annotated else type_
        types += map(type, get_args(type_)) if is_literal else [type_]
    return Union[tuple(types)]
