"""Writers of all output formats. A shard is a part of the output, written by itself."""

import csv
import io
import json
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import (
    Any,
    ClassVar,
    Dict,
    Iterator,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Sequence,
    Set,
    Type,
)

from spacy import displacy
from spacy.displacy.templates import TPL_PAGE
from spacy.tokens import Doc, DocBin

from ..atomic import write_atomically
from ..displacy import parse_ents, parse_spans
from ..errors import Errors
from .links import MENTION_FIELDS, NAME_FIELDS, PAGE_FIELDS, Link
from .parquet import make_schema, merge_tables, write_table
from .rows import ROW, Row
from .scan import Scan
from .values import cell, plain

# The prefix of columns that the output adds, since the input may have a column "title".
PREFIX = "link_"
# The list of links in formats that have lists.
MENTIONS, PAGES = "mentions", "pages"
# The column with the input file, if there are several.
FILE = "file"


class LinkedRow(NamedTuple):
    """A row with its links.

    row (Row): The row of the input.
    file (str): The input file.
    doc (Doc): The Doc.
    links (List[Link]): The links, of the fields of `Layout`.
    """

    row: Row
    file: str
    doc: Doc
    links: List[Link]


@dataclass(frozen=True)
class Layout:
    """Which columns the output has.

    scan (Scan): The columns of the inputs.
    is_names (bool): Whether each row is a bare name, with at most one link.
    is_pages (bool): Whether links are pages, of the retriever.
    has_files (bool): Whether rows have the column `FILE`.
    spans_key (Optional[str]): Where the links are in a Doc; None for `doc.ents`.
    """

    scan: Scan
    is_names: bool = False
    is_pages: bool = False
    has_files: bool = False
    spans_key: Optional[str] = None

    @property
    def fields(self) -> Mapping[str, str]:
        """The fields of a link, with their types."""
        return PAGE_FIELDS if self.is_pages else NAME_FIELDS if self.is_names else MENTION_FIELDS

    @property
    def many(self) -> str:
        """The key of the list of links; "" if the fields of one link are columns."""
        return "" if self.is_names else PAGES if self.is_pages else MENTIONS

    @property
    def replaced(self) -> Set[str]:
        """The columns of the input that the links replace: the mentions that were given."""
        is_list = self.scan.columns.get(MENTIONS, {"str"}) <= {"list", "NoneType"}
        return {MENTIONS} if is_list and self.many == MENTIONS else set()

    @property
    def columns(self) -> List[str]:
        """The columns of the input that the output has."""
        kept = (key for key in self.scan.columns if key not in self.replaced)
        return [*[FILE] * self.has_files, *kept]

    def values(self, linked: LinkedRow) -> Dict[str, Any]:
        """The columns of a row, without its links."""
        values = {k: value for k, value in linked.row.values.items() if k not in self.replaced}
        return {FILE: linked.file, **values} if self.has_files else values

    def flat(self, link: Link) -> Dict[str, Any]:
        """A link as columns."""
        return {f"{PREFIX}{key}": link.get(key) for key in self.fields}

    def nested(self, linked: LinkedRow) -> Dict[str, Any]:
        """All columns of a row, with its links as a list or, for a bare name, as columns."""
        if not self.many:
            return {**self.values(linked), **self.flat(linked.links[0] if linked.links else {})}
        links = [{key: link[key] for key in self.fields} for link in linked.links]
        return {**self.values(linked), self.many: links}

    def check(self, format: str) -> None:
        """RAISES (ValueError): If a format would replace columns of the inputs."""
        added = {FILE} if self.has_files else set()
        if format in ("csv", "tsv") or not self.many:
            added |= {f"{PREFIX}{key}" for key in self.fields}
        elif format in ("jsonl", "parquet"):
            added |= {self.many}
        if keys := (added & self.scan.columns.keys()) - self.replaced:
            message = Errors.B058.format(keys=", ".join(map(repr, sorted(keys))))
            raise ValueError(message)


class Writer:
    """Writes the output in a format: shards, which may be joined.

    suffix (str): The ending of its files.
    """

    suffix: ClassVar[str]

    def __init__(self, layout: Layout) -> None:
        self.layout = layout

    def write(self, path: Path, rows: Sequence[LinkedRow], *, is_whole: bool) -> None:
        """Write a shard.

        path (Path): The file. It is written completely or not at all.
        rows (Sequence[LinkedRow]): Its rows.
        is_whole (bool): Whether the shard is a file of its own, instead of a part of one.
        """
        body = "".join(map(self.dump, rows))
        text = self.start() + body + self.end() if is_whole else body
        write_atomically(path, text.encode("utf8", "surrogatepass"))

    def join(self, shards: Sequence[Path], out: Path) -> None:
        """Join shards that are not whole into one file."""
        with out.open("wb") as file:
            file.write(self.start().encode("utf8"))
            for shard in shards:
                with shard.open("rb") as part:
                    shutil.copyfileobj(part, file)
            file.write(self.end().encode("utf8"))

    def start(self) -> str:
        """What a file begins with."""
        return ""

    def dump(self, linked: LinkedRow) -> str:
        """A row."""
        raise NotImplementedError

    def end(self) -> str:
        """What a file ends with."""
        return ""


class JsonlWriter(Writer):
    """One object per row, with a list of links."""

    suffix = ".jsonl"

    def dump(self, linked: LinkedRow) -> str:
        return f"{json.dumps(plain(self.layout.nested(linked)), ensure_ascii=False)}\n"


class CsvWriter(Writer):
    """One row per link. A row of the input without links has one row, with empty cells."""

    suffix = ".csv"
    delimiter: ClassVar[str] = ","

    def start(self) -> str:
        layout = self.layout
        return self._line([*layout.columns, *(f"{PREFIX}{key}" for key in layout.fields)])

    def dump(self, linked: LinkedRow) -> str:
        values = self.layout.values(linked)
        before = [cell(values.get(key)) for key in self.layout.columns]
        links = map(self.layout.flat, linked.links or [{}])
        return "".join(self._line([*before, *map(cell, link.values())]) for link in links)

    def _line(self, cells: Sequence[str]) -> str:
        file = io.StringIO()
        csv.writer(file, delimiter=self.delimiter, lineterminator="\n").writerow(cells)
        return file.getvalue()


class TsvWriter(CsvWriter):
    """As CSV, with tabs."""

    suffix = ".tsv"
    delimiter = "\t"


class TxtWriter(Writer):
    """The texts with links in Markdown: "[Einstein](https://…)", one text per line or paragraph."""

    suffix = ".txt"

    def dump(self, linked: LinkedRow) -> str:
        text, parts, position = linked.doc.text, [], 0
        for link in linked.links:
            target = link["url"] or link["title"]
            if target and link["start"] >= position:  # spans of a group may overlap
                parts += [text[position : link["start"]], f"[{link['mention']}]({target})"]
                position = link["end"]
        return f"{''.join(parts)}{text[position:]}\n" + "\n" * ("\n" in text)


class HtmlWriter(Writer):
    """A page of displaCy, with links."""

    suffix = ".html"

    def start(self) -> str:
        return self._page()[0]

    def end(self) -> str:
        return self._page()[1]

    def _page(self) -> List[str]:
        page = TPL_PAGE.format(content="\0", lang="en", dir="ltr").lstrip()
        charset = '<head>\n        <meta charset="utf-8">'
        return page.replace("<head>", charset, 1).split("\0")

    def dump(self, linked: LinkedRow) -> str:
        figure = self._pages(linked) if self.layout.is_pages else self._spans(linked)
        return f'<figure style="margin-bottom: 3rem">{figure}</figure>\n'

    def _spans(self, linked: LinkedRow) -> str:
        if not linked.links:
            return f"<div>{escape(linked.doc.text)}</div>"
        key = self.layout.spans_key
        parse = parse_ents(linked.doc) if key is None else parse_spans(linked.doc, spans_key=key)
        for span, link in zip(parse["ents" if key is None else "spans"], linked.links, strict=True):
            span["kb_id"], span["kb_url"] = escape(link["title"]), escape(link["url"]) or "#"
        style = "ent" if key is None else "span"
        options = {"spans_key": key} if key else {}
        return displacy.render(parse, style=style, manual=True, jupyter=False, options=options)

    def _pages(self, linked: LinkedRow) -> str:
        items = (
            f'<li><a href="{escape(link["url"]) or "#"}">{escape(link["title"])}</a></li>'
            for link in linked.links
        )
        return f"<div>{escape(linked.doc.text)}</div><ol>{''.join(items)}</ol>"


class SpacyWriter(Writer):
    """Docs with links, and the columns of the row in `doc.user_data["row"]`."""

    suffix = ".spacy"

    def write(self, path: Path, rows: Sequence[LinkedRow], *, is_whole: bool) -> None:
        docbin = DocBin(store_user_data=True)
        for linked in rows:
            linked.doc.user_data[ROW] = plain(self.layout.values(linked))
            docbin.add(linked.doc)
        write_atomically(path, docbin.to_bytes())

    def join(self, shards: Sequence[Path], out: Path) -> None:
        """See `Writer.join`. All Docs must fit into memory, compressed to tokens and ids."""
        docbin = DocBin(store_user_data=True)
        for shard in shards:
            docbin.merge(DocBin(store_user_data=True).from_disk(shard))
        docbin.to_disk(out)


class ParquetWriter(Writer):
    """One row per row of the input, with a list of links."""

    suffix = ".parquet"

    def __init__(self, layout: Layout) -> None:
        super().__init__(layout)
        columns = {key: layout.scan.columns.get(key, {"str"}) for key in layout.columns}
        links = layout.fields
        if not layout.many:
            links = {f"{PREFIX}{key}": kind for key, kind in links.items()}
        self.schema = make_schema(columns, layout.scan.schema, links, layout.many)

    def write(self, path: Path, rows: Sequence[LinkedRow], *, is_whole: bool) -> None:
        with _renamed(path) as temporary:
            write_table(temporary, [self.layout.nested(linked) for linked in rows], self.schema)

    def join(self, shards: Sequence[Path], out: Path) -> None:
        merge_tables(shards, out, self.schema)


@contextmanager
def _renamed(path: Path) -> Iterator[Path]:
    """A file beside another one, which it replaces when it is written."""
    temporary = path.with_name(f".{path.name}.part")
    yield temporary
    temporary.replace(path)


WRITERS: Dict[str, Type[Writer]] = {
    "txt": TxtWriter,
    "csv": CsvWriter,
    "tsv": TsvWriter,
    "jsonl": JsonlWriter,
    "parquet": ParquetWriter,
    "spacy": SpacyWriter,
    "html": HtmlWriter,
}
