"""Which mentions a window may have, and which names each of them: tables for the constraint."""

from functools import partial
from typing import Callable, Dict, List, Optional, Sequence, Tuple

import numpy as np
from spacy.tokens import Span

from ...decoding.markup import find_from, free_mentions, given_mentions
from ...errors import Errors
from ...ragged import IntArray
from ...titles import TitleSet
from ...titles.overlay import AnyTrie
from ...titles.subset import NameSubset
from ...titles.trie import TokenTrie
from ...titles.view import TitleView
from ...tokenization import NameTokenizer
from ..linker.candidate_generators import GetCandidates, candidate_rows
from ..linker.encoding import strip_article
from .encoding import Window, spans_in_window
from .settings import AnnotatorSettings

# The names of a mention, as rows of the title set; empty if it may be none.
RowsOf = Callable[[Span], Tuple[int, ...]]
# A table, and the cells in it that are mentions, with their spans.
TableSpans = Tuple[IntArray, List[Tuple[Tuple[int, int], Span]]]


def mention_tables(
    windows: Sequence[Window],
    settings: AnnotatorSettings,
    view: TitleView,
    tokenizer: NameTokenizer,
    titles: Optional[TitleSet] = None,
) -> Tuple[List[IntArray], AnyTrie]:
    """What a `MarkupConstraint` needs for windows: the mentions of each, and the trie of names.

    windows (Sequence[Window]): B windows.
    settings (AnnotatorSettings): The settings `mentions`, `names`, `get_candidates` and
        `max_mention_tokens`.
    view (TitleView): The title set.
    tokenizer (NameTokenizer): Its tokenizer.
    titles (Optional[TitleSet]): The title set for `get_candidates`.
    RAISES (ValueError): If `get_candidates` gives something other than names.
    """
    # The opening marker stands in place of the tokens before a name.
    root = find_from(view.trie, 0, tokenizer.prefix)
    tables = [_mentions(window, settings, root) for window in windows]
    rows_of: RowsOf = _AliasRows(view)
    if settings.mentions == "aliases":
        for table, spans in _with_spans(windows, tables):
            for cell, span in spans:
                table[cell] = root if rows_of(span) else -1
    if settings.get_candidates is not None and titles is not None:
        rows_of = partial(_given_rows, settings.get_candidates, titles, view)
    elif settings.names == "all":
        return tables, view.trie
    return tables, _name_tries(_with_spans(windows, tables), rows_of, view, tokenizer)


def _mentions(window: Window, settings: AnnotatorSettings, root: int) -> IntArray:
    """The mentions of a window, before their texts are looked at."""
    n_tokens = len(window.source)
    if settings.mentions == "ents":
        places = spans_in_window(window, list(window.span.ents))
        return given_mentions(n_tokens, ((start, end, root) for _, start, end in places))
    starts, ends = window.starts >= 0, window.ends >= 0
    return free_mentions(n_tokens, settings.max_mention_tokens, root, starts=starts, ends=ends)


def _with_spans(windows: Sequence[Window], tables: Sequence[IntArray]) -> List[TableSpans]:
    """Tables, each with its cells that are mentions and the spans of these."""
    return [(table, _spans(window, table)) for window, table in zip(windows, tables, strict=True)]


def _spans(window: Window, table: IntArray) -> List[Tuple[Tuple[int, int], Span]]:
    doc, found = window.span.doc, []
    for start, length in np.argwhere(table >= 0).tolist():
        span = doc[int(window.starts[start]) : int(window.ends[start + length])]
        found.append(((start, length), span))
    return found


def _name_tries(
    tables: Sequence[TableSpans],
    rows_of: RowsOf,
    view: TitleView,
    tokenizer: NameTokenizer,
) -> TokenTrie:
    """A trie of the names of each mention, joined to one. The tables get their roots in it."""
    numbers: Dict[Tuple[int, ...], int] = {(): -1}
    for table, spans in tables:
        for cell, span in spans:
            table[cell] = numbers.setdefault(rows_of(span), len(numbers) - 1)
    subsets = [NameSubset.of(view, rows, tokenizer) for rows in numbers if rows]
    trie, roots = TokenTrie.forest([subset.trie for subset in subsets])
    below = [find_from(trie, int(root), tokenizer.prefix) if root >= 0 else -1 for root in roots]
    nodes = np.asarray([*below, -1], np.int64)
    for table, _ in tables:
        table[:] = nodes[table]
    return trie


class _AliasRows:
    """The names for which the title set has a text as a name, a redirect or an alias."""

    def __init__(self, view: TitleView) -> None:
        self.view = view
        self.known: Dict[str, Tuple[int, ...]] = {}

    def __call__(self, span: Span) -> Tuple[int, ...]:
        text = span.text
        if text not in self.known:
            found = self.view.get_candidates(text) or self.view.get_candidates(strip_article(text))
            self.known[text] = tuple(sorted(row for row, _ in found))
        return self.known[text]


def _given_rows(
    get_candidates: GetCandidates, titles: TitleSet, view: TitleView, span: Span
) -> Tuple[int, ...]:
    """The names that a candidate generator gives."""
    names = get_candidates(titles, span)
    if names is None:
        raise ValueError(Errors.C055.format(mention=span.text))
    return candidate_rows(names, view, span)


def check_windows(
    name: str, settings: AnnotatorSettings, window: int, limit: int, depth: int
) -> None:
    """Check that settings fit each other and the model.

    name (str): The component's name.
    window (int): The longest part of a text, in tokens.
    limit (int): The longest output of the model, in tokens.
    depth (int): The longest name, in tokens.
    RAISES (ValueError): If they do not.
    """
    if settings.mentions == "ents" and settings.spans_key is not None:
        raise ValueError(Errors.C008.format(component=name, key=settings.spans_key))
    if settings.get_candidates is not None and settings.names != "all":
        raise ValueError(Errors.C056.format(component=name))
    if 2 * settings.overlap_tokens > window and settings.window_tokens is not None:
        overlap = settings.overlap_tokens
        raise ValueError(Errors.C006.format(component=name, window=window, overlap=overlap))
    room = limit - depth - 6
    if window > room:
        message = Errors.C007.format(
            component=name, window=window, limit=limit, name=depth + 4, room=room
        )
        raise ValueError(message)
