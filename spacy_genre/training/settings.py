"""How a component is trained: the `training` block of its config."""

from inspect import Parameter, Signature
from typing import Annotated, Any, Dict, List, Literal, Type

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from ..errors import Errors

Part = Literal["embeddings", "encoder", "decoder"]


class TrainingSettings(BaseModel):
    """How a component is trained. The descriptions of the fields are the documentation."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    batch_tokens: int = Field(
        default=4096,
        ge=1,
        description="The most tokens of inputs and names, padding included, that the model reads "
        "at once. A larger batch of spaCy's is read in several parts before the weights change, so "
        "this affects memory and speed only.",
    )
    label_smoothing: float = Field(
        default=0.1,
        ge=0,
        lt=1,
        description="The share of the probability that is spread over the whole vocabulary (paper, "
        "appendix A.1).",
    )
    dtype: Literal["auto", "float32", "bfloat16"] = Field(
        default="auto",
        description='The dtype of the computation; "auto" is bfloat16 on devices that multiply it '
        "fast, float32 elsewhere. Weights and optimizer state are always float32.",
    )
    gradient_checkpointing: bool = Field(
        default=False,
        description="Whether to recompute activations in the backward pass instead of storing "
        "them: much less memory, about a third more time.",
    )
    frozen: List[Part] = Field(
        default_factory=list, description="Parts of the model that are not trained."
    )
    learn_rates: Dict[Part, Annotated[float, Field(gt=0)]] = Field(
        default_factory=dict,
        description="Factors of the optimizer's learning rate, by part of the model.",
    )
    mask_context: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="The probability that a context token is replaced by the tokenizer's mask "
        "token, drawn anew for each step. Like dropout, it keeps a model from memorizing a small "
        "corpus; 0.15 is usual.",
    )
    hard_negatives: float = Field(
        default=0.0,
        ge=0,
        allow_inf_nan=False,
        description="The weight of a second loss, which separates the gold name from other names "
        "that the search finds for the same input; 0 for none. It improves a trained model and "
        "doubles the time of a step. Do not begin training with it.",
    )
    missing: Literal["skip", "fail"] = Field(
        default="skip", description="What to do with gold entities that are not in the title set."
    )

    @field_validator("frozen")
    @classmethod
    def _leave_a_part(cls, frozen: List[Part]) -> List[Part]:
        if len(set(frozen)) == len(Part.__args__):  # type: ignore[attr-defined]
            raise ValueError("a list that leaves at least one part to train")
        return frozen


def Training_v2(**settings: Any) -> TrainingSettings:
    """Registered as `spacy_genre.Training.v2` in `misc`. The arguments are the fields of
    `TrainingSettings`.

    RAISES (ValueError): If a setting is unknown or out of range.
    """
    try:
        return TrainingSettings(**settings)
    except ValidationError as err:
        first = err.errors()[0]
        key, *_ = first["loc"]
        allowed = first["msg"].removeprefix("Input should be ").removeprefix("Value error, ")
        if first["type"] == "extra_forbidden":
            allowed = f"left out: the settings are {', '.join(TrainingSettings.model_fields)}"
        message = Errors.D006.format(key=key, value=first["input"], allowed=allowed)
        raise ValueError(message) from err


def Training_v1(*, contrast: float = 0.0, **settings: Any) -> TrainingSettings:
    """Registered as `spacy_genre.Training.v1` in `misc`, for pipelines that were saved with it:
    as `Training_v2`, with `hard_negatives` under its old name.

    contrast (float): The setting `hard_negatives`.
    """
    return Training_v2(hard_negatives=contrast, **settings)


def settings_signature(settings: Type[BaseModel], **renamed: str) -> Signature:
    """The signature of a function whose arguments are the fields of a pydantic model, so that
    spaCy checks them and fills in their defaults.

    settings (Type[BaseModel]): The model.
    renamed (str): Other names for some of the fields.
    """
    return Signature(
        [
            Parameter(
                renamed.get(name, name),
                Parameter.KEYWORD_ONLY,
                default=field.get_default(call_default_factory=True),
                annotation=field.annotation,
            )
            for name, field in settings.model_fields.items()
        ],
        return_annotation=settings,
    )


Training_v2.__signature__ = settings_signature(TrainingSettings)  # type: ignore[attr-defined]
Training_v1.__signature__ = settings_signature(  # type: ignore[attr-defined]
    TrainingSettings, hard_negatives="contrast"
)
