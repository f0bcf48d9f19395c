"""Hypotheses of the search to candidates of an entity: names, probabilities, and ids."""

from typing import Dict, Mapping, Optional, Sequence, Tuple

from ...decoding import Hypothesis
from ...model.settings import GenreSettings
from ...titles.subset import NameSubset, SearchableNames
from ...titles.view import TitleView
from ...types import Candidate
from ..ranking import best_by_row, marginal_scores, rows_by_entity, share_probability
from .encoding import strip_article

# The weight of the text's prior against the model, by the number of words around the mention. The
# model was trained on mentions in running text: without context its answer is arbitrary.
PRIOR_SHARES = (1.0, 0.3, 0.15)
# The probability that a text that is a title leads to that title: the mean over the link texts of
# 2,108 Wikipedia pages (`python benchmarks/bare_names.py --anchors`); and its weight, as a number
# of counted links.
NAME_PRIOR, NAME_STRENGTH = 0.94, 10


def make_candidates(
    hypotheses: Sequence[Hypothesis],
    names: SearchableNames,
    mention: str,
    *,
    unknown: Optional[int],
    use_ids: bool,
    settings: GenreSettings,
    n_context_words: int = len(PRIOR_SHARES),
) -> Tuple[Candidate, ...]:
    """The candidates of a mention.

    hypotheses (Sequence[Hypothesis]): What the search found, best first.
    names (SearchableNames): The names that were searched.
    mention (str): The mention, as it is written in the document.
    unknown (Optional[int]): The tokenizer's unknown token. It may stand for any text: a name that
        has it is a candidate only if the name is written exactly like the mention.
    use_ids (bool): Whether the kb_id is the title set's id rather than the title. The kb_id of a
        name without an id is the title.
    settings (GenreSettings): The model's temperature and NIL score, for probabilities.
    n_context_words (int): The number of words around the mention. With few, or none, the mention's
        text decides more than the model: see `PRIOR_SHARES`.
    RETURNS (Tuple[Candidate, ...]): One candidate for each entity, the most probable first. Names
        with the same id are one entity: it has the title and the score of its most probable name,
        and the probability of all its names together. If several hypotheses lead to a name (its
        title and its redirects), the best one counts.
    """
    best = best_by_row(hypotheses, names, mention, unknown)
    scores = marginal_scores(best.values(), settings.marginal_length_penalty)
    probabilities = share_probability(scores, settings.temperature, settings.nil_score)
    by_row = dict(zip(best, probabilities, strict=True))
    if n_context_words < len(PRIOR_SHARES):
        by_row = _mix_prior(by_row, names, mention, PRIOR_SHARES[n_context_words])
    candidates = []
    for rows in rows_by_entity(by_row, names):
        row = max(rows, key=by_row.__getitem__)
        title, hypothesis = names.name_at(row), best[row]
        kb_id = (names.id_at(row) or title) if use_ids else title
        probability = sum(by_row[row] for row in rows)
        values = (hypothesis.score, hypothesis.logprob, probability)
        candidates.append(Candidate(title, kb_id, *values))
    # The order of the scores, but for entities with several names and mentions without context.
    return tuple(sorted(candidates, key=lambda candidate: -candidate.probability))


def _mix_prior(
    probabilities: Mapping[int, float], names: SearchableNames, mention: str, share: float
) -> Dict[int, float]:
    """Interpolate the model's probabilities of names, by row, with the prior of the mention's text.

    share (float): The weight of the prior, 0 to 1.
    """
    view = names.view if isinstance(names, NameSubset) else names
    prior = text_prior(view, mention) or text_prior(view, strip_article(mention))
    if not prior:
        return dict(probabilities)
    return {row: (1 - share) * p + share * prior.get(row, 0) for row, p in probabilities.items()}


def text_prior(view: TitleView, mention: str) -> Dict[int, float]:
    """How likely each candidate of a mention is, by its text alone: from the counts of aliases, and
    from whether the text is a name or redirect itself.

    view (TitleView): The title set.
    mention (str): The mention's text.
    RETURNS (Dict[int, float]): Probabilities by row; together they are below 1, since the mention
        may mean something that the title set lacks. Empty if the title set does not know the text.
    """
    counts, named = dict(view.get_candidates(mention)), view.target(mention)
    if named < 0 and len(counts) == 1:
        (named,) = counts  # a text with a single meaning is as good as a name
    weights = {row: max(count, 1.0) for row, count in counts.items()}
    if named >= 0:
        weights[named] = counts[named] + NAME_STRENGTH * NAME_PRIOR
    total = sum(weights.values()) + NAME_STRENGTH * (1 - NAME_PRIOR)
    return {row: weight / total for row, weight in weights.items()}
