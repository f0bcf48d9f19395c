"""Reading gold texts from files: Wikipedia dumps, JSON, DocBins, AIDA's TSV and NIF."""

from collections import Counter
from contextlib import contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Iterator, List, Optional, Tuple

import srsly
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab

from ..errors import Errors
from ..extensions import get_gold_candidates
from ..sources.files import ForeignFileError, SourceFile, open_source
from ..sources.mediawiki import Wiki
from ..sources.source_data import PageTitles, SourceData
from ..types import NIL
from .articles import ArticleOptions, page_texts
from .formats import aida, nif, spacy_links
from .formats.rows import UsableItems, has_gold, keys_of, texts_of_row
from .texts import LINK, GoldMention, GoldText

# The format of a file is detected from its first bytes.
N_DETECT = 1 << 16
# The texts of one item of a file: an article, a line or a Doc.
Texts = List[GoldText]


def read_texts(
    path: Path,
    options: ArticleOptions,
    *,
    skip: int = 0,
    n_process: int = 1,
    progress: bool = False,
    dropped: Optional[Counter[str]] = None,
    on_end: Optional[Callable[[str], None]] = None,
) -> Iterator[Texts]:
    """Read the texts of a file, item by item. The format is detected from the content: a dump of
    Wikipedia's articles, JSON or JSONL (see `formats/rows.py`), a DocBin, AIDA's TSV, or NIF. Files
    may be compressed with gzip or bzip2.

    At the end there is a warning if items have unlinked annotations only.

    path (Path): The file.
    options (ArticleOptions): Which mentions of articles are used.
    skip (int): Number of items to skip at the beginning.
    n_process (int): Number of processes that read articles.
    progress (bool): Whether to show a progress bar, in bytes of the file.
    dropped (Optional[Counter[str]]): Counts what is left out, by reason.
    on_end (Optional[Callable[[str], None]]): Called with the file's SHA-256 after the last item.
    YIELDS (Texts): The texts of each item.
    RAISES (OSError, ValueError): If the file can't be read, with the line if it is JSONL; at its
        end, if it has no gold annotations.
    """
    if path.is_dir():
        reason = "it is a folder; give the files in it"
        raise ValueError(Errors.D003.format(path=path, reason=reason))
    with open_gold(path, progress=progress) as source:
        head = source.stream.peek(N_DETECT)[:N_DETECT]  # type: ignore[attr-defined]
        read = _detect_reader(path, head)
        counts: Counter[str] = Counter() if dropped is None else dropped
        items = UsableItems()
        if read is _read_dump:
            yield from _read_dump(source, options, counts, skip=skip, n_process=n_process)
        else:
            yield from read(source, options, items, skip=skip)
        if items.n_unusable:
            counts["texts with unlinked annotations only"] += items.n_unusable
        items.check(path, is_whole=not skip)
        if on_end is not None:
            on_end(source.finish())


@contextmanager
def open_gold(path: Path, *, progress: bool = False) -> Iterator[SourceFile]:
    """Open a file of gold annotations: see `open_source`, whose messages are about names."""
    try:
        with open_source(path, progress=progress) as source:
            yield source
    except ForeignFileError as err:
        raise ValueError(Errors.D043.format(path=err.path, kind=err.kind)) from err


def _detect_reader(path: Path, head: bytes) -> Callable[..., Iterator[Texts]]:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<mediawiki"):
        return _read_dump
    if not text or text.startswith(b"{"):
        return _read_jsonl
    if text.startswith(b"["):
        return _read_jsonl if _is_row_per_line(text) else _read_json
    if text.startswith(aida.DOCUMENT_START.encode()):
        return _read_aida
    if nif.is_nif(text):
        return _read_nif
    if head[:1] == b"\x78":  # zlib, with which a DocBin is compressed
        return _read_docbin
    raise ValueError(Errors.D001.format(path=path))


def _is_row_per_line(text: bytes) -> bool:
    """Whether the first line is a row by itself, rather than the beginning of a list of rows."""
    try:
        return spacy_links.is_pair(srsly.json_loads(text.partition(b"\n")[0].decode("utf8")))
    except ValueError:
        return False


def _read_dump(
    source: SourceFile,
    options: ArticleOptions,
    dropped: Counter[str],
    *,
    skip: int,
    n_process: int,
) -> Iterator[Texts]:
    # Imported here because it needs the extra "titles".
    from ..sources.xml_dump import map_articles

    read = partial(_article_texts, options=options)
    data = SourceData()
    for _, (texts, counts) in map_articles(source, data, read, skip=skip, n_process=n_process):
        # Titles and redirects are not needed here and would fill the memory.
        data.redirects.clear()
        data.pages = PageTitles()
        dropped.update(counts)
        yield texts


def _article_texts(
    title: str, text: str, wiki: Wiki, *, options: ArticleOptions
) -> Tuple[Texts, Counter[str]]:
    from ..sources.running_text import extract_text

    page = extract_text(title, text, wiki)
    return page_texts(page, options), page.dropped


def _read_jsonl(
    source: SourceFile, options: ArticleOptions, items: UsableItems, *, skip: int
) -> Iterator[Texts]:
    for number, line in islice(enumerate(source.stream, start=1), skip, None):
        if not line.strip():
            yield []
            continue
        try:
            row = srsly.json_loads(line.decode("utf-8-sig"))
            texts = texts_of_row(row, options)
        except ValueError as err:  # UnicodeDecodeError included
            message = Errors.D002.format(path=source.path, line=number, reason=err)
            raise ValueError(message) from err
        _count_row(items, number, row, texts)
        yield texts


def _read_json(
    source: SourceFile, options: ArticleOptions, items: UsableItems, *, skip: int
) -> Iterator[Texts]:
    """A list of rows, or a spaCy pair on several lines."""
    try:
        rows = srsly.json_loads(source.stream.read().decode("utf-8-sig"))
    except ValueError as err:
        raise ValueError(Errors.D003.format(path=source.path, reason=err)) from err
    rows = [rows] if spacy_links.is_pair(rows) else rows
    for number, row in islice(enumerate(rows, start=1), skip, None):
        try:
            texts = texts_of_row(row, options)
        except ValueError as err:
            reason = f"row {number}: {err}"
            raise ValueError(Errors.D003.format(path=source.path, reason=reason)) from err
        _count_row(items, number, row, texts)
        yield texts


def _count_row(items: UsableItems, number: int, row: Any, texts: Texts) -> None:
    is_usable = has_gold(row, texts)
    items.add(number, is_usable, () if is_usable or not texts else keys_of(row))


def _read_aida(
    source: SourceFile, options: ArticleOptions, items: UsableItems, *, skip: int
) -> Iterator[Texts]:
    try:
        documents = aida.read_documents(source.stream)
        for number, text in islice(enumerate(documents, start=1), skip, None):
            items.add(number, bool(text.mentions), ("tokens without B and I",))
            yield [text]
    except ValueError as err:
        reason, *line = err.args
        if not line:  # from the one who reads the texts, or of a damaged file
            raise
        message = Errors.D002.format(path=source.path, line=line[0], reason=reason)
        raise ValueError(message) from err


def _read_nif(
    source: SourceFile, options: ArticleOptions, items: UsableItems, *, skip: int
) -> Iterator[Texts]:
    try:
        texts = list(nif.read_contexts(source.stream.read()))
    except ValueError as err:
        raise ValueError(Errors.D003.format(path=source.path, reason=err)) from err
    for number, text in islice(enumerate(texts, start=1), skip, None):
        items.add(number, bool(text.mentions), ("nif:isString without itsrdf:taIdentRef",))
        yield [text]


def _read_docbin(
    source: SourceFile, options: ArticleOptions, items: UsableItems, *, skip: int
) -> Iterator[Texts]:
    try:
        docs = DocBin().from_bytes(source.stream.read()).get_docs(Vocab())
        for number, doc in islice(enumerate(docs, start=1), skip, None):
            text = doc_text(doc)
            keys = ("ents[without kb_id]",) if doc.ents else ("Docs without entities",)
            items.add(number, bool(text.mentions), keys)
            yield [text]
    except (ValueError, KeyError, TypeError, OSError) as err:
        reason = f"it is not a DocBin, or is truncated ({err})"
        raise ValueError(Errors.D003.format(path=source.path, reason=reason)) from err


def doc_text(doc: Doc) -> GoldText:
    """RETURNS (GoldText): The text of a Doc; its entities with a kb_id are the mentions."""
    return GoldText(doc.text, tuple(_ent_mention(ent) for ent in doc.ents if ent.kb_id_))


def _ent_mention(ent: Span) -> GoldMention:
    # As a kb_id, "NIL" means no entity. As a title, it could be the title of a page.
    title, kb_id = ("", NIL) if ent.kb_id_ == NIL else (ent.kb_id_, "")
    candidates = tuple(get_gold_candidates(ent))
    return GoldMention(ent.start_char, ent.end_char, title, kb_id, ent.label_, LINK, candidates)
