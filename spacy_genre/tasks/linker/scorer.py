"""Scores of links."""

from types import SimpleNamespace
from typing import Any, Callable, Dict, Iterable, Optional

from spacy.scorer import Scorer
from spacy.training import Example

from ...types import NIL


def score_links(
    examples: Iterable[Example], *, spans_key: Optional[str] = None, **kwargs: Any
) -> Dict[str, Any]:
    """Precision, recall and F1 of links, computed as for spaCy's `EntityLinker`: on entities that
    are both predicted and in the reference, micro-averaged (paper, section 4.1) and per label.
    Entities that are NIL in both are not counted.

    examples (Iterable[Example]): The examples.
    spans_key (Optional[str]): Score the spans in `doc.spans[spans_key]`; None for `doc.ents`. Spans
        match by their offsets.
    RETURNS (Dict[str, Any]): `nel_micro_p`, `nel_micro_r`, `nel_micro_f`, `nel_macro_*`,
        `nel_score`, `nel_f_per_type`.
    """
    if spans_key is not None:
        examples = (_with_spans_as_ents(eg, spans_key) for eg in examples)
    return Scorer.score_links(examples, negative_labels=[NIL], **kwargs)


def _with_spans_as_ents(example: Example, spans_key: str) -> Any:
    """What `Scorer.score_links` reads of an Example. The entities of a real Doc can't overlap."""
    docs = {"reference": example.reference, "predicted": example.predicted}
    return SimpleNamespace(
        **{
            key: SimpleNamespace(ents=list(doc.spans[spans_key]) if spans_key in doc.spans else [])
            for key, doc in docs.items()
        }
    )


def make_links_scorer() -> Callable:
    """Registered as `spacy_genre.links_scorer.v1` in `scorers`."""
    return score_links
