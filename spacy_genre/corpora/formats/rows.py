"""JSON rows of all formats: detection of the format, and messages about rows without gold
annotations."""

import warnings
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Optional, Tuple

from ...errors import Errors, Warnings
from ...sources.mediawiki import NotAnArticle, Wiki
from ...sources.pages import Page, Paragraph, TextLink
from ..articles import ArticleOptions, page_texts
from ..texts import GoldText, flag_of, is_unlinked, list_of, text_of
from . import blink, doccano, kilt, prodigy, spacy_links

# Keys that hold annotations in one of the formats.
ANNOTATION_KEYS = (
    "spans", "ents", "entities", "label", "labels", "links", "anchors", "annotations",
    "accept",
)  # fmt: skip
# How many rows and keys a message shows.
N_SHOWN = 5
N_KEYS_SHOWN = 12


def texts_of_row(row: Any, options: ArticleOptions) -> List[GoldText]:
    """Read a row of JSON.

    row (Any): A page (`title`, `paragraphs[{text, links[{start, end, title}]}]`), our own row (see
        `texts.py`), or a row of KILT, BLINK, Prodigy, doccano or spaCy (see these modules).
    options (ArticleOptions): Which mentions of pages are used.
    RETURNS (List[GoldText]): The texts. Those of a row with unlinked spans only have no mentions.
    RAISES (ValueError): If the row has another format or is not valid.
    """
    if spacy_links.is_pair(row):
        row = {"links": {}, **row[1], "text": row[0]}
    if not isinstance(row, dict):
        raise ValueError(f"it is {str(row)[:40]!r}, not an object")
    if "paragraphs" in row:
        return page_texts(_page_of_row(row), options)
    if kilt.is_page_row(row):
        return page_texts(kilt.read_page(row), options)
    if blink.is_row(row):
        return [blink.read_text(row)]
    if "text" in row:
        return _annotated_text(row)
    if kilt.is_task_row(row):
        return [kilt.task_text(row)]
    keys = ", ".join(map(repr, row)) or "none"
    raise ValueError(
        f"it has none of 'text', 'paragraphs', 'input' and 'context_left'; its keys are {keys}"
    )


def _annotated_text(row: Dict[str, Any]) -> List[GoldText]:
    """A row with a text, whose other keys say how it is annotated."""
    text: Optional[GoldText]
    if "mentions" in row:
        text = GoldText.from_row(row)
    elif spacy_links.is_row(row) and row["links"]:
        text = spacy_links.read_text(row)
    elif prodigy.is_row(row):
        text = prodigy.read_text(row)
    elif doccano.is_row(row):
        text = doccano.read_text(row)
    else:
        text = GoldText.from_row(row)
    return [text] if text is not None else []


def has_gold(row: Any, texts: List[GoldText]) -> bool:
    """Whether a row has gold annotations, even if options leave them out.

    row (Any): The row.
    texts (List[GoldText]): What `texts_of_row` gave for it.
    """
    if any(text.mentions or text.evidence for text in texts):
        return True
    if not isinstance(row, dict):
        return False
    paragraphs = row.get("paragraphs") or []
    return bool(row.get("anchors")) or any(paragraph.get("links") for paragraph in paragraphs)


def _page_of_row(row: Dict[str, Any]) -> Page:
    if not isinstance(row.get("title"), str) or not isinstance(row["paragraphs"], list):
        raise ValueError("'title' must be the title of the page, and 'paragraphs' a list")
    paragraphs = []
    for paragraph in row["paragraphs"]:
        if not isinstance(paragraph, dict) or not isinstance(paragraph.get("text"), str):
            raise ValueError(f"{str(paragraph)[:40]!r} is not a paragraph: it has no 'text'")
        if not paragraph["text"].strip():
            continue
        rows = [row for row in list_of(paragraph, "links") if not is_unlinked(row)]
        text = GoldText.from_row({"text": paragraph["text"], "mentions": rows})
        links = [
            TextLink(m.start, m.end, _article_title(m.title), text_of(row, "src"))
            for m, row in zip(text.mentions, rows, strict=True)
        ]
        # Such data has no wikitext any more, but often the names of HTML tags.
        is_list = paragraph.get("tag") in ("li", "dd", "dt")
        article_links = tuple(link for link in links if link.title)
        paragraphs.append(Paragraph(text.text, article_links, is_list))
    return Page(text_of(row, "title"), paragraphs, complete=flag_of(row, "complete"))


def _article_title(title: str) -> str:
    try:
        return Wiki().article_title(title)
    except NotAnArticle:
        return ""


@dataclass
class UsableItems:
    """Counts the items of a file that have gold annotations, and records those that have other
    annotations only: unlinked entities, or keys that are not read.

    n_items (int): All items with a text.
    n_usable (int): Those with a gold mention or a gold title.
    keys (Counter[str]): The keys of items without gold annotations.
    unusable (List[int]): The numbers of the first items that have other annotations only.
    n_unusable (int): How many of these there are.
    """

    n_items: int = 0
    n_usable: int = 0
    keys: Counter[str] = field(default_factory=Counter)
    unusable: List[int] = field(default_factory=list)
    n_unusable: int = 0

    def add(self, number: int, is_usable: bool, keys: Tuple[str, ...] = ()) -> None:
        """Count an item.

        number (int): Its number in the file: the line, if it has lines.
        is_usable (bool): Whether it has gold annotations.
        keys (Tuple[str, ...]): Its keys: see `keys_of`.
        """
        self.n_items += 1
        if is_usable:
            self.n_usable += 1
            return
        self.keys.update(keys)
        if any(key.partition("[")[0] in ANNOTATION_KEYS for key in keys):
            self.n_unusable += 1
            if len(self.unusable) < N_SHOWN:
                self.unusable.append(number)

    def check(self, path: Path, *, is_whole: bool = True) -> None:
        """Warn if some items have annotations that can't be used.

        path (Path): The file.
        is_whole (bool): Whether all of its items were counted.
        RAISES (ValueError): If no item of the file has gold annotations.
        """
        keys = ", ".join(key for key, _ in self.keys.most_common(N_KEYS_SHOWN))
        if is_whole and self.n_items and not self.n_usable:
            raise ValueError(Errors.D030.format(path=path, n=self.n_items, keys=keys or "none"))
        if self.n_unusable:
            shown = ", ".join(map(str, self.unusable))
            message = Warnings.W010.format(
                path=path,
                n=self.n_unusable,
                n_items=self.n_items,
                rows=shown + ", ..." * (self.n_unusable > len(self.unusable)),
                keys=keys,
            )
            warnings.warn(message, stacklevel=4)


def keys_of(row: Any) -> Tuple[str, ...]:
    """The keys of a row for a message: "text", "spans[start, end, label]"."""
    if spacy_links.is_pair(row):
        row = row[1]
    if not isinstance(row, dict):
        return ()
    keys = []
    for key, value in row.items():
        if key in ANNOTATION_KEYS and not value:
            continue  # no annotations at all
        first = value[0] if isinstance(value, list) and value else None
        inner = f"[{', '.join(map(str, first))}]" if isinstance(first, dict) else ""
        keys.append(f"{key}{inner}")
    return tuple(keys)
