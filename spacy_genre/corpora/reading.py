"""Reading texts with mentions, whatever file they are in."""

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
from .texts import GoldMention, GoldText, list_of, text_of

# So much of a file tells what it is.
START = 1 << 16
# Around the mention in KILT's inputs, where it has one.
MARKERS = ("[START_ENT]", "[END_ENT]")
# What one item of a file (an article, a line, a Doc) gave.
Texts = List[GoldText]


def read_texts(
    path: Path,
    options: ArticleOptions,
    *,
    skip: int = 0,
    n_process: int = 1,
    progress: bool = False,
    dropped: Optional[Counter[str]] = None,
    finish: Optional[Callable[[str], None]] = None,
) -> Iterator[Texts]:
    """The texts of a file, item by item. What it is is seen by its content: a dump of Wikipedia's
    articles, lines of JSON (our own, pages, or KILT's), or a DocBin; packed (.gz, .bz2) or not.

    path (Path): The file.
    options (ArticleOptions): What becomes of articles.
    skip (int): So many items are passed over at the beginning.
    n_process (int): How many processes read articles.
    progress (bool): Whether to show a bar, in bytes of the file.
    dropped (Optional[Counter[str]]): To which is added what was left out of articles, by reason.
    finish (Optional[Callable[[str], None]]): Is given the file's SHA-256 at the end.
    RAISES (OSError, ValueError): If it can't be read; with the line, where it has lines.
    """
    if path.is_dir():
        reason = "it is a folder; give the files in it"
        raise ValueError(Errors.D003.format(path=path, reason=reason))
    with open_source(path, progress=progress) as source:
        start = source.stream.peek(START)[:START]  # type: ignore[attr-defined]
        read = _reader(path, start)
        if read is _read_dump:
            counts: Counter[str] = Counter() if dropped is None else dropped
            yield from _read_dump(source, options, counts, skip=skip, n_process=n_process)
        else:
            yield from read(source, options, skip=skip)
        if finish is not None:
            finish(source.finish())


def _reader(path: Path, start: bytes) -> Callable[..., Iterator[Texts]]:
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<mediawiki"):
        return _read_dump
    if not text or text.startswith(b"{"):
        return _read_jsonl
    if start[:1] == b"\x78":  # zlib, in which a DocBin is packed
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
    # Not for all readers, since they need what only the extra "titles" brings.
    from ..sources.xml_dump import map_articles

    read = partial(_article_texts, options=options)
    found = SourceData()
    for _, (texts, lost) in map_articles(source, found, read, skip=skip, n_process=n_process):
        # What is found beside the articles is not needed here, and would fill the memory.
        found.redirects.clear()
        found.pages = PageTitles()
        dropped.update(lost)
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
        except ValueError as err:  # no UTF-8 is one as well
            message = Errors.D002.format(path=source.path, line=number, reason=err)
            raise ValueError(message) from err


def texts_of_row(row: Any, options: ArticleOptions) -> Texts:
    """The texts of a line of JSON: our own row (see `gold.py`), a page (`title`,
    `paragraphs[{text, links[{start, end, title}]}]`), or KILT's (`input`, `output`).

    RAISES (ValueError): If it is none of these.
    """
    if not isinstance(row, dict):
        raise ValueError(f"it is {str(row)[:40]!r}, not an object")
    if "text" in row:
        return [GoldText.from_row(row)]
    if "paragraphs" in row:
        return page_texts(_page(row), options)
    if "input" in row:
        return _kilt_texts(row)
    raise ValueError("it has none of 'text', 'paragraphs' and 'input'")


def _page(row: Dict[str, Any]) -> Page:
    if not isinstance(row.get("title"), str) or not isinstance(row["paragraphs"], list):
        raise ValueError("'title' must be the title of the page, and 'paragraphs' a list")
    paragraphs = []
    for paragraph in row["paragraphs"]:
        if not isinstance(paragraph, dict) or not isinstance(paragraph.get("text"), str):
            raise ValueError(f"{str(paragraph)[:40]!r} is no paragraph: it has no 'text'")
        if not paragraph["text"].strip():
            continue
        gold = GoldText.from_row({"text": paragraph["text"], "mentions": paragraph.get("links")})
        named = ((m, _article_title(m.title)) for m in gold.mentions)
        links = tuple(TextLink(m.start, m.end, title) for m, title in named if title)
        # Such data have lost the marks of lists, but not the names of HTML's tags.
        paragraphs.append(Paragraph(gold.text, links, paragraph.get("tag") in ("li", "dd", "dt")))
    return Page(text_of(row, "title"), paragraphs)


def _article_title(title: str) -> str:
    try:
        return Wiki().article_title(title)
    except NotAnArticle:
        return ""


def _kilt_texts(row: Dict[str, Any]) -> Texts:
    """A row of KILT, or of the data sets that came with the paper, which have its form."""
    title = _kilt_title(row)
    left, mention, right = _kilt_parts(row)
    # By way of our own row, which is checked.
    text: Dict[str, Any] = {"text": left + mention + right}
    if mention:
        place = {"start": len(left), "end": len(left) + len(mention)}
        text["mentions"] = [{**place, "title": title, "candidates": row.get("candidates")}]
    else:
        text["about"] = title
    return [GoldText.from_row(text)]


def _kilt_parts(row: Dict[str, Any]) -> Tuple[str, str, str]:
    """What stands left of the mention, the mention (none for other tasks), and what follows it."""
    meta = row.get("meta") or {}
    if text_of(meta, "mention").strip():
        parts = tuple(text_of(meta, key) for key in ("left_context", "mention", "right_context"))
    else:
        text = text_of(row, "input", needed=True)
        if not any(marker in text for marker in MARKERS):
            return text, "", ""
        parts = _marked_parts(text)
    left, mention, right = (part.strip() for part in parts)
    closed = right[:1] in ".,;:!?)'’" and parts[2][:1] != " "
    return f"{left} " if left else "", mention, right if closed or not right else f" {right}"


def _marked_parts(text: str) -> Tuple[str, str, str]:
    begin, end = MARKERS
    left, _, rest = text.partition(begin)
    mention, is_closed, right = rest.partition(end)
    is_one = text.count(begin) == text.count(end) == 1
    if not (is_one and is_closed and mention.strip()):
        raise ValueError(f"'input' must have one mention, {begin} mention {end}, or no marker")
    return left, mention, right


def _kilt_title(row: Dict[str, Any]) -> str:
    """The title of the page that the row leads to: an answer is one in some tasks only."""
    outputs = [output for output in list_of(row, "output") if isinstance(output, dict)]
    places = (place for output in outputs for place in list_of(output, "provenance"))
    found = (text_of(place, "title") for place in places if isinstance(place, dict))
    answers = (text_of(output, "answer") for output in outputs)
    title = next(filter(None, chain(found, answers)), "")
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
    """The text of a Doc, and its entities that have a kb_id as mentions."""
    return GoldText(doc.text, tuple(_ent_mention(ent) for ent in doc.ents if ent.kb_id_))


def _ent_mention(ent: Span) -> GoldMention:
    # "NIL" is an id and no title: there may be a page that is called so.
    title, kb_id = ("", NIL) if ent.kb_id_ == NIL else (ent.kb_id_, "")
    names = tuple(get_gold_candidates(ent))
    return GoldMention(ent.start_char, ent.end_char, title, kb_id, ent.label_, candidates=names)
