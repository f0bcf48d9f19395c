"""Scores of entities that were found and linked."""

from functools import partial
from typing import Any, Callable, Dict, Iterable, Optional, Set, Tuple

from spacy.scorer import PRFScore
from spacy.tokens import Doc
from spacy.training import Example

from ...types import NIL


def score_annotations(
    examples: Iterable[Example], *, spans_key: Optional[str] = None, prefix: str = "", **kwargs: Any
) -> Dict[str, Any]:
    """Precision, recall and F1 of entities, which are right if the characters and the kb_id are
    those of an entity of the reference (strong annotation match), and of their characters alone.
    Entities without a kb_id, or with "NIL", are not counted.

    examples (Iterable[Example]): The examples.
    spans_key (Optional[str]): Score the spans in `doc.spans[spans_key]`; None for `doc.ents`.
    prefix (str): Stands before each key: `genre_linker` in the same pipeline has the same keys.
    RETURNS (Dict[str, Any]): `nel_micro_p`, `nel_micro_r`, `nel_micro_f` for both, and
        `mentions_p`, `mentions_r`, `mentions_f` for the characters. None if there are no entities
        at all.
    """
    links, mentions = PRFScore(), PRFScore()
    for example in examples:
        found = _links(example.predicted, spans_key)
        gold = _links(example.reference, None)
        links.score_set(found, gold)
        mentions.score_set({link[:2] for link in found}, {link[:2] for link in gold})
    scores = {}
    for key, score in (("nel_micro", links), ("mentions", mentions)):
        values = score.precision, score.recall, score.fscore
        exists = len(score) > 0
        scores.update(
            {
                f"{prefix}{key}_{k}": value if exists else None
                for k, value in zip("prf", values, strict=True)
            }
        )
    return scores


def _links(doc: Doc, spans_key: Optional[str]) -> Set[Tuple[int, int, str]]:
    if spans_key is None:
        spans = list(doc.ents)
    else:
        spans = list(doc.spans[spans_key]) if spans_key in doc.spans else []
    return {
        (span.start_char, span.end_char, span.kb_id_)
        for span in spans
        if span.kb_id_ not in ("", NIL)
    }


def make_annotations_scorer(prefix: str = "") -> Callable:
    """Registered as `spacy_genre.annotations_scorer.v1` in `scorers`.

    prefix (str): See `score_annotations`.
    """
    return partial(score_annotations, prefix=prefix)
