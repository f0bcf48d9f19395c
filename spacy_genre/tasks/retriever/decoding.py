"""Hypotheses of the search to pages: distinct titles with their probabilities."""

from itertools import chain
from typing import Dict, Iterable, Optional, Sequence

from ...decoding import Hypothesis
from ...model.settings import RetrievalSettings
from ...titles.subset import SearchableNames
from ...types import Page, Pages
from ..ranking import best_by_row, rows_by_entity, share_probability


def make_pages(
    hypotheses: Sequence[Hypothesis],
    names: SearchableNames,
    text: str,
    *,
    unknown: Optional[int],
    settings: RetrievalSettings,
) -> Pages:
    """The pages of a text. A title, its redirects, and all titles with the same id are one page,
    which has the best score of these and the sum of their probabilities.

    hypotheses (Sequence[Hypothesis]): What the search found, best first.
    names (SearchableNames): The names that were searched.
    text (str): The text; of titles with the same tokens ("US", "us") the one that it has is taken.
    unknown (Optional[int]): The tokenizer's unknown token: see `best_by_row`.
    settings (RetrievalSettings): The model's temperature and NIL score.
    RETURNS (Pages): The pages, the most probable first.
    """
    best: Dict[int, Hypothesis] = {}
    for hypothesis in hypotheses:
        spellings = (spelling for spelling, _ in names.spellings_at(hypothesis.state))
        surface = next((spelling for spelling in spellings if spelling in text), "")
        for row, found in best_by_row([hypothesis], names, surface, unknown).items():
            best.setdefault(row, found)
    scores = [hypothesis.score for hypothesis in best.values()]
    probabilities = share_probability(scores, settings.temperature, settings.nil_score)
    by_row = dict(zip(best, probabilities, strict=True))
    pages = []
    for rows in rows_by_entity(by_row, names):
        row = max(rows, key=by_row.__getitem__)
        probability = sum(by_row[row] for row in rows)
        pages.append(Page(names.name_at(row), names.id_at(row), best[row].score, probability))
    return tuple(sorted(pages, key=lambda page: -page.probability))


def merge_pages(of_parts: Iterable[Pages]) -> Pages:
    """The pages of several parts of a text in one ranking: each page once, with the values of the
    part in which its score is highest. One part keeps its order."""
    merged: Dict[str, Page] = {}
    parts = list(of_parts)
    pages = list(chain.from_iterable(parts))
    if len(parts) > 1:
        pages.sort(key=lambda page: -page.score)
    for page in pages:
        merged.setdefault(page.title, page)
    return tuple(merged.values())
