"""How the components are trained and evaluated: with spaCy's Examples."""

import math
import warnings
from functools import partial
from itertools import islice
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Span
from spacy.training import Example, validate_examples, validate_get_examples
from thinc.api import Optimizer

from ..corpora.examples import gold_spans, gold_title
from ..decoding.devices import autocast, torch_dtype
from ..errors import Errors, Warnings
from ..extensions import copy_gold_candidates
from ..titles import TitleSet
from ..titles.compaction import compact_tables
from ..titles.spellings import best_name_at
from ..titles.storage import checksum
from ..titles.view import TitleView
from ..tokenization import NameTokenizer, find_subsequence
from ..training.pairs import Pair
from ..training.settings import TrainingSettings
from ..training.trainer import Trainer
from ..types import NIL
from .base import GenreComponent

# Names less than so many times as likely as the best one are no negatives worth their time.
MIN_SHARE = 0.01


# For a gold kb_id its name in the title set; None if there is nothing to learn.
GoldName = Callable[[str], Optional[str]]


def pairs_of_examples(
    examples: Iterable[Example],
    *,
    gold_name: GoldName,
    encode: Callable[[Sequence[Span]], List[Optional[List[int]]]],
    tokenizer: NameTokenizer,
    max_length: int,
    use_gold_ents: bool,
    labels_discard: Sequence[str],
) -> List[Pair]:
    """The pairs that some examples hold: one for each entity with a gold name, and one for each
    text that should lead to a page.

    gold_name (GoldName): Finds names.
    encode (Callable[[Sequence[Span]], List[Optional[List[int]]]]): The model's input for
        entities; None for one that it can't read.
    tokenizer (NameTokenizer): How the model writes names.
    max_length (int): The longest input of the model, in tokens. Longer texts are cut; mentions
        have a context window.
    use_gold_ents (bool): Whether to take the entities of the reference, rather than those of the
        prediction that are the same.
    labels_discard (Sequence[str]): Entities with these labels are passed over.
    """
    spans: List[Tuple[Span, str]] = []
    texts: List[Tuple[str, str]] = []
    for eg in examples:
        for span, kb_id in _gold_spans(eg, use_gold_ents):
            name = gold_name(kb_id) if span.label_ not in labels_discard else None
            if name is not None:
                spans.append((span, name))
        about = gold_title(eg.reference)
        if about and (name := gold_name(about)) is not None:
            texts.append((eg.reference.text, name))
    inputs = encode([span for span, _ in spans])
    inputs += _encode_texts([text for text, _ in texts], tokenizer, max_length)
    named = [(span.text, name) for span, name in spans] + texts
    names = tokenizer.encode([name for _, name in named])
    return [
        Pair(ids, name_ids, f"{text[:60]!r} -> {name!r}")
        for ids, name_ids, (text, name) in zip(inputs, names, named, strict=True)
        if ids is not None
    ]


def warn_of_no_names(component: str, examples: Iterable[Example], gold_name: GoldName) -> None:
    """Warn if some examples have gold kb_ids, and none of them leads to a name."""
    gold = [span.kb_id_ for eg in examples for span in gold_spans(eg.reference)]
    gold = [kb_id for kb_id in gold if kb_id != NIL]
    if gold and not any(map(gold_name, gold)):
        shown = ", ".join(map(repr, gold[:3]))
        message = Warnings.W002.format(component=component, count=len(gold), examples=shown)
        warnings.warn(message, stacklevel=3)


def _gold_spans(example: Example, use_gold_ents: bool) -> Iterator[Tuple[Span, str]]:
    if use_gold_ents:
        for span in gold_spans(example.reference):
            yield span, span.kb_id_
    else:
        kb_ids = example.get_aligned("ENT_KB_ID", as_string=True)
        # Whatever their labels are: data with links often has none.
        for span in example.get_matching_ents(check_label=False):
            if kb_ids[span.start]:
                yield span, kb_ids[span.start]


def _encode_texts(
    texts: Sequence[str], tokenizer: NameTokenizer, max_length: int
) -> List[Optional[List[int]]]:
    room = max_length - len(tokenizer.before) - len(tokenizer.after)
    return [
        [*tokenizer.before, *pieces[:room], *tokenizer.after] for pieces in tokenizer.pieces(texts)
    ]


class TrainableGenreComponent(GenreComponent):
    """A component that learns to write the names of entities.

    training (TrainingSettings): How it is trained.
    use_gold_ents (bool): Whether to train and to evaluate on the entities of the reference.
    labels_discard (List[str]): Entities with these labels are passed over.
    kb_id (str): What gold kb_ids are: "title" or "id".
    scorer (Optional[Callable]): The scoring method.
    """

    NIL = NIL  # for an entity that is not linked, as in spaCy's EntityLinker

    training: TrainingSettings
    use_gold_ents: bool
    labels_discard: List[str]
    kb_id: str
    scorer: Optional[Callable]
    _trainer: Optional[Trainer] = None

    def _searchable(self) -> TitleView:
        """The title set as it is now, if names can be generated from it."""
        raise NotImplementedError

    def _encode(self, ents: Sequence[Span]) -> List[Optional[List[int]]]:
        """The model's input for each entity; None for one that it can't read."""
        raise NotImplementedError

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
        drop (float): The dropout rate; 0 for the model's own (`dropout`, `attention_dropout` and
            `activation_dropout` in its config.json).
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
        if pairs := self.make_pairs(examples):
            device = self.shim.device
            context = partial(autocast, torch_dtype(self.training.dtype, device), device)
            losses[self.name] += self.trainer.accumulate(pairs, context, drop=drop)
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
            self._trainer = Trainer(self.model, self.training, self)
        return self._trainer

    def find_negatives(self, pairs: Sequence[Pair]) -> List[List[List[int]]]:
        """The names other than the gold one that are found for each input and not all too unlikely,
        as token ids. (A redirect of it may stand in the trie as well.)"""
        view, temperature = self._searchable(), self.shim.settings.temperature
        found = self._search([(pair.input, view) for pair in pairs], view)
        negatives = []
        for pair, paths in zip(pairs, found, strict=True):
            gold = best_name_at(view, view.trie.find(pair.name), "")
            lowest = temperature * math.log(MIN_SHARE)  # below the best one
            near = [path.state for path in paths if path.score > paths[0].score + lowest]
            others = [node for node in near if best_name_at(view, node, "") != gold]
            negatives.append([view.trie.path(node) for node in others])
        return negatives

    def make_pairs(self, examples: Iterable[Example]) -> List[Pair]:
        """What can be learnt from some examples."""
        return pairs_of_examples(
            examples,
            gold_name=self._gold_name,
            encode=self._encode,
            tokenizer=self.shim.name_tokenizer,
            max_length=self.max_length,
            use_gold_ents=self.use_gold_ents,
            labels_discard=self.labels_discard,
        )

    @property
    def temperature(self) -> float:
        """The temperature of the model's probabilities."""
        return self.shim.settings.temperature

    def maskable_tokens(self, tokens: Sequence[int]) -> NDArray[np.bool_]:
        """Which tokens of an input are context."""
        from .linker.encoding import delimiters

        tokenizer = self.shim.name_tokenizer
        *starts, end = delimiters(tokenizer, self.shim.settings)
        maskable = np.ones(len(tokens), bool)
        maskable[: len(tokenizer.before)] = False
        maskable[len(tokens) - len(tokenizer.after) :] = False
        start = max(find_subsequence(tokens, start) for start in starts)
        if start >= 0:
            maskable[start : find_subsequence(tokens, end) + len(end)] = False
        return maskable

    def pair_settings(self) -> Dict[str, Any]:
        """All on which the pairs depend."""
        titles, shim, settings = self.titles, self.shim, self.settings()
        linker = ("context_tokens", "kb_id", "labels_discard", "use_gold_ents", "longest_forms")
        model = ("start_delimiter", "end_delimiter", "name_bos", "context_tokens", "opening_tokens")
        return {
            "title set": checksum(compact_tables(titles.view).to_arrays(), titles.header),
            "tokenizer": shim.name_tokenizer.fingerprint,
            "longest input": self.max_length,
            **{key: settings[key] for key in linker},
            **{f"the model's {key}": getattr(shim.settings, key) for key in model},
        }

    def _gold_name(self, kb_id: str) -> Optional[str]:
        if not kb_id or kb_id == self.NIL:
            return None
        name = self._find_gold(kb_id)
        if name is None and self.training.missing == "fail":
            raise ValueError(Errors.D005.format(title=kb_id, where="a gold kb_id"))
        return name

    def _find_gold(self, kb_id: str) -> Optional[str]:
        by_id = self.titles.names_of(kb_id) if self.kb_id == "id" else []
        return by_id[0] if by_id else self.titles.resolve(kb_id)

    def _to_score(self, examples: Iterable[Example]) -> List[Example]:
        """Copies of the examples whose gold kb_ids are what this component writes for them. If
        use_gold_ents is true, the predicted docs have the gold entities, and the candidates that
        the data gives them."""
        copies = []
        for eg in examples:
            copy = eg.copy()
            if self.use_gold_ents:
                copy.predicted.ents = eg.get_aligned_ents_and_ner()[0]
                copy_gold_candidates(eg.reference, copy.predicted)
            for ent in copy.reference.ents:
                for token in ent:
                    token.ent_kb_id_ = self._as_written(ent.kb_id_)
            copies.append(copy)
        return copies

    def _as_written(self, kb_id: str) -> str:
        """What is written for what a gold kb_id means; itself if that is nothing of the set."""
        if not kb_id or kb_id == self.NIL:
            return kb_id
        name = self._find_gold(kb_id)
        written = self.titles.id_of(name) if name and self.kb_id == "id" else name
        return written or kb_id

    def score(self, examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
        """Score a batch of examples; with `use_gold_ents`, link their gold entities first (the
        pipeline that made the predictions may have found others, or none). A gold kb_id counts as
        the title that it leads to, as in training: a redirect, and with kb_id = "id" a title, too.

        RETURNS (Dict[str, Any]): `nel_micro_p`, `nel_micro_r`, `nel_micro_f` and the like.
        """
        if self.scorer is None:
            return {}
        examples = self._to_score(examples)
        if self.use_gold_ents:
            for _ in self.pipe(eg.predicted for eg in examples):
                pass  # the docs are linked in place
        return self.scorer(examples, **kwargs)
