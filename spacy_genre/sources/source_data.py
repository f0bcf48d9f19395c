"""The content of all source files, from which a title set is built."""

from array import array
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from typing import Dict, List, Optional, Set, Tuple

# A reason for dropping a page that several readers use.
OTHER_NAMESPACE = "pages that are no articles (of another namespace)"


@dataclass
class PageTitles:
    """The titles of a wiki's articles and redirects by page id, for tables that have page ids."""

    ids: "array[int]" = field(default_factory=lambda: array("Q"))
    titles: List[str] = field(default_factory=list)
    ascending: bool = True

    def add(self, page_id: int, title: str) -> None:
        self.ascending &= not self.ids or self.ids[-1] <= page_id
        self.ids.append(page_id)
        self.titles.append(title)

    def title(self, page_id: int) -> Optional[str]:
        """The title of a page, or None for an unknown page id."""
        if not self.ascending:  # the files of a split dump may be given in any order
            order = sorted(range(len(self.ids)), key=self.ids.__getitem__)
            self.ids = array("Q", [self.ids[i] for i in order])
            self.titles = [self.titles[i] for i in order]
            self.ascending = True
        i = bisect_left(self.ids, page_id)
        return self.titles[i] if i < len(self.ids) and self.ids[i] == page_id else None

    def __len__(self) -> int:
        return len(self.titles)


@dataclass
class SourceData:
    """The content of all source files. Titles of a wiki may include redirects and disambiguation
    pages until all files are read.

    titles (Dict[str, None]): The titles of a wiki's pages, in the order of the files.
    listed (Dict[str, None]): The names of the user's own lists. They take precedence over a wiki.
    listed_ids (Dict[str, str]): Name -> id of the user's own lists.
    shared_ids (bool): Whether two names of these lists may have the same id.
    name_of_id (Dict[str, str]): Id -> first name of the user's own lists that has it.
    redirects (Dict[str, str]): Redirects of a wiki -> target; "" if that is not an article.
    listed_redirects (Dict[str, str]): Redirects of the user's own lists -> name.
    disambiguations (Set[str]): The titles of disambiguation pages.
    ids, descriptions (Dict[str, str]): Title -> id or description.
    counts (Counter[str]): The number of links to each title (redirects are not resolved), and the
        counts of the user's own lists.
    views (Counter[str]): The number of views of titles and redirects in files of pageviews.
    aliases (Counter[Tuple[str, str]]): The count of each (alias, title).
    pages (PageTitles): The titles by page id.
    dropped (Counter[str]): The numbers of dropped items, by kind and reason.
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
    views: Counter[str] = field(default_factory=Counter)
    aliases: Counter[Tuple[str, str]] = field(default_factory=Counter)
    pages: PageTitles = field(default_factory=PageTitles)
    dropped: Counter[str] = field(default_factory=Counter)
