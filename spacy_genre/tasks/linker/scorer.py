"""Scores of links."""

from types import SimpleNamespace
from typing import Any, Callable, Dict, Iterable, Iterator, Optional, Sequence, Tuple

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
        `nel_score`, `nel_f_per_type`; and, apart: `nel_in_kb_acc`, the accuracy on entities whose
        gold link is not NIL, `nel_nil_p`, `nel_nil_r` and `nel_nil_f`, how well NIL is found, and
        `nel_acc`, the accuracy on all, NIL or not. A figure without any entity is None.
    """
    if spans_key is not None:
        examples = (_with_spans_as_ents(eg, spans_key) for eg in examples)
    examples = list(examples)
    return {
        **Scorer.score_links(examples, negative_labels=[NIL], **kwargs),
        **_nil_scores([pair for example in examples for pair in _linked_pairs(example)]),
    }


def _linked_pairs(example: Any) -> Iterator[Tuple[str, str]]:
    """The gold and the predicted kb_id of each entity of the reference that has a gold kb_id and
    that was predicted, too."""
    found = {(ent.start_char, ent.end_char): ent.kb_id_ for ent in example.predicted.ents}
    for ent in example.reference.ents:
        offsets = ent.start_char, ent.end_char
        if ent.kb_id_ and offsets in found:
            yield ent.kb_id_, found[offsets] or NIL


def _nil_scores(pairs: Sequence[Tuple[str, str]]) -> Dict[str, Optional[float]]:
    """The accuracy on entities of the knowledge base, and precision and recall of NIL."""
    in_kb = [gold == found for gold, found in pairs if gold != NIL]
    n_right = sum(gold == found == NIL for gold, found in pairs)
    n_found = sum(found == NIL for _, found in pairs)
    n_gold = len(pairs) - len(in_kb)
    return {
        "nel_acc": _ratio(sum(gold == found for gold, found in pairs), len(pairs)),
        "nel_in_kb_acc": _ratio(sum(in_kb), len(in_kb)),
        "nel_nil_p": _ratio(n_right, n_found),
        "nel_nil_r": _ratio(n_right, n_gold),
        "nel_nil_f": _ratio(2 * n_right, n_found + n_gold),
    }


def _ratio(part: int, whole: int) -> Optional[float]:
    return part / whole if whole else None


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
