"""Moving between spaCy's `entity_linker` and this package: title sets from a knowledge base, and
candidates of a `genre_linker` for spaCy's linker."""

from functools import partial
from typing import Any, Callable, Dict, Iterable, List, Mapping, Optional, Tuple, Union

from spacy.kb import Candidate
from spacy.tokens import Span

from ..errors import Errors
from ..extensions import CANDIDATES, get_candidates
from ..titles import TitleSet

# Probabilities of aliases are stored as counts of this many links.
LINKS_PER_ALIAS = 1000
NameOf = Union[Mapping[str, str], Callable[[str], Optional[str]]]


def titles_from_kb(kb: Any, tokenizer: Any, *, names: Optional[NameOf] = None) -> TitleSet:
    """Make a title set of a knowledge base of spaCy's `entity_linker`.

    kb (InMemoryLookupKB): The knowledge base.
    tokenizer (Union[NameTokenizer, transformers.PreTrainedTokenizerBase]): The model's tokenizer:
        `linker.tokenizer` of a `genre_linker`.
    names (Optional[NameOf]): The name of each entity: a dict by id, or a function that gives the
        name of an id or None, such as `lambda qid: next(iter(titles.names_of(qid)), None)`. An
        entity without one is named by its most probable alias, or by its id if it has no alias.
        The id is added to a name that several entities have: "Paris (Q90)".
    RETURNS (TitleSet): The names with the knowledge base's ids, frequencies as priors (0 for an
        entity without an alias, since spaCy does not give its frequency), and aliases with counts:
        the prior probability of an alias times 1,000.
    RAISES (ValueError): If the knowledge base has no entities or can't list them, or if the model
        can't generate a name.
    """
    listing = ("get_entity_strings", "get_alias_strings", "get_alias_candidates")
    if not all(hasattr(kb, method) for method in listing):
        raise ValueError(Errors.X056.format(kind=type(kb).__name__))
    aliases = _read_aliases(kb)
    ids = sorted(kb.get_entity_strings())
    if not ids:
        raise ValueError(Errors.X057)
    name_of = _distinct(_name_entities(ids, aliases, names))
    frequencies = {kb_id: frequency for (_, kb_id), (_, frequency) in aliases.items()}
    return TitleSet.build(
        list(name_of.values()),
        tokenizer,
        ids=list(name_of),
        prior=[frequencies.get(kb_id, 0.0) for kb_id in name_of],
        aliases={
            (alias, name_of[kb_id]): max(1, round(LINKS_PER_ALIAS * probability))
            for (alias, kb_id), (probability, _) in aliases.items()
        },
    )


def _read_aliases(kb: Any) -> Dict[Tuple[str, str], Tuple[float, float]]:
    """The prior probability and the frequency of the entity of each (alias, id)."""
    return {
        (alias, candidate.entity_): (candidate.prior_prob, candidate.entity_freq)
        for alias in kb.get_alias_strings()
        for candidate in kb.get_alias_candidates(alias)
    }


def _name_entities(
    ids: Iterable[str], aliases: Mapping[Tuple[str, str], Any], names: Optional[NameOf]
) -> Dict[str, str]:
    """The name of each entity, by id."""
    best: Dict[str, Tuple[float, int, str]] = {}
    for (alias, kb_id), (probability, _) in aliases.items():
        rank = (probability, len(alias), alias)
        best[kb_id] = max(best.get(kb_id, rank), rank)
    name_of: Dict[str, str] = {}
    for kb_id in ids:
        given = names.get(kb_id) if isinstance(names, Mapping) else names and names(kb_id)
        name_of[kb_id] = given or (best[kb_id][2] if kb_id in best else kb_id)
    return name_of


def _distinct(name_of: Mapping[str, str]) -> Dict[str, str]:
    """Names that several entities have get the id in parentheses."""
    owners: Dict[str, List[str]] = {}
    for kb_id, name in name_of.items():
        owners.setdefault(name, []).append(kb_id)
    return {
        kb_id: name if len(owners[name]) == 1 else f"{name} ({kb_id})"
        for kb_id, name in name_of.items()
    }


def LinkerCandidates_v1(
    fallback: bool = True, attribute: str = CANDIDATES
) -> Callable[[Any, Span], List[Candidate]]:
    """Registered as `spacy_genre.LinkerCandidates.v1` in `misc`: the function `get_candidates` of
    spaCy's own `entity_linker` that gives it the candidates of a `genre_linker` before it in the
    pipeline, with their probabilities as prior probabilities.

    A candidate is found in the knowledge base by its `kb_id`, or else by its title. Others are left
    out: the linker needs the vector that it has learned for an entity.

    fallback (bool): Whether to use the candidates of the knowledge base if an entity has none from
        a `genre_linker`.
    attribute (str): The attribute with the candidates: the linker's `candidates_attr`.
    RETURNS (Callable[[KnowledgeBase, Span], List[Candidate]]): The function.
    """
    return partial(linker_candidates, fallback=fallback, attribute=attribute)


def linker_candidates(kb: Any, ent: Span, *, fallback: bool, attribute: str) -> List[Candidate]:
    """See `LinkerCandidates_v1`."""
    priors: Dict[str, float] = {}
    for candidate in get_candidates(ent, attribute):
        ids = [kb_id for kb_id in (candidate.kb_id, candidate.title) if kb.contains_entity(kb_id)]
        if ids:
            priors[ids[0]] = priors.get(ids[0], 0.0) + candidate.probability
    if not priors and fallback:
        return list(kb.get_candidates(ent))
    strings = kb.vocab.strings
    alias = strings.add(ent.text)
    return [
        # Without its frequency, which spaCy's linker does not use.
        Candidate(kb, strings[kb_id], 0.0, kb.get_vector(kb_id), alias, prior)
        for kb_id, prior in priors.items()
    ]
