"""The encoder-decoder as a thinc model: loading, saving, and batches for it."""

import copy
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, cast

import srsly
import torch
from spacy.util import SimpleFrozenDict
from spacy_transformers.data_classes import HFObjects
from spacy_transformers.layers.hf_shim import HFShim
from spacy_transformers.layers.hf_wrapper import HFWrapper
from thinc.api import Model
from thinc.types import ArgsKwargs
from torch import Tensor
from transformers import AutoModelForSeq2SeqLM

from ..atomic import atomic_folder
from ..errors import Errors
from ..tokenization import NameTokenizer
from .loading import load_pretrained
from .settings import GenreSettings

IGNORED = -100  # torch's label for positions that don't count


@dataclass(frozen=True)
class Seq2SeqBatch:
    """Inputs and names, padded, on the model's device.

    input_ids, attention_mask (LongTensor, [B, S]): The encoder's input.
    decoder_input_ids (LongTensor, [R, T]): The start token and the name.
    labels (LongTensor, [R, T]): The name and the end token; -100 where it is padding.
    owners (Optional[LongTensor]): [R], the input that each name is for, ascending; None if there
        is one name for each input.
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
        model on the hub ("facebook/genre-linking-blink", whose weights are CC-BY-NC, say), or
        None for the model that comes with the package. It is loaded when it is first needed,
        and not at all where a saved pipeline brings its own.
    tokenizer_config, transformer_config (Dict[str, Any]): Passed on to `from_pretrained` of the
        tokenizer and of the model's configuration.
    """
    nothing = HFObjects(None, None, None)
    model = HFWrapper(
        nothing,
        convert_inputs=_convert_inputs,
        convert_outputs=_convert_outputs,
        model_cls=AutoModelForSeq2SeqLM,
    )
    model.name = "genre_seq2seq"
    # The wrapper's own shim saves weights as a pickle; this one as transformers does.
    model.shims[0] = Seq2SeqShim(nothing, model_cls=AutoModelForSeq2SeqLM)
    load = partial(load_pretrained, name, dict(tokenizer_config), dict(transformer_config))
    model.init = partial(_init, load=load)
    return model


def _init(model: Model, X: Any = None, Y: Any = None, *, load: Callable[[], HFObjects]) -> None:
    shim = shim_of(model)
    if shim.transformer is None:
        shim.set_hf(load())


class Seq2SeqShim(HFShim):
    """Holds the torch module and its tokenizer; writes them as a folder that transformers can
    load by itself.

    settings (GenreSettings): How the model was trained, once it is loaded.
    name_tokenizer (NameTokenizer): How it writes names, once it is loaded.
    """

    settings: GenreSettings
    name_tokenizer: NameTokenizer

    @property
    def transformer(self) -> Any:
        """The torch module, or None before the model is loaded."""
        return self._hfmodel.transformer

    @property
    def tokenizer(self) -> Any:
        return self._hfmodel.tokenizer

    def set_hf(self, hf: HFObjects) -> None:
        """Take a model that was loaded."""
        self.settings = GenreSettings.from_config(hf.transformer.config)
        self.name_tokenizer = name_tokenizer(hf)
        self._model = hf.transformer
        self._hfmodel = hf  # last, since other threads take it as the sign that all is there

    def to_folder(self, path: Path) -> None:
        """Write config.json, model.safetensors and the tokenizer's files, all or nothing."""
        module = self.transformer
        # Half the size where that loses nothing, as with the weights that come with the package.
        if all(torch.equal(v.half().to(v.dtype), v) for v in module.state_dict().values()):
            module = copy.deepcopy(module).half()
        with atomic_folder(path) as folder:
            module.save_pretrained(folder, safe_serialization=True)
            self.tokenizer.save_pretrained(folder)

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
    """The part of a `spacy_genre.Seq2Seq.v1` that holds the torch module."""
    return cast(Seq2SeqShim, model.shims[0])


def name_tokenizer(hf: HFObjects) -> NameTokenizer:
    """How a model writes names."""
    settings = GenreSettings.from_config(hf.transformer.config)
    return NameTokenizer(hf.tokenizer, bos=settings.name_bos)


def hf_from_bytes(bytes_data: bytes) -> Optional[HFObjects]:
    """The model whose `Seq2SeqShim.to_bytes` gave the bytes; None if it had not been loaded.

    RAISES (ValueError): If they are something else.
    """
    try:
        files = srsly.msgpack_loads(bytes_data)
    except ValueError as err:
        raise ValueError(Errors.M008.format(reason="they can't be unpacked")) from err
    good = isinstance(files, dict) and all(
        isinstance(name, str) and Path(name).name == name and isinstance(content, bytes)
        for name, content in files.items()
    )
    if not good:
        raise ValueError(Errors.M008.format(reason="they hold something else"))
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
) -> Seq2SeqBatch:
    """Pad inputs and names.

    model (Model): The model, loaded.
    inputs (Sequence[List[int]]): B encoder inputs.
    names (Sequence[List[int]]): R names, as `NameTokenizer.encode` gives them.
    owners (Optional[Sequence[int]]): [R], the input that each name is for, ascending; None if there
        is one name for each input.
    """
    shim = shim_of(model)
    config, device = shim.transformer.config, shim.device
    input_ids, attention_mask = pad(inputs, config.pad_token_id, device)
    starts = [[config.decoder_start_token_id, *name] for name in names]
    labels = [[*name, config.eos_token_id] for name in names]
    return Seq2SeqBatch(
        input_ids,
        attention_mask,
        pad(starts, config.pad_token_id, device)[0],
        pad(labels, IGNORED, device)[0],
        None if owners is None else torch.tensor(owners).to(device),
    )


def pad(rows: Sequence[List[int]], value: int, device: torch.device) -> Tuple[Tensor, Tensor]:
    """Rows of unequal length as one tensor and its mask, both [len(rows), longest]."""
    width = max(map(len, rows))
    ids = torch.tensor([row + [value] * (width - len(row)) for row in rows])
    lengths = torch.tensor([len(row) for row in rows])
    mask = torch.arange(width)[None, :] < lengths[:, None]
    return ids.to(device), mask.long().to(device)


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
