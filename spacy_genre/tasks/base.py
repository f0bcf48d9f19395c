"""What all tasks share: how docs become inputs, the search, how its results become annotations."""

import warnings
from array import array
from itertools import chain, islice
from typing import (
    Any,
    ClassVar,
    Dict,
    Hashable,
    Iterable,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Sequence,
    Tuple,
)

from spacy import util
from spacy.tokens import Doc, Span

from ..decoding import Constraint, Hypothesis, TrieConstraint, constrained_search, search_candidates
from ..decoding.devices import torch_dtype
from ..errors import Errors, Warnings
from ..titles.subset import NameSubset, SearchableNames
from ..titles.view import TitleView
from .serializable import SerializableComponent


class SearchResult(NamedTuple):
    """What the search found for one input.

    span (Span): The span that was encoded.
    names (SearchableNames): The names that were searched.
    hypotheses (List[Hypothesis]): The generated sequences, best first; none for a span that the
        model can't read.
    """

    span: Span
    names: SearchableNames
    hypotheses: List[Hypothesis]


class GenreComponent(SerializableComponent):
    """A component that generates names of a title set.

    A task is what a subclass defines:

    1. how a Doc becomes inputs of the model: `get_spans` and `encode`;
    2. which constraint the search obeys: `get_names` and `make_constraint`;
    3. how hypotheses become annotations: `decode` and `set_annotations`;
    4. how gold annotations become training pairs: `TrainableGenreComponent.get_targets`, or
       `make_pairs` if a pair has several targets.

    task (str): What a model must be trained for, of `GenreSettings.tasks`; "" for any model.
    """

    task: ClassVar[str] = ""
    _warned_of: Any = None

    # The task

    def get_spans(self, doc: Doc) -> List[Span]:
        """The spans of a Doc that become inputs: entities, windows, or the whole Doc."""
        raise NotImplementedError

    def encode(self, spans: Sequence[Span]) -> List[Optional[List[int]]]:
        """The model's inputs.

        spans (Sequence[Span]): N spans.
        RETURNS (List[Optional[List[int]]]): [N], token ids; None for a span that the model can't
            read.
        """
        raise NotImplementedError

    def get_names(self, spans: Sequence[Span], view: TitleView) -> List[SearchableNames]:
        """The names that may be generated for each of N spans: by default, all."""
        return [view] * len(spans)

    def make_constraint(self, inputs: Sequence[List[int]], view: TitleView) -> Constraint:
        """The constraint for B inputs for which all names may be generated: that their sequences
        are names of the title set (paper, section 3.2)."""
        end = self.shim.transformer.config.eos_token_id
        return TrieConstraint(view.trie, len(inputs), end)

    def decode(self, doc: Doc, results: Sequence[Any]) -> Any:
        """The annotations of a Doc.

        doc (Doc): The Doc. It is not changed.
        results (Sequence[Any]): What `search` gave for each of its spans; by default,
            `SearchResult`.
        """
        raise NotImplementedError

    def set_annotations(self, docs: Iterable[Doc], annotations: Sequence[Any]) -> None:
        """Write the annotations that `predict` gave for some docs. Nothing else changes a Doc."""
        raise NotImplementedError

    # The way of a Doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Annotate a stream of docs, as `TrainablePipe.pipe` does. If an error handler is set, it
        gets only the docs that fail: the other docs of a failing batch are annotated one by one.

        stream (Iterable[Doc]): The docs.
        batch_size (int): Number of docs in a batch.
        YIELDS (Doc): The annotated docs, in order.
        """
        error_handler = self.get_error_handler()
        for docs in util.minibatch(stream, size=batch_size):
            try:
                self.set_annotations(docs, self.predict(docs))
            except Exception as err:
                # An error of loading is one of all docs.
                if error_handler is util.raise_error or not self._is_loaded:
                    error_handler(self.name, self, docs, err)
                else:
                    # __call__ gives None for a Doc that fails, after calling the error handler.
                    yield from (doc for doc in map(self, docs) if doc is not None)
            else:
                yield from docs

    def predict(self, docs: Iterable[Doc]) -> List[Any]:
        """Find the annotations of some docs, without changing the docs.

        docs (Iterable[Doc]): The docs.
        RETURNS (List[Any]): For each Doc, what `decode` gives.
        RAISES (ValueError): If the title set is empty or does not fit the model.
        """
        docs = [docs] if isinstance(docs, Doc) else list(docs)
        spans_of_docs = [self.get_spans(doc) for doc in docs]
        spans = list(chain.from_iterable(spans_of_docs))
        if not spans:
            return [self.decode(doc, []) for doc in docs]
        view = self.get_view()
        self._check_task()
        try:
            results = iter(self.search(spans, self.encode(spans), view))
            return [
                self.decode(doc, list(islice(results, len(spans_of_doc))))
                for doc, spans_of_doc in zip(docs, spans_of_docs, strict=True)
            ]
        finally:
            view.base.check_file()  # rather an error than annotations from two files

    def _check_task(self) -> None:
        """Warn, once for each model, if it was not trained for the task."""
        shim = self.shim
        tasks = shim.settings.tasks
        if not self.task or tasks is None or self.task in tasks:
            return
        if self._warned_of is not shim.transformer:
            self._warned_of = shim.transformer
            found = ", ".join(tasks) or "no task"
            message = Warnings.W022.format(component=self.name, task=self.task, found=found)
            warnings.warn(message, stacklevel=3)

    def search(
        self, spans: Sequence[Span], inputs: Sequence[Optional[List[int]]], view: TitleView
    ) -> Sequence[Any]:
        """Search for N spans.

        spans (Sequence[Span]): [N].
        inputs (Sequence[Optional[List[int]]]): [N], what `encode` gave for them.
        view (TitleView): The title set.
        RETURNS (Sequence[Any]): [N], what `decode` gets; by default, `SearchResult`.
        """
        names = self.get_names(spans, view)
        hypotheses = self.search_names(inputs, names, view)
        return [*map(SearchResult, spans, names, hypotheses)]

    def search_names(
        self,
        inputs: Sequence[Optional[List[int]]],
        names: Sequence[SearchableNames],
        view: TitleView,
    ) -> List[List[Hypothesis]]:
        """Search the best names for some inputs. Equal inputs with equal names are searched once.

        inputs (Sequence[Optional[List[int]]]): [N], token ids, or None for no search.
        names (Sequence[SearchableNames]): [N], the names that may be generated for each.
        view (TitleView): The title set.
        RETURNS (List[List[Hypothesis]]): [N], hypotheses whose states are nodes of the tries of
            `names`, best first; empty for None.
        """
        keys = [_key(ids, of) for ids, of in zip(inputs, names, strict=True)]
        unique = {key: (ids, of) for key, ids, of in zip(keys, inputs, names, strict=True) if ids}
        hypotheses = self._search([*unique.values()], view)
        by_key = dict(zip(unique, hypotheses, strict=True))
        return [by_key.get(key, []) for key in keys]

    def _search(
        self, inputs: Sequence[Tuple[List[int], SearchableNames]], view: TitleView
    ) -> List[List[Hypothesis]]:
        """Search all names for some inputs, and only candidates for others."""
        module, options = self.shim.transformer.eval(), self.search_options()
        of_all = [ids for ids, names in inputs if names is view]
        subsets = [(ids, names) for ids, names in inputs if isinstance(names, NameSubset)]
        from_all: Iterator[List[Hypothesis]] = iter(())
        from_subsets: Iterator[List[Hypothesis]] = iter(())
        if of_all:
            constraint = self.make_constraint(of_all, view)
            from_all = iter(constrained_search(module, of_all, constraint, **options))
        if subsets:
            of_subsets, tries = [ids for ids, _ in subsets], [names.trie for _, names in subsets]
            from_subsets = iter(search_candidates(module, of_subsets, tries, **options))
        return [next(from_all if names is view else from_subsets) for _, names in inputs]

    def search_options(self) -> Dict[str, Any]:
        """The options of `constrained_search`, from the settings."""
        settings = self.settings
        return {
            "num_beams": settings.num_beams,
            "length_penalty": settings.length_penalty,
            "early_stopping": settings.early_stopping,
            "batch_tokens": settings.batch_tokens,
            "dtype": torch_dtype(settings.dtype, self.shim.device),
        }

    def get_view(self) -> TitleView:
        """The title set as it is now.

        RAISES (ValueError): If it has no names, or names that are too long for the model.
        """
        view = self.titles.view
        if not len(view.trie):
            raise ValueError(Errors.T007)
        depth, limit = view.trie.depth, self.max_length - 1  # the end token needs a position
        if depth > limit:
            raise ValueError(Errors.M007.format(found=depth, limit=limit))
        return view


def _key(ids: Optional[List[int]], names: SearchableNames) -> Hashable:
    """Identifies a search: token ids, and the rows of the candidates."""
    return array("I", ids or ()).tobytes(), names.rows if isinstance(names, NameSubset) else None
