"""Coreference of names: the longest name of an entity in its document."""

from collections import defaultdict
from typing import Collection, DefaultDict, List, Sequence, Tuple

from spacy.tokens import Span

# Longest name, in words. Names of persons are hardly longer.
MAX_WORDS = 4


def longest_names(ents: Sequence[Span], labels: Collection[str]) -> List[str]:
    """For each entity, the longest name in the same document that ends with the same words: "Bill
    Clinton" for "Clinton". If several names end so, the nearest one before the entity is taken, or
    else the nearest one after it.

    ents (Sequence[Span]): N entities; those of a Doc are neighbours.
    labels (Collection[str]): Labels of the entities that are replaced. An entity and its longest
        name have the same label.
    RETURNS (List[str]): [N], the names; an entity's own text if there is no longer name.
    """
    names: DefaultDict[Tuple[int, str, str], List[Span]] = defaultdict(list)
    for ent in ents:
        words = ent.text.split()
        if ent.label_ in labels and len(words) <= MAX_WORDS:
            for n in range(1, len(words)):
                names[_key(ent, words[n:])].append(ent)
    return [_longest(ent, names.get(_key(ent, ent.text.split()), ())) for ent in ents]


def _key(ent: Span, words: Sequence[str]) -> Tuple[int, str, str]:
    """Names match if they are in the same Doc, have the same label and, but for case, the same
    last words."""
    return id(ent.doc), ent.label_, " ".join(words).casefold()


def _words(name: Span) -> List[str]:
    return name.text.casefold().split()


def _longest(ent: Span, names: Sequence[Span]) -> str:
    """The longest one of the names that end with an entity's words and name the same person."""

    def distance(name: Span) -> Tuple[bool, int]:
        return name.start > ent.start, abs(name.start - ent.start)

    if not names:
        return ent.text
    nearest = _words(min(names, key=distance))
    # "Clinton" may mean "Jefferson Clinton", and that "William Jefferson Clinton".
    same = [name for name in names if _words(name)[-len(nearest) :] == nearest]
    return max(same, key=lambda name: len(name.text)).text
