"""The longest form of a name in a document: what a short form of it stands for."""

from collections import defaultdict
from typing import Collection, DefaultDict, List, Sequence, Tuple

from spacy.tokens import Span

# Longer ones are hardly names of persons.
MAX_WORDS = 4


def longest_forms(ents: Sequence[Span], labels: Collection[str]) -> List[str]:
    """For each entity the text by which the model shall know it: its own, or that of the longest
    name in the same document which ends with the same words ("Bill Clinton" for "Clinton"). Of
    several names that of the nearest one before it counts, or else of the nearest one after it.

    ents (Sequence[Span]): The entities, those of a Doc side by side.
    labels (Collection[str]): Only entities with one of these labels have forms, and only names with
        the same label.
    RETURNS (List[str]): A text for each.
    """
    names: DefaultDict[Tuple[int, str, str], List[Span]] = defaultdict(list)
    for ent in ents:
        words = ent.text.split()
        if ent.label_ in labels and len(words) <= MAX_WORDS:
            for n in range(1, len(words)):
                names[_key(ent, words[n:])].append(ent)
    return [_longest(ent, names.get(_key(ent, ent.text.split()), ())) for ent in ents]


def _key(ent: Span, words: Sequence[str]) -> Tuple[int, str, str]:
    return id(ent.doc), ent.label_, " ".join(words).casefold()


def _words(name: Span) -> List[str]:
    return name.text.casefold().split()


def _longest(ent: Span, names: Sequence[Span]) -> str:
    def distance(name: Span) -> Tuple[bool, int]:
        return name.start > ent.start, abs(name.start - ent.start)

    if not names:
        return ent.text
    nearest = _words(min(names, key=distance))
    # "Clinton" may stand for "Bill Clinton", and that for "William Jefferson Clinton".
    same = [name for name in names if _words(name)[-len(nearest) :] == nearest]
    return max(same, key=lambda name: len(name.text)).text
