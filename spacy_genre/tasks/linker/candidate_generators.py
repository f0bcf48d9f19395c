"""Candidate generators: the functions for the setting `get_candidates`."""

from functools import partial
from typing import Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from spacy.tokens import Span

from ...corpora.names import find_name
from ...errors import Errors
from ...extensions import get_gold_candidates
from ...titles import TitleSet
from ...titles.subset import NameSubset, SearchableNames
from ...titles.view import TitleView
from ...tokenization import NameTokenizer
from .encoding import n_context_words, without_article

# Gives the names (or redirects) that an entity may stand for; None for any name of the title set.
# Names that are not in the title set are ignored.
GetCandidates = Callable[[TitleSet, Span], Optional[Iterable[str]]]
MISSING = ("search", "nil")
# Most candidates of an entity without context.
MAX_CONTEXT_FREE = 30


def AliasCandidates_v1(top_k: int = 30, missing: str = "search") -> GetCandidates:
    """Registered as `spacy_genre.AliasCandidates.v1` in `misc`: the candidates of an entity are the
    names for which the title set has its text as an alias, a redirect, or a name. If there are
    none, its text without a leading article is looked up, then its relaxed forms (see
    `TitleSet.get_candidates`).

    top_k (int): Maximal number of candidates; the most frequent ones are kept.
    missing (str): What happens to an entity without candidates: "search" the whole title set, or
        "nil" to link it to nothing.
    RETURNS (GetCandidates): The generator.
    RAISES (ValueError): If a value is not allowed.
    """
    _check("top_k", top_k, "an integer, 1 or more", isinstance(top_k, int) and top_k >= 1)
    _check_missing(missing)
    return partial(alias_candidates, top_k=top_k, missing=missing)


def GoldCandidates_v1(missing: str = "search") -> GetCandidates:
    """Registered as `spacy_genre.GoldCandidates.v1` in `misc` (and under its earlier name,
    `spacy_genre.GivenCandidates.v1`): the candidates of an entity are the titles or ids in
    `span._.genre_gold_candidates`, written by a data set or by an earlier component.

    missing (str): What happens to an entity with no candidate in the title set: "search" the whole
        title set, or "nil" to link it to nothing.
    RETURNS (GetCandidates): The generator.
    RAISES (ValueError): If a value is not allowed.
    """
    _check_missing(missing)
    return partial(gold_candidates, missing=missing)


def alias_candidates(
    titles: TitleSet, ent: Span, *, top_k: int, missing: str, relaxed: bool = True
) -> Optional[List[str]]:
    """See `AliasCandidates_v1`."""
    counts = titles.get_candidates(ent.text) or titles.get_candidates(
        without_article(ent).text, relaxed=relaxed
    )
    return _names_or_all([name for name, _ in counts[:top_k]], missing)


def gold_candidates(titles: TitleSet, ent: Span, *, missing: str) -> Optional[List[str]]:
    """See `GoldCandidates_v1`."""
    names = [find_name(titles, name) for name in get_gold_candidates(ent)]
    return _names_or_all([name for name in names if name], missing)


def context_free_candidates(titles: TitleSet, ent: Span) -> Optional[List[str]]:
    """The candidates of an entity without any word of context, such as a table cell: the names for
    which the title set has its text as an alias, a redirect or a name. None for an entity with
    context, or if the title set does not have its text."""
    if n_context_words(ent, 1):
        return None
    relaxed = titles.view.has_aliases
    return alias_candidates(titles, ent, top_k=MAX_CONTEXT_FREE, missing="search", relaxed=relaxed)


def searchable_names(
    get_candidates: Optional[GetCandidates],
    titles: TitleSet,
    view: TitleView,
    ents: Sequence[Span],
    tokenizer: NameTokenizer,
) -> List[SearchableNames]:
    """The names that can be generated for each entity: the whole title set or its candidates.

    get_candidates (Optional[GetCandidates]): The generator; None for the whole title set.
    titles (TitleSet): The title set, for the generator.
    view (TitleView): The title set as it is searched.
    ents (Sequence[Span]): N entities.
    tokenizer (NameTokenizer): The tokenizer of the title set.
    RETURNS (List[SearchableNames]): [N], the view or a subset of it. Entities with the same
        candidates share one subset.
    RAISES (ValueError): If the generator gives something other than names.
    """
    if get_candidates is None:
        return [view] * len(ents)
    subsets: Dict[Tuple[int, ...], NameSubset] = {}
    names_of_ents: List[SearchableNames] = []
    for ent in ents:
        names = get_candidates(titles, ent)
        if names is None:
            names_of_ents.append(view)
            continue
        rows = _rows(names, view, ent)
        if rows not in subsets:
            subsets[rows] = NameSubset.of(view, rows, tokenizer)
        names_of_ents.append(subsets[rows])
    return names_of_ents


def _rows(names: Iterable[str], view: TitleView, ent: Span) -> Tuple[int, ...]:
    """The rows of names in the title set, sorted and without repetitions."""
    is_list = isinstance(names, Iterable) and not isinstance(names, str)
    names = list(names) if is_list else names
    if not is_list or not all(isinstance(name, str) for name in names):
        raise ValueError(Errors.C004.format(found=names, ent=ent.text))
    rows = {view.target(name) for name in names}
    return tuple(sorted(rows - {-1}))


def _names_or_all(names: List[str], missing: str) -> Optional[List[str]]:
    return names if names or missing == "nil" else None


def _check_missing(missing: str) -> None:
    _check("missing", missing, f"one of {', '.join(MISSING)}", missing in MISSING)


def _check(key: str, value: object, allowed: str, is_allowed: bool) -> None:
    if not is_allowed:
        raise ValueError(Errors.D006.format(key=key, value=value, allowed=allowed))
