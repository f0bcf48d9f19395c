"""Reading the tables of MediaWiki's database that tell of titles: page, redirect, page_props; and
the plain list of titles (`all-titles-in-ns0`)."""

from typing import Callable, Dict

from ..errors import Errors
from .files import SourceFile
from .mediawiki import title_of_key
from .source_data import OTHER_NAMESPACE, SourceData
from .sql import SqlTable, unquote_value

# Of the properties of a page those that a title set can hold.
PROPERTIES = (b"'wikibase_item'", b"'wikibase-shortdesc'", b"'disambiguation'")


def read_page_table(source: SourceFile, data: SourceData) -> None:
    """The table of pages: titles, and which of them are redirects (not where to)."""
    columns = ("page_id", "page_namespace", "page_title", "page_is_redirect")
    table = SqlTable(source, columns)
    n_others = 0
    for page_id, namespace, key, is_redirect in table:
        if namespace != b"0":
            n_others += 1
            continue
        title = title_of_key(_decoded(unquote_value(key), table))
        data.pages.add(int(page_id), title)
        if is_redirect == b"0":
            data.titles[title] = None
        else:
            # The table of redirects has the target, if it is read as well.
            data.redirects.setdefault(title, "")
    data.dropped[OTHER_NAMESPACE] += n_others


def read_redirect_table(source: SourceFile, data: SourceData) -> None:
    """The table of redirects: where each leads to."""
    columns = ("rd_from", "rd_namespace", "rd_title", "rd_interwiki")
    table = SqlTable(source, columns)
    for page_id, namespace, key, interwiki in table:
        title = data.pages.title(int(page_id))
        if title is None:
            data.dropped["redirects of pages that are no articles"] += 1
        elif namespace != b"0" or interwiki not in (b"NULL", b"''"):
            data.redirects[title] = ""
        else:
            data.redirects[title] = title_of_key(_decoded(unquote_value(key), table))


def read_page_props_table(source: SourceFile, data: SourceData) -> None:
    """The table of page properties: Wikidata's ids, short descriptions, and which pages are
    disambiguation pages."""
    table = SqlTable(source, ("pp_page", "pp_propname", "pp_value"))
    for page_id, name, value in table:
        if name not in PROPERTIES:
            continue
        title = data.pages.title(int(page_id))
        if title is None:
            continue
        if name == b"'disambiguation'":
            data.disambiguations.add(title)
        elif title not in data.redirects:
            known = data.ids if name == b"'wikibase_item'" else data.descriptions
            known[title] = _decoded(unquote_value(value), table)


def read_title_list(source: SourceFile, data: SourceData) -> None:
    """The list of all titles of the main namespace, one a line below a header; redirects are among
    them. Also the longer list with the number of the namespace in front."""
    stream = source.stream
    has_namespaces = b"\t" in stream.readline()
    for number, line in enumerate(stream, start=2):
        if not line.endswith(b"\n"):
            reason = "the file ends within a line"
            raise ValueError(Errors.F010.format(path=source.path, line=number, reason=reason))
        namespace, _, key = line[:-1].partition(b"\t") if has_namespaces else (b"0", b"", line[:-1])
        if namespace != b"0":
            data.dropped[OTHER_NAMESPACE] += 1
            continue
        try:
            title = title_of_key(key.decode("utf8"))
        except UnicodeDecodeError as err:
            reason = f"byte {err.start} of the line is not UTF-8"
            message = Errors.F010.format(path=source.path, line=number, reason=reason)
            raise ValueError(message) from err
        if title:
            data.titles[title] = None


def _decoded(value: bytes, table: SqlTable) -> str:
    try:
        return value.decode("utf8")
    except UnicodeDecodeError as err:
        raise table.error(f"{value[:60]!a} is not UTF-8") from err


TABLES: Dict[str, Callable[[SourceFile, SourceData], None]] = {
    "page": read_page_table,
    "redirect": read_redirect_table,
    "page_props": read_page_props_table,
}
