"""Scores of ranked pages, computed as by KILT's own script (Petroni et al., 2021, section 5)."""

from typing import Any, Dict, Iterable, List, Sequence, Set, Union

DEFAULT_KS = (1, 5)


def retrieval_scores(
    ranked: Sequence[str], outputs: Sequence[Sequence[str]], ks: Iterable[int] = DEFAULT_KS
) -> Dict[str, float]:
    """The scores of the pages that were found for one text.

    ranked (Sequence[str]): The ids (or titles) of the pages, best first.
    outputs (Sequence[Sequence[str]]): The ids of the pages that each gold output needs.
    ks (Iterable[int]): The sizes of the beginnings that are scored.
    RETURNS (Dict[str, float]): `r_precision`, and for each k `precision_at_k`, `recall_at_k` and
        `success_at_k`, each from 0 to 1.
    """
    pages = unique(ranked)
    scores = {"r_precision": max((r_precision(pages, unique(gold)) for gold in outputs), default=0)}
    n_sets = len(_distinct_sets(outputs))
    found = rank_sets(pages, outputs)
    for k in ks:
        n_found = sum(place is True for place in found[:k])
        scores[f"precision_at_{k}"] = n_found / k
        scores[f"recall_at_{k}"] = n_found / n_sets if n_sets else 0.0
        scores[f"success_at_{k}"] = float(n_found > 0)
    return scores


def mean_scores(scores: Iterable[Dict[str, float]]) -> Dict[str, Any]:
    """The mean of the scores of all texts, and `texts`, their number."""
    rows = list(scores)
    keys = rows[0] if rows else ()
    return {"texts": len(rows), **{key: sum(row[key] for row in rows) / len(rows) for key in keys}}


def r_precision(pages: Sequence[str], gold: Sequence[str]) -> float:
    """The share of R gold pages that is among the first R pages; 0 without gold pages.

    pages, gold (Sequence[str]): Ids without repetitions.
    """
    return len({*pages[: len(gold)]}.intersection(gold)) / len(gold) if gold else 0.0


def rank_sets(pages: Sequence[str], outputs: Sequence[Sequence[str]]) -> List[Union[bool, int]]:
    """A ranking in which each distinct evidence set has one place.

    pages (Sequence[str]): Ids without repetitions, best first.
    outputs (Sequence[Sequence[str]]): The ids of the pages that each gold output needs.
    RETURNS (List[Union[bool, int]]): True where the last page of a set was found, False for a page
        of no set, and the set's number (from 2) at the last page so far of a set that is still
        incomplete. A page of several sets has a place for each of them.
    """
    missing = _distinct_sets(outputs)
    ranking: List[Union[bool, int]] = []
    for page in pages:
        is_found = False
        for number, needed in enumerate(missing, start=2):
            if page not in needed:
                continue
            is_found = True
            needed.remove(page)
            ranking = [place for place in ranking if place is True or place != number]
            ranking.append(True if not needed else number)
        if not is_found:
            ranking.append(False)
    return ranking


def unique(ids: Iterable[str]) -> List[str]:
    """Ids without surrounding space and repetitions, in their order."""
    return list(dict.fromkeys(id_.strip() for id_ in ids))


def _distinct_sets(outputs: Sequence[Sequence[str]]) -> List[Set[str]]:
    """The evidence sets, each once. An empty one counts as a set that is never found."""
    return [set(ids) for ids in {frozenset(unique(ids)): None for ids in outputs}]
