"""What all components share: a model, a title set, the search, saving and loading."""

import os
import threading
from array import array
from itertools import chain, islice
from pathlib import Path
from typing import (
    Any,
    Callable,
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
    Type,
    Union,
)

import srsly
import torch
from spacy import util
from spacy.language import Language
from spacy.pipeline import TrainablePipe
from spacy.tokens import Doc, Span
from spacy.util import SimpleFrozenList
from spacy.vocab import Vocab
from spacy_transformers.data_classes import HFObjects
from thinc.api import Model

from ..decoding import Constraint, Hypothesis, TrieConstraint, constrained_search, search_candidates
from ..decoding.devices import torch_dtype
from ..errors import Errors
from ..model.loading import load_pretrained
from ..model.seq2seq import Seq2SeqShim, hf_from_bytes, name_tokenizer, shim_of
from ..titles import TitleSet
from ..titles.subset import NameSubset, SearchableNames
from ..titles.view import TitleView
from .saving import clean_pipeline_config
from .settings import SearchSettings, Setting, make_settings

# Longest input of a model that has no limit of its own (T5), in tokens.
DEFAULT_MAX_LENGTH = 512
# Held while a model or a title set is loaded: several threads may need it first.
LOADING = threading.RLock()

_process = os.getpid()


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


class GenreComponent(TrainablePipe):
    """A component that generates names of a title set.

    A task is what a subclass defines:

    1. how a Doc becomes inputs of the model: `get_spans` and `encode`;
    2. which constraint the search obeys: `get_names` and `make_constraint`;
    3. how hypotheses become annotations: `decode` and `set_annotations`;
    4. how gold annotations become training pairs: `TrainableGenreComponent.get_targets`.

    The model and the title set are loaded when they are first needed, unless `from_disk` or
    `from_bytes` has loaded others before.

    Each setting is an attribute, too: `component.num_beams = 3` checks the value.
    """

    Settings: ClassVar[Type[SearchSettings]] = SearchSettings

    settings: SearchSettings

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for key in cls.Settings.model_fields:
            setattr(cls, key, Setting(key))

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str,
        *,
        titles: Callable[[], TitleSet],
        settings: Optional[SearchSettings] = None,
    ) -> None:
        """Make the component.

        vocab (Vocab): The shared vocabulary.
        model (Model): `spacy_genre.Seq2Seq.v1`.
        name (str): The component's name in the pipeline.
        titles (Callable[[], TitleSet]): Opens the title set: `spacy_genre.TitleSet.v1`.
        settings (Optional[SearchSettings]): The settings; None for the defaults.
        """
        super().__init__(vocab, model, name)
        self.settings = self.Settings() if settings is None else settings
        self._config = self.settings.model_dump()
        self._load_titles = titles
        self._titles: Optional[TitleSet] = None

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

    def decode(self, doc: Doc, results: Sequence[SearchResult]) -> Any:
        """The annotations of a Doc.

        doc (Doc): The Doc. It is not changed.
        results (Sequence[SearchResult]): The result for each of its spans.
        """
        raise NotImplementedError

    def set_annotations(self, docs: Iterable[Doc], annotations: Sequence[Any]) -> None:
        """Write the annotations that `predict` gave for some docs. Nothing else changes a Doc."""
        raise NotImplementedError

    # The way of a Doc

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
        try:
            inputs = self.encode(spans)
            names = self.get_names(spans, view)
            hypotheses = self.search_names(inputs, names, view)
            results = map(SearchResult, spans, names, hypotheses)
            return [
                self.decode(doc, list(islice(results, len(spans_of_doc))))
                for doc, spans_of_doc in zip(docs, spans_of_docs, strict=True)
            ]
        finally:
            view.base.check_file()  # rather an error than annotations from two files

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
        module, settings = self.shim.transformer.eval(), self.settings
        options: Dict[str, Any] = {
            "num_beams": settings.num_beams,
            "length_penalty": settings.length_penalty,
            "early_stopping": settings.early_stopping,
            "batch_tokens": settings.batch_tokens,
            "dtype": torch_dtype(settings.dtype, self.shim.device),
        }
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

    # The model and the title set

    @property
    def shim(self) -> Seq2SeqShim:
        """The loaded model: the torch module, its tokenizer and its settings."""
        use_one_thread_in_fork()
        shim = shim_of(self.model)
        if shim.transformer is None:
            with LOADING:
                self.model.initialize()
        return shim

    @property
    def tokenizer(self) -> Any:
        """The model's tokenizer (transformers.PreTrainedTokenizerBase)."""
        return self.shim.tokenizer

    @property
    def max_length(self) -> int:
        """The longest input and output of the model, in tokens."""
        positions = getattr(self.shim.transformer.config, "max_position_embeddings", None)
        return min(positions or DEFAULT_MAX_LENGTH, int(self.tokenizer.model_max_length))

    @property
    def titles(self) -> TitleSet:
        """The names that can be generated. The set may be changed (`titles.add("Name")`), or
        replaced by another one that was made with the model's tokenizer."""
        if self._titles is None:
            with LOADING:
                if self._titles is None:
                    self.titles = self._load_titles()
        assert self._titles is not None
        return self._titles

    @titles.setter
    def titles(self, titles: TitleSet) -> None:
        if not isinstance(titles, TitleSet):
            raise ValueError(Errors.T018.format(found=type(titles)))
        titles.bind(self.shim.name_tokenizer)
        self._titles = titles

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

    # Saving and loading

    def to_bytes(self, *, exclude: Iterable[str] = SimpleFrozenList()) -> bytes:
        """Serialize the component, with the model and the title set."""
        shim, titles = self.shim, self.titles
        serialize = {
            "cfg": lambda: srsly.json_dumps(self._changed_settings()),
            "vocab": lambda: self.vocab.to_bytes(exclude=exclude),
            "model": shim.to_bytes,
            "titles": titles.to_bytes,
        }
        return util.to_bytes(serialize, exclude)

    def from_bytes(
        self, bytes_data: bytes, *, exclude: Iterable[str] = SimpleFrozenList()
    ) -> "GenreComponent":
        """Load what `to_bytes` gave.

        RAISES (ValueError): If the bytes are something else; the component is not changed then.
        """
        loaded: Dict[str, Any] = {}
        deserialize = {
            "cfg": lambda b: loaded.update(settings=srsly.json_loads(b)),
            "model": lambda b: loaded.update(hf=hf_from_bytes(b)),
            "titles": lambda b: loaded.update(titles=TitleSet.from_bytes(b)),
            "vocab": lambda b: self.vocab.from_bytes(b, exclude=exclude),
        }
        try:
            msg = srsly.msgpack_loads(bytes_data)
            missing = [key for key in deserialize if key not in {*msg, *exclude, "vocab"}]
        except (ValueError, TypeError) as err:
            raise ValueError(Errors.M008.format(reason="they can't be unpacked")) from err
        if missing:
            raise ValueError(Errors.M008.format(reason=f"{', '.join(missing)} are missing"))
        util.from_dict(msg, deserialize, exclude)
        self._install(**loaded)
        return self

    def to_disk(
        self, path: Union[str, Path], *, exclude: Iterable[str] = SimpleFrozenList()
    ) -> None:
        """Write the component to a folder, with `model/`, which transformers can load by itself,
        and `titles.safetensors`."""
        shim, titles = self.shim, self.titles
        path = Path(path)
        serialize: Dict[str, Callable[[Path], None]] = {
            "cfg": lambda p: srsly.write_json(p, self._changed_settings()),
            "vocab": lambda p: self.vocab.to_disk(p, exclude=exclude),
            "model": shim.to_folder,
            "titles.safetensors": titles.save,
        }
        util.to_disk(path, serialize, exclude)
        clean_pipeline_config(path)

    def from_disk(
        self, path: Union[str, Path], *, exclude: Iterable[str] = SimpleFrozenList()
    ) -> "GenreComponent":
        """Load what `to_disk` wrote.

        RAISES (ValueError): If a part is missing or damaged; the component is not changed then.
        """
        loaded: Dict[str, Any] = {}
        deserialize = {
            "cfg": lambda p: loaded.update(settings=srsly.read_json(p)),
            "model": lambda p: loaded.update(hf=load_pretrained(str(p))),
            "titles.safetensors": lambda p: loaded.update(titles=TitleSet.check(p)),
            "vocab": lambda p: self.vocab.from_disk(p, exclude=exclude),
        }
        util.from_disk(util.ensure_path(path), deserialize, exclude)
        self._install(**loaded)
        return self

    def _changed_settings(self) -> Dict[str, Any]:
        """The settings that differ from the config. Only these are saved with the component: for
        all others the config counts, which `spacy.load` can override."""
        settings = self.settings.model_dump()
        return {key: value for key, value in settings.items() if value != self._config[key]}

    def _install(
        self,
        hf: Optional[HFObjects] = None,
        titles: Optional[TitleSet] = None,
        settings: Optional[Dict[str, Any]] = None,
    ) -> None:
        """Replace the model, the title set and settings by loaded ones, if all fit together."""
        titles = self._titles if titles is None else titles
        if titles is not None:
            titles.bind(self.shim.name_tokenizer if hf is None else name_tokenizer(hf))
        values = {key: getattr(self.settings, key) for key in self.Settings.model_fields}
        # Keys that this version does not know are settings of earlier versions that were removed.
        values.update({key: v for key, v in (settings or {}).items() if key in values})
        self.settings = make_settings(self.Settings, self.name, values)
        if hf is not None:
            shim_of(self.model).set_hf(hf)
        self._titles = titles


def find_component(nlp: Language, kind: Any) -> Tuple[str, Any]:
    """The first component of a kind in a pipeline.

    nlp (Language): The pipeline.
    kind (type): A class, or a Protocol that is `runtime_checkable`.
    RETURNS (Tuple[str, Any]): Its name and the component.
    RAISES (ValueError): If there is none.
    """
    for name, component in nlp.pipeline:
        # Python 3.11 asks for the attributes of a Protocol, and some load the model: a subclass of
        # the Protocol is told by its bases.
        if kind in type(component).__mro__ or isinstance(component, kind):
            return name, component
    path, names = nlp.path or nlp.meta["name"], ", ".join(nlp.pipe_names) or "none"
    raise ValueError(Errors.D014.format(path=path, kind=kind.__name__, names=names))


def use_one_thread_in_fork() -> None:
    """Let torch use one thread in a forked process (`nlp.pipe` with n_process).

    A forked process has none of the threads of torch's OpenMP, and hangs if its parent has used
    them. With one process for each core, it needs no more.
    """
    global _process
    if os.getpid() != _process:
        torch.set_num_threads(1)
        _process = os.getpid()


def _key(ids: Optional[List[int]], names: SearchableNames) -> Hashable:
    """Identifies a search: token ids, and the rows of the candidates."""
    return array("I", ids or ()).tobytes(), names.rows if isinstance(names, NameSubset) else None
