"""Weights that several models share, and memory that is given back."""

import json
import pickle
import shutil
import sys
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import pytest
import spacy
import torch
from helpers.docs import make_doc, make_docs
from helpers.models import make_bart
from spacy.training import Example
from thinc.api import Adam

from spacy_genre import TitleSet
from spacy_genre.decoding.bart.weights import inference_weights
from spacy_genre.model import loading
from spacy_genre.model.loading import EMBEDDED, load_pretrained
from spacy_genre.model.seq2seq import Seq2Seq_v1, shim_of


def loaded(name):
    model = Seq2Seq_v1(str(name))
    model.initialize()
    return shim_of(model).transformer


def addresses(module):
    return {w.data_ptr() for w in (*module.parameters(), *module.buffers())}


def test_models_of_one_folder_share_their_weights(tiny_folder):
    one, other = loaded(tiny_folder), loaded(tiny_folder)
    assert one is not other
    assert addresses(one) == addresses(other)
    assert other.lm_head.weight is other.model.shared.weight
    assert inference_weights(one, torch.float32) is inference_weights(other, torch.float32)


def test_models_of_other_files_share_nothing(tiny_folder, tmp_path):
    one = loaded(tiny_folder)
    folder = shutil.copytree(tiny_folder, tmp_path / "copy")
    other = loaded(folder)
    assert not addresses(one) & addresses(other)
    make_bart(30528, seed=1).save_pretrained(folder)
    new = loaded(folder)
    assert not addresses(new) & addresses(other)
    assert not torch.equal(new.model.shared.weight, other.model.shared.weight)


def test_one_can_be_moved_without_the_others(tiny_folder):
    one, other = loaded(tiny_folder), loaded(tiny_folder)
    one.half()
    assert other.dtype == torch.float32
    assert one.dtype == torch.float16
    assert loaded(tiny_folder).dtype == torch.float32


def test_changed_weights_are_not_shared_any_more(tiny_folder):
    one = loaded(tiny_folder)
    before = one.model.shared.weight.detach().clone()
    with torch.no_grad():
        one.model.shared.weight.mul_(2)
    assert torch.equal(loaded(tiny_folder).model.shared.weight, before)


def make_pipeline(folder, titles):
    nlp = spacy.blank("en")
    linker = nlp.add_pipe("genre_linker", config={"model": {"name": str(folder)}})
    linker.titles = TitleSet.from_bytes(titles.to_bytes())
    return nlp


def make_examples(nlp):
    reference = make_doc(nlp)
    for token in reference.ents[0]:
        token.ent_kb_id_ = "Albert Einstein"
    return [Example(make_doc(nlp), reference)]


def scores(nlp):
    docs = nlp.pipe(make_docs(nlp))
    return [[(c.title, c.score) for c in e._.genre_candidates] for doc in docs for e in doc.ents]


def test_training_one_leaves_the_others_as_they_are(tiny_folder, titles):
    trained, other = (make_pipeline(tiny_folder, titles) for _ in range(2))
    expected = scores(other)
    assert scores(trained) == expected
    trained.update(make_examples(trained), sgd=Adam(0.1))
    assert scores(trained) != expected
    assert scores(other) == expected
    assert scores(make_pipeline(tiny_folder, titles)) == expected


def test_training_through_thinc_leaves_the_others_as_they_are(tiny_folder):
    models = [Seq2Seq_v1(str(tiny_folder)) for _ in range(2)]
    for model in models:
        model.initialize()
    one, other = (shim_of(model).transformer for model in models)
    with mock.patch("thinc.shims.PyTorchShim.begin_update", return_value=(None, None)):
        shim_of(models[0]).begin_update(None)
    assert not addresses(one) & addresses(other)
    assert torch.equal(one.model.shared.weight, other.model.shared.weight)


def test_the_last_one_is_trained_without_a_copy(tiny_folder, titles, tmp_path):
    nlp = make_pipeline(shutil.copytree(tiny_folder, tmp_path / "model"), titles)
    linker = nlp.get_pipe("genre_linker")
    before = addresses(linker.shim.transformer)
    assert addresses(linker.trainer.module) == before


@contextmanager
def float64():
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


AROUND = {
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "float64": float64,
    "inference mode": torch.inference_mode,
    "no grad": torch.no_grad,
}


@pytest.mark.parametrize("around", AROUND)
def test_training_within_settings_of_torch(tiny_folder, titles, tmp_path, around):
    """The model is loaded, trained, and trained again outside."""

    def train(folder, around):
        shutil.copytree(tiny_folder, folder)  # no weights that another test has loaded
        config = json.loads((folder / "config.json").read_text())
        config.update(dropout=0.0, attention_dropout=0.0, activation_dropout=0.0)
        (folder / "config.json").write_text(json.dumps(config))
        nlp = make_pipeline(folder, titles)
        sgd, losses = Adam(0.01), []
        with around():
            losses += nlp.update(make_examples(nlp), sgd=sgd).values()
            found = scores(nlp)
        losses += nlp.update(make_examples(nlp), sgd=sgd).values()
        return losses, found

    expected = train(tmp_path / "a", torch.enable_grad)
    losses, found = train(tmp_path / "b", AROUND[around])
    assert losses == pytest.approx(expected[0], abs=1e-4)
    assert found == expected[1]


def test_pickled_tokenizers_split_special_tokens(tokenizer):
    again = pickle.loads(pickle.dumps(tokenizer))
    assert again.pieces(["[SEP]"]) == tokenizer.pieces(["[SEP]"])


# Memory


def mapped_memory():
    """The resident memory that is mapped from files, in MB."""
    status = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in status if line.startswith("RssFile")) / 1024


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_weights_leave_memory_when_their_inference_weights_are_made(tmp_path, hf_tokenizer):
    make_bart(600_000, 0).save_pretrained(tmp_path)  # 77 MB
    hf_tokenizer.save_pretrained(tmp_path)
    before = mapped_memory()
    module = load_pretrained(str(tmp_path)).transformer
    total = float(module.model.shared.weight.detach().double().sum())
    read = mapped_memory()
    inference_weights(module, torch.bfloat16)
    if read - before > 50:  # transformers maps the weights
        assert mapped_memory() - before < 20
    assert float(module.model.shared.weight.detach().double().sum()) == total


# A GPU that is not used


@pytest.fixture
def gpu(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(loading, "_warned_of_gpu", False)
    return monkeypatch


def test_a_gpu_without_cupy(gpu, recwarn):
    gpu.setattr(loading.importlib.util, "find_spec", lambda name: None)
    with pytest.warns(UserWarning, match=r"W020.*cuda12x.*prefer_gpu"):
        load_pretrained(str(EMBEDDED))
    load_pretrained(str(EMBEDDED))
    assert not [w for w in recwarn if "W020" in str(w.message)]


def test_a_gpu_with_cupy(gpu, recwarn):
    gpu.setattr(loading.importlib.util, "find_spec", lambda name: object())
    load_pretrained(str(EMBEDDED))
    assert not [w for w in recwarn if "W020" in str(w.message)]
