"""`genre_retriever`: document retrieval (paper, section 4.3). Reads texts, writes page titles."""

import warnings
from typing import Any, Dict, Iterable, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc, Span
from spacy.training import Example

from ...decoding import Hypothesis
from ...errors import Errors, Warnings
from ...extensions import get_evidence, set_evidence, set_pages
from ...model.settings import RETRIEVAL
from ...titles.subset import SearchableNames
from ...titles.view import TitleView
from ...types import DocPages, Pages
from ..base import SearchResult
from ..ranking import warn_of_few_beams
from ..trainable import TrainableGenreComponent
from .decoding import make_pages, merge_pages
from .encoding import TextEncoder, get_encoder, unmasked_parts
from .lexical import Ranker, fuse
from .settings import RetrieverSettings


class GenreRetriever(TrainableGenreComponent):
    """Finds the pages that a text needs by generating their titles: for a whole Doc, for each of
    its sentences, or for the spans of a group."""

    Settings = RetrieverSettings
    task = RETRIEVAL

    settings: RetrieverSettings

    # Doc to inputs

    def get_spans(self, doc: Doc) -> List[Span]:
        """See `GenreComponent.get_spans`: the whole Doc, its sentences, or the spans of a group.

        RAISES (ValueError): If sentences are needed, and the Doc has none.
        """
        key = self.settings.spans_key
        if key is not None:
            if len(doc) and key not in doc.spans:
                keys = ", ".join(map(repr, doc.spans)) or "none"
                message = Warnings.W014.format(component=self.name, key=key, keys=keys)
                warnings.warn(message, stacklevel=2)
            return list(doc.spans[key]) if key in doc.spans else []
        if self.settings.unit == "doc" or not len(doc):
            return [doc[:]] if len(doc) else []
        if not doc.has_annotation("SENT_START"):
            raise ValueError(Errors.C005.format(component=self.name))
        return list(doc.sents)

    def encode(self, spans: Sequence[Span]) -> List[Optional[List[int]]]:
        """The model's inputs: the beginning of each text. Parts of the text in
        `doc._.genre_masked` are hidden.

        spans (Sequence[Span]): N spans.
        RETURNS (List[Optional[List[int]]]): [N], token ids; None for a text that is blank or that
            the model's tokenizer does not know.
        """
        encoder = self._encoder()
        return encoder.encode([unmasked_parts(span, encoder.max_tokens) for span in spans])

    def _encoder(self) -> TextEncoder:
        shim = self.shim
        retrieval = shim.settings.retrieval
        longest = self.settings.max_tokens or retrieval.max_tokens or self.max_length
        return get_encoder(shim.name_tokenizer, retrieval, min(longest, self.max_length))

    def search_names(
        self,
        inputs: Sequence[Optional[List[int]]],
        names: Sequence[SearchableNames],
        view: TitleView,
    ) -> List[List[Hypothesis]]:
        """See `GenreComponent.search_names`. Warns if beams were too few for `top_k`."""
        hypotheses = super().search_names(inputs, names, view)
        if self.settings.ranker is None:
            top_k, num_beams = self.settings.top_k, self.settings.num_beams
            warn_of_few_beams(self.name, top_k, num_beams, hypotheses, names)
        return hypotheses

    # Hypotheses to annotations

    def decode(self, doc: Doc, results: Sequence[SearchResult]) -> DocPages:
        """The pages of a Doc.

        doc (Doc): The Doc. It is not changed.
        results (Sequence[SearchResult]): The result for each of `get_spans(doc)`.
        RETURNS (DocPages): The pages of the Doc and of each input. A page that several inputs lead
            to has the highest of its scores.
        """
        found = [self._pages(result) for result in results]
        if self.settings.ranker is not None:
            found = self._fuse(found, results, self.settings.ranker)
        pages = self._best(merge_pages(found))
        if self.settings.unit == "doc" and self.settings.spans_key is None:
            return DocPages(pages)
        inputs = zip(results, found, strict=True)
        spans = ((r.span.start, r.span.end, self._best(of_span)) for r, of_span in inputs)
        return DocPages(pages, tuple(spans))

    def _pages(self, result: SearchResult) -> Pages:
        return make_pages(
            result.hypotheses,
            result.names,
            result.span.text,
            unknown=self.tokenizer.unk_token_id,
            settings=self.shim.settings.retrieval,
        )

    def _fuse(
        self, found: Sequence[Pages], results: Sequence[SearchResult], ranker: Ranker
    ) -> List[Pages]:
        """The pages of each input, fused with those of the second ranker."""
        n_tokens = self._encoder().max_tokens
        texts = [" ".join(unmasked_parts(result.span, n_tokens)) for result in results]
        ranked = ranker(self.titles, texts, self._top_k)
        return [fuse(*both, self.titles) for both in zip(found, ranked, strict=True)]

    @property
    def _top_k(self) -> int:
        return self.settings.top_k or self.settings.num_beams

    def _best(self, pages: Pages) -> Pages:
        kept = pages[: self._top_k]
        threshold = self.settings.threshold or 0
        return tuple(page for page in kept if page.probability >= threshold)

    def set_annotations(self, docs: Iterable[Doc], annotations: Sequence[DocPages]) -> None:
        """Write `doc._.genre_pages` and, for sentences and spans, `span._.genre_pages`.

        docs (Iterable[Doc]): The docs.
        annotations (Sequence[DocPages]): What `predict` gave for them.
        """
        for doc, pages in zip(docs, annotations, strict=True):
            set_pages(doc, pages)

    # Gold annotations to pairs

    def get_targets(self, example: Example) -> List[Tuple[Span, str]]:
        """See `TrainableGenreComponent.get_targets`: the whole text, with each of its gold pages
        that the title set has."""
        doc = example.reference
        titles = dict.fromkeys(title for titles in get_evidence(doc) for title in titles)
        names = dict.fromkeys(map(self.gold_name, titles))
        return [(doc[:], name) for name in names if name is not None and len(doc)]

    def get_gold_ids(self, example: Example) -> List[str]:
        """See `TrainableGenreComponent.get_gold_ids`."""
        return [title for titles in get_evidence(example.reference) for title in titles]

    def maskable_tokens(self, tokens: Sequence[int]) -> NDArray[np.bool_]:
        """See `TrainableGenreComponent.maskable_tokens`: the text, not the marker."""
        encoder = self._encoder()
        is_text: NDArray[np.bool_] = np.zeros(len(tokens), np.bool_)
        is_text[len(encoder.prefix) : len(tokens) - len(encoder.suffix)] = True
        return is_text

    def pair_settings(self) -> Dict[str, Any]:
        """See `TrainableGenreComponent.pair_settings`."""
        marker = self.shim.settings.retrieval.marker
        longest = self._encoder().max_tokens
        return {**super().pair_settings(), "the model's marker": marker, "longest text": longest}

    @property
    def temperature(self) -> float:
        """The model's temperature for pages."""
        return self.shim.settings.retrieval.temperature

    # Evaluation

    def examples_to_score(self, examples: Iterable[Example]) -> List[Example]:
        """Copies of examples whose gold titles are those of the title set."""
        copies = [example.copy() for example in examples]
        for copy in copies:
            evidence = get_evidence(copy.reference)
            named = tuple(tuple(map(self.as_written, titles)) for titles in evidence)
            set_evidence(copy.reference, named)
        return copies
