"""Scores of links."""

from typing import Any, Callable, Dict, Iterable

from spacy.scorer import Scorer
from spacy.training import Example

from ...types import NIL


def score_links(examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
    """Precision, recall and F1 of links, computed as for spaCy's `EntityLinker`: on entities that
    are both predicted and in the reference, micro-averaged (paper, section 4.1) and per label.
    Entities that are NIL in both are not counted.

    examples (Iterable[Example]): The examples.
    RETURNS (Dict[str, Any]): `nel_micro_p`, `nel_micro_r`, `nel_micro_f`, `nel_macro_*`,
        `nel_score`, `nel_f_per_type`.
    """
    return Scorer.score_links(examples, negative_labels=[NIL], **kwargs)


def make_links_scorer() -> Callable:
    """Registered as `spacy_genre.links_scorer.v1` in `scorers`."""
    return score_links
