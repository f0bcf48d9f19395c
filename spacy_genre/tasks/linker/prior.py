"""What the title set knows of a mention's text, and how that joins with the model's scores."""

import math
from typing import Dict, List, Mapping, NamedTuple, Optional

from ...model.settings import AliasSettings
from ...titles.view import TitleView
from .encoding import strip_article

# The probability that a text that is a title leads to that title: the mean over the link texts of
# 2,108 Wikipedia pages (`python benchmarks/bare_names.py --anchors`); and its weight, as a number
# of counted links.
NAME_PRIOR, NAME_STRENGTH = 0.94, 10
# For each counted meaning of a text, so many links to meanings that were not counted are assumed
# where priors join the model's scores (Witten and Bell's estimate).
UNSEEN = 1.0


class TextPrior(NamedTuple):
    """How likely names are by a mention's text alone.

    shares (Dict[int, float]): The probability of each name that the text may stand for, by its row
        in the title set, the most probable one first.
    rest (float): The probability of anything else; above 0.
    """

    shares: Dict[int, float]
    rest: float


def text_prior(view: TitleView, mention: str, unseen: float = 0.0) -> Optional[TextPrior]:
    """The prior of a mention's text: from the counts of aliases, and from whether the text is a
    name or redirect itself. The text is looked up as it is, without a leading article, and, in a
    set with aliases or redirects, in relaxed forms (see `TitleView.look_up`).

    view (TitleView): The title set.
    mention (str): The mention's text.
    unseen (float): The number of links to other meanings that is assumed for each meaning.
    RETURNS (Optional[TextPrior]): The prior; None if the title set does not know the text.
    """
    bare = strip_article(mention)
    texts = [mention] if bare == mention else [mention, bare]
    for text in texts:
        if counts := dict(view.get_candidates(text)):
            return _prior(counts, view.target(text), unseen)
    if view.has_aliases and (counts := dict(view.look_up(bare)[1])):
        return _prior(counts, -1, unseen)
    return None


def _prior(counts: Dict[int, int], named: int, unseen: float) -> TextPrior:
    """The prior of a text with counts by row, which is the name of a row, or of none (-1)."""
    if named < 0 and len(counts) == 1:
        (named,) = counts  # a text with a single meaning is as good as a name
    weights = {row: max(count, 1.0) for row, count in counts.items()}
    if named >= 0:
        weights[named] = counts[named] + NAME_STRENGTH * NAME_PRIOR
    rest = NAME_STRENGTH * (1 - NAME_PRIOR) + unseen * len(counts)
    total = sum(weights.values()) + rest
    ordered = sorted(weights, key=lambda row: -weights[row])
    return TextPrior({row: weights[row] / total for row in ordered}, rest / total)


def joint_probabilities(
    scores: Mapping[int, float], prior: TextPrior, settings: AliasSettings
) -> Dict[int, float]:
    """The probabilities of names from the model's scores and the prior of the mention's text: a
    softmax over the names and "none of these", whose logits are linear in both.

    scores (Mapping[int, float]): The model's score of each name, by row.
    prior (TextPrior): The prior.
    settings (AliasSettings): The fitted weights.
    RETURNS (Dict[int, float]): The probability of each name, by row; their sum is below 1.
    """
    logits = [joint_logit(row, score, prior, settings) for row, score in scores.items()]
    outcomes = [*logits, settings.nil_bias + settings.nil_weight * math.log(prior.rest)]
    top = max(outcomes)
    weights = [math.exp(logit - top) for logit in outcomes]
    total = math.fsum(weights)
    return dict(zip(scores, (weight / total for weight in weights), strict=False))


def joint_logit(row: int, score: float, prior: TextPrior, settings: AliasSettings) -> float:
    """The logit of a name. Scores below the floor all say the same: that the model would not
    have written this name."""
    evidence = max(score, settings.score_floor) / settings.temperature
    if row in prior.shares:
        return evidence + settings.weight * math.log(prior.shares[row]) + settings.alias_bias
    return evidence + settings.weight * math.log(prior.rest)


def best_aliases(prior: Optional[TextPrior], limit: int) -> List[int]:
    """The rows of the most probable names of a text, at most `limit`."""
    return [*prior.shares][:limit] if prior is not None else []
