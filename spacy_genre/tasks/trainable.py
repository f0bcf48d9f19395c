"""How the components are trained and evaluated: with spaCy's Examples."""

import math
from functools import partial
from itertools import islice
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Union

from spacy.language import Language
from spacy.tokens import Span
from spacy.training import Example, validate_examples, validate_get_examples
from thinc.api import Optimizer

from ..decoding.devices import autocast, torch_dtype
from ..errors import Errors
from ..extensions import copy_gold_candidates
from ..titles import TitleSet
from ..titles.spellings import best_name_at
from ..titles.view import TitleView
from ..training.hard_negatives import HardNegatives
from ..training.pairs import Pair, check_gold_names, make_pairs
from ..training.settings import TrainingSettings
from ..training.trainer import Trainer
from ..types import NIL
from .base import GenreComponent

# Names less than so many times as likely as the best one are no negatives worth their time.
MIN_SHARE = 0.01
# So many texts in a row may have nothing to learn from.
MAX_EXAMPLES_WITHOUT_PAIRS = 1000


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
    # Pairs of all updates since `initialize`, and examples since the last one with pairs.
    n_pairs: int = 0
    _n_without_pairs: int = 0

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

        get_examples (Callable[[], Iterable[Example]]): Gives a sample of gold examples.
        nlp (Optional[Language]): The pipeline.
        titles (Optional[Union[TitleSet, Callable[[], TitleSet]]]): The title set to use from now
            on; in a config, `[initialize.components.genre_linker.titles]`.
        RAISES (ValueError): If the sample has gold kb_ids, and none of the first ones leads to a
            name of the title set.
        """
        validate_get_examples(get_examples, "GenreLinker.initialize")
        if titles is not None:
            self.titles = titles() if callable(titles) else titles
        self._searchable()
        self._trainer = None
        self.n_pairs = self._n_without_pairs = 0
        check_gold_names(self.name, self.kb_id, islice(get_examples(), 100), self._gold_name)

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
        RAISES (ValueError): If the loss is not finite, with the entities of the batch; if there was
            nothing to learn in many examples.
        """
        losses = {} if losses is None else losses
        losses.setdefault(self.name, 0.0)
        examples = list(examples)
        validate_examples(examples, "GenreLinker.update")
        pairs = self._pairs(examples)
        self._count_pairs(len(pairs), len(examples))
        if pairs:
            device = self.shim.device
            context = partial(autocast, torch_dtype(self.training.dtype, device), device)
            losses[self.name] += self.trainer.accumulate(pairs, context, drop=drop)
        if sgd is not None:
            self.finish_update(sgd)
        return losses

    def _count_pairs(self, n_pairs: int, n_examples: int) -> None:
        """RAISES (ValueError): If there was nothing to learn in too many examples in a row."""
        self.n_pairs += n_pairs
        self._n_without_pairs = 0 if n_pairs else self._n_without_pairs + n_examples
        if self._n_without_pairs >= MAX_EXAMPLES_WITHOUT_PAIRS:
            message = Errors.D032.format(
                component=self.name, n=self._n_without_pairs, kb_id=self.kb_id
            )
            raise ValueError(message)

    def finish_update(self, sgd: Optimizer) -> None:
        """Change the weights by the gradients that were added up: see `Trainer.step`."""
        self.trainer.step(sgd)

    @property
    def trainer(self) -> Trainer:
        """What trains the model as it is loaded now."""
        module = self.shim.transformer
        if self._trainer is None or self._trainer.module is not module:
            temperature = self.shim.settings.temperature
            contrast = HardNegatives(self._find_negatives, self.length_penalty, temperature)
            self._trainer = Trainer(self.model, self.training, contrast)
        return self._trainer

    def _find_negatives(self, pairs: Sequence[Pair]) -> List[List[List[int]]]:
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
