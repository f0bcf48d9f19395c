"""Other names of titles: synonyms, names of brands, and titles without words such as "F.C."."""

import re
from collections import defaultdict
from typing import Container, DefaultDict, Dict, Iterable, Iterator, List, Mapping, Set, Tuple

from title_lists import Article
from word_lists import Synset

# Groups, places and persons in WordNet. Other individuals have @i.
NAMED = ("14", "15", "18")
SUFFIX = re.compile(r",? (?:A?F\.?C\.?|Inc\.?|plc|Ltd\.?|LLC|Corporation|Company|S\.A\.|SE|AG|N\.V\.)$")


class ShortNames:
    """Collects the redirects to titles. A name that several sources give to different titles, or
    that is a title itself, is ambiguous and no redirect."""

    def __init__(self, titles: Iterable[str]) -> None:
        """titles (Iterable[str]): The titles of the set."""
        self._titles = set(titles)
        self._lower: DefaultDict[str, Set[str]] = defaultdict(set)
        for title in self._titles:
            self._lower[title.lower()].add(title)
        self._targets: DefaultDict[str, Set[str]] = defaultdict(set)

    def add(self, name: str, title: str) -> None:
        """Add a name of a title."""
        if name.lower() not in self._lower:
            self._targets[name].add(title)

    def add_synonyms(self, synsets: List[Synset]) -> None:
        """Add the synonyms of titles in WordNet: "UK" for "United Kingdom". Words with another
        meaning are left out."""
        meanings: DefaultDict[str, int] = defaultdict(int)
        for synset in synsets:
            for word in synset.words:
                meanings[word.lower()] += 1
        for synset in synsets:
            names = [word for word in synset.words if word[:1].isupper()]
            if not (synset.is_instance or synset.category in NAMED) or len(names) < 2:
                continue
            titles = self._titles_of(names)
            if len(titles) == 1:
                title = titles.pop()
                for name in names:
                    if meanings[name.lower()] == 1:
                        self.add(name, title)

    def _titles_of(self, names: List[str]) -> Set[str]:
        """The titles among some names. If there is none, the names without middle names."""
        titles = {name for name in names if name in self._titles}
        if titles:
            return titles
        parts = [name.split(" ") for name in names]
        return {f"{p[0]} {p[-1]}" for p in parts if len(p) > 2} & self._titles

    def add_brands(self, articles: Iterable[Article], words: Container[str]) -> None:
        """Add the names of brands and airports, but no single words of a dictionary ("Target").

        words (Container[str]): The dictionary, in lower case.
        """
        for article in articles:
            for name in article.names:
                if article.title in self._titles and name.lower() not in words and len(name) > 2:
                    self.add(name, article.title)

    def add_without_suffix(self, words: Container[str]) -> None:
        """Add "Manchester United" for "Manchester United F.C.", and the like."""
        for title in sorted(self._titles):
            short = SUFFIX.sub("", title)
            if short != title and short.lower() not in words:
                self.add(short, title)

    def redirects(self) -> Mapping[str, List[str]]:
        """RETURNS (Mapping[str, List[str]]): The redirects to each title, sorted."""
        found: Dict[str, List[str]] = defaultdict(list)
        for name, titles in sorted(self._targets.items()):
            if len(titles) == 1:
                found[next(iter(titles))].append(name)
        return found
