"""What is known of a mention: the hypotheses of the model, and the names of its text."""

from typing import Dict, List, NamedTuple, Optional, Sequence

from spacy.tokens import Span

from ...decoding import Hypothesis
from ...titles.subset import NameSubset, SearchableNames
from ...titles.view import TitleView
from ...tokenization import NameTokenizer
from ..ranking import best_by_row
from .prior import TextPrior, best_aliases

# The most names of a mention's text that are scored although the beams have not found them.
MAX_ALIASES = 10


class MentionEvidence(NamedTuple):
    """What is known of a mention.

    span (Span): The mention.
    names (SearchableNames): The names that may be generated for it.
    best (Dict[int, Hypothesis]): The best hypothesis for each name that was found, by row; the
        search's come first, best first.
    prior (Optional[TextPrior]): The prior of its text; None if the title set does not know it.
    n_found (int): How many of the names the search has found; the others are added aliases.
    """

    span: Span
    names: SearchableNames
    best: Dict[int, Hypothesis]
    prior: Optional[TextPrior]
    n_found: int

    @property
    def view(self) -> TitleView:
        """The title set."""
        return self.names.view if isinstance(self.names, NameSubset) else self.names


def best_names(
    hypotheses: Sequence[Hypothesis],
    names: SearchableNames,
    mention: Optional[str] = None,
    unknown: Optional[int] = None,
) -> Dict[int, Hypothesis]:
    """The best hypothesis for each name, by row. With a mention, it decides between names with the
    same tokens, as in `best_by_row`; without, all of them are found."""
    if mention is not None:
        return best_by_row(hypotheses, names, mention, unknown)
    best: Dict[int, Hypothesis] = {}
    for hypothesis in hypotheses:
        for _, row in names.spellings_at(hypothesis.state):
            best.setdefault(row, hypothesis)
    return best


def names_to_score(
    best: Sequence[Dict[int, Hypothesis]],
    names: Sequence[SearchableNames],
    priors: Sequence[Optional[TextPrior]],
    view: TitleView,
    tokenizer: NameTokenizer,
) -> List[Optional[NameSubset]]:
    """The most probable names of each mention's text that the search of the whole title set has
    not found.

    best (Sequence[Dict[int, Hypothesis]]): [N], what was found for each mention, by row.
    names (Sequence[SearchableNames]): [N], the names that were searched.
    priors (Sequence[Optional[TextPrior]]): [N].
    view (TitleView): The title set.
    tokenizer (NameTokenizer): Its tokenizer.
    RETURNS (List[Optional[NameSubset]]): [N], None if there are none.
    """
    subsets: Dict[tuple, NameSubset] = {}
    chosen: List[Optional[NameSubset]] = []
    for found, of, prior in zip(best, names, priors, strict=True):
        aliases = best_aliases(prior, MAX_ALIASES) if of is view else []
        rows = tuple(sorted(row for row in aliases if row not in found))
        if rows and rows not in subsets:
            subsets[rows] = NameSubset.of(view, rows, tokenizer)
        chosen.append(subsets.get(rows))
    return chosen
