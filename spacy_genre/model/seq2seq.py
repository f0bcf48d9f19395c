"""The encoder-decoder as a thinc model: loading, saving, and its padded batches."""

import copy
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, cast

import numpy as np
import srsly
import torch
from spacy.util import SimpleFrozenDict
from thinc.api import Model, PyTorchShim, PyTorchWrapper_v2
from thinc.types import ArgsKwargs
from torch import Tensor

from ..atomic import atomic_folder
from ..batching import pad
from ..decoding.module_use import reading
from ..errors import Errors
from ..tokenization import NameTokenizer
from .loading import HFObjects, load_pretrained
from .settings import GenreSettings
from .sharing import own_weights
from .versions import save_pretrained

# The label of padding and of tokens that are not learnt: torch's cross entropy leaves it out.
IGNORED = -100


# The attribute of a model that names the component to which it belongs.
SHARED = "shared"


@dataclass(frozen=True)
class Seq2SeqBatch:
    """Inputs and names, padded, on the model's device.

    input_ids (LongTensor): [B, S], the encoder's inputs.
    attention_mask (LongTensor): [B, S], 1 where they are not padding.
    decoder_input_ids (LongTensor): [R, T], the start token and the name.
    labels (LongTensor): [R, T], the name and the end token; -100 where it is padding, or a token
        that is not learnt.
    owners (Optional[LongTensor]): [R], the index of each name's input, ascending; None if each
        input has one name.
    """

    input_ids: Tensor
    attention_mask: Tensor
    decoder_input_ids: Tensor
    labels: Tensor
    owners: Optional[Tensor] = None


def Seq2Seq_v1(
    name: Optional[str] = None,
    tokenizer_config: Dict[str, Any] = SimpleFrozenDict(),  # noqa: B008
    transformer_config: Dict[str, Any] = SimpleFrozenDict(),  # noqa: B008
) -> Model[Seq2SeqBatch, Tensor]:
    """Registered as `spacy_genre.Seq2Seq.v1` in `architectures`: an encoder-decoder of
    transformers. Its output are the logits of the names, [B, T, V].

    name (Optional[str]): A folder that transformers' `save_pretrained` wrote, or the name of a
        model on the hub (such as "facebook/genre-linking-blink", whose weights are CC-BY-NC), or
        None for the model that comes with the package. It is loaded when it is first needed; a
        saved pipeline loads its own copy instead.
    tokenizer_config (Dict[str, Any]): Arguments of the tokenizer's `from_pretrained`.
    transformer_config (Dict[str, Any]): Arguments of the configuration's `from_pretrained`. The
        settings in its table `genre` replace those of the model's own `genre` block.
    """
    model = PyTorchWrapper_v2(
        None, convert_inputs=_convert_inputs, convert_outputs=_convert_outputs
    )
    model.name = "genre_seq2seq"
    model.attrs["source"] = name
    # The wrapper's own shim saves weights as a pickle; this one saves them as transformers does.
    model.shims[0] = Seq2SeqShim(None)
    load = partial(load_pretrained, name, dict(tokenizer_config), dict(transformer_config))
    model.init = partial(_init, load=load)
    return model


def SharedSeq2Seq_v1(component: str) -> Model[Seq2SeqBatch, Tensor]:
    """Registered as `spacy_genre.SharedSeq2Seq.v1` in `architectures`: the model of another
    component of the pipeline. What one of them learns, all have; it is saved once.

    component (str): The name of the other component, which must come before this one.
    """
    model = Seq2Seq_v1()
    model.attrs[SHARED] = component
    return model


def _init(model: Model, X: Any = None, Y: Any = None, *, load: Callable[[], HFObjects]) -> None:
    shim = shim_of(model)
    if shim.transformer is None:
        shim.set_hf(load())


class Seq2SeqShim(PyTorchShim):
    """Holds the torch module and its tokenizer, and saves them as a folder that transformers can
    load.

    settings (GenreSettings): The model's `genre` settings; set when the model is loaded.
    name_tokenizer (NameTokenizer): The tokenizer of names; set when the model is loaded.
    """

    settings: GenreSettings
    name_tokenizer: NameTokenizer
    _hf: Optional[HFObjects] = None

    @property
    def transformer(self) -> Any:
        """The torch module, or None before the model is loaded."""
        return self._hf.transformer if self._hf else None

    @property
    def tokenizer(self) -> Any:
        """The tokenizer, or None before the model is loaded."""
        return self._hf.tokenizer if self._hf else None

    def set_hf(self, hf: HFObjects) -> None:
        """Set the loaded model and tokenizer."""
        self.settings = GenreSettings.from_config(hf.transformer.config)
        self.name_tokenizer = name_tokenizer(hf)
        self._model = hf.transformer
        self._hf = hf  # last: other threads take it as the sign that all is set

    def add_task(self, task: str) -> None:
        """Add a task to those that the model is trained for, if these are known."""
        tasks = self.settings.tasks
        if task and tasks is not None and task not in tasks:
            config = self.transformer.config
            config.genre = {**config.genre, "tasks": [*tasks, task]}
            self.settings = GenreSettings.from_config(config)

    def to_folder(self, path: Path) -> None:
        """Write config.json, model.safetensors and the tokenizer's files, atomically."""
        with reading(self.transformer):
            self._to_folder(path)

    def _to_folder(self, path: Path) -> None:
        module = self.transformer
        # In float16 if that is exact, as for the weights that come with the package.
        if all(torch.equal(v.half().to(v.dtype), v) for v in module.state_dict().values()):
            module = copy.deepcopy(module).half()
        with atomic_folder(path) as folder:
            save_pretrained(folder, module, self.tokenizer)

    def begin_update(self, inputs: ArgsKwargs) -> Any:
        own_weights(self.transformer)
        return super().begin_update(inputs)

    def to_bytes(self) -> bytes:
        if self.transformer is None:
            return srsly.msgpack_dumps({})
        with tempfile.TemporaryDirectory() as temporary:
            folder = Path(temporary) / "model"
            self.to_folder(folder)
            files = {file.name: file.read_bytes() for file in sorted(folder.iterdir())}
        return srsly.msgpack_dumps(files)

    def from_bytes(self, bytes_data: bytes) -> "Seq2SeqShim":
        hf = hf_from_bytes(bytes_data)
        if hf is not None:
            self.set_hf(hf)
        return self


def shim_of(model: Model) -> Seq2SeqShim:
    """The shim of a `spacy_genre.Seq2Seq.v1`."""
    return cast(Seq2SeqShim, model.shims[0])


def name_tokenizer(hf: HFObjects) -> NameTokenizer:
    """The tokenizer of names of a loaded model."""
    settings = GenreSettings.from_config(hf.transformer.config)
    return NameTokenizer.of_model(hf.tokenizer, bos=settings.name_bos, space=settings.name_space)


def hf_from_bytes(bytes_data: bytes) -> Optional[HFObjects]:
    """The model from the bytes of `Seq2SeqShim.to_bytes`; None if it had not been loaded.

    RAISES (ValueError): If the bytes are something else.
    """
    try:
        files = srsly.msgpack_loads(bytes_data)
    except ValueError as err:
        raise ValueError(Errors.M008.format(reason="they can't be unpacked")) from err
    are_files = isinstance(files, dict) and all(
        isinstance(name, str) and Path(name).name == name and isinstance(content, bytes)
        for name, content in files.items()
    )
    if not are_files:
        raise ValueError(Errors.M008.format(reason="they are no files"))
    if not files:
        return None
    with tempfile.TemporaryDirectory() as folder:
        for name, content in files.items():
            (Path(folder) / name).write_bytes(content)
        return load_pretrained(folder)


def make_batch(
    model: Model,
    inputs: Sequence[List[int]],
    names: Sequence[List[int]],
    owners: Optional[Sequence[int]] = None,
    learnt: Optional[Sequence[Optional[Sequence[bool]]]] = None,
) -> Seq2SeqBatch:
    """Pad inputs and names.

    model (Model): The model, loaded.
    inputs (Sequence[List[int]]): B encoder inputs.
    names (Sequence[List[int]]): R names, as `NameTokenizer.encode` gives them.
    owners (Optional[Sequence[int]]): [R], the index of each name's input, ascending; None if each
        input has one name.
    learnt (Optional[Sequence[Optional[Sequence[bool]]]]): [R], which tokens of each name are
        learnt; None for all.
    RETURNS (Seq2SeqBatch): The batch, on the model's device.
    """
    shim = shim_of(model)
    config = shim.transformer.config
    input_ids, mask = pad(inputs, config.pad_token_id)
    starts = [[config.decoder_start_token_id, *name] for name in names]
    masks = [None] * len(names) if learnt is None else learnt
    labels = [[*_labels(*pair), config.eos_token_id] for pair in zip(names, masks, strict=True)]
    start_rows, _ = pad(starts, config.pad_token_id)
    label_rows, _ = pad(labels, IGNORED)
    return Seq2SeqBatch(
        input_ids=torch.from_numpy(input_ids).to(shim.device),
        attention_mask=torch.from_numpy(mask.astype(np.int64)).to(shim.device),
        decoder_input_ids=torch.from_numpy(start_rows).to(shim.device),
        labels=torch.from_numpy(label_rows).to(shim.device),
        owners=None if owners is None else torch.tensor(owners).to(shim.device),
    )


def _labels(name: Sequence[int], learnt: Optional[Sequence[bool]]) -> Sequence[int]:
    if learnt is None:
        return name
    return [token if is_learnt else IGNORED for token, is_learnt in zip(name, learnt, strict=True)]


def _convert_inputs(
    model: Model, batch: Seq2SeqBatch, is_train: bool
) -> Tuple[ArgsKwargs, Callable]:
    kwargs = {
        "input_ids": batch.input_ids,
        "attention_mask": batch.attention_mask,
        "decoder_input_ids": batch.decoder_input_ids,
        "use_cache": False,
    }
    return ArgsKwargs(args=(), kwargs=kwargs), lambda d_inputs: None


def _convert_outputs(
    model: Model, inputs_outputs: Tuple[Seq2SeqBatch, Any], is_train: bool
) -> Tuple[Tensor, Callable]:
    logits = inputs_outputs[1].logits

    def backprop(d_logits: Tensor) -> ArgsKwargs:
        return ArgsKwargs(args=((logits,),), kwargs={"grad_tensors": [d_logits]})

    return logits, backprop
