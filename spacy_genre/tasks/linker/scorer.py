"""How links are scored."""

from typing import Any, Callable, Dict, Iterable

from spacy.scorer import Scorer
from spacy.training import Example

NIL = "NIL"


def score_links(examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
    """Precision, recall and F of the links, as spaCy's own entity linker is scored: on entities
    that the prediction and the reference share, micro-averaged (paper, section 4.1), and per
    label. Two NILs that agree are not counted.

    RETURNS (Dict[str, Any]): `nel_micro_p`, `nel_micro_r`, `nel_micro_f`, `nel_macro_*`,
        `nel_score`, `nel_f_per_type`.
    """
    return Scorer.score_links(examples, negative_labels=[NIL], **kwargs)


def make_links_scorer() -> Callable:
    """Registered as `spacy_genre.links_scorer.v1` in `scorers`."""
    return score_links
