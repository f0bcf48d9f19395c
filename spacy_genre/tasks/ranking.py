"""From the hypotheses of a search to entities and their probabilities, for all tasks."""

import math
import warnings
from typing import Dict, Iterable, List, Optional, Sequence, Union

from ..decoding import Hypothesis
from ..errors import Warnings
from ..titles.normal_form import normal_form
from ..titles.spellings import best_name_at
from ..titles.subset import SearchableNames


def best_by_row(
    hypotheses: Sequence[Hypothesis],
    names: SearchableNames,
    mention: str,
    unknown: Optional[int],
) -> Dict[int, Hypothesis]:
    """The best hypothesis for each name, by the name's row in the title set; best first. A name and
    its redirects are one name.

    hypotheses (Sequence[Hypothesis]): What the search found, best first.
    names (SearchableNames): The names that were searched.
    mention (str): The text that decides between names with the same tokens.
    unknown (Optional[int]): The tokenizer's unknown token. It may stand for any text: a name that
        has it is found only if it is written exactly like the mention.
    """
    best: Dict[int, Hypothesis] = {}
    mention = normal_form(mention)
    for hypothesis in hypotheses:
        node = hypothesis.state
        is_known = unknown is None or unknown not in hypothesis.tokens
        if is_known or mention in (text for text, _ in names.spellings_at(node)):
            best.setdefault(best_name_at(names, node, mention), hypothesis)
    return best


def rows_by_entity(rows: Iterable[int], names: SearchableNames) -> Iterable[List[int]]:
    """Rows of the title set, grouped by their id; a name without an id is an entity of its own."""
    groups: Dict[Union[int, str], List[int]] = {}
    for row in rows:
        groups.setdefault(names.id_at(row) or row, []).append(row)
    return groups.values()


def marginal_scores(
    hypotheses: Iterable[Hypothesis], length_penalty: Optional[float]
) -> List[float]:
    """The scores of names that are added over the names of an entity, as probabilities: the
    entity's score is their log-sum-exp (De Cao et al., Multilingual Autoregressive Entity Linking,
    TACL 2022).

    hypotheses (Iterable[Hypothesis]): N names.
    length_penalty (Optional[float]): The exponent of their lengths; None for that of the search.
    RETURNS (List[float]): [N].
    """
    if length_penalty is None:
        return [hypothesis.score for hypothesis in hypotheses]
    return [found.logprob / found.length**length_penalty for found in hypotheses]


def share_probability(
    scores: Sequence[float], temperature: float, nil_score: Optional[float]
) -> List[float]:
    """The softmax of scores and of the score for "none of these names".

    scores (Sequence[float]): N scores.
    temperature (float): The divisor of the scores.
    nil_score (Optional[float]): The score for "none of these"; None for no such answer.
    RETURNS (List[float]): [N], probabilities.
    """
    outcomes = [*scores, -math.inf if nil_score is None else nil_score]
    top = max(outcomes)
    weights = [math.exp((score - top) / temperature) for score in outcomes]
    return [weight / sum(weights) for weight in weights[: len(scores)]]


def warn_of_few_beams(
    component: str,
    top_k: Optional[int],
    num_beams: int,
    hypotheses: Sequence[Sequence[Hypothesis]],
    names: Sequence[SearchableNames],
) -> None:
    """Warn if a search had too few beams for `top_k` results.

    component (str): The component's name.
    top_k, num_beams (Optional[int], int): Its settings.
    hypotheses (Sequence[Sequence[Hypothesis]]): [N], what was found for each input.
    names (Sequence[SearchableNames]): [N], the names that were searched.
    """
    if (top_k or 0) > num_beams and any(
        0 < len(found) < min(top_k or 0, len(of.trie))
        for found, of in zip(hypotheses, names, strict=True)
    ):
        message = Warnings.W015.format(component=component, top_k=top_k, num_beams=num_beams)
        warnings.warn(message, stacklevel=3)
