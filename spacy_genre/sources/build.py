"""Building a title set from source files."""

import re
import warnings
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from ..errors import Errors
from ..titles import TitleSet
from ..titles.redirects import REDIRECTS_TO_ITSELF, resolve_redirects
from ..titles.unusual_names import describe_unusual_names
from ..tokenization import NameTokenizer
from .columns import GivenColumns
from .files import SourceFile, open_source
from .formats import detect_kind
from .languages import DISAMBIGUATION_SUFFIXES, FOREIGN_LIST
from .lists import find_line, read_jsonl, read_lines
from .pageviews import keep_most_read, read_pageviews
from .source_data import SourceData
from .sql_tables import read_page_props_table, read_page_table, read_redirect_table, read_title_list
from .tables import read_table

LIST_PREFIXES = ("List of ", "Lists of ", "Index of ", "Outline of ")
MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
# Titles of years and days: "1984", "44 BC", "July 4", "2008 in film". Decades and months stay.
DATE = re.compile(rf"(?:AD )?\d{{1,4}}(?: BCE?)?(?: in .+)?|(?:{MONTHS}) \d{{1,4}}(?:, \d{{4}})?")
LISTS: Dict[str, Callable[[SourceFile, SourceData], None]] = {
    "lines": read_lines,
    "tsv": read_table,
    "csv": read_table,
    "jsonl": read_jsonl,
}
# In reading order: files that give page ids and titles, then tables that refer to page ids, then
# the user's own lists.
READERS: Dict[str, Callable[..., None]] = {
    "page": read_page_table,
    "articles": lambda source, data: None,  # replaced in `_reader`
    "titles": read_title_list,
    "redirect": read_redirect_table,
    "page_props": read_page_props_table,
    **LISTS,
    # Last, since only views of known titles are counted.
    "pageviews": read_pageviews,  # replaced in `_reader`
}


@dataclass(frozen=True)
class Options:
    """Which parts of the sources are used.

    links (bool): Whether to read the links in the texts of articles: their targets and anchors.
    anchors (bool): Whether to use the anchors of links as aliases.
    linked (bool): Whether the targets of links and redirects are names even if the sources have no
        page of that title, for a dump of a part of a wiki.
    exclude_disambiguation (bool): Whether to exclude disambiguation pages.
    exclude_lists (bool): Whether to exclude Wikipedia's "List of ..." pages and the like.
    exclude_dates (bool): Whether to exclude English Wikipedia's pages of years and days.
    exclude_without_id (bool): Whether to exclude a wiki's titles that have no id.
    most_read (Optional[int]): The number of a wiki's titles to keep, those that are read most by
        the files of pageviews. None for all.
    pageviews_of (Optional[str]): The language of the Wikipedia whose views are read.
    shared_ids (bool): Whether two names of the user's own lists may have the same id.
    name_column, id_column (Optional[str]): The columns (or keys) of the user's own lists that have
        the names and the ids: a name of the header, or a number, from 1, if there is no header.
        None to detect them.
    """

    links: bool = True
    anchors: bool = True
    linked: bool = False
    exclude_disambiguation: bool = False
    exclude_lists: bool = False
    exclude_dates: bool = False
    exclude_without_id: bool = False
    most_read: Optional[int] = None
    pageviews_of: Optional[str] = None
    shared_ids: bool = False
    name_column: Optional[str] = None
    id_column: Optional[str] = None

    @property
    def columns(self) -> GivenColumns:
        """The columns that the user names."""
        return GivenColumns(self.name_column, self.id_column)


def build_from_sources(
    paths: Sequence[Path],
    tokenizer: NameTokenizer,
    options: Options = Options(),
    *,
    trie: str = "titles",
    skip_invalid: bool = False,
    n_process: int = 1,
    progress: bool = False,
) -> TitleSet:
    """Build a title set from Wikimedia's files and the user's own lists, in any combination.

    paths (Sequence[Path]): The files. Their kinds are detected by content (see `detect_kind`).
    tokenizer (NameTokenizer): The tokenizer of the model that shall generate the names.
    options (Options): Which parts of the files to use.
    trie (str): As for `TitleSet.build`.
    skip_invalid (bool): Whether to drop invalid names of the user's own lists. Invalid names of a
        wiki are always dropped.
    n_process (int): The number of processes that parse the texts of articles.
    progress (bool): Whether to show progress bars.
    RETURNS (TitleSet): The set. Its header has the sources, options and counts.
    RAISES (OSError, ValueError): If a file can't be read, has an error or contradicts another.
    """
    data = SourceData(shared_ids=options.shared_ids)
    sources = read_sources(paths, data, options, n_process=n_process, progress=progress)
    names, redirects = select_names(data, options)
    if not names:
        raise ValueError(Errors.T017.format(path=", ".join(map(str, paths))))
    for message in describe_unusual_names(data.listed):
        warnings.warn(message, stacklevel=2)
    ids = {**data.ids, **data.listed_ids}
    prior = data.counts or data.views  # views only if there are no counts: their unit differs
    lists = [path for path, source in zip(paths, sources, strict=True) if source["kind"] in LISTS]
    return TitleSet.build(
        names,
        tokenizer,
        ids=[ids.get(name) for name in names] if ids else None,
        prior=[prior.get(name, 0) for name in names] if prior else None,
        descriptions=[data.descriptions.get(name) for name in names] if data.descriptions else None,
        redirects=redirects,
        aliases=data.aliases,
        trie=trie,
        on_invalid="skip" if skip_invalid else "raise",
        required={*data.listed, *data.listed_redirects},
        where=partial(find_line, lists),
        header={
            "sources": sources,
            "options": asdict(options),
            "counts": _counts(data, names, redirects, ids),
            "left_out": dict(sorted(data.dropped.items())),
        },
        progress=progress,
    )


def read_sources(
    paths: Sequence[Path], data: SourceData, options: Options, *, n_process: int, progress: bool
) -> List[Dict[str, Any]]:
    """Read all files.

    paths (Sequence[Path]): The files.
    data (SourceData): The content of the files is added to it.
    options (Options): Which parts of the files to use.
    n_process, progress: As for `build_from_sources`.
    RETURNS (List[Dict[str, Any]]): The name, kind, size and SHA-256 of each file.
    """
    kinds = [detect_kind(path, options.columns) for path in paths]
    for path, kind in zip(paths, kinds, strict=True):
        if kind in ("redirect", "page_props") and not {"page", "articles"} & set(kinds):
            raise ValueError(Errors.F009.format(path=path, table=kind))
    order = sorted(range(len(paths)), key=lambda i: list(READERS).index(kinds[i]))
    sources: List[Dict[str, Any]] = [{} for _ in paths]
    for i in order:
        path, kind = paths[i], kinds[i]
        with open_source(path, progress=progress) as source:
            _reader(kind, options, n_process)(source, data)
            digest = source.finish()
        sources[i] = {
            "file": path.name,
            "kind": kind,
            "bytes": path.stat().st_size,
            "sha256": digest,
        }
    return sources


def _reader(
    kind: str, options: Options, n_process: int
) -> Callable[[SourceFile, SourceData], None]:
    if kind in ("tsv", "csv"):
        return partial(read_table, given=options.columns)
    if kind == "jsonl":
        return partial(read_jsonl, given=options.columns)
    if kind == "pageviews":
        return partial(read_pageviews, language=options.pageviews_of or "")
    if kind != "articles":
        return READERS[kind]
    # Imported lazily, since it needs packages of an extra.
    from .xml_dump import read_articles

    return partial(read_articles, links=options.links, anchors=options.anchors, n_process=n_process)


def select_names(data: SourceData, options: Options) -> Tuple[List[str], Dict[str, str]]:
    """Select the names and resolve the redirects.

    data (SourceData): The content of all sources. It is changed: excluded items are counted in
        `dropped`, and the counts and views of redirects are added to those of their names.
    options (Options): Which titles to exclude.
    RETURNS (Tuple[List[str], Dict[str, str]]): The names, and redirect -> name. Redirects of the
        user's own lists are returned as they are: an unresolved one is an error, which
        `TitleSet.build` raises.
    """
    names = dict(data.listed)
    linked = chain(data.counts, data.redirects.values()) if options.linked else ()
    for title in chain(data.titles, linked):
        if title and title not in names:
            reason = _exclusion_reason(title, data, options)
            if reason is None:
                names[title] = None
            else:
                data.dropped[reason] += 1
    wiki_redirects = {r: t for r, t in data.redirects.items() if r not in names}
    # The target of a wiki's redirect may be a redirect of the user's own list.
    redirects, unresolved = resolve_redirects({**wiki_redirects, **data.listed_redirects}, names)
    for redirect, reason in unresolved.items():
        if redirect in data.listed_redirects:
            continue
        kind = "in a circle" if reason == REDIRECTS_TO_ITSELF else "to no name of the set"
        data.dropped[f"redirects {kind}"] += 1
    for counts in (data.counts, data.views):
        for redirect, name in redirects.items():
            if count := counts.pop(redirect, 0):
                counts[name] += count
    redirects = {**redirects, **data.listed_redirects}
    if options.most_read is not None:
        return keep_most_read(list(names), redirects, data, options.most_read)
    return list(names), redirects


def _exclusion_reason(title: str, data: SourceData, options: Options) -> Optional[str]:
    """Why a title of a wiki is not a name, or None if it is one."""
    if title in data.listed_redirects:
        return "redirects of own lists"
    if title in data.redirects:
        return "titles that are redirects"
    if options.exclude_disambiguation and (
        title in data.disambiguations or title.endswith(DISAMBIGUATION_SUFFIXES)
    ):
        return "disambiguation pages"
    if options.exclude_lists and (title.startswith(LIST_PREFIXES) or FOREIGN_LIST.match(title)):
        return "lists"
    if options.exclude_dates and DATE.fullmatch(title):
        return "dates"
    if options.exclude_without_id and title not in data.ids:
        return "titles without an id"
    return None


def _counts(
    data: SourceData, names: List[str], redirects: Dict[str, str], ids: Dict[str, str]
) -> Dict[str, int]:
    return {
        "names": len(names),
        "of own lists": len(data.listed),
        "with an id": sum(name in ids for name in names),
        "with a description": sum(name in data.descriptions for name in names),
        "redirects": len(redirects),
        "aliases": len(data.aliases),
        "disambiguation pages": len(data.disambiguations),
    }
