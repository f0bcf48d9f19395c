"""Reading gold texts from files: Wikipedia dumps, JSONL and DocBins."""

from collections import Counter
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

import srsly
from spacy.tokens import Doc, DocBin, Span
from spacy.vocab import Vocab

from ..errors import Errors
from ..extensions import get_gold_candidates
from ..sources.files import SourceFile, open_source
from ..sources.mediawiki import NotAnArticle, Wiki
from ..sources.pages import Page, Paragraph, TextLink
from ..sources.source_data import PageTitles, SourceData
from ..types import NIL
from .articles import ArticleOptions, page_texts
from .texts import LINK, GoldMention, GoldText, list_of, text_of

# The format of a file is detected from its first bytes.
N_DETECT = 1 << 16
# Around the mention in KILT's entity linking inputs.
START_MARKER, END_MARKER = "[START_ENT]", "[END_ENT]"
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
    Wikipedia's articles, JSONL (our own rows, pages, or KILT's rows), or a DocBin. Files may be
    compressed with gzip or bzip2.

    path (Path): The file.
    options (ArticleOptions): Which mentions of articles are used.
    skip (int): Number of items to skip at the beginning.
    n_process (int): Number of processes that read articles.
    progress (bool): Whether to show a progress bar, in bytes of the file.
    dropped (Optional[Counter[str]]): Counts what is left out of articles, by reason.
    on_end (Optional[Callable[[str], None]]): Called with the file's SHA-256 after the last item.
    YIELDS (Texts): The texts of each item.
    RAISES (OSError, ValueError): If the file can't be read, with the line if it is JSONL.
    """
    if path.is_dir():
        reason = "it is a folder; give the files in it"
        raise ValueError(Errors.D003.format(path=path, reason=reason))
    with open_source(path, progress=progress) as source:
        head = source.stream.peek(N_DETECT)[:N_DETECT]  # type: ignore[attr-defined]
        read = _detect_reader(path, head)
        if read is _read_dump:
            counts: Counter[str] = Counter() if dropped is None else dropped
            yield from _read_dump(source, options, counts, skip=skip, n_process=n_process)
        else:
            yield from read(source, options, skip=skip)
        if on_end is not None:
            on_end(source.finish())


def _detect_reader(path: Path, head: bytes) -> Callable[..., Iterator[Texts]]:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<mediawiki"):
        return _read_dump
    if not text or text.startswith(b"{"):
        return _read_jsonl
    if head[:1] == b"\x78":  # zlib, with which a DocBin is compressed
        return _read_docbin
    raise ValueError(Errors.D001.format(path=path))


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


def _read_jsonl(source: SourceFile, options: ArticleOptions, *, skip: int) -> Iterator[Texts]:
    for number, line in islice(enumerate(source.stream, start=1), skip, None):
        if not line.strip():
            yield []
            continue
        try:
            row = srsly.json_loads(line.decode("utf-8-sig"))
            yield texts_of_row(row, options)
        except ValueError as err:  # UnicodeDecodeError included
            message = Errors.D002.format(path=source.path, line=number, reason=err)
            raise ValueError(message) from err


def texts_of_row(row: Any, options: ArticleOptions) -> Texts:
    """Read one line of JSONL.

    row (Any): A page (`title`, `paragraphs[{text, links[{start, end, title}]}]`), our own row (see
        `texts.py`), or a row of KILT (`input`, `output`).
    options (ArticleOptions): Which mentions of pages are used.
    RETURNS (Texts): The texts.
    RAISES (ValueError): If the row has another format or is not valid.
    """
    if not isinstance(row, dict):
        raise ValueError(f"it is {str(row)[:40]!r}, not an object")
    if "paragraphs" in row:
        return page_texts(_page_of_row(row), options)
    if "text" in row:
        return [GoldText.from_row(row)]
    if "input" in row:
        return [_kilt_text(row)]
    raise ValueError("it has none of 'text', 'paragraphs' and 'input'")


def _page_of_row(row: Dict[str, Any]) -> Page:
    if not isinstance(row.get("title"), str) or not isinstance(row["paragraphs"], list):
        raise ValueError("'title' must be the title of the page, and 'paragraphs' a list")
    paragraphs = []
    for paragraph in row["paragraphs"]:
        if not isinstance(paragraph, dict) or not isinstance(paragraph.get("text"), str):
            raise ValueError(f"{str(paragraph)[:40]!r} is no paragraph: it has no 'text'")
        if not paragraph["text"].strip():
            continue
        text = GoldText.from_row({"text": paragraph["text"], "mentions": paragraph.get("links")})
        links = [TextLink(m.start, m.end, _article_title(m.title)) for m in text.mentions]
        # Such data has no wikitext any more, but often the names of HTML tags.
        is_list = paragraph.get("tag") in ("li", "dd", "dt")
        article_links = tuple(link for link in links if link.title)
        paragraphs.append(Paragraph(text.text, article_links, is_list))
    return Page(text_of(row, "title"), paragraphs)


def _article_title(title: str) -> str:
    try:
        return Wiki().article_title(title)
    except NotAnArticle:
        return ""


def _kilt_text(row: Dict[str, Any]) -> GoldText:
    """A row of KILT, or of the paper's data sets, which have the same format."""
    title = _kilt_title(row)
    left, mention, right = _kilt_parts(row)
    text: Dict[str, Any] = {"text": left + mention + right}
    if mention:
        offsets = {"start": len(left), "end": len(left) + len(mention)}
        text["mentions"] = [{**offsets, "title": title, "candidates": row.get("candidates")}]
    else:
        text["title"] = title
    return GoldText.from_row(text)  # which checks the values


def _kilt_parts(row: Dict[str, Any]) -> Tuple[str, str, str]:
    """The left context, the mention and the right context of an entity linking input; the whole
    text, "" and "" for the other tasks of KILT."""
    meta = row.get("meta") or {}
    if text_of(meta, "mention").strip():
        parts = tuple(text_of(meta, key) for key in ("left_context", "mention", "right_context"))
    else:
        text = text_of(row, "input", required=True)
        if START_MARKER not in text and END_MARKER not in text:
            return text, "", ""
        parts = _split_at_markers(text)
    left, mention, right = (part.strip() for part in parts)
    no_space = right[:1] in ".,;:!?)'’" and parts[2][:1] != " "
    return f"{left} " if left else "", mention, right if no_space or not right else f" {right}"


def _split_at_markers(text: str) -> Tuple[str, str, str]:
    left, _, after_start = text.partition(START_MARKER)
    mention, end_marker, right = after_start.partition(END_MARKER)
    is_one = text.count(START_MARKER) == text.count(END_MARKER) == 1
    if not (is_one and end_marker and mention.strip()):
        raise ValueError(
            f"'input' must have one mention, {START_MARKER} mention {END_MARKER}, or no marker"
        )
    return left, mention, right


def _kilt_title(row: Dict[str, Any]) -> str:
    """The title of the gold page: the first provenance with a title, or else the first answer. (In
    many tasks of KILT the answer is not a title.)"""
    outputs = [output for output in list_of(row, "output") if isinstance(output, dict)]
    provenance = (p for output in outputs for p in list_of(output, "provenance"))
    titles = (text_of(p, "title") for p in provenance if isinstance(p, dict))
    answers = (text_of(output, "answer") for output in outputs)
    title = next(filter(None, chain(titles, answers)), "")
    if not title:
        raise ValueError("its 'output' has no answer and no provenance with a title")
    return title


def _read_docbin(source: SourceFile, options: ArticleOptions, *, skip: int) -> Iterator[Texts]:
    try:
        docs = DocBin().from_bytes(source.stream.read()).get_docs(Vocab())
        for doc in islice(docs, skip, None):
            yield [doc_text(doc)]
    except (ValueError, KeyError, TypeError, OSError) as err:
        reason = f"it is no DocBin, or is cut ({err})"
        raise ValueError(Errors.D003.format(path=source.path, reason=reason)) from err


def doc_text(doc: Doc) -> GoldText:
    """RETURNS (GoldText): The text of a Doc; its entities with a kb_id are the mentions."""
    return GoldText(doc.text, tuple(_ent_mention(ent) for ent in doc.ents if ent.kb_id_))


def _ent_mention(ent: Span) -> GoldMention:
    # As a kb_id, "NIL" means no entity. As a title, it could be the title of a page.
    title, kb_id = ("", NIL) if ent.kb_id_ == NIL else (ent.kb_id_, "")
    candidates = tuple(get_gold_candidates(ent))
    return GoldMention(ent.start_char, ent.end_char, title, kb_id, ent.label_, LINK, candidates)
