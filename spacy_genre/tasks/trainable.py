"""What the components share in training and evaluation, on spaCy's Examples."""

import math
import warnings
from functools import partial
from itertools import islice
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray
from spacy.language import Language
from spacy.tokens import Span
from spacy.training import Example, validate_examples, validate_get_examples
from spacy.vocab import Vocab
from thinc.api import Model, Optimizer

from ..decoding.devices import autocast, torch_dtype
from ..errors import Errors, Warnings
from ..titles import TitleSet
from ..titles.compaction import compact_tables
from ..titles.spellings import best_name_at
from ..titles.storage import checksum
from ..training.pairs import Pair
from ..training.settings import TrainingSettings
from ..training.task import TrainableComponent
from ..training.trainer import Trainer
from ..types import NIL
from .base import GenreComponent
from .settings import SearchSettings

# A name that is less likely than this share of the best one's probability is no hard negative.
MIN_SHARE = 0.01
# Number of examples in which `initialize` looks for gold names.
N_INITIALIZE = 100
# So many examples in a row may have no training pair.
MAX_EXAMPLES_WITHOUT_PAIRS = 1000


class TrainableGenreComponent(GenreComponent, TrainableComponent):
    """A component that learns from gold annotations (see `GenreComponent` for the rest of a task):
    `get_targets` gives what the model should generate for which span.

    It is the `TrainingTask` of its own trainer.
    """

    NIL = NIL  # the kb_id of an entity that is not linked, as in spaCy's EntityLinker

    training: TrainingSettings = TrainingSettings()
    n_pairs: int = 0  # since `initialize`

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str,
        *,
        titles: Callable[[], TitleSet],
        settings: Optional[SearchSettings] = None,
        training: Optional[TrainingSettings] = None,
        scorer: Optional[Callable] = None,
    ) -> None:
        """Make the component: see `GenreComponent`.

        training (Optional[TrainingSettings]): How it is trained: `spacy_genre.Training.v2`. None
            for the defaults.
        scorer (Optional[Callable]): The scoring method.
        """
        super().__init__(vocab, model, name, titles=titles, settings=settings)
        self.training = TrainingSettings() if training is None else training
        self.scorer = scorer
        self._trainer: Optional[Trainer] = None
        self._reset_pair_counts()

    # The task

    def get_targets(self, example: Example) -> List[Tuple[Span, str]]:
        """The training pairs of an Example: spans that become inputs, as in `get_spans`, and the
        name that the model should generate for each."""
        raise NotImplementedError

    def get_gold_ids(self, example: Example) -> List[str]:
        """The gold titles or ids of an Example, whether the title set has them or not."""
        raise NotImplementedError

    def maskable_tokens(self, tokens: Sequence[int]) -> NDArray[np.bool_]:
        """Which tokens of an input the training may hide (`mask_context`), [S]."""
        raise NotImplementedError

    @property
    def uses_ids(self) -> bool:
        """Whether kb_ids are the ids of the title set rather than titles."""
        return False

    # Training

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Optional[Language] = None,
        titles: Optional[Union[TitleSet, Callable[[], TitleSet]]] = None,
    ) -> None:
        """Load the model and the title set. From now on, the model counts as trained for the task.

        get_examples (Callable[[], Iterable[Example]]): Gives a sample of gold examples.
        nlp (Optional[Language]): The pipeline.
        titles (Optional[Union[TitleSet, Callable[[], TitleSet]]]): The title set to use from now
            on. In a config: `[initialize.components.genre_linker.titles]`.
        RAISES (ValueError): If the first examples have gold ids, and none of these is in the title
            set.
        """
        validate_get_examples(get_examples, f"{type(self).__name__}.initialize")
        if titles is not None:
            self.titles = titles() if callable(titles) else titles
        self.get_view()
        self.shim.add_task(self.task)
        self._trainer = None
        self._reset_pair_counts()
        self._check_gold_names(list(islice(get_examples(), N_INITIALIZE)))

    def _check_gold_names(self, examples: Sequence[Example]) -> None:
        """Check that a sample of examples has training pairs. If no entity is linked, there is only
        a warning: the pipeline may have other components to train."""
        ids = [kb_id for eg in examples for kb_id in self.get_gold_ids(eg) if kb_id != self.NIL]
        n_ents = sum(len(eg.reference.ents) for eg in examples)
        if n_ents and not any(kb_id for eg in examples for kb_id in self.get_gold_ids(eg)):
            warnings.warn(Warnings.W011.format(component=self.name, n=n_ents), stacklevel=3)
        if ids and not any(map(self.gold_name, ids)):
            shown = ", ".join(map(repr, dict.fromkeys(ids[:3])))
            message = Errors.D031.format(
                component=self.name, n=len(ids), examples=shown, kb_id=self._id_kind
            )
            raise ValueError(message)

    @property
    def _id_kind(self) -> str:
        return "id" if self.uses_ids else "title"

    def _reset_pair_counts(self) -> None:
        self.n_pairs = 0
        self._n_without_pairs = 0  # examples since the last one with a pair

    def _count_pairs(self, n_pairs: int, n_examples: int) -> None:
        """RAISES (ValueError): If too many examples in a row had no training pair."""
        self.n_pairs += n_pairs
        self._n_without_pairs = 0 if n_pairs else self._n_without_pairs + n_examples
        if self._n_without_pairs >= MAX_EXAMPLES_WITHOUT_PAIRS:
            n, kb_id = self._n_without_pairs, self._id_kind
            raise ValueError(Errors.D032.format(component=self.name, n=n, kb_id=kb_id))

    def update(
        self,
        examples: Iterable[Example],
        *,
        drop: float = 0.0,
        sgd: Optional[Optimizer] = None,
        losses: Optional[Dict[str, float]] = None,
    ) -> Dict[str, float]:
        """Learn from a batch of examples.

        examples (Iterable[Example]): The batch. Annotations for which there is no name in the title
            set are ignored.
        drop (float): The dropout rate; 0 for the model's own (`dropout`, `attention_dropout` and
            `activation_dropout` in its config.json).
        sgd (Optional[Optimizer]): The optimizer. Without it, gradients are accumulated.
        losses (Optional[Dict[str, float]]): The mean label-smoothed loss of the names' tokens, in
            nats, is added to it.
        RETURNS (Dict[str, float]): The losses.
        RAISES (ValueError): If the loss is not finite, or too many examples in a row had no
            training pair.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, f"{type(self).__name__}.update")
        pairs = self.make_pairs(examples)
        self._count_pairs(len(pairs), len(examples))
        if pairs:
            device = self.shim.device
            precision = partial(autocast, torch_dtype(self.training.dtype, device), device)
            losses[self.name] += self.trainer.accumulate(pairs, precision, drop=drop)
        if sgd is not None:
            self.finish_update(sgd)
        return losses

    def finish_update(self, sgd: Optimizer) -> None:
        """Change the weights by the accumulated gradients: see `Trainer.step`."""
        self.trainer.step(sgd)

    @property
    def trainer(self) -> Trainer:
        """The trainer of the model as it is loaded now."""
        module = self.shim.transformer
        if self._trainer is None or self._trainer.module is not module:
            self._trainer = Trainer(self.model, self.training, self)
        return self._trainer

    # Pairs

    def make_pairs(self, examples: Iterable[Example]) -> List[Pair]:
        """The training pairs of some examples (paper, section 3.1).

        examples (Iterable[Example]): The examples.
        RETURNS (List[Pair]): The pairs whose span the model can read.
        RAISES (ValueError): If a gold id is not in the title set, and `missing = "fail"` in the
            training settings.
        """
        targets = [target for eg in examples for target in self.get_targets(eg)]
        inputs = self.encode([span for span, _ in targets])
        names = self.shim.name_tokenizer.encode([name for _, name in targets])
        return [
            Pair(ids, name_ids, f"{span.text[:60]!r} -> {name!r}")
            for ids, name_ids, (span, name) in zip(inputs, names, targets, strict=True)
            if ids is not None
        ]

    def pair_settings(self) -> Dict[str, Any]:
        """Everything that the pairs depend on, except for the examples: JSON values by name."""
        shim, titles = self.shim, self.titles
        model = ("start_delimiter", "end_delimiter", "name_bos", "context_tokens", "opening_tokens")
        return {
            # A checksum, since equal numbers of names are not equal names.
            "title set": checksum(compact_tables(titles.view).to_arrays(), titles.header),
            "tokenizer": shim.name_tokenizer.fingerprint,
            "longest input": self.max_length,
            **{f"the model's {key}": getattr(shim.settings, key) for key in model},
        }

    def find_negatives(self, pairs: Sequence[Pair]) -> List[List[List[int]]]:
        """The hard negatives of some pairs: other names that the model finds likely.

        pairs (Sequence[Pair]): N pairs.
        RETURNS (List[List[List[int]]]): For each pair, token ids of the names that the search finds
            and that are not too unlikely, without the gold name and its redirects.
        """
        view = self.get_view()
        hypotheses = self._search([(pair.input, view) for pair in pairs], view)
        lowest = self.temperature * math.log(MIN_SHARE)  # difference to the best score
        negatives = []
        for pair, found in zip(pairs, hypotheses, strict=True):
            gold = best_name_at(view, view.trie.find(pair.name), "")
            likely = [h for h in found if h.score > found[0].score + lowest]
            others = [h for h in likely if best_name_at(view, h.state, "") != gold]
            negatives.append([list(h.tokens) for h in others])
        return negatives

    @property
    def temperature(self) -> float:
        """The model's temperature, by which scores are divided in a softmax."""
        return self.shim.settings.temperature

    # Gold ids

    def gold_name(self, kb_id: str) -> Optional[str]:
        """The name in the title set for a gold title or id; None if there is none.

        RAISES (ValueError): If there is none, and `missing = "fail"` in the training settings.
        """
        if not kb_id or kb_id == self.NIL:
            return None
        name = self._find_name(kb_id)
        if name is None and self.training.missing == "fail":
            raise ValueError(Errors.D005.format(title=kb_id, where="a gold kb_id"))
        return name

    def _find_name(self, kb_id: str) -> Optional[str]:
        names = self.titles.names_of(kb_id) if self.uses_ids else []
        return names[0] if names else self.titles.resolve(kb_id)

    def as_written(self, kb_id: str) -> str:
        """The kb_id that this component writes for a gold title or id: the title for a redirect,
        the id for a title. Itself, if it is not in the title set."""
        if not kb_id or kb_id == self.NIL:
            return kb_id
        name = self._find_name(kb_id)
        written = (self.titles.id_of(name) or name) if name and self.uses_ids else name
        return written or kb_id

    # Evaluation

    def score(self, examples: Iterable[Example], **kwargs: Any) -> Dict[str, Any]:
        """Score a batch of examples.

        RETURNS (Dict[str, Any]): The scores that the scoring method gives.
        """
        if self.scorer is None:
            return {}
        return self.scorer(self.examples_to_score(examples), **kwargs)

    def examples_to_score(self, examples: Iterable[Example]) -> List[Example]:
        """Copies of examples in which gold kb_ids are what this component writes for them: a gold
        redirect or, with ids, a gold title is replaced by the kb_id of its name, as in training."""
        copies = []
        for eg in examples:
            copy = eg.copy()
            for ent in copy.reference.ents:
                for token in ent:
                    token.ent_kb_id_ = self.as_written(ent.kb_id_)
            copies.append(copy)
        return copies
