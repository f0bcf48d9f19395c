"""`genre_linker`: entity disambiguation (paper, section 4.1). Reads doc.ents, writes kb_ids."""

import warnings
from dataclasses import replace
from typing import (
    Any,
    Callable,
    Iterable,
    Iterator,
    List,
    Optional,
    Protocol,
    Sequence,
    runtime_checkable,
)

from spacy.tokens import Doc, Span, Token
from spacy.vocab import Vocab
from thinc.api import Model

from ...decoding import EarlyStopping, Hypothesis
from ...errors import Errors, Warnings
from ...extensions import set_candidates
from ...titles import TitleSet
from ...titles.subset import SearchableNames
from ...titles.view import TitleView
from ...training.settings import TrainingSettings
from ...types import LinkedSpan
from ..trainable import TrainableGenreComponent
from ..validation import check
from .candidate_generators import GetNames, choose_from
from .context import span_mention
from .coreference import longest_forms
from .decoding import make_candidates
from .encoding import MentionEncoder


@runtime_checkable
class LinkingComponent(Protocol):
    name: str
    settings: Any
    titles: TitleSet
    get_candidates: Any

    @property
    def shim(self) -> Any: ...

    def ents_to_link(self, doc: Doc) -> List[Span]: ...

    def encode(self, spans: Sequence[Span]) -> List[Optional[List[int]]]: ...

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]: ...


class _Settings:
    def __init__(self, linker: Any) -> None:
        self.linker = linker

    def __call__(self) -> Any:
        return {key: getattr(self.linker, key) for key in self.linker.SETTINGS}

    def __getattr__(self, key: str) -> Any:
        return getattr(self.linker, key)


class GenreLinker(TrainableGenreComponent):
    """Links the entities of a Doc by generating the name of each."""

    @property
    def settings(self) -> Any:
        return _Settings(self)

    @property
    def get_candidates(self) -> Any:
        return self.candidates

    @get_candidates.setter
    def get_candidates(self, value: Any) -> None:
        self.candidates = value

    def ents_to_link(self, doc: Doc) -> List[Span]:
        return self._linkable(doc)

    def encode(self, spans: Sequence[Span]) -> List[Optional[List[int]]]:
        return self._encode(spans)

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str = "genre_linker",
        *,
        titles: Callable[[], TitleSet],
        num_beams: int = 5,
        top_k: Optional[int] = None,
        length_penalty: float = 1.0,
        search: str = "beam",
        early_stopping: EarlyStopping = False,
        batch_tokens: int = 4096,
        context_tokens: Optional[int] = None,
        kb_id: str = "title",
        overwrite: bool = True,
        labels_discard: Iterable[str] = (),
        use_gold_ents: bool = True,
        threshold: Optional[float] = None,
        longest_forms: Iterable[str] = (),
        dtype: str = "auto",
        cache_size: int = 0,
        candidates: Optional[GetNames] = None,
        training: TrainingSettings = TrainingSettings(),  # noqa: B008
        scorer: Optional[Callable] = None,
    ) -> None:
        """Make the component.

        vocab (Vocab): The shared vocabulary.
        model (Model): `spacy_genre.Seq2Seq.v1`.
        name (str): The component's name in the pipeline.
        titles (Callable[[], TitleSet]): Opens the title set; see `spacy_genre.TitleSet.v1`.
        num_beams (int): How many unfinished names the search follows, 1 to 1000.
        top_k (Optional[int]): How many candidates are kept for an entity; None for `num_beams`.
        length_penalty (float): The exponent of a name's length in its score; 0 ranks by the
            plain sum of log-probabilities.
        search (str): "beam", or "exact" for the `num_beams` truly best names, however long that
            takes (at most a thousand steps for an entity; BART and mBART only).
        early_stopping (EarlyStopping): When a beam search stops, as in transformers' `generate`:
            False as soon as the best unfinished name, at its present length, scores no better
            than the worst of `num_beams` complete ones (as the paper's code does); "never" when
            none could at any length; True with `num_beams` complete names.
        batch_tokens (int): How many tokens of input, padding included, the model reads at once.
        context_tokens (Optional[int]): Context to each side of an entity, in the model's
            tokens; None for what the model was trained with.
        kb_id (str): What is written: "title", or "id" for the title set's id of the title
            ("NIL" for titles that have none).
        overwrite (bool): Whether to replace kb_ids that are already set. "NIL" always is, so that
            one linker may follow another.
        labels_discard (Iterable[str]): Entities with these labels get "NIL" unseen.
        use_gold_ents (bool): Whether to train and to evaluate on the entities of the reference.
            If not, another component must set entities.
        threshold (Optional[float]): An entity whose best candidate has a lower probability, 0
            to 1, gets "NIL". None links every entity. (With a model that has no `nil_score` the
            probability is a share among the candidates, and that of a lone one is always 1.)
        longest_forms (Iterable[str]): Entities with these labels are linked by the longest form of
            their name in the document: "Clinton" as "Bill Clinton", if that is an entity with the
            same label.
        dtype (str): What the model computes in: "float32", "bfloat16", "float16" (on a GPU
            only), or "auto": bfloat16 on a GPU or CPU (AVX512-BF16, AMX) that multiplies it
            fast, float32 anywhere else. Log-probabilities are float32 whatever it is.
        cache_size (int): Of how many entities in their contexts to keep what was found for later
            batches, the latest ones; 0 for none. It is dropped when the title set, the weights, or
            a setting of the search change.
        candidates (Optional[GetNames]): Gives the names that an entity may stand for; see
            `spacy_genre.AliasCandidates.v1` and `spacy_genre.GivenCandidates.v1`. None for the
            whole title set. If they are few, all are scored, whatever `num_beams` is.
        training (TrainingSettings): How it is trained; see `spacy_genre.Training.v1`.
        scorer (Optional[Callable]): The scoring method.
        RAISES (ValueError): If a setting is out of range.
        """
        super().__init__(
            vocab,
            model,
            name,
            titles=titles,
            num_beams=num_beams,
            length_penalty=length_penalty,
            search=search,
            early_stopping=early_stopping,
            batch_tokens=batch_tokens,
            dtype=dtype,
            cache_size=cache_size,
        )
        self.top_k = top_k
        self.context_tokens = context_tokens
        self.kb_id = kb_id
        self.overwrite = overwrite
        self.labels_discard = list(labels_discard)
        self.use_gold_ents = use_gold_ents
        self.threshold = threshold
        self.longest_forms = list(longest_forms)
        self.candidates = candidates
        self.training = training
        self.scorer = scorer
        self.check_settings()
        self._configured = self.settings()

    SETTINGS = (
        *TrainableGenreComponent.SETTINGS,
        "top_k",
        "context_tokens",
        "kb_id",
        "overwrite",
        "labels_discard",
        "use_gold_ents",
        "threshold",
        "longest_forms",
    )

    def check_settings(self) -> None:
        """RAISES (ValueError): If a setting is out of range."""
        super().check_settings()
        if self.top_k is not None:
            self._check_number("top_k", "null, or a whole number, 1 or more", 1)
        if self.context_tokens is not None:
            self._check_number("context_tokens", "null, or a whole number, 0 or more", 0)
        if self.threshold is not None:
            self._check_number("threshold", "null, or from 0 to 1", 0, 1, whole=False)
        for key in ("labels_discard", "longest_forms"):
            labels = getattr(self, key)
            several = isinstance(labels, (list, tuple, set, frozenset))
            good = several and all(isinstance(label, str) for label in labels)
            check(self.name, key, labels, "a list of labels", good)
        for key in ("overwrite", "use_gold_ents"):
            value = getattr(self, key)
            check(self.name, key, value, "true or false", isinstance(value, bool))
        is_known = self.kb_id in ("title", "id")
        check(self.name, "kb_id", self.kb_id, '"title" or "id"', is_known)
        is_known = self.candidates is None or callable(self.candidates)
        allowed = "null, or a function that takes a title set and an entity"
        check(self.name, "candidates", self.candidates, allowed, is_known)

    # Linking

    def predict(self, docs: Iterable[Doc]) -> List[List[LinkedSpan]]:
        """Link the entities of some docs, without changing them.

        docs (Iterable[Doc]): The docs.
        RETURNS (List[List[LinkedSpan]]): For each doc, its entities with what they are linked
            to. "NIL" for an entity with a discarded label, below the threshold, without a name,
            or too long for the model.
        RAISES (ValueError): If the title set is empty or does not fit the model.
        """
        self.check_settings()
        docs = [docs] if isinstance(docs, Doc) else list(docs)
        ents = [ent for doc in docs for ent in self._linkable(doc)]
        if not ents:
            return [[self._nil(ent) for ent in doc.ents] for doc in docs]
        view = self._searchable()
        names = self._choose_from(ents, view)
        paths = self.find_paths(self._encode(ents), names, view)
        links = map(self._link, ents, paths, names)
        return [
            [
                self._nil(ent) if ent.label_ in self.labels_discard else next(links)
                for ent in doc.ents
            ]
            for doc in docs
        ]

    def set_annotations(self, docs: Iterable[Doc], links: List[List[LinkedSpan]]) -> None:
        """Write what `predict` found to the docs: `token.ent_kb_id` of the entities' tokens,
        and `span._.genre_candidates`.

        docs (Iterable[Doc]): The docs.
        links (List[List[LinkedSpan]]): What `predict` gave for them.
        """
        for doc, found in zip(docs, links, strict=True):
            for link in found:
                span = doc[link.start : link.end]
                if not self.overwrite and any(self._is_linked(token) for token in span):
                    continue
                set_candidates(span, link.candidates)
                for token in span:
                    token.ent_kb_id_ = link.kb_id

    def _linkable(self, doc: Doc) -> List[Span]:
        if len(doc) and not doc.has_annotation("ENT_IOB"):
            warnings.warn(Warnings.W001.format(component=self.name), stacklevel=2)
        return [ent for ent in doc.ents if ent.label_ not in self.labels_discard]

    def _searchable(self) -> TitleView:
        """The title set as it is now, if names can be generated from it."""
        view = self.titles.view
        self.check_trie(view.trie)
        if self.kb_id == "id" and not view.has_ids:
            raise ValueError(Errors.C002)
        return view

    def _choose_from(self, ents: Sequence[Span], view: TitleView) -> List[SearchableNames]:
        tokenizer = self.shim.name_tokenizer
        return choose_from(self.candidates, self.titles, view, ents, tokenizer)

    def _encode(self, ents: Sequence[Span]) -> List[Optional[List[int]]]:
        shim = self.shim
        context = self.context_tokens
        if context is None:
            context = shim.settings.context_tokens
        encoder = MentionEncoder(
            shim.name_tokenizer,
            shim.settings,
            max_length=self.max_length,
            context_tokens=context,
        )
        opening = shim.settings.opening_tokens if context else 0
        mentions = [span_mention(ent, context, opening) for ent in ents]
        forms = longest_forms(ents, self.longest_forms)
        return encoder.encode(
            [
                mention if form == ent.text else replace(mention, text=form)
                for ent, mention, form in zip(ents, mentions, forms, strict=True)
            ]
        )

    def _is_linked(self, token: Token) -> bool:
        return token.ent_kb_id_ not in ("", self.NIL)

    def _nil(self, ent: Span) -> LinkedSpan:
        return LinkedSpan(ent.start, ent.end, self.NIL, ())

    def _link(self, ent: Span, paths: Sequence[Hypothesis], names: SearchableNames) -> LinkedSpan:
        candidates = make_candidates(
            paths,
            names,
            ent.text,
            unknown=self.tokenizer.unk_token_id,
            use_ids=self.kb_id == "id",
            nil=self.NIL,
            settings=self.shim.settings,
        )
        best = candidates[0] if candidates else None
        if best is None or (self.threshold is not None and best.probability < self.threshold):
            kb_id = self.NIL
        else:
            kb_id = best.kb_id
        return LinkedSpan(ent.start, ent.end, kb_id, candidates[: self.top_k or self.num_beams])
