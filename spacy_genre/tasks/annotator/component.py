"""`genre_annotator`: end-to-end entity linking (paper, section 4.2). Reads texts, writes `doc.ents`
with kb_ids."""

from functools import partial
from typing import Any, Dict, Iterable, List, NamedTuple, Optional, Sequence, Set

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc, Span
from spacy.training import Example

from ...decoding import constrained_search
from ...decoding.markup import MarkupConstraint
from ...errors import Errors
from ...extensions import set_candidates
from ...model.settings import ANNOTATION, LINKING
from ...titles.view import TitleView
from ...training.pairs import Pair
from ...types import LinkedSpan
from ..trainable import TrainableGenreComponent
from .decoding import DecodingOptions, decode_window
from .encoding import Window, WindowEncoder, get_window_encoder
from .mentions import check_windows, mention_tables
from .settings import AnnotatorSettings
from .targets import mark_up
from .windows import make_windows, merge_windows, sentence_starts


class WindowResult(NamedTuple):
    """What the search found in a window.

    span (Span): The window.
    links (List[LinkedSpan]): Its mentions.
    """

    span: Span
    links: List[LinkedSpan]


class GenreAnnotator(TrainableGenreComponent):
    """Finds mentions in a text and links them, by writing the text again with names in it. With
    `mentions = "ents"` it links the entities of a Doc, all together."""

    Settings = AnnotatorSettings
    task = ANNOTATION

    settings: AnnotatorSettings

    # Doc to inputs

    def get_spans(self, doc: Doc) -> List[Span]:
        """See `GenreComponent.get_spans`: windows, which cover the whole Doc."""
        n_pieces = self._encoder().n_pieces(doc)
        size = self.window_size
        overlap = min(self.settings.overlap_tokens, size // 2)
        windows = make_windows(n_pieces, sentence_starts(doc), size, overlap)
        return [doc[start:end] for start, end in windows]

    @property
    def window_size(self) -> int:
        """The longest part of a text that is read at once, in tokens."""
        trained = self.shim.settings.annotation.window_tokens
        return self.settings.window_tokens or trained or self.max_length // 2

    def encode(self, spans: Sequence[Span]) -> List[Optional[List[int]]]:
        """The model's inputs: texts of windows.

        spans (Sequence[Span]): N windows.
        RETURNS (List[Optional[List[int]]]): [N], token ids; None for a window that has no tokens,
            or is a single token that is too long.
        """
        windows = self._encoder().encode(spans)
        return [None if window is None else window.input for window in windows]

    def _encoder(self) -> WindowEncoder:
        shim = self.shim
        return get_window_encoder(shim.name_tokenizer, shim.settings.annotation, self.max_length)

    # Search

    def get_view(self) -> TitleView:
        """See `GenreComponent.get_view`.

        RAISES (ValueError): Also if ids are to be written, and the title set has none.
        """
        view = super().get_view()
        if self.uses_ids and not view.has_ids:
            raise ValueError(Errors.C002)
        return view

    def search(
        self, spans: Sequence[Span], inputs: Sequence[Optional[List[int]]], view: TitleView
    ) -> List[WindowResult]:
        """See `GenreComponent.search`: one search for all windows.

        RAISES (ValueError): If the settings do not fit each other or the model.
        """
        depth = view.trie.depth
        check_windows(self.name, self.settings, self.window_size, self.max_length, depth)
        encoded = self._encoder().encode(spans)
        limit = self.max_length - view.trie.depth - 6
        windows = [w for w in encoded if w is not None and len(w.source) <= limit]
        found = iter(self._search_windows(windows, view) if windows else [])
        searched = {id(window) for window in windows}
        return [
            WindowResult(span, next(found) if id(window) in searched else [])
            for span, window in zip(spans, encoded, strict=True)
        ]

    def _check_task(self) -> None:
        """RAISES (ValueError): If the model was not trained to annotate texts: nothing that it
        writes would make sense."""
        tasks = self.shim.settings.tasks
        if tasks is None or ANNOTATION not in tasks:
            found = " and ".join(tasks or (LINKING,))
            raise ValueError(Errors.M013.format(component=self.name, found=found))

    def _search_windows(
        self, windows: Sequence[Window], view: TitleView
    ) -> Iterable[List[LinkedSpan]]:
        shim, settings = self.shim, self.settings
        are_given = settings.mentions == "ents"
        tables, trie = mention_tables(windows, settings, view, shim.name_tokenizer, self.titles)
        constraint = MarkupConstraint(
            [window.source for window in windows],
            tables,
            trie,
            self._encoder().markers,
            eos=shim.transformer.config.eos_token_id,
            max_length=self.max_length,
            required=are_given,
        )
        inputs = [window.input for window in windows]
        module = shim.transformer.eval()
        found = constrained_search(module, inputs, constraint, **self.search_options())
        options = DecodingOptions(
            shim.name_tokenizer.prefix,
            self.tokenizer.unk_token_id,
            self.uses_ids,
            settings.length_penalty,
            are_given,
            shim.settings,
        )
        for i, (window, hypotheses) in enumerate(zip(windows, found, strict=True)):
            parse = partial(constraint.mentions, i)
            yield decode_window(window, hypotheses, parse, view, options)

    # Results to annotations

    def decode(self, doc: Doc, results: Sequence[WindowResult]) -> List[LinkedSpan]:
        """The mentions of a Doc, in order; they never overlap. With `mentions = "ents"`, its
        entities, which are "NIL" without a name that is probable enough.

        doc (Doc): The Doc. It is not changed.
        results (Sequence[WindowResult]): The result for each of its windows.
        """
        windows = [(result.span.start, result.span.end) for result in results]
        links = merge_windows(windows, [result.links for result in results])
        threshold = self.settings.threshold or 0.0
        is_probable = [link.candidates[0].probability >= threshold for link in links]
        if self.settings.mentions != "ents":
            return [link for link, keep in zip(links, is_probable, strict=True) if keep]
        by_borders = {(link.start, link.end): link for link in links}
        kept = {(link.start, link.end) for link, k in zip(links, is_probable, strict=True) if k}
        ents = []
        for ent in doc.ents:
            borders = ent.start, ent.end
            link = by_borders.get(borders)
            kb_id = link.kb_id if link is not None and borders in kept else self.NIL
            ents.append(LinkedSpan(*borders, kb_id, link.candidates if link is not None else ()))
        return ents

    def set_annotations(
        self, docs: Iterable[Doc], annotations: Sequence[Sequence[LinkedSpan]]
    ) -> None:
        """Write mentions to `doc.ents` or, with `spans_key`, to `doc.spans`; and
        `span._.genre_candidates`.

        docs (Iterable[Doc]): The docs.
        annotations (Sequence[Sequence[LinkedSpan]]): What `predict` gave for them.
        """
        for doc, links in zip(docs, annotations, strict=True):
            if self.settings.spans_key is not None:
                spans = [self._span(doc, link, self.settings.label) for link in links]
                doc.spans[self.settings.spans_key] = spans
            else:
                self._set_ents(doc, links)

    def _set_ents(self, doc: Doc, links: Sequence[LinkedSpan]) -> None:
        old = {(ent.start, ent.end): ent for ent in doc.ents}
        keeps = not self.settings.overwrite_ents
        # Tokens that a mention may only have if it has the same tokens as the entity there.
        kept_tokens = {t.i for ent in doc.ents for t in ent} if keeps else set()
        new: List[Span] = []
        for link in links:
            ent = old.get((link.start, link.end))
            if ent is None and not kept_tokens.isdisjoint(range(link.start, link.end)):
                continue
            if keeps and ent is not None and ent.kb_id_ not in ("", self.NIL):
                continue
            new.append(
                self._span(doc, link, ent.label_ if ent is not None else self.settings.label)
            )
        taken: Set[int] = {i for span in new for i in range(span.start, span.end)}
        rest = [ent for ent in doc.ents if taken.isdisjoint(range(ent.start, ent.end))]
        doc.ents = sorted([*new, *rest], key=lambda span: span.start)

    def _span(self, doc: Doc, link: LinkedSpan, label: str) -> Span:
        span = Span(doc, link.start, link.end, label=label, kb_id=link.kb_id)
        set_candidates(span, link.candidates)
        return span

    # Gold annotations to pairs

    @property
    def uses_ids(self) -> bool:
        """See `TrainableGenreComponent.uses_ids`."""
        return self.settings.kb_id == "id"

    def get_gold_ids(self, example: Example) -> List[str]:
        """See `TrainableGenreComponent.get_gold_ids`."""
        return [ent.kb_id_ for ent in example.reference.ents if ent.kb_id_]

    def make_pairs(self, examples: Iterable[Example]) -> List[Pair]:
        """The training pairs of some examples: windows and marked texts. All entities with a name
        in the title set are marked; see `mark_up` for what is learnt of the rest of a text. Windows
        of which nothing is learnt are left out.

        examples (Iterable[Example]): The examples.
        RETURNS (List[Pair]): The pairs that the model can read and write.
        RAISES (ValueError): If a gold id leads to no name, and `missing = "fail"` in the training
            settings.
        """
        encoder, tokenizer = self._encoder(), self.shim.name_tokenizer
        pairs = []
        for example in examples:
            ents = list(example.reference.ents)
            names = [self.gold_name(ent.kb_id_) for ent in ents]
            ids = tokenizer.encode([name for name in names if name is not None])
            rest = iter(name_ids[len(tokenizer.prefix) :] for name_ids in ids)
            named = [
                (e, None if n is None else next(rest)) for e, n in zip(ents, names, strict=True)
            ]
            for window in encoder.encode(self.get_spans(example.reference)):
                marked = window and mark_up(window, named, encoder.markers)
                if (
                    window
                    and marked
                    and any(marked.learnt)
                    and len(marked.tokens) < self.max_length
                ):
                    about = f"{window.span.text[:60]!r} with {len(ents)} entities"
                    pairs.append(Pair(window.input, marked.tokens, about, learnt=marked.learnt))
        return pairs

    def find_negatives(self, pairs: Sequence[Pair]) -> List[List[List[int]]]:
        """See `TrainableGenreComponent.find_negatives`: none, since a pair has many names."""
        return [[] for _ in pairs]

    def maskable_tokens(self, tokens: Sequence[int]) -> NDArray[np.bool_]:
        """See `TrainableGenreComponent.maskable_tokens`: none, since all of a text is copied."""
        return np.zeros(len(tokens), np.bool_)

    def pair_settings(self) -> Dict[str, Any]:
        """See `TrainableGenreComponent.pair_settings`."""
        settings = self.settings.model_dump(include={"window_tokens", "overlap_tokens", "kb_id"})
        return {
            **super().pair_settings(),
            **settings,
            "the model's annotation": str(self.shim.settings.annotation),
        }
