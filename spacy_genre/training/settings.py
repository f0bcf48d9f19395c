"""How a component is trained: the `training` block of its config."""

from dataclasses import dataclass, field
from typing import Dict, List

from ..errors import Errors

PARTS = ("embeddings", "encoder", "decoder")
DTYPES = ("auto", "float32", "bfloat16")
MISSING = ("skip", "fail")


@dataclass(frozen=True)
class TrainingSettings:
    """How a component is trained.

    batch_tokens (int): How many tokens of input and name, padding included, the model reads at
        once. A batch of spaCy's that has more is read in several packs before the weights change,
        so this is a matter of memory and speed alone.
    label_smoothing (float): The share of the probability that is spread over all tokens, 0 to 1.
    dtype (str): What the model computes in: "float32", "bfloat16", or "auto" (bfloat16 on a GPU
        that has it). The weights and their changes are in float32 always.
    gradient_checkpointing (bool): Whether to compute what a layer gave again instead of keeping it:
        far less memory for a third more time.
    frozen (List[str]): Parts of the model that stay as they are: "embeddings", "encoder",
        "decoder".
    learn_rates (Dict[str, float]): For parts, the factor of the optimizer's learning rate.
    mask_context (float): The probability, 0 to below 1, that a token of the context is hidden by
        the tokenizer's mask token, drawn anew each time. With dropout, it keeps a model from
        learning a small corpus by heart; 0.15 is usual.
    contrast (float): The weight of a second loss beside the cross entropy, which tells the gold
        name from those that the search finds for the same input (see `HardNegatives`); 0 for none. It
        makes a trained model better, for twice the time; not one that has yet to learn to write.
    missing (str): What to do with gold entities that are not in the title set: "skip" or "fail".
    """

    batch_tokens: int = 4096
    label_smoothing: float = 0.1
    dtype: str = "auto"
    gradient_checkpointing: bool = False
    frozen: List[str] = field(default_factory=list)
    learn_rates: Dict[str, float] = field(default_factory=dict)
    mask_context: float = 0.0
    contrast: float = 0.0
    missing: str = "skip"

    def check(self) -> None:
        """RAISES (ValueError): If a setting is out of range."""
        parts = f"of {', '.join(PARTS)}"
        rules = {
            "batch_tokens": ("1 or more", self.batch_tokens >= 1),
            "label_smoothing": ("from 0 to below 1", 0 <= self.label_smoothing < 1),
            "dtype": (f"one of {', '.join(DTYPES)}", self.dtype in DTYPES),
            "frozen": (parts, set(self.frozen) < set(PARTS)),
            "learn_rates": (
                f"numbers above 0 {parts}",
                set(self.learn_rates) <= set(PARTS)
                and all(v > 0 for v in self.learn_rates.values()),
            ),
            "mask_context": ("from 0 to below 1", 0 <= self.mask_context < 1),
            "contrast": ("0 or more", self.contrast >= 0),
            "missing": (f"one of {', '.join(MISSING)}", self.missing in MISSING),
        }
        for key, (allowed, good) in rules.items():
            if not good:
                value = getattr(self, key)
                raise ValueError(Errors.D006.format(key=key, value=value, allowed=allowed))


def Training_v1(
    batch_tokens: int = 4096,
    label_smoothing: float = 0.1,
    dtype: str = "auto",
    gradient_checkpointing: bool = False,
    frozen: List[str] = [],  # noqa: B006
    learn_rates: Dict[str, float] = {},  # noqa: B006
    mask_context: float = 0.0,
    contrast: float = 0.0,
    missing: str = "skip",
) -> TrainingSettings:
    """Registered as `spacy_genre.Training.v1` in `misc`: see `TrainingSettings`."""
    settings = TrainingSettings(
        batch_tokens,
        label_smoothing,
        dtype,
        gradient_checkpointing,
        list(frozen),
        dict(learn_rates),
        mask_context,
        contrast,
        missing,
    )
    settings.check()
    return settings
