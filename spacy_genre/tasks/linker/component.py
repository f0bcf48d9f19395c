"""`genre_linker`: entity disambiguation (paper, section 4.1). Reads `doc.ents`, writes kb_ids."""

import warnings
from dataclasses import replace
from functools import lru_cache, partial
from typing import (
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    Optional,
    Protocol,
    Sequence,
    Tuple,
    runtime_checkable,
)

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc, Span, Token
from spacy.training import Example

from ...decoding import Hypothesis
from ...errors import Errors, Warnings
from ...extensions import copy_gold_candidates, set_candidates
from ...model.seq2seq import Seq2SeqShim
from ...model.settings import LINKING
from ...titles import TitleSet
from ...titles.subset import SearchableNames
from ...titles.view import TitleView
from ...types import LinkedSpan
from ..ranking import warn_of_few_beams
from ..trainable import TrainableGenreComponent
from .candidate_generators import GetCandidates, context_free_candidates, searchable_names
from .coreference import longest_names
from .decoding import PRIOR_SHARES, rank_candidates
from .encoding import MentionEncoder, get_encoder, n_context_words, span_mention
from .evidence import MentionEvidence, best_names, names_to_score
from .prior import UNSEEN, TextPrior, text_prior
from .settings import LinkerSettings


@runtime_checkable
class LinkingComponent(Protocol):
    """A component that links entities, as evaluation sees it."""

    name: str
    settings: LinkerSettings
    titles: TitleSet
    get_candidates: Optional[GetCandidates]

    @property
    def shim(self) -> Seq2SeqShim: ...

    @property
    def tokenizer(self) -> Any: ...

    def ents_to_link(self, doc: Doc) -> List[Span]: ...

    def encode(self, spans: Sequence[Span]) -> List[Optional[List[int]]]: ...

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]: ...


class GenreLinker(TrainableGenreComponent):
    """Links the entities of a Doc by generating a name for each. Entities are `doc.ents`, or the
    spans of a group, which may overlap, if the setting `spans_key` names one."""

    Settings = LinkerSettings
    task = LINKING

    settings: LinkerSettings

    # Doc to inputs

    def ents_to_link(self, doc: Doc) -> List[Span]:
        """The entities of a Doc whose labels are not discarded."""
        key = self.settings.spans_key
        if key is None and len(doc) and not doc.has_annotation("ENT_IOB"):
            warnings.warn(Warnings.W001.format(component=self.name), stacklevel=2)
        if key is not None and len(doc) and key not in doc.spans:
            keys = ", ".join(map(repr, doc.spans)) or "none"
            message = Warnings.W014.format(component=self.name, key=key, keys=keys)
            warnings.warn(message, stacklevel=2)
        return [ent for ent in self._ents(doc) if ent.label_ not in self.settings.labels_discard]

    def _ents(self, doc: Doc) -> Sequence[Span]:
        """The entities of a Doc: `doc.ents`, or the spans of a group."""
        key = self.settings.spans_key
        return doc.ents if key is None else list(doc.spans[key]) if key in doc.spans else []

    def get_spans(self, doc: Doc) -> List[Span]:
        """See `GenreComponent.get_spans`: each entity is an input."""
        return self.ents_to_link(doc)

    def encode(self, spans: Sequence[Span]) -> List[Optional[List[int]]]:
        """The model's inputs: entities, marked in their context.

        spans (Sequence[Span]): N entities; those of a Doc are neighbours.
        RETURNS (List[Optional[List[int]]]): [N], token ids; None for an entity that is too long for
            the model, or that its tokenizer does not know.
        """
        encoder = self._encoder()
        opening_tokens = encoder.opening_tokens if encoder.context_tokens else 0
        names = longest_names(spans, self.settings.longest_forms)
        mentions = []
        for span, name in zip(spans, names, strict=True):
            mention = span_mention(span, encoder.context_tokens, opening_tokens)
            mentions.append(mention if name == span.text else replace(mention, text=name))
        return encoder.encode(mentions)

    def _encoder(self) -> MentionEncoder:
        shim, context_tokens = self.shim, self.settings.context_tokens
        if context_tokens is None:
            context_tokens = shim.settings.context_tokens
        return get_encoder(shim.name_tokenizer, shim.settings, self.max_length, context_tokens)

    # Constraint

    def get_view(self) -> TitleView:
        """See `GenreComponent.get_view`.

        RAISES (ValueError): Also if ids are to be written, and the title set has none.
        """
        view = super().get_view()
        if self.uses_ids and not view.has_ids:
            raise ValueError(Errors.C002)
        return view

    def get_names(self, spans: Sequence[Span], view: TitleView) -> List[SearchableNames]:
        """See `GenreComponent.get_names`: the candidates of each entity, or all names. An entity
        without context has the names of its text as candidates."""
        tokenizer = self.shim.name_tokenizer
        get_candidates = self.settings.get_candidates or context_free_candidates
        return searchable_names(get_candidates, self.titles, view, spans, tokenizer)

    def search(
        self, spans: Sequence[Span], inputs: Sequence[Optional[List[int]]], view: TitleView
    ) -> List[MentionEvidence]:
        """See `GenreComponent.search`. Names that the title set has for a mention's text, but that
        the beams have not found, are scored as well."""
        names = self.get_names(spans, view)
        found = self.search_names(inputs, names, view)
        unknown = self.tokenizer.unk_token_id
        best = [
            best_names(hypotheses, of, span.text, unknown)
            for hypotheses, of, span in zip(found, names, spans, strict=True)
        ]
        n_found = [len(names) for names in best]
        priors = self._priors(spans, view)
        if self.joins_priors(view):
            tokenizer = self.shim.name_tokenizer
            more = names_to_score(best, names, priors, view, tokenizer)
            index = [i for i, subset in enumerate(more) if subset is not None and inputs[i]]
            subsets = [subset for i in index if (subset := more[i]) is not None]
            scored = super().search_names([inputs[i] for i in index], subsets, view)
            for i, subset, hypotheses in zip(index, subsets, scored, strict=True):
                for row, hypothesis in best_names(hypotheses, subset).items():
                    best[i].setdefault(row, hypothesis)
        return [*map(MentionEvidence, spans, names, best, priors, n_found)]

    def joins_priors(self, view: TitleView) -> bool:
        """Whether the model's scores join the priors of the title set."""
        return view.has_aliases and self.shim.settings.aliases is not None

    def _priors(self, spans: Sequence[Span], view: TitleView) -> List[Optional[TextPrior]]:
        """The prior of each entity's text, or of the longest form of its name; None where none is
        needed or the title set does not know the text."""
        joins, limit = self.joins_priors(view), len(PRIOR_SHARES)
        texts = [span.text for span in spans]
        if joins:
            texts = longest_names(spans, self.settings.longest_forms)
        look_up = lru_cache(maxsize=None)(partial(text_prior, view))
        has_context = [n_context_words(span, limit) >= limit for span in spans]
        return [
            look_up(text, UNSEEN if context else 0.0) if joins or not context else None
            for text, context in zip(texts, has_context, strict=True)
        ]

    def search_names(
        self,
        inputs: Sequence[Optional[List[int]]],
        names: Sequence[SearchableNames],
        view: TitleView,
    ) -> List[List[Hypothesis]]:
        """See `GenreComponent.search_names`. Warns if beams were too few for `top_k`."""
        hypotheses = super().search_names(inputs, names, view)
        top_k, num_beams = self.settings.top_k, self.settings.num_beams
        warn_of_few_beams(self.name, top_k, num_beams, hypotheses, names)
        return hypotheses

    # Hypotheses to annotations

    def decode(self, doc: Doc, results: Sequence[MentionEvidence]) -> List[LinkedSpan]:
        """The links of a Doc's entities.

        doc (Doc): The Doc. It is not changed.
        results (Sequence[MentionEvidence]): The result for each of `ents_to_link(doc)`.
        RETURNS (List[LinkedSpan]): A link for each entity. "NIL" for an entity with a discarded
            label, without a candidate, or whose best candidate is below the threshold.
        """
        links = map(self._link, results)
        discarded = self.settings.labels_discard
        return [
            LinkedSpan(ent.start, ent.end, self.NIL, ()) if ent.label_ in discarded else next(links)
            for ent in self._ents(doc)
        ]

    def _link(self, result: MentionEvidence) -> LinkedSpan:
        span, settings = result.span, self.settings
        model = self.shim.settings
        candidates = rank_candidates(
            result.best,
            result.names,
            use_ids=self.uses_ids,
            settings=model if self.joins_priors(result.view) else replace(model, aliases=None),
            prior=result.prior,
            n_context_words=n_context_words(span, len(PRIOR_SHARES)),
        )
        threshold = self.probability_threshold
        is_linked = bool(candidates) and candidates[0].probability >= threshold
        kb_id = candidates[0].kb_id if is_linked else self.NIL
        kept = candidates[: settings.top_k or settings.num_beams]
        return LinkedSpan(span.start, span.end, kb_id, kept)

    @property
    def probability_threshold(self) -> float:
        """The probability below which an entity is "NIL": the setting, or the model's."""
        threshold = self.settings.threshold
        threshold = self.shim.settings.threshold if threshold == "auto" else threshold
        return threshold or 0.0

    def set_annotations(
        self, docs: Iterable[Doc], annotations: Sequence[Sequence[LinkedSpan]]
    ) -> None:
        """Write `token.ent_kb_id` and `span._.genre_candidates` of entities; with `spans_key`,
        `span.kb_id` instead of `token.ent_kb_id`.

        docs (Iterable[Doc]): The docs.
        annotations (Sequence[Sequence[LinkedSpan]]): What `predict` gave for them.
        """
        for doc, links in zip(docs, annotations, strict=True):
            if self.settings.spans_key is not None:
                self._set_spans(doc, self.settings.spans_key, links)
                continue
            for link in links:
                span = doc[link.start : link.end]
                if not self.settings.overwrite and any(map(self._is_linked, span)):
                    continue
                set_candidates(span, link.candidates)
                for token in span:
                    token.ent_kb_id_ = link.kb_id

    def _is_linked(self, token: Token) -> bool:
        return token.ent_kb_id_ not in ("", self.NIL)

    def _set_spans(self, doc: Doc, key: str, links: Sequence[LinkedSpan]) -> None:
        if not links:  # the Doc may not have the group
            return
        group = doc.spans[key]
        spans = list(group)
        # Spans with the same offsets share their candidates: empty ones are written first.
        for i in sorted(range(len(spans)), key=lambda i: bool(links[i].candidates)):
            span, link = spans[i], links[i]
            if self.settings.overwrite or span.kb_id_ in ("", self.NIL):
                set_candidates(span, link.candidates)
                span.kb_id_ = link.kb_id
                group[i] = span  # `span` is a copy

    # Gold annotations to pairs

    @property
    def uses_ids(self) -> bool:
        """See `TrainableGenreComponent.uses_ids`."""
        return self.settings.kb_id == "id"

    def get_targets(self, example: Example) -> List[Tuple[Span, str]]:
        """See `TrainableGenreComponent.get_targets`: entities with a gold name."""
        discarded = self.settings.labels_discard
        golds = [gold for gold in self._gold_ents(example) if gold[0].label_ not in discarded]
        named = [(ent, self.gold_name(kb_id)) for ent, kb_id in golds]
        return [(ent, name) for ent, name in named if name is not None]

    def _gold_ents(self, example: Example) -> List[Tuple[Span, str]]:
        """The entities with a gold kb_id: those of the reference or, without `use_gold_ents`, those
        of the prediction that are in the reference, too."""
        if self.settings.use_gold_ents:
            ents = self._ents(example.reference)
            return [(ent, ent.kb_id_) for ent in ents if ent.kb_id_]
        if self.settings.spans_key is not None:
            golds = {_offsets(span): span.kb_id_ for span in self._ents(example.reference)}
            spans = self._ents(example.predicted)
            return [(span, golds[_offsets(span)]) for span in spans if golds.get(_offsets(span))]
        kb_ids = example.get_aligned("ENT_KB_ID", as_string=True)
        # Labels may differ: data with links often has no labels of its own.
        ents = example.get_matching_ents(check_label=False)
        return [(ent, kb_ids[ent.start]) for ent in ents if kb_ids[ent.start]]

    def get_gold_ids(self, example: Example) -> List[str]:
        """See `TrainableGenreComponent.get_gold_ids`."""
        return [ent.kb_id_ for ent in self._ents(example.reference) if ent.kb_id_]

    def maskable_tokens(self, tokens: Sequence[int]) -> NDArray[np.bool_]:
        """See `TrainableGenreComponent.maskable_tokens`: the context, not the mention."""
        return self._encoder().is_context(tokens)

    def pair_settings(self) -> Dict[str, Any]:
        """See `TrainableGenreComponent.pair_settings`."""
        keys = {"context_tokens", "kb_id", "labels_discard", "use_gold_ents", "longest_forms"}
        return {**super().pair_settings(), **self.settings.model_dump(include={*keys, "spans_key"})}

    # Evaluation

    def score(self, examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
        """See `TrainableGenreComponent.score`. The scoring method gets `spans_key` if it is set."""
        if self.settings.spans_key is not None:
            kwargs["spans_key"] = self.settings.spans_key
        return super().score(examples, **kwargs)

    def examples_to_score(self, examples: Iterable[Example]) -> List[Example]:
        """See `TrainableGenreComponent.examples_to_score`. With `use_gold_ents`, the gold entities
        are linked first, since the pipeline may have found other entities or none; they have the
        gold candidates of the data."""
        copies = super().examples_to_score(examples)
        key = self.settings.spans_key
        if key is not None:
            for copy in copies:
                spans = self._ents(copy.reference)
                for span in spans:
                    span.kb_id_ = self.as_written(span.kb_id_)
                copy.reference.spans[key] = spans
        if self.settings.use_gold_ents:
            for copy in copies:
                if key is None:
                    copy.predicted.ents = copy.get_aligned_ents_and_ner()[0]
                else:
                    gold = self._ents(copy.reference)
                    copy.predicted.spans[key] = copy.get_aligned_spans_y2x(gold, allow_overlap=True)
                copy_gold_candidates(copy.reference, copy.predicted)
            for _ in self.pipe(copy.predicted for copy in copies):
                pass  # the docs are linked in place
        return copies


def _offsets(span: Span) -> Tuple[int, int]:
    return span.start_char, span.end_char
