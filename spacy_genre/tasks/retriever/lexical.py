"""A second ranking of pages by the words of the text, and its fusion with that of the model."""

import threading
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple

from ...corpora.articles import ArticleOptions
from ...corpora.names import find_name
from ...corpora.reading import read_texts
from ...errors import Errors
from ...titles import TitleSet
from ...titles.view import TitleView
from ...types import Page, Pages

# Ranks the names of a title set for some texts: the best `top_k` names of each, best first.
Ranker = Callable[[TitleSet, Sequence[str], int], List[List[str]]]
# The constant of reciprocal rank fusion (Cormack et al., 2009).
RANK_OFFSET = 60
# Languages whose most frequent words bm25s leaves out.
STOPWORDS = "en"


def BM25_v1(pages: Optional[Path] = None) -> Ranker:
    """Registered as `spacy_genre.BM25.v1` in `misc`: ranks pages by BM25 over their titles or, with
    a file of pages, over their titles and first paragraphs.

    pages (Optional[Path]): A file of pages with text: a dump, KILT's knowledge source, or JSONL
        (`{"title", "paragraphs"}`, or `{"text", "title"}`). Pages that it lacks have only a title.
    RETURNS (Ranker): The ranker. It makes its index in memory when it is first needed, and again
        when the title set has changed.
    RAISES (ImportError): If the package bm25s is missing.
    """
    if find_spec("bm25s") is None:
        raise ImportError(Errors.F019)
    return BM25Ranker(None if pages is None else Path(pages))


class BM25Ranker:
    """See `BM25_v1`."""

    def __init__(self, pages: Optional[Path] = None) -> None:
        self.pages = pages
        self._lock = threading.Lock()
        self._index: Optional[Tuple[TitleView, List[str], Any]] = None

    def __getstate__(self) -> Dict[str, Any]:
        return {"pages": self.pages}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        BM25Ranker.__init__(self, state["pages"])

    def __call__(self, titles: TitleSet, texts: Sequence[str], top_k: int) -> List[List[str]]:
        """Rank the names of a title set.

        titles (TitleSet): The title set.
        texts (Sequence[str]): N texts.
        top_k (int): The most names for a text.
        RETURNS (List[List[str]]): [N], names that share a word with the text, best first.
        RAISES (OSError, ValueError): If the file of pages can't be read.
        """
        names, bm25 = self.index(titles)
        if bm25 is None or not texts:
            return [[] for _ in texts]
        k = min(top_k, len(names))
        rows, scores = bm25.retrieve(_words(texts), k=k, show_progress=False)
        return [
            [names[row] for row, score in zip(*ranked, strict=True) if score > 0]
            for ranked in zip(rows.tolist(), scores.tolist(), strict=True)
        ]

    def index(self, titles: TitleSet) -> Tuple[List[str], Any]:
        """The names, and the `bm25s.BM25` over them; None if the names have no words."""
        view = titles.view
        with self._lock:
            if self._index is None or self._index[0] is not view:
                names = list(view)
                self._index = view, names, _make_index(names, self._read_texts(titles))
            return self._index[1:]

    def _read_texts(self, titles: TitleSet) -> Dict[str, str]:
        """The text of each page, by the page's name."""
        if self.pages is None:
            return {}
        items = read_texts(self.pages, ArticleOptions(leads=True))
        found: Dict[str, str] = {}
        for text in chain.from_iterable(items):
            for title in text.titles:
                if name := find_name(titles, title):
                    found.setdefault(name, text.text)
        return found


def _make_index(names: Sequence[str], texts: Dict[str, str]) -> Any:
    import bm25s

    words = _words([f"{name} {texts.get(name, '')}" for name in names])
    if not any(words.ids):
        return None
    bm25 = bm25s.BM25()
    bm25.index(words, show_progress=False)
    return bm25


def _words(texts: Sequence[str]) -> Any:
    import bm25s

    return bm25s.tokenize(list(texts), stopwords=STOPWORDS, show_progress=False)


def fuse(pages: Pages, ranked: Sequence[str], titles: TitleSet) -> Pages:
    """Fuse the model's pages with a second ranking by weighted reciprocal rank: the score of a page
    is the sum of weight / (60 + rank) over the two rankings. The weight of the model's ranking is
    the probability of its first page, that of the second ranking is the rest: the model is right if
    it is sure, and often wrong if not.

    pages (Pages): The model's pages, best first.
    ranked (Sequence[str]): The names of the second ranking, best first.
    titles (TitleSet): The title set, for ids.
    RETURNS (Pages): All pages of both, best first. Those that only the second ranking has found
        have the probability 0.
    """
    by_title = {page.title: page for page in pages}
    for name in ranked:
        by_title.setdefault(name, Page(name, titles.id_of(name) or "", 0.0, 0.0))
    scores: Dict[str, float] = dict.fromkeys(by_title, 0.0)
    share = pages[0].probability if pages else 0.0
    for weight, ranking in ((share, [page.title for page in pages]), (1 - share, ranked)):
        for rank, title in enumerate(ranking, start=1):
            scores[title] += weight / (RANK_OFFSET + rank)
    fused = (
        Page(page.title, page.id, scores[title], page.probability)
        for title, page in by_title.items()
    )
    return tuple(sorted(fused, key=lambda page: -page.score))
