"""What the components share: a model, a title set, searching, and saving both."""

import threading
import weakref
from array import array
from pathlib import Path as FilePath
from typing import Any, Callable, Dict, Hashable, Iterable, List, Optional, Sequence, Tuple, Union

import srsly
from spacy import util
from spacy.pipeline import TrainablePipe
from spacy.util import SimpleFrozenList
from spacy.vocab import Vocab
from spacy_transformers.data_classes import HFObjects
from thinc.api import Config, Model

from ..decoding import (
    EarlyStopping,
    Hypothesis,
    TrieConstraint,
    constrained_search,
    search_candidates,
)
from ..decoding.beam_search import MAX_BEAMS
from ..decoding.devices import DTYPES, torch_dtype
from ..errors import Errors
from ..model.loading import load_pretrained
from ..model.seq2seq import Seq2SeqShim, hf_from_bytes, name_tokenizer, shim_of
from ..titles import TitleSet
from ..titles.overlay import AnyTrie
from ..titles.subset import NameSubset, SearchableNames
from ..titles.view import TitleView
from .cache import SearchCache
from .threads import use_one_thread_in_fork
from .validation import check

# The longest input of models that set no limit themselves (T5).
DEFAULT_MAX_LENGTH = 512
# Components are loaded when they are first used, by whichever thread comes first.
LOADING = threading.RLock()


class GenreComponent(TrainablePipe):
    """A component that generates names of a title set.

    The model and the title set are loaded when they are first needed, unless `from_disk` or
    `from_bytes` brings them.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model,
        name: str,
        *,
        titles: Callable[[], TitleSet],
        num_beams: int,
        length_penalty: float,
        search: str,
        early_stopping: EarlyStopping,
        batch_tokens: int,
        dtype: str,
        cache_size: int,
    ) -> None:
        """Not called directly: see the components' own `__init__`.

        titles (Callable[[], TitleSet]): Opens the title set.
        num_beams (int): How many unfinished names the search follows, 1 to 1000.
        length_penalty (float): The exponent of a name's length in its score.
        search (str): "beam", or "exact" for the truly best names.
        early_stopping (EarlyStopping): When a beam search stops: False, "never" or True.
        batch_tokens (int): How many tokens of input, padding included, the model reads at once.
        dtype (str): "float32", "bfloat16", "float16" (on a GPU only) or "auto".
        cache_size (int): Of how many inputs to keep what was found; 0 for none.
        """
        super().__init__(vocab, model, name)
        self.num_beams = num_beams
        self.length_penalty = length_penalty
        self.search = search
        self.early_stopping = early_stopping
        self.batch_tokens = batch_tokens
        self.dtype = dtype
        self.cache_size = cache_size
        self._cache = SearchCache()
        self._load_titles = titles
        self._titles: Optional[TitleSet] = None

    # Settings

    # The attributes that may be set at any time.
    SETTINGS: Tuple[str, ...] = (
        "num_beams",
        "length_penalty",
        "search",
        "early_stopping",
        "batch_tokens",
        "dtype",
        "cache_size",
    )

    def settings(self) -> Dict[str, Any]:
        """The settings as they are now, as they can be saved."""
        found = ((key, getattr(self, key)) for key in self.SETTINGS)
        several = (set, frozenset, tuple)
        return {key: sorted(v) if isinstance(v, several) else v for key, v in found}

    def check_settings(self) -> None:
        """RAISES (ValueError): If a setting is out of range."""
        self._check_number("num_beams", f"a whole number from 1 to {MAX_BEAMS}", 1, MAX_BEAMS)
        self._check_number("length_penalty", "from -10 to 10", -10, 10, whole=False)
        self._check_number("batch_tokens", "a whole number, 1 or more", 1)
        self._check_number("cache_size", "a whole number, 0 or more", 0)
        is_known = self.search in ("beam", "exact")
        check(self.name, "search", self.search, '"beam" or "exact"', is_known)
        is_known = self.early_stopping in (True, False, "never")
        check(self.name, "early_stopping", self.early_stopping, 'true, false or "never"', is_known)
        allowed = "one of " + ", ".join(f'"{dtype}"' for dtype in DTYPES)
        check(self.name, "dtype", self.dtype, allowed, self.dtype in DTYPES)

    def _check_number(
        self, key: str, allowed: str, low: float, high: float = 1e18, *, whole: bool = True
    ) -> None:
        value = getattr(self, key)
        good = isinstance(value, int if whole else (int, float)) and low <= value <= high
        check(self.name, key, value, allowed, good and not isinstance(value, bool))

    def _changed_settings(self) -> Dict[str, Any]:
        """The settings that are not those of the config any more. Only these are saved with the
        component, so that what `spacy.load` overrides in the config counts for all others."""
        return {key: v for key, v in self.settings().items() if v != self._configured[key]}

    def _apply_settings(self, changed: Dict[str, Any]) -> None:
        for key, value in changed.items():
            if key in self.SETTINGS:
                setattr(self, key, value)
        self.check_settings()

    # The parts

    @property
    def shim(self) -> Seq2SeqShim:
        """The loaded model: the torch module, its tokenizer and settings."""
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
    def titles(self) -> TitleSet:
        """The names that can be generated. The set may be changed (`titles.add("Name")`), and
        replaced by another that was made with the model's tokenizer."""
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

    @property
    def max_length(self) -> int:
        """The longest input and output of the model, in tokens."""
        positions = getattr(self.shim.transformer.config, "max_position_embeddings", None)
        return min(positions or DEFAULT_MAX_LENGTH, int(self.tokenizer.model_max_length))

    # The search

    def find_paths(
        self,
        inputs: Sequence[Optional[List[int]]],
        names: Sequence[SearchableNames],
        view: TitleView,
    ) -> List[List[Hypothesis]]:
        """The best names for each input.

        inputs (Sequence[Optional[List[int]]]): Token ids, or None for what can't be read.
        names (Sequence[SearchableNames]): What may be generated for each: the title set, or some names of
            it, which are then all scored if they are few.
        view (TitleView): The title set.
        RETURNS (List[List[Hypothesis]]): Paths in the tries of the names, best first; none for a None.
        """
        # The same mention in the same context is searched once.
        keys = [_key(ids, of) for ids, of in zip(inputs, names, strict=True)]
        tasks = {key: (ids, of) for key, ids, of in zip(keys, inputs, names, strict=True) if ids}
        state = self._search_state(view) if self.cache_size else None
        found = self._cache.look_up(state, tasks)
        new = {key: task for key, task in tasks.items() if key not in found}
        found.update(zip(new, self._search([*new.values()], view), strict=True))
        self._cache.remember(state, found, self.cache_size)
        return [found.get(key, []) for key in keys]

    def _search(
        self, tasks: List[Tuple[List[int], SearchableNames]], view: TitleView
    ) -> List[List[Hypothesis]]:
        """The paths for inputs with what may be generated for each."""
        module = self.shim.transformer.eval()
        eos = module.config.eos_token_id
        options: Dict[str, Any] = {
            "num_beams": self.num_beams,
            "length_penalty": self.length_penalty,
            "early_stopping": self.early_stopping,
            "batch_tokens": self.batch_tokens,
            "dtype": torch_dtype(self.dtype, self.shim.device),
        }
        whole = [ids for ids, names in tasks if names is view]
        constraint = TrieConstraint(view.trie, len(whole), eos)
        of_view = iter(constrained_search(module, whole, constraint, **options) if whole else [])
        own = [(ids, names.trie) for ids, names in tasks if isinstance(names, NameSubset)]
        inputs, tries = [ids for ids, _ in own], [trie for _, trie in own]
        of_subset = iter(search_candidates(module, inputs, tries, **options) if own else [])
        return [next(of_view if names is view else of_subset) for _, names in tasks]

    def _search_state(self, view: TitleView) -> Any:
        return (self.num_beams, self.length_penalty, weakref.ref(view)), id(self.shim.transformer)

    def pack(self, inputs: Sequence[Optional[List[int]]]) -> List[List[int]]:
        """Indices of inputs in batches of similar length, each of at most `batch_tokens`."""
        batches: List[List[int]] = []
        lengths = [len(ids) if ids is not None else 0 for ids in inputs]
        widest = 0
        for i in sorted(range(len(inputs)), key=lambda i: -lengths[i]):
            if not lengths[i]:
                break
            if not batches or widest * (len(batches[-1]) + 1) > self.batch_tokens:
                batches.append([])
                widest = lengths[i]
            batches[-1].append(i)
        return batches

    def check_trie(self, trie: AnyTrie) -> None:
        """RAISES (ValueError): If the trie is empty or has names that are too long."""
        if not len(trie):
            raise ValueError(Errors.T007)
        if trie.depth + 1 > self.max_length:
            raise ValueError(Errors.M007.format(found=trie.depth, limit=self.max_length - 1))

    # Saving and loading

    def to_bytes(self, *, exclude: Iterable[str] = SimpleFrozenList()) -> bytes:
        """The component as bytes, with the model and the title set.
        RAISES (ValueError): If a setting is out of range."""
        self.check_settings()
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
        """Load what `to_bytes` gave. RAISES (ValueError): If it is something else;
        nothing is changed then."""
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
        self, path: Union[str, FilePath], *, exclude: Iterable[str] = SimpleFrozenList()
    ) -> None:
        """Write the component to a folder: `model/`, which transformers can load by itself, and
        `titles.safetensors`. RAISES (ValueError): If a setting is out of range."""
        self.check_settings()
        shim, titles = self.shim, self.titles
        path = FilePath(path)
        serialize: Dict[str, Callable[[FilePath], None]] = {
            "cfg": lambda p: srsly.write_json(p, self._changed_settings()),
            "vocab": lambda p: self.vocab.to_disk(p, exclude=exclude),
            "model": shim.to_folder,
            "titles.safetensors": titles.save,
        }
        util.to_disk(path, serialize, exclude)
        forget_sources(path, self.name)

    def from_disk(
        self, path: Union[str, FilePath], *, exclude: Iterable[str] = SimpleFrozenList()
    ) -> "GenreComponent":
        """Load what `to_disk` wrote. RAISES (ValueError): If a part is missing or
        damaged; nothing is changed then."""
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

    def _install(
        self,
        hf: Optional[HFObjects] = None,
        titles: Optional[TitleSet] = None,
        settings: Optional[Dict[str, Any]] = None,
    ) -> None:
        """Take a model, a title set and settings that were loaded, if they fit together."""
        titles = self._titles if titles is None else titles
        if titles is not None:
            titles.bind(self.shim.name_tokenizer if hf is None else name_tokenizer(hf))
        self._apply_settings(settings or {})
        if hf is not None:
            shim_of(self.model).set_hf(hf)
        self._titles = titles


def _key(ids: Optional[List[int]], names: SearchableNames) -> Hashable:
    """What an input has in common with those for which the same would be found. It is short, since
    a cache may hold many."""
    return array("I", ids or ()).tobytes(), names.rows if isinstance(names, NameSubset) else None


def forget_sources(folder: FilePath, name: str) -> None:
    """Take the files that a component was made from out of the config of the pipeline that it is
    saved with: the pipeline brings its own copies, and a package should hold no path of the
    machine that built it. (`nlp.to_disk` writes the config before the components.)

    folder (FilePath): The component's own folder. Nothing is done unless it is in the folder of a
        saved pipeline, whose config is as spaCy has written it, and no other file is touched.
    """
    path = folder.parent / "config.cfg"
    if folder.name != name or not path.is_file() or not (folder.parent / "meta.json").is_file():
        return
    text = path.read_text(encoding="utf8")
    try:
        config = Config().from_str(text, interpolate=False)
    except ValueError:
        return
    block = config.get("components", {}).get(name)
    if not isinstance(block, dict) or config.to_str(interpolate=False) != text:
        return
    if isinstance(block.get("titles"), dict) and "path" in block["titles"]:
        block["titles"]["path"] = None
    if isinstance(block.get("model"), dict) and "name" in block["model"]:
        block["model"]["name"] = None
    if config.to_str(interpolate=False) != text:
        config.to_disk(path, interpolate=False)


def find_component(nlp: Any, kind: Any) -> Tuple[str, Any]:
    for name, component in nlp.pipeline:
        if kind in type(component).__mro__ or isinstance(component, kind):
            return name, component
    path, names = nlp.path or nlp.meta["name"], ", ".join(nlp.pipe_names) or "none"
    raise ValueError(Errors.D014.format(path=path, kind=kind.__name__, names=names))
