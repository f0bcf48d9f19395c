"""Candidates of a span: from the search's paths, and to and from the Doc."""

import math
from typing import Dict, List, Optional, Sequence, Tuple

from ...decoding import Hypothesis
from ...model.settings import GenreSettings
from ...titles.spellings import best_name_at
from ...titles.subset import SearchableNames
from ...types import Candidate


def make_candidates(
    paths: Sequence[Hypothesis],
    view: SearchableNames,
    surface: str,
    *,
    unknown: Optional[int],
    use_ids: bool,
    nil: str,
    settings: GenreSettings,
) -> Tuple[Candidate, ...]:
    """Name the paths that the search found for a mention.

    paths (Sequence[Hypothesis]): The paths, best first.
    view (SearchableNames): The names whose trie was searched.
    surface (str): The mention, as it is written in the document.
    unknown (Optional[int]): The tokenizer's token for what it can't read. A name with such a token
        is a candidate only where it is written exactly like the mention: it may mean anything.
    use_ids (bool): Whether the kb_id is the title set's id, rather than the title; a name
        without an id then gets `nil`.
    settings (GenreSettings): The model's; how scores become probabilities is of interest.
    RETURNS (Tuple[Candidate, ...]): A candidate for each name, best first, without those that are
        unreadable. One that several paths lead to, which are its title and redirects, has what
        the best of them has.
    """
    paths, rows = _choose(paths, view, surface, unknown)
    shares = _probabilities([path.score for path in paths], settings)
    return tuple(
        Candidate(
            title := view.name_at(row),
            (view.id_at(row) or nil) if use_ids else title,
            path.score,
            path.logprob,
            share,
        )
        for path, row, share in zip(paths, rows, shares, strict=True)
    )


def _choose(
    paths: Sequence[Hypothesis], view: SearchableNames, surface: str, unknown: Optional[int]
) -> Tuple[List[Hypothesis], List[int]]:
    """The best path to each name, and the name's row."""
    best: Dict[int, Hypothesis] = {}
    for path in paths:
        readable = unknown is None or unknown not in path.tokens
        if readable or surface in (text for text, _ in view.spellings_at(path.state)):
            best.setdefault(best_name_at(view, path.state, surface), path)
    return list(best.values()), list(best)


def _probabilities(scores: Sequence[float], settings: GenreSettings) -> List[float]:
    """The softmax of the scores, and of the answer that none of the names is right."""
    answers = [*scores, -math.inf if settings.nil_score is None else settings.nil_score]
    top = max(answers)
    weights = [math.exp((score - top) / settings.temperature) for score in answers]
    return [weight / sum(weights) for weight in weights[: len(scores)]]
