"""Hypotheses of the search to candidates of an entity: names, probabilities, and ids."""

from typing import Dict, Mapping, Optional, Sequence, Tuple

from ...decoding import Hypothesis
from ...model.settings import GenreSettings
from ...titles.subset import SearchableNames
from ...types import Candidate
from ..ranking import best_by_row, rows_by_entity, share_probability
from .prior import TextPrior, joint_probabilities

# The weight of the text's prior against the model, by the number of words around the mention. The
# model was trained on mentions in running text: without context its answer is arbitrary.
PRIOR_SHARES = (1.0, 0.3, 0.15)


def make_candidates(
    hypotheses: Sequence[Hypothesis],
    names: SearchableNames,
    mention: str,
    *,
    unknown: Optional[int],
    use_ids: bool,
    settings: GenreSettings,
) -> Tuple[Candidate, ...]:
    """The candidates of a mention by the model alone; see `rank_candidates`.

    hypotheses (Sequence[Hypothesis]): What the search found, best first.
    names (SearchableNames): The names that were searched.
    mention (str): The mention, as it is written in the document.
    unknown (Optional[int]): The tokenizer's unknown token. It may stand for any text: a name that
        has it is a candidate only if the name is written exactly like the mention.
    """
    best = best_by_row(hypotheses, names, mention, unknown)
    return rank_candidates(best, names, use_ids=use_ids, settings=settings)


def rank_candidates(
    best: Mapping[int, Hypothesis],
    names: SearchableNames,
    *,
    use_ids: bool,
    settings: GenreSettings,
    prior: Optional[TextPrior] = None,
    n_context_words: int = len(PRIOR_SHARES),
) -> Tuple[Candidate, ...]:
    """The candidates of a mention.

    best (Mapping[int, Hypothesis]): The best hypothesis for each name, by row; best first.
    names (SearchableNames): The names that were searched.
    use_ids (bool): Whether the kb_id is the title set's id rather than the title. The kb_id of a
        name without an id is the title.
    settings (GenreSettings): The model's calibration of probabilities.
    prior (Optional[TextPrior]): The prior of the mention's text. It joins the scores if the model
        has settings for that, and replaces them in part without context: see `PRIOR_SHARES`.
    n_context_words (int): The number of words around the mention.
    RETURNS (Tuple[Candidate, ...]): One candidate for each entity, the most probable first. Names
        with the same id are one entity: it has the title and the score of its most probable name,
        and the probability of all its names together. If several hypotheses lead to a name (its
        title and its redirects), the best one counts.
    """
    by_row = _probabilities(best, settings, prior)
    if n_context_words < len(PRIOR_SHARES) and prior is not None:
        share, of_text = PRIOR_SHARES[n_context_words], prior.shares
        by_row = {r: (1 - share) * p + share * of_text.get(r, 0) for r, p in by_row.items()}
    candidates = []
    for rows in rows_by_entity(by_row, names):
        row = max(rows, key=by_row.__getitem__)
        title, hypothesis = names.name_at(row), best[row]
        kb_id = (names.id_at(row) or title) if use_ids else title
        probability = sum(by_row[row] for row in rows)
        values = (hypothesis.score, hypothesis.logprob, probability)
        candidates.append(Candidate(title, kb_id, *values))
    # The order of the scores, but for priors and entities with several names.
    return tuple(sorted(candidates, key=lambda candidate: -candidate.probability))


def _probabilities(
    best: Mapping[int, Hypothesis], settings: GenreSettings, prior: Optional[TextPrior]
) -> Dict[int, float]:
    """The probability of each name, by row."""
    scores = {row: hypothesis.score for row, hypothesis in best.items()}
    if prior is not None and settings.aliases is not None:
        return joint_probabilities(scores, prior, settings.aliases)
    shares = share_probability([*scores.values()], settings.temperature, settings.nil_score)
    return dict(zip(scores, shares, strict=True))
