"""Reader of Wikimedia's hourly files of pageviews, and the selection of the most read titles."""

import re
from collections import Counter
from heapq import nlargest
from typing import Dict, List, Mapping, Sequence, Tuple

from ..errors import Errors
from .files import SourceFile
from .languages import EARLIER_CODES, SAME_LANGUAGE
from .mediawiki import title_of_key
from .source_data import SourceData

# "en.m Albert_Einstein 42 0": the wiki, the key of the page, its views, and a number that is no
# longer used.
LINE = re.compile(rb'(?:[a-z][a-z0-9-]*(?:\.[a-z]+)*|"") \S+ \d+ \d+')
# Views of Wikipedia's desktop site, its mobile site, and (until 2018) its free mobile site.
SITES = ("", ".m", ".zero")
# A few lines of the real files are broken.
MIN_SHARE = 0.9


def is_pageviews(lines: Sequence[bytes]) -> bool:
    """Whether the first lines of a file are those of a file of pageviews."""
    return bool(lines) and sum(map(bool, map(LINE.fullmatch, lines))) >= MIN_SHARE * len(lines)


def read_pageviews(source: SourceFile, data: SourceData, *, language: str) -> None:
    """Read the views of known titles. Views of redirects are counted under the redirect.

    source (SourceFile): The file, which has the views of all wikis.
    data (SourceData): Its titles and redirects must be complete. The views are added to it.
    language (str): The language of the Wikipedia to read, such as "en".
    RAISES (ValueError): If no language is given.
    """
    if not language:
        raise ValueError(Errors.F017.format(path=source.path))
    # The files have the code of the wiki's address; the given one may be that of the database.
    codes = {codes.get(language, language) for codes in ({}, SAME_LANGUAGE, EARLIER_CODES)}
    prefixes = tuple(f"{code}{site} ".encode() for code in codes for site in SITES)
    known = (data.titles, data.redirects, data.listed, data.listed_redirects)
    for line in source.stream:
        if not line.startswith(prefixes):
            continue
        try:
            _, key, views, _ = line.split(b" ")
            title, n_views = title_of_key(key.decode("utf8")), int(views)
        except ValueError:  # broken lines, among them keys that are not UTF-8
            data.dropped["broken lines of pageviews"] += 1
            continue
        if any(title in titles for titles in known):
            data.views[title] += n_views


def keep_most_read(
    names: Sequence[str], redirects: Mapping[str, str], data: SourceData, n: int
) -> Tuple[List[str], Dict[str, str]]:
    """Keep the titles that are read most, and the names of the user's own lists.

    Titles with the same number of views are ranked by the number of their redirects, then by their
    order in the files.

    names (Sequence[str]): All names.
    redirects (Mapping[str, str]): Redirect -> name or, in the user's own lists, other redirect.
    data (SourceData): Has the views, with those of redirects added to their names. What is left
        out is counted in `dropped`.
    n (int): The number of titles of a wiki to keep.
    RETURNS (Tuple[List[str], Dict[str, str]]): The names that are kept, in the same order, and
        their redirects.
    RAISES (ValueError): If no title has any views.
    """
    if not any(data.views.values()):
        raise ValueError(Errors.F018)
    n_redirects = Counter(redirects.values())
    titles = [name for name in names if name not in data.listed]
    best = nlargest(n, titles, key=lambda title: (data.views[title], n_redirects[title]))
    kept = {*best, *data.listed}
    kept_names = [name for name in names if name in kept]
    kept_redirects = {
        redirect: name
        for redirect, name in redirects.items()
        if name in kept or redirect in data.listed_redirects
    }
    data.dropped["titles that are read less"] += len(names) - len(kept_names)
    data.dropped["redirects to titles that are read less"] += len(redirects) - len(kept_redirects)
    return kept_names, kept_redirects
