"""Reading dumps of whole articles in MediaWiki's XML format (`pages-articles`)."""

import multiprocessing
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from itertools import islice
from typing import Any, Callable, Deque, Iterable, Iterator, List, Tuple, TypeVar
from xml.etree.ElementTree import ParseError

from ..errors import Errors
from .files import SourceFile
from .interwiki import NAMESPACE_ALIASES
from .mediawiki import NotAnArticle, Wiki
from .source_data import OTHER_NAMESPACE, SourceData
from .wikitext import ArticleLinks, extract_links

try:
    import mwxml
    from mwxml.errors import MalformedXML
except ImportError as err:
    raise ImportError(Errors.F012.format(package=err.name)) from err

# So many pages go to another process at a time.
BATCH = 50
T = TypeVar("T")


def read_articles(
    source: SourceFile,
    data: SourceData,
    *,
    links: bool = True,
    anchors: bool = True,
    n_process: int = 1,
) -> None:
    """Read a dump of articles.

    source (SourceFile): The dump, at its beginning.
    data (SourceData): What it tells goes here.
    links (bool): Whether to read the articles' texts as well: what links point to and in which
        words, and which pages are disambiguation pages. This takes nearly all of the time.
    anchors (bool): Whether to keep those words as aliases.
    n_process (int): How many processes read texts.
    RAISES (ValueError): If it is no such dump, or is cut or damaged.
    """
    if links:
        for title, article in map_articles(source, data, extract_links, n_process=n_process):
            _add_article(title, article, data, anchors)
    else:
        for title, _ in map_articles(source, data, _no_text, n_process=1):
            data.titles[title] = None


def map_articles(
    source: SourceFile,
    data: SourceData,
    read: Callable[[str, str, Wiki], T],
    *,
    skip: int = 0,
    n_process: int = 1,
) -> Iterator[Tuple[str, T]]:
    """What a function makes of each article of a dump, in the dump's order.

    source (SourceFile): The dump, at its beginning.
    data (SourceData): What the dump tells of its other pages, redirects among them, goes here.
    read (Callable[[str, str, Wiki], T]): Gets an article's title and wikitext, and the wiki. It
        must pickle if there are several processes.
    skip (int): So many articles are passed over at the beginning, unread.
    n_process (int): How many processes read texts.
    YIELDS (Tuple[str, T]): The title, and what `read` gave.
    RAISES (ValueError): If it is no such dump, or is cut or damaged.
    """
    try:
        dump = mwxml.Dump.from_file(source.stream)
        wiki = wiki_from_siteinfo(dump.site_info, str(source.path))
        texts = islice(_pages(dump, wiki, data), skip, None)
        yield from _map(texts, partial(_apply, read, wiki=wiki), n_process)
    except (MalformedXML, ParseError) as err:
        message = Errors.F006.format(path=source.path, reason=err, offset=source.raw.position)
        raise ValueError(message) from err


def _no_text(title: str, text: str, wiki: Wiki) -> None:
    return None


def wiki_from_siteinfo(site_info: Any, where: str) -> Wiki:
    """What the <siteinfo> of a dump tells of its wiki.

    RAISES (ValueError): If it names no namespaces.
    """
    spaces = list(getattr(site_info, "namespaces", None) or ())
    names = {space.id: space.name for space in spaces}
    if not names:
        raise ValueError(Errors.F007.format(path=where))
    aliases = {alias: names[id_] for alias, id_ in NAMESPACE_ALIASES.items() if id_ in names}
    named = {name.lower(): name for id_, name in names.items() if id_ != 0}
    language = (site_info.dbname or "").removesuffix("wiki").replace("_", "-")
    own = {language, "w"} if language == "en" else {language}  # [[w:…]] is English Wikipedia's
    return Wiki({**aliases, **named}, frozenset(own), site_info.case != "case-sensitive")


def _pages(dump: Any, wiki: Wiki, data: SourceData) -> Iterator[Tuple[str, str]]:
    """The articles and their texts; redirects and other pages are dealt with here."""
    for page in dump:
        # By number: some versions of mwxml cut the namespace off the title.
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
            data.redirects[title] = _target(page.redirect, wiki)
            continue
        # Dumps of this kind hold one revision of a page. In the others the newest comes last.
        text = ""
        for revision in page:
            text = revision.text or ""
        yield title, text


def _target(redirect: str, wiki: Wiki) -> str:
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
    # Not forked: threads of this process would be cut off in the middle.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(n_process, mp_context=context) as pool:
        texts = iter(texts)
        waiting: Deque[Future[List[Tuple[str, T]]]] = deque()
        while batch := list(islice(texts, BATCH)):
            waiting.append(pool.submit(apply, batch))
            if len(waiting) > 4 * n_process:  # or all of the dump would come into memory
                yield from waiting.popleft().result()
        while waiting:
            yield from waiting.popleft().result()


def _apply(
    read: Callable[[str, str, Wiki], T], batch: List[Tuple[str, str]], *, wiki: Wiki
) -> List[Tuple[str, T]]:
    return [(title, read(title, text, wiki)) for title, text in batch]


def _add_article(title: str, article: ArticleLinks, data: SourceData, anchors: bool) -> None:
    data.titles[title] = None
    if article.is_disambiguation:
        data.disambiguations.add(title)
    data.dropped.update(article.dropped)
    for (anchor, target), count in article.anchors.items():
        data.counts[target] += count
        if anchor and anchors:
            data.aliases[anchor, target] += count
