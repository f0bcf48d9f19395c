"""Readers of MediaWiki's database tables page, redirect and page_props, and of its list of titles
(`all-titles-in-ns0`)."""

from typing import Callable, Dict

from ..errors import Errors
from .files import SourceFile
from .mediawiki import title_of_key
from .source_data import OTHER_NAMESPACE, SourceData
from .sql import SqlTable, unquote_value

# The page properties that a title set can store.
PROPERTIES = (b"'wikibase_item'", b"'wikibase-shortdesc'", b"'disambiguation'")


def read_page_table(source: SourceFile, data: SourceData) -> None:
    """Read the table of pages: titles, and which of them are redirects (without targets)."""
    columns = ("page_id", "page_namespace", "page_title", "page_is_redirect")
    table = SqlTable(source, columns)
    n_other_namespaces = 0
    for page_id, namespace, key, is_redirect in table:
        if namespace != b"0":
            n_other_namespaces += 1
            continue
        title = title_of_key(_decode(unquote_value(key), table))
        data.pages.add(int(page_id), title)
        if is_redirect == b"0":
            data.titles[title] = None
        else:
            # The target is in the table of redirects.
            data.redirects.setdefault(title, "")
    data.dropped[OTHER_NAMESPACE] += n_other_namespaces


def read_redirect_table(source: SourceFile, data: SourceData) -> None:
    """Read the table of redirects: the target of each."""
    columns = ("rd_from", "rd_namespace", "rd_title", "rd_interwiki")
    table = SqlTable(source, columns)
    for page_id, namespace, key, interwiki in table:
        title = data.pages.title(int(page_id))
        if title is None:
            data.dropped["redirects of pages that are no articles"] += 1
        elif namespace != b"0" or interwiki not in (b"NULL", b"''"):
            data.redirects[title] = ""
        else:
            data.redirects[title] = title_of_key(_decode(unquote_value(key), table))


def read_page_props_table(source: SourceFile, data: SourceData) -> None:
    """Read the table of page properties: Wikidata ids, short descriptions, and which pages are
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
            values = data.ids if name == b"'wikibase_item'" else data.descriptions
            values[title] = _decode(unquote_value(value), table)


def read_title_list(source: SourceFile, data: SourceData) -> None:
    """Read the list of titles, with redirects among them: a header, then one title per line, or a
    namespace id and a title."""
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


def _decode(value: bytes, table: SqlTable) -> str:
    try:
        return value.decode("utf8")
    except UnicodeDecodeError as err:
        raise table.error(f"{value[:60]!a} is not UTF-8") from err


TABLES: Dict[str, Callable[[SourceFile, SourceData], None]] = {
    "page": read_page_table,
    "redirect": read_redirect_table,
    "page_props": read_page_props_table,
}
