"""`genre_linker`: entity disambiguation (paper, section 4.1). Reads doc.ents, writes kb_ids."""

import warnings
from functools import partial
from itertools import islice
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Union

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Config, Model, Optimizer

from ..decoding import EarlyStopping, Path
from ..decoding.precision import precision, torch_dtype
from ..encoding import MentionEncoder
from ..errors import Errors, Warnings
from ..mentions import span_mention
from ..titles import TitleSet
from ..titles.view import TitleView
from ..training.pairs import Pair, make_pairs, warn_of_no_names
from ..training.settings import TrainingSettings
from ..training.trainer import Trainer
from ..types import LinkedSpan
from .base import GenrePipe
from .candidates import make_candidates, register_extension, set_candidates
from .validation import check

DEFAULT_CONFIG = Config().from_str("""
[genre_linker]
num_beams = 5
top_k = null
length_penalty = 1.0
search = "beam"
early_stopping = false
batch_tokens = 4096
context_tokens = null
kb_id = "title"
overwrite = true
labels_discard = ["CARDINAL", "ORDINAL", "QUANTITY", "PERCENT", "MONEY", "TIME", "DATE"]
use_gold_ents = true
threshold = null
dtype = "auto"

[genre_linker.model]
@architectures = "spacy_genre.Seq2Seq.v1"
name = null

[genre_linker.titles]
@misc = "spacy_genre.TitleSet.v1"
path = null

[genre_linker.training]
@misc = "spacy_genre.Training.v1"

[genre_linker.scorer]
@scorers = "spacy_genre.links_scorer.v1"
""")["genre_linker"]

register_extension()


@Language.factory(
    "genre_linker",
    requires=["doc.ents"],
    assigns=["token.ent_kb_id", "span._.genre_candidates"],
    default_config=DEFAULT_CONFIG,
    default_score_weights={"nel_micro_f": 1.0, "nel_micro_r": None, "nel_micro_p": None},
)
def make_genre_linker(
    nlp: Language,
    name: str,
    model: Model,
    titles: Callable[[], TitleSet],
    num_beams: int,
    top_k: Optional[int],
    length_penalty: float,
    search: str,
    early_stopping: EarlyStopping,
    batch_tokens: int,
    context_tokens: Optional[int],
    kb_id: str,
    overwrite: bool,
    labels_discard: List[str],
    use_gold_ents: bool,
    threshold: Optional[float],
    dtype: str,
    training: TrainingSettings,
    scorer: Optional[Callable],
) -> "GenreLinker":
    """Make a `GenreLinker`; its `__init__` describes the settings."""
    return GenreLinker(
        nlp.vocab,
        model,
        name,
        titles=titles,
        num_beams=num_beams,
        top_k=top_k,
        length_penalty=length_penalty,
        search=search,
        early_stopping=early_stopping,
        batch_tokens=batch_tokens,
        context_tokens=context_tokens,
        kb_id=kb_id,
        overwrite=overwrite,
        labels_discard=labels_discard,
        use_gold_ents=use_gold_ents,
        threshold=threshold,
        dtype=dtype,
        training=training,
        scorer=scorer,
    )


class GenreLinker(GenrePipe):
    """Links the entities of a Doc by generating the name of each."""

    NIL = "NIL"  # for an entity that is not linked, as in spaCy's EntityLinker

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
        dtype: str = "auto",
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
        overwrite (bool): Whether to replace kb_ids that are already set.
        labels_discard (Iterable[str]): Entities with these labels get "NIL" unseen.
        use_gold_ents (bool): Whether to train and to evaluate on the entities of the reference.
            If not, another component must set entities.
        threshold (Optional[float]): An entity whose best candidate has a lower probability, 0
            to 1, gets "NIL". None links every entity. The probability is a share among the
            candidates, so it needs some: a lone one (one beam, or one name) always has 1.
        dtype (str): What the model computes in: "float32", "bfloat16", "float16" (on a GPU
            only), or "auto": bfloat16 on a GPU or CPU (AVX512-BF16, AMX) that multiplies it
            fast, float32 anywhere else. Log-probabilities are float32 whatever it is.
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
        )
        self.top_k = top_k
        self.context_tokens = context_tokens
        self.kb_id = kb_id
        self.overwrite = overwrite
        self.labels_discard = list(labels_discard)
        self.use_gold_ents = use_gold_ents
        self.threshold = threshold
        self.training = training
        self._trainer: Optional[Trainer] = None
        self.scorer = scorer
        self.check_settings()
        self._configured = self.settings()

    SETTINGS = (
        *GenrePipe.SETTINGS,
        "top_k",
        "context_tokens",
        "kb_id",
        "overwrite",
        "labels_discard",
        "use_gold_ents",
        "threshold",
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
        is_known = self.kb_id in ("title", "id")
        check(self.name, "kb_id", self.kb_id, '"title" or "id"', is_known)

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
        paths = iter(self.find_paths(self._encode(ents), view.trie))
        return [
            [
                self._nil(ent)
                if ent.label_ in self.labels_discard
                else self._link(ent, next(paths), view)
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
                if any(token.ent_kb_id for token in span) and not self.overwrite:
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
        return encoder.encode([span_mention(ent, context) for ent in ents])

    def _nil(self, ent: Span) -> LinkedSpan:
        return LinkedSpan(ent.start, ent.end, self.NIL, ())

    def _link(self, ent: Span, paths: Sequence[Path], view: TitleView) -> LinkedSpan:
        candidates = make_candidates(
            paths,
            view,
            ent.text,
            unknown=self.tokenizer.unk_token_id,
            use_ids=self.kb_id == "id",
            nil=self.NIL,
            temperature=self.shim.settings.temperature,
        )
        best = candidates[0] if candidates else None
        if best is None or (self.threshold is not None and best.probability < self.threshold):
            kb_id = self.NIL
        else:
            kb_id = best.kb_id
        return LinkedSpan(ent.start, ent.end, kb_id, candidates[: self.top_k])

    # Training and evaluation

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        titles: Optional[Union[TitleSet, Callable[[], TitleSet]]] = None,
    ) -> None:
        """Load the model and the title set.

        get_examples (Callable[[], Iterable[Example]]): Gives a sample of gold examples. If it has
            links, and none of the first ones leads to a name of the title set, there is a warning.
        nlp (Optional[Language]): The pipeline.
        titles (Optional[Union[TitleSet, Callable[[], TitleSet]]]): The title set to use from now
            on; in a config, `[initialize.components.genre_linker.titles]`.
        """
        validate_get_examples(get_examples, "GenreLinker.initialize")
        if titles is not None:
            self.titles = titles() if callable(titles) else titles
        self._searchable()
        self._trainer = None
        warn_of_no_names(self.name, islice(get_examples(), 100), self._gold_name)

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
    ) -> Dict[str, float]:
        """Learn to write the names of gold entities.

        examples (Iterable[Example]): A batch. Entities whose gold kb_id leads to no name of the
            title set are passed over.
        drop (float): Not used: the rate is the model's own (`dropout` in its config.json).
        sgd (Optional[Optimizer]): The optimizer. Without it gradients add up.
        losses (Optional[Dict[str, float]]): To which the mean label-smoothed loss of the names'
            tokens, in nats, is added.
        RETURNS (Dict[str, float]): The losses.
        RAISES (ValueError): If the loss is not finite, with the entities of the batch.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "GenreLinker.update")
        if pairs := self._pairs(examples):
            device = self.shim.device
            context = partial(precision, torch_dtype(self.training.dtype, device), device)
            losses[self.name] += self.trainer.accumulate(pairs, context)
        if sgd is not None:
            self.finish_update(sgd)
        return losses

    def finish_update(self, sgd: Optimizer) -> None:
        """Change the weights by the gradients that were added up: see `Trainer.step`."""
        self.trainer.step(sgd)

    @property
    def trainer(self) -> Trainer:
        """What trains the model as it is loaded now."""
        module = self.shim.transformer
        if self._trainer is None or self._trainer.module is not module:
            self._trainer = Trainer(self.model, self.training)
        return self._trainer

    def _pairs(self, examples: Iterable[Example]) -> List[Pair]:
        """What can be learnt from some examples."""
        return make_pairs(
            examples,
            gold_name=self._gold_name,
            encode=self._encode,
            tokenizer=self.shim.name_tokenizer,
            max_length=self.max_length,
            use_gold_ents=self.use_gold_ents,
            labels_discard=self.labels_discard,
        )

    def _gold_name(self, kb_id: str) -> Optional[str]:
        if not kb_id or kb_id == self.NIL:
            return None
        by_id = self.titles.names_of(kb_id) if self.kb_id == "id" else []
        name = by_id[0] if by_id else self.titles.resolve(kb_id)
        if name is None and self.training.missing == "fail":
            raise ValueError(Errors.D005.format(title=kb_id, where="a gold kb_id"))
        return name

    def _with_gold_ents(self, examples: Iterable[Example]) -> List[Example]:
        """If use_gold_ents is true, copies of the examples whose predicted docs have the gold
        entities."""
        if not self.use_gold_ents:
            return list(examples)
        copies = []
        for eg in examples:
            ents, _ = eg.get_aligned_ents_and_ner()
            copy = eg.copy()
            copy.predicted.ents = ents
            copies.append(copy)
        return copies

    def score(self, examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
        """Score a batch of examples; with `use_gold_ents`, link their gold entities first (the
        pipeline that made the predictions may have found others, or none).

        RETURNS (Dict[str, Any]): `nel_micro_p`, `nel_micro_r`, `nel_micro_f` and the like.
        """
        if self.scorer is None:
            return {}
        if self.use_gold_ents:
            examples = self._with_gold_ents(examples)
            for _ in self.pipe(eg.predicted for eg in examples):
                pass  # the docs are linked in place
        return self.scorer(examples, **kwargs)
