"""Hypotheses of the search to candidates of an entity."""

import math
from typing import Dict, List, Optional, Sequence, Tuple

from ...decoding import Hypothesis
from ...model.settings import GenreSettings
from ...titles.spellings import best_name_at
from ...titles.subset import SearchableNames
from ...types import Candidate


def make_candidates(
    hypotheses: Sequence[Hypothesis],
    names: SearchableNames,
    mention: str,
    *,
    unknown: Optional[int],
    use_ids: bool,
    nil: str,
    settings: GenreSettings,
) -> Tuple[Candidate, ...]:
    """The candidates of a mention.

    hypotheses (Sequence[Hypothesis]): What the search found, best first.
    names (SearchableNames): The names that were searched.
    mention (str): The mention, as it is written in the document.
    unknown (Optional[int]): The tokenizer's unknown token. It may stand for any text: a name that
        has it is a candidate only if the name is written exactly like the mention.
    use_ids (bool): Whether the kb_id is the title set's id rather than the title. A name without an
        id gets `nil`.
    nil (str): The kb_id of an entity that is not linked.
    settings (GenreSettings): The model's temperature and NIL score, for probabilities.
    RETURNS (Tuple[Candidate, ...]): One candidate for each name, best first. If several hypotheses
        lead to a name (its title and its redirects), the best one counts.
    """
    best = _best_by_name(hypotheses, names, mention, unknown)
    probabilities = _probabilities([hypothesis.score for hypothesis in best.values()], settings)
    return tuple(
        Candidate(
            title := names.name_at(row),
            (names.id_at(row) or nil) if use_ids else title,
            hypothesis.score,
            hypothesis.logprob,
            probability,
        )
        for (row, hypothesis), probability in zip(best.items(), probabilities, strict=True)
    )


def _best_by_name(
    hypotheses: Sequence[Hypothesis],
    names: SearchableNames,
    mention: str,
    unknown: Optional[int],
) -> Dict[int, Hypothesis]:
    """The best hypothesis for each name, by the name's row in the title set; best first."""
    best: Dict[int, Hypothesis] = {}
    for hypothesis in hypotheses:
        node = hypothesis.state
        is_known = unknown is None or unknown not in hypothesis.tokens
        if is_known or mention in (text for text, _ in names.spellings_at(node)):
            best.setdefault(best_name_at(names, node, mention), hypothesis)
    return best


def _probabilities(scores: Sequence[float], settings: GenreSettings) -> List[float]:
    """The softmax of the scores and of the model's score for "none of these names"."""
    outcomes = [*scores, -math.inf if settings.nil_score is None else settings.nil_score]
    top = max(outcomes)
    weights = [math.exp((score - top) / settings.temperature) for score in outcomes]
    return [weight / sum(weights) for weight in weights[: len(scores)]]
