"""Other names of titles: synonyms, names of brands, and titles without words such as "F.C."."""

import re
from collections import Counter, defaultdict
from typing import Container, DefaultDict, Dict, Iterable, List, Mapping, Set

from capitals import SMALL
from title_lists import Article
from word_lists import Synset

# The category of groups in WordNet. Other individuals have @i.
GROUPS = "14"
SUFFIX = re.compile(
    r",? (?:A?F\.?C\.?|Inc\.?|plc|Ltd\.?|LLC|Corporation|Company|S\.A\.|SE|AG|N\.V\.)$"
)


class ShortNames:
    """Collects the redirects to titles. A name that several sources give to different titles, or
    that is a title itself, is ambiguous and no redirect."""

    def __init__(self, counts: Mapping[str, float]) -> None:
        """counts (Mapping[str, float]): The titles of the set, with their priors."""
        self._counts = dict(counts)
        self._lower = {title.lower() for title in counts}
        self._targets: DefaultDict[str, Set[str]] = defaultdict(set)

    def add(self, name: str, title: str) -> None:
        """Add a name of a title, or of something that has no title ("")."""
        is_latin = re.search("[A-Za-z]", name) is not None
        # "US" is spelled unlike the film "Us".
        is_free = name not in self._counts and (name.isupper() or name.lower() not in self._lower)
        if is_latin and is_free and len(name) > 1:
            self._targets[name].add(title)

    def add_synonyms(self, synsets: List[Synset]) -> None:
        """Add the synonyms of titles in WordNet: "UK" for "United Kingdom"."""
        named = [synset for synset in synsets if synset.is_instance or synset.category == GROUPS]
        meanings = Counter(word for synset in named for word in synset.words)
        for synset in named:
            names = [word for word in synset.words if is_name(word)]
            title = self._title_of([n for n in names if " " in n or meanings[n] == 1])
            for name in names:
                self.add(name, title)

    def _title_of(self, names: List[str]) -> str:
        """The title among some names: the first one of those with the highest prior. If there is
        none, a name without its middle names; or else ""."""
        parts = [name.split(" ") for name in names]
        names = names + [f"{p[0]} {p[-1]}" for p in parts if len(p) > 2]
        titles = [name for name in names if name in self._counts]
        return max(titles, key=self._counts.__getitem__, default="")

    def add_brands(self, articles: Iterable[Article], words: Container[str]) -> None:
        """Add the names of brands and airports, but no single words of a dictionary ("Target").

        words (Container[str]): The dictionary, in lower case.
        """
        for article in articles:
            for name in article.names:
                if article.title in self._counts and name.lower() not in words and len(name) > 2:
                    self.add(name, article.title)

    def add_without_suffix(self, words: Container[str]) -> None:
        """Add "Manchester United" for "Manchester United F.C.", and the like."""
        for title in sorted(self._counts):
            short = SUFFIX.sub("", title)
            if short != title and short.lower() not in words:
                self.add(short, title)

    def redirects(self) -> Mapping[str, List[str]]:
        """RETURNS (Mapping[str, List[str]]): The redirects to each title, sorted."""
        found: Dict[str, List[str]] = defaultdict(list)
        for name, titles in sorted(self._targets.items()):
            if len(titles) == 1 and titles != {""}:
                found[next(iter(titles))].append(name)
        return found


def is_name(text: str) -> bool:
    """Whether all words of a text are capitalized, except for those like "of" inside it."""
    return text[:1].isupper() and all(
        word[:1].isupper() or word in SMALL for word in text.split(" ")
    )


def other_titles(counts: Mapping[str, float], synsets: Iterable[Synset]) -> Set[str]:
    """Titles that are acronyms or longer forms of a more common title, as WordNet has it: "USA" and
    "United States of America"."""
    others: Set[str] = set()
    for synset in synsets:
        titles = [word for word in synset.words if word in counts and is_name(word)]
        if synset.is_instance and len(titles) > 1:
            best = max(titles, key=counts.__getitem__)
            others |= {
                title
                for title in titles
                if counts[title] < counts[best]
                and (title.isupper() or title.startswith(f"{best} "))
            }
    return others
