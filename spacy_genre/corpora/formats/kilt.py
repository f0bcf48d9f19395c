"""KILT: the rows of its tasks and of the paper's data sets, and its knowledge source.

    {"input": "... [START_ENT] mention [END_ENT] ...", "output": [{"answer": title, ...}]}
    {"input": "question", "output": [{"provenance": [{"title": ..., "wikipedia_id": ...}, ...]}]}
    {"wikipedia_title": ..., "text": [paragraph, ...],
     "anchors": [{"paragraph_id": 1, "start": 15, "end": 21, "text": ..., "href": ...}]}

The first paragraph of a page is its title; offsets are those of a paragraph.
"""

from typing import Any, Dict, Iterator, List, Mapping, Tuple
from urllib.parse import unquote

from ...sources.mediawiki import NotAnArticle, Wiki
from ...sources.pages import Page, Paragraph, TextLink
from ..texts import GoldText, list_of, shorten_repr, text_of
from .common import join_context

# Around the mention in KILT's entity linking inputs.
START_MARKER, END_MARKER = "[START_ENT]", "[END_ENT]"
# At the beginning of paragraphs of the knowledge source.
SECTION, LIST_ITEM = "Section::::", "BULLET::::- "


def is_task_row(row: Mapping[str, Any]) -> bool:
    """Whether it is a row of a task."""
    return "input" in row


def is_page_row(row: Mapping[str, Any]) -> bool:
    """Whether it is a page of the knowledge source."""
    return "anchors" in row and "wikipedia_title" in row


def task_text(row: Dict[str, Any]) -> GoldText:
    """Read a row of a task. RAISES (ValueError): If it is not valid."""
    sets = _title_sets(row)
    text, mention, start = _parts(row)
    gold: Dict[str, Any] = {"text": text}
    if mention:
        offsets = {"start": start, "end": start + len(mention)}
        gold["mentions"] = [{**offsets, "title": sets[0][0], "candidates": row.get("candidates")}]
    else:
        gold["evidence"] = sets
    return GoldText.from_row(gold)  # which checks the values


def _parts(row: Dict[str, Any]) -> Tuple[str, str, int]:
    """The text, the mention and where it starts; "" and 0 for KILT's other tasks."""
    meta = row.get("meta") or {}
    if text_of(meta, "mention").strip():
        left, mention, right = (
            text_of(meta, key) for key in ("left_context", "mention", "right_context")
        )
    else:
        text = text_of(row, "input", required=True)
        if START_MARKER not in text and END_MARKER not in text:
            return text, "", 0
        left, mention, right = _split_at_markers(text)
    text, start = join_context(left, mention, right)
    return text, mention.strip(), start


def _split_at_markers(text: str) -> Tuple[str, str, str]:
    left, _, after_start = text.partition(START_MARKER)
    mention, end_marker, right = after_start.partition(END_MARKER)
    is_one = text.count(START_MARKER) == text.count(END_MARKER) == 1
    if not (is_one and end_marker and mention.strip()):
        raise ValueError(
            f"'input' must have one mention, {START_MARKER} mention {END_MARKER}, or no marker"
        )
    return left, mention, right


def _title_sets(row: Dict[str, Any]) -> List[List[str]]:
    """The titles of the gold pages of each output that has any. If none has, the first answer is
    the title. (In many tasks of KILT the answer is not a title.)"""
    outputs = outputs_of(row)
    sets = [[text_of(p, "title") for p in provenance_of(output)] for output in outputs]
    sets = [titles for titles in ([*filter(None, titles)] for titles in sets) if titles]
    answers = (text_of(output, "answer") for output in outputs)
    answer = next(filter(None, answers), "") if not sets else ""
    if not sets and not answer:
        raise ValueError("its 'output' has no answer and no provenance with a title")
    return sets or [[answer]]


def outputs_of(row: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """The outputs of a row. RAISES (ValueError): If they are no objects."""
    return _objects(row, "output")


def provenance_of(output: Mapping[str, Any]) -> List[Dict[str, Any]]:
    """The provenance of an output; empty if it has none. RAISES (ValueError): If it is no list of
    objects."""
    return _objects(output, "provenance")


def _objects(row: Mapping[str, Any], key: str) -> List[Dict[str, Any]]:
    objects = list_of(row, key)
    for item in objects:
        if not isinstance(item, dict):
            raise ValueError(f"{key!r} has {shorten_repr(item)}; it must have objects only")
    return objects


def read_page(row: Dict[str, Any]) -> Page:
    """Read a page of the knowledge source.

    RETURNS (Page): The page, without its title and headings as paragraphs. Anchors that are not
        at their offsets, and those whose target is not an article, are counted as dropped.
    RAISES (ValueError): If it is not valid.
    """
    page = Page(text_of(row, "wikipedia_title", required=True), [])
    texts = row.get("text")
    if isinstance(texts, dict):  # as in the Hugging Face datasets
        texts = texts.get("paragraph")
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
        raise ValueError("'text' must be a list of paragraphs")
    links: Dict[int, List[TextLink]] = {}
    for anchor in _anchors(row):
        i: Any = anchor.get("paragraph_id")
        start: Any = anchor.get("start")
        end: Any = anchor.get("end")
        if not all(isinstance(value, int) for value in (i, start, end)):
            raise ValueError("the 'paragraph_id', 'start' and 'end' of an anchor must be numbers")
        text = texts[i] if 0 <= i < len(texts) else ""
        is_there = 0 <= start < end <= len(text) and bool(text[start:end].strip())
        if not is_there or anchor.get("text") not in (None, text[start:end]):
            page.dropped["link: not at its offsets"] += 1
            continue
        target = text_of(anchor, "wikipedia_title") or unquote(text_of(anchor, "href"))
        try:
            links.setdefault(i, []).append(TextLink(start, end, Wiki().article_title(target)))
        except NotAnArticle as err:
            page.dropped[f"link: {err}"] += 1
    for i, text in enumerate(texts):
        is_title = i == 0 and text.strip() == page.title
        if text.strip() and not is_title and not text.startswith(SECTION):
            page.paragraphs.append(_paragraph(text, links.get(i, [])))
    return page


def _anchors(row: Dict[str, Any]) -> Iterator[Mapping[str, Any]]:
    anchors = row["anchors"] or []
    if isinstance(anchors, dict):  # as in the Hugging Face datasets: a list for each key
        columns = [list_of(anchors, key) for key in anchors]
        rows = zip(*columns, strict=False)
        anchors = [dict(zip(anchors, values, strict=True)) for values in rows]
    if not isinstance(anchors, list) or not all(isinstance(anchor, dict) for anchor in anchors):
        raise ValueError("'anchors' must be a list of objects")
    yield from anchors


def _paragraph(text: str, links: List[TextLink]) -> Paragraph:
    """A paragraph without the marker of list items and the line break at its end."""
    cut = len(LIST_ITEM) if text.startswith(LIST_ITEM) else 0
    moved = [TextLink(link.start - cut, link.end - cut, link.title) for link in links]
    kept = sorted((link for link in moved if link.start >= 0), key=lambda link: link.start)
    return Paragraph(text[cut:].rstrip(), tuple(kept), is_list=bool(cut))
