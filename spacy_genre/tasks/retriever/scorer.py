"""Scores of pages for `nlp.evaluate`."""

from typing import Any, Callable, Dict, Iterable

from spacy.training import Example

from ...extensions import get_evidence, get_pages
from .metrics import mean_scores, retrieval_scores

PREFIX = "pages_"


def score_pages(examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
    """The scores of `doc._.genre_pages` against the evidence sets in `doc._.genre_gold_pages`, as
    by KILT's script, on the titles. Examples without gold pages are not counted.

    examples (Iterable[Example]): The examples.
    RETURNS (Dict[str, Any]): `pages_r_precision`, and `pages_precision_at_k`, `pages_recall_at_k`
        and `pages_success_at_k` for k = 1 and 5; None if there are no gold pages.
    """
    keys = retrieval_scores([], [])
    scores = mean_scores(
        retrieval_scores([page.title for page in get_pages(eg.predicted)], evidence)
        for eg in examples
        if (evidence := get_evidence(eg.reference))
    )
    return {PREFIX + key: scores.get(key) for key in keys}


def make_pages_scorer() -> Callable:
    """Registered as `spacy_genre.pages_scorer.v1` in `scorers`."""
    return score_pages
