"""Which names a mention may stand for: the functions behind the setting `candidates`."""

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
from .context import without_article

# For an entity and the title set, the names (or redirects) that it may stand for; None if that may
# be any name of the set. Names that are not in the set are passed over.
GetNames = Callable[[TitleSet, Span], Optional[Iterable[str]]]
MISSING = ("search", "nil")


def AliasCandidates_v1(top_k: int = 30, missing: str = "search") -> GetNames:
    """Registered as `spacy_genre.AliasCandidates.v1` in `misc`: an entity may stand for the names
    that the title set gives for its text as an alias, a redirect, or a name; if there are none, for
    its text without an article before it.

    top_k (int): At most so many, the most frequent ones.
    missing (str): Where it gives none: "search" the whole title set, or answer "nil".
    RAISES (ValueError): If a value is out of range.
    """
    _check("top_k", top_k, "a whole number, 1 or more", isinstance(top_k, int) and top_k >= 1)
    _check_missing(missing)
    return partial(alias_candidates, top_k=top_k, missing=missing)


def GivenCandidates_v1(missing: str = "search") -> GetNames:
    """Registered as `spacy_genre.GivenCandidates.v1` in `misc`: an entity may stand for the titles
    or ids that it was given in `span._.genre_gold_candidates`, by a data set or by a component before.

    missing (str): Where there are none, or none that the title set has: "search" the whole title
        set, or answer "nil".
    RAISES (ValueError): If a value is out of range.
    """
    _check_missing(missing)
    return partial(given_candidates, missing=missing)


def alias_candidates(
    titles: TitleSet, ent: Span, *, top_k: int, missing: str
) -> Optional[List[str]]:
    """See `AliasCandidates_v1`."""
    found = titles.get_candidates(ent.text) or titles.get_candidates(without_article(ent).text)
    return _or_all([name for name, _ in found[:top_k]], missing)


def given_candidates(titles: TitleSet, ent: Span, *, missing: str) -> Optional[List[str]]:
    """See `GivenCandidates_v1`."""
    names = [find_name(titles, name) for name in get_gold_candidates(ent)]
    return _or_all([name for name in names if name], missing)


def choose_from(
    get_names: Optional[GetNames],
    titles: TitleSet,
    view: TitleView,
    ents: Sequence[Span],
    tokenizer: NameTokenizer,
) -> List[SearchableNames]:
    """What may be generated for some entities: the whole title set, or some names of it.

    get_names (Optional[GetNames]): Gives the names; None for the whole set everywhere.
    view (TitleView): The title set as it is searched.
    RAISES (ValueError): If a function gives something else than names.
    """
    if get_names is None:
        return [view] * len(ents)
    made: Dict[Tuple[int, ...], NameSubset] = {}
    chosen: List[SearchableNames] = []
    for ent in ents:
        names = get_names(titles, ent)
        if names is None:
            chosen.append(view)
            continue
        rows = _rows_of(names, view, ent)
        if rows not in made:
            made[rows] = NameSubset.of(view, rows, tokenizer)
        chosen.append(made[rows])
    return chosen


def _rows_of(names: Iterable[str], view: TitleView, ent: Span) -> Tuple[int, ...]:
    """The rows of names, each once, sorted: the same names are the same set in any order."""
    several = isinstance(names, Iterable) and not isinstance(names, str)
    names = list(names) if several else names
    if not several or not all(isinstance(name, str) for name in names):
        raise ValueError(Errors.C004.format(found=names, ent=ent.text))
    rows = {view.target(name) for name in names}
    return tuple(sorted(rows - {-1}))


def _or_all(names: List[str], missing: str) -> Optional[List[str]]:
    return names if names or missing == "nil" else None


def _check_missing(missing: str) -> None:
    _check("missing", missing, f"one of {', '.join(MISSING)}", missing in MISSING)


def _check(key: str, value: object, allowed: str, good: bool) -> None:
    if not good:
        raise ValueError(Errors.D006.format(key=key, value=value, allowed=allowed))


GoldCandidates_v1 = GivenCandidates_v1
