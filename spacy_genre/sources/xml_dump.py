"""Reader of article dumps in MediaWiki's XML format (`pages-articles`)."""

import multiprocessing
import re
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from itertools import islice
from typing import Any, Callable, Deque, Iterable, Iterator, List, Tuple, TypeVar
from xml.etree.ElementTree import ParseError

from ..errors import Errors
from .files import SourceFile
from .languages import (
    CANONICAL_NAMESPACES,
    CATEGORY,
    FILE,
    MAX_CORE_NAMESPACE,
    language_by_namespaces,
    language_of,
)
from .mediawiki import NotAnArticle, Wiki, clean_title
from .source_data import OTHER_NAMESPACE, SourceData
from .wikitext import ArticleLinks, extract_links

try:
    import mwxml
    from mwxml.errors import MalformedXML
except ImportError as err:
    raise ImportError(Errors.F012.format(package=err.name)) from err

# The number of articles that are sent to a process at a time.
BATCH = 50
T = TypeVar("T")
PROJECTS = "wiki(?:books|news|quote|source|versity|voyage)|wiktionary"
DATABASE = re.compile(rf"([a-z_]+?)(wiki|{PROJECTS})")
ADDRESS = re.compile(rf"(?:https?:)?//([a-z-]+)\.(?:m\.)?(wikipedia|{PROJECTS})\.org")


def read_articles(
    source: SourceFile,
    data: SourceData,
    *,
    links: bool = True,
    anchors: bool = True,
    n_process: int = 1,
) -> None:
    """Read a dump of articles: titles, redirects and links.

    source (SourceFile): The dump, at its beginning.
    data (SourceData): The content of the dump is added to it.
    links (bool): Whether to parse the texts of articles, for links and disambiguation pages. This
        takes most of the time.
    anchors (bool): Whether to use the anchors of links as aliases.
    n_process (int): The number of processes that parse texts.
    RAISES (ValueError): If it is not such a dump, or is truncated or damaged.
    """
    if links:
        articles = map_articles(source, data, extract_links, n_process=n_process)
        for title, article_links in articles:
            _add_article(title, article_links, data, anchors)
    else:
        for title, _ in map_articles(source, data, _ignore_text, n_process=1):
            data.titles[title] = None


def map_articles(
    source: SourceFile,
    data: SourceData,
    function: Callable[[str, str, Wiki], T],
    *,
    skip: int = 0,
    n_process: int = 1,
) -> Iterator[Tuple[str, T]]:
    """Apply a function to each article of a dump, in the order of the dump.

    source (SourceFile): The dump, at its beginning.
    data (SourceData): Redirects, page ids and the numbers of dropped pages are added to it.
    function (Callable[[str, str, Wiki], T]): Called with an article's title and wikitext, and the
        wiki. It must pickle if there are several processes.
    skip (int): The number of articles to skip at the beginning.
    n_process (int): The number of processes that call the function.
    YIELDS (Tuple[str, T]): The title, and the function's result.
    RAISES (ValueError): If it is not such a dump, or is truncated or damaged.
    """
    try:
        dump = mwxml.Dump.from_file(source.stream)
        wiki = wiki_from_siteinfo(dump.site_info, str(source.path))
        texts = islice(_pages(dump, wiki, data), skip, None)
        yield from _map(texts, partial(_apply, function, wiki=wiki), n_process)
    except (MalformedXML, ParseError) as err:
        message = Errors.F006.format(path=source.path, reason=err, offset=source.raw.position)
        raise ValueError(message) from err


def _ignore_text(title: str, text: str, wiki: Wiki) -> None:
    return None


def wiki_from_siteinfo(site_info: Any, where: str) -> Wiki:
    """Read the properties of a wiki from the <siteinfo> of a dump.

    site_info (mwxml.SiteInfo): The <siteinfo>.
    where (str): The name of the dump for error messages.
    RETURNS (Wiki): The wiki.
    RAISES (ValueError): If it lists no namespaces.
    """
    spaces = list(getattr(site_info, "namespaces", None) or ())
    names = {space.id: space.name for space in spaces}
    if not names:
        raise ValueError(Errors.F007.format(path=where))
    code, is_wikipedia = _language_code(site_info)
    language = language_of(code) if code else language_by_namespaces(names)
    local = {
        name: id_
        for name, id_ in language.namespaces.items()
        if id_ <= MAX_CORE_NAMESPACE or is_wikipedia
    }
    for name, id_ in [*local.items(), *CANONICAL_NAMESPACES.items()]:
        if id_ <= MAX_CORE_NAMESPACE:  # an excerpt of a dump may list a part of them
            names.setdefault(id_, name)
    aliases = {
        _lower(alias): names[id_]
        for alias, id_ in [*CANONICAL_NAMESPACES.items(), *local.items()]
        if id_ in names
    }
    named = {_lower(name): name for id_, name in names.items() if id_ != 0}
    return Wiki(
        {**aliases, **named},
        # The prefix "w" is English Wikipedia.
        frozenset((code, "w") if code == "en" and is_wikipedia else (code,) if code else ()),
        site_info.case != "case-sensitive",
        language,
        names[FILE],
        names[CATEGORY],
    )


def _lower(name: str) -> str:
    return clean_title(name).lower()


def _language_code(site_info: Any) -> Tuple[str, bool]:
    """The language code of a wiki, and whether it is a Wikipedia, by its database's name ("dewiki",
    "zh_min_nanwiki") or its address. The code of other wikis than Wikimedia's is ""."""
    if match := DATABASE.fullmatch(site_info.dbname or ""):
        return match[1].replace("_", "-"), match[2] == "wiki"
    if match := ADDRESS.match(site_info.base or ""):
        return match[1], match[2] == "wikipedia"
    return "", False


def _pages(dump: Any, wiki: Wiki, data: SourceData) -> Iterator[Tuple[str, str]]:
    """The titles and texts of articles. Redirects and other pages are added to `data`."""
    redirect = wiki.language.redirect
    for page in dump:
        # By id, since some versions of mwxml remove the namespace from the title.
        if page.namespace != 0:
            data.dropped[OTHER_NAMESPACE] += 1
            continue
        try:
            title = wiki.article_title(page.title)
        except NotAnArticle as reason:
            data.dropped[f"pages: {reason}"] += 1
            continue
        data.pages.add(page.id, title)
        if page.redirect:
            data.redirects[title] = _redirect_target(page.redirect, wiki)
            continue
        # `pages-articles` has one revision per page. In other dumps the latest is the last one.
        text = ""
        for revision in page:
            text = revision.text or ""
        # Not all dumps have an element for the target.
        target = _redirect_target(match[1], wiki) if (match := redirect.match(text)) else ""
        if target:
            data.redirects[title] = target
        else:
            yield title, text


def _redirect_target(redirect: str, wiki: Wiki) -> str:
    """The title of a redirect's target, or "" if it is not an article."""
    try:
        return wiki.article_title(redirect)
    except NotAnArticle:
        return ""


def _map(
    texts: Iterable[Tuple[str, str]],
    apply: Callable[[List[Tuple[str, str]]], List[Tuple[str, T]]],
    n_process: int,
) -> Iterator[Tuple[str, T]]:
    if n_process == 1:
        for text in texts:
            yield from apply([text])
        return
    # Not forked, since this process may have threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_process, mp_context=context) as pool:
        texts = iter(texts)
        waiting: Deque[Future[List[Tuple[str, T]]]] = deque()
        while batch := list(islice(texts, BATCH)):
            waiting.append(pool.submit(apply, batch))
            if len(waiting) > 4 * n_process:  # to limit the texts in memory
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _apply(
    function: Callable[[str, str, Wiki], T], batch: List[Tuple[str, str]], *, wiki: Wiki
) -> List[Tuple[str, T]]:
    return [(title, function(title, text, wiki)) for title, text in batch]


def _add_article(title: str, links: ArticleLinks, data: SourceData, anchors: bool) -> None:
    data.titles[title] = None
    if links.is_disambiguation:
        data.disambiguations.add(title)
    data.dropped.update(links.dropped)
    for (anchor, target), count in links.anchors.items():
        data.counts[target] += count
        if anchor and anchors:
            data.aliases[anchor, target] += count
