"""The model, the title set and the settings of a component: loaded when needed, and saved."""

import threading
from pathlib import Path
from typing import Any, Callable, ClassVar, Dict, Iterable, Optional, Type, Union

import srsly
from spacy import util
from spacy.pipeline import TrainablePipe
from spacy.util import SimpleFrozenList
from spacy.vocab import Vocab
from thinc.api import Model

from ..decoding.devices import use_one_thread_in_fork
from ..errors import Errors
from ..model.loading import HFObjects, load_pretrained
from ..model.seq2seq import Seq2SeqShim, hf_from_bytes, name_tokenizer, shim_of
from ..titles import TitleSet
from .pipeline_config import clean_pipeline_config
from .settings import SearchSettings, Setting, make_settings

# Longest input of a model that has no limit of its own (T5), in tokens.
DEFAULT_MAX_LENGTH = 512
# Held while a model or a title set is loaded: several threads may need it first.
LOADING = threading.RLock()
# What spaCy sets on components whose class does not have it.
SPACY_ATTRIBUTES = frozenset({"error_handler"})


class SerializableComponent(TrainablePipe):
    """A component that has a model, a title set and settings.

    The model and the title set are loaded when they are first needed, unless `from_disk` or
    `from_bytes` has loaded others before.

    Each setting is an attribute, too: `component.num_beams = 3` checks the value. Attributes that
    the class doesn't have can't be set, so that a misspelled setting is an error.
    """

    Settings: ClassVar[Type[SearchSettings]] = SearchSettings

    settings: SearchSettings = SearchSettings()

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

    def __setattr__(self, key: str, value: Any) -> None:
        is_known = key.startswith("_") or key in SPACY_ATTRIBUTES or hasattr(type(self), key)
        if not is_known:
            settings = ", ".join(self.Settings.model_fields)
            message = Errors.C009.format(component=self.name, key=key, settings=settings)
            raise AttributeError(message)
        super().__setattr__(key, value)

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

    @property
    def _is_loaded(self) -> bool:
        return self._titles is not None and shim_of(self.model).transformer is not None

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
    ) -> "SerializableComponent":
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
    ) -> "SerializableComponent":
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
