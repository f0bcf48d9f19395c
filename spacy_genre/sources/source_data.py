"""What sources say of names, before a title set is made of it."""

from array import array
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Set, Tuple

# What is counted as dropped by more than one reader.
OTHER_NAMESPACE = "pages that are no articles (of another namespace)"


@dataclass
class PageTitles:
    """The articles and redirects of a wiki by the number of their page, for tables that name pages
    by it."""

    ids: "array[int]" = field(default_factory=lambda: array("Q"))
    titles: List[str] = field(default_factory=list)
    ascending: bool = True

    def add(self, page_id: int, title: str) -> None:
        self.ascending &= not self.ids or self.ids[-1] <= page_id
        self.ids.append(page_id)
        self.titles.append(title)

    def title(self, page_id: int) -> Optional[str]:
        """The title of a page, or None if it is not among them."""
        if not self.ascending:  # dumps in several files may come in any order
            order = sorted(range(len(self.ids)), key=self.ids.__getitem__)
            self.ids = array("Q", [self.ids[i] for i in order])
            self.titles = [self.titles[i] for i in order]
            self.ascending = True
        at = bisect_left(self.ids, page_id)
        return self.titles[at] if at < len(self.ids) and self.ids[at] == page_id else None

    def __len__(self) -> int:
        return len(self.titles)


@dataclass
class SourceData:
    """What sources say of names. Redirects and disambiguation pages may stand among the titles of
    a wiki until all of its files were read.

    titles (Dict[str, None]): The titles of a wiki's pages, in the order in which they were found.
    listed (Dict[str, None]): The names of the user's own lists, which win over all of a wiki.
    listed_ids (Dict[str, str]): The ids of those that have one.
    shared_ids (bool): Whether two of them may have one id.
    name_of_id (Dict[str, str]): The first name that has each of these ids.
    redirects (Dict[str, str]): Redirects of a wiki to their targets; "" if that is no article.
    listed_redirects (Dict[str, str]): Redirects of the user's own lists, to names of them.
    disambiguations (Set[str]): Titles of pages that only list what they may mean.
    ids, descriptions (Dict[str, str]): Of titles that have one.
    counts (Counter[str]): How often links point to a title (redirects not resolved), and the
        counts of the user's own lists.
    aliases (Counter[Tuple[str, str]]): How often a mention (first) stands for a title (second).
    pages (PageTitles): The titles by page number.
    dropped (Counter[str]): How many things of a source were left out, by what and why.
    """

    titles: Dict[str, None] = field(default_factory=dict)
    listed: Dict[str, None] = field(default_factory=dict)
    listed_ids: Dict[str, str] = field(default_factory=dict)
    shared_ids: bool = False
    name_of_id: Dict[str, str] = field(default_factory=dict)
    redirects: Dict[str, str] = field(default_factory=dict)
    listed_redirects: Dict[str, str] = field(default_factory=dict)
    disambiguations: Set[str] = field(default_factory=set)
    ids: Dict[str, str] = field(default_factory=dict)
    descriptions: Dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    aliases: Counter[Tuple[str, str]] = field(default_factory=Counter)
    pages: PageTitles = field(default_factory=PageTitles)
    dropped: Counter[str] = field(default_factory=Counter)
