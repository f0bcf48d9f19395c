import json
import os
import pickle
import shutil
import subprocess
import sys

import pytest
import spacy
import srsly
import torch
from helpers.docs import make_doc
from helpers.models import make_bart
from transformers import BertConfig, BertModel, MBartConfig
from transformers.utils import logging

from spacy_genre.model.loading import EMBEDDED, load_name_tokenizer, load_pretrained
from spacy_genre.model.seq2seq import IGNORED, Seq2Seq_v1, hf_from_bytes, make_batch, shim_of
from spacy_genre.model.settings import GenreSettings, RetrievalSettings


@pytest.fixture
def folder(tiny_folder, tmp_path):
    """A model's folder to damage."""
    return shutil.copytree(tiny_folder, tmp_path / "model")


def loaded(name):
    model = Seq2Seq_v1(str(name))
    model.initialize()
    return model


def same_weights(one, other):
    states = [shim_of(model).transformer.state_dict() for model in (one, other)]
    return all(torch.equal(value, states[1][key]) for key, value in states[0].items())


def test_the_embedded_model():
    hf = load_pretrained(None)
    assert hf.transformer.config.model_type == "bart"
    assert hf.transformer.dtype == torch.float32
    assert not hf.transformer.training
    settings = GenreSettings.from_config(hf.transformer.config)
    assert settings.context_tokens == 32
    assert settings.start_delimiter in hf.tokenizer.get_vocab()


def test_nothing_is_loaded_before_it_is_needed():
    assert shim_of(Seq2Seq_v1("no/such/model")).transformer is None


@pytest.mark.parametrize("way", ["bytes", "disk", "pickle"])
def test_round_trips(folder, tmp_path, way):
    model = loaded(folder)
    if way == "bytes":
        again = Seq2Seq_v1().from_bytes(model.to_bytes())
    elif way == "disk":
        model.to_disk(tmp_path / "file")
        again = Seq2Seq_v1().from_disk(tmp_path / "file")
    else:
        again = pickle.loads(pickle.dumps(model))
    assert same_weights(model, again)
    assert shim_of(again).settings == shim_of(model).settings
    assert shim_of(again).name_tokenizer.fingerprint == shim_of(model).name_tokenizer.fingerprint


def test_an_unloaded_model_stays_unloaded():
    again = Seq2Seq_v1().from_bytes(Seq2Seq_v1().to_bytes())
    assert shim_of(again).transformer is None


def test_the_folder_is_that_of_transformers(folder, tmp_path):
    shim_of(loaded(folder)).to_folder(tmp_path / "out")
    assert same_weights(loaded(folder), loaded(tmp_path / "out"))
    assert not list((tmp_path / "out").glob("*.bin"))


def test_a_folder_is_replaced_as_a_whole_or_not_at_all(folder, tmp_path, monkeypatch):
    model = shim_of(loaded(folder))
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("kept until the new one is there")

    def full_disk(*args, **kwargs):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(model.tokenizer, "save_pretrained", full_disk)
        with pytest.raises(OSError, match="No space"):
            model.to_folder(out)
    assert os.listdir(out) == ["mine.txt"]
    assert sorted(os.listdir(tmp_path)) == ["model", "out"]
    model.to_folder(out)
    assert "config.json" in os.listdir(out)
    assert "mine.txt" not in os.listdir(out)
    assert sorted(os.listdir(tmp_path)) == ["model", "out"]


NO_NETWORK = """
import socket, sys
def refuse(*args): raise AssertionError("the network was used")
socket.socket.connect = socket.getaddrinfo = refuse
from spacy_genre.model.loading import load_pretrained
print(load_pretrained(sys.argv[1]).transformer.config.model_type)
"""


def test_a_hub_model_in_the_cache_needs_no_network(folder, tmp_path):
    cache = tmp_path / "hub" / "models--someone--something"
    shutil.copytree(folder, cache / "snapshots" / "abc")
    (cache / "refs").mkdir()
    (cache / "refs" / "main").write_text("abc")
    env = {**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "0"}
    done = subprocess.run(
        [sys.executable, "-c", NO_NETWORK, "someone/something"],
        capture_output=True,
        text=True,
        env=env,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "bart"


def test_a_hub_model_that_is_only_partly_here_is_completed(folder, tmp_path, monkeypatch):
    calls = []
    part = shutil.copytree(folder, tmp_path / "part")
    for name in ("tokenizer.json", "vocab.txt"):
        (part / name).unlink(missing_ok=True)  # version 5 writes no vocab.txt

    def download(name, allow_patterns, local_files_only):
        calls.append(local_files_only)
        return str(part if local_files_only else folder)

    monkeypatch.setattr("spacy_genre.model.loading.snapshot_download", download)
    assert load_pretrained("someone/something").transformer is not None
    assert calls == [True, False]


def test_weights_are_halved_only_where_nothing_is_lost(folder, tmp_path):
    half = loaded(EMBEDDED)
    shim_of(half).to_folder(tmp_path / "half")
    assert (tmp_path / "half" / "model.safetensors").stat().st_size == (
        (EMBEDDED / "model.safetensors").stat().st_size
    )
    assert same_weights(half, loaded(tmp_path / "half"))


def test_the_tokenizer_is_loaded_without_the_weights(folder):
    os.remove(folder / "model.safetensors")
    assert load_name_tokenizer(str(folder)).fingerprint == load_name_tokenizer(None).fingerprint


def test_the_model_gives_the_logits_of_transformers(folder):
    model = loaded(folder)
    batch = make_batch(model, [[101, 5, 6, 102], [101, 7, 102]], [[101, 8], [101, 9, 10, 11]])
    module = shim_of(model).transformer
    logits = model.predict(batch)
    with torch.no_grad():
        expected = module.eval()(
            input_ids=batch.input_ids, attention_mask=batch.attention_mask, labels=batch.labels
        )
    named = batch.labels != IGNORED
    torch.testing.assert_close(logits[named], expected.logits[named])


# Bad input


def test_a_folder_that_is_not_there(tmp_path):
    for name in (tmp_path / "missing", "./missing", "~/missing", tmp_path):
        with pytest.raises(ValueError, match=r"no config.json"):
            load_pretrained(str(name))


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json"])
def test_a_folder_that_lacks_a_file(folder, name):
    for file in folder.iterdir():
        if file.name == name or (name == "tokenizer.json" and file.name == "vocab.txt"):
            file.unlink()
    with pytest.raises(ValueError, match=r"can't be loaded as an encoder-decoder.*\n?.*save_pre"):
        load_pretrained(str(folder))


def test_truncated_weights(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(ValueError, match="M003"):
        load_pretrained(str(folder))


def test_weights_of_another_size(folder):
    config = json.loads((folder / "config.json").read_text())
    config["decoder_layers"] = 3
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match="weights lack or do not fit"):
        load_pretrained(str(folder))


def test_a_model_that_does_not_generate(tmp_path):
    BertModel(
        BertConfig(vocab_size=8, hidden_size=16, num_hidden_layers=1, num_attention_heads=1)
    ).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="type 'bert', which is not an encoder-decoder"):
        load_pretrained(str(tmp_path))


def test_a_hub_name_without_a_network():
    with pytest.raises(ValueError, match=r"'facebook/genre-kilt'.*\n.*leave out\s*'name'"):
        load_pretrained("facebook/genre-kilt")


def test_bytes_of_something_else():
    for data in (b"", b"\xc1", b"\x01", b"\x81\xa4../x\xc4\x01x"):
        with pytest.raises(ValueError, match="M008"):
            hf_from_bytes(data)


def test_a_tokenizer_that_is_larger_than_the_model(tmp_path, hf_tokenizer):
    make_bart(1000, 0).save_pretrained(tmp_path)
    hf_tokenizer.save_pretrained(tmp_path)
    nlp = spacy.blank("en")
    nlp.add_pipe("genre_linker", config={"model": {"name": str(tmp_path)}})
    with pytest.raises(ValueError, match=r"M009.*beyond the model's vocabulary of 1000"):
        nlp(make_doc(nlp))


# Settings


def test_settings_of_published_checkpoints():
    bart = GenreSettings.from_config(make_bart(50, 0).config)
    assert (bart.start_delimiter, bart.end_delimiter) == ("[START_ENT]", "[END_ENT]")
    assert bart.name_bos
    mbart = GenreSettings.from_config(MBartConfig())
    assert (mbart.start_delimiter, mbart.end_delimiter) == ("[START]", "[END]")
    assert not mbart.name_bos


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"temperature": 0}, "'temperature'.*above 0"),
        ({"nil_score": "low"}, "'nil_score'.*null, or a finite number"),
        ({"nil_score": float("nan")}, "'nil_score'.*null, or a finite number"),
        ({"context_tokens": -1}, "'context_tokens'.*0 or more"),
        ({"context_tokens": 1.5}, "an integer"),
        ({"start_delimiter": " "}, "not blank"),
        ({"name_bos": 1}, "true or false"),
        ({"colour": "red"}, "'colour'.*the settings are start_delimiter"),
        (["x"], "a table"),
        ({"tasks": ["cooking"]}, "'tasks'.*a list of linking, retrieval, annotation"),
        ({"tasks": [[]]}, "'tasks'.*a list of"),
        ({"retrieval": "yes"}, "'retrieval'.*a table"),
        ({"retrieval": {"marker": ""}}, "'retrieval.marker'.*null, or a string"),
        ({"retrieval": {"max_tokens": -1}}, "'retrieval.max_tokens'.*0 or more"),
        ({"retrieval": {"beams": 3}}, "'retrieval.beams'.*the settings are marker, max_tokens"),
    ],
)
def test_settings_that_are_wrong(folder, settings, message):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "genre": settings}))
    with pytest.raises(ValueError, match=f"M005.*{message}"):
        load_pretrained(str(folder))


def test_settings_are_kept(folder, tmp_path):
    config = json.loads((folder / "config.json").read_text())
    retrieval = {"marker": "[unused2]"}
    config["genre"] = {"temperature": 0.5, "nil_score": -1, "end_delimiter": "<e>"}
    config["genre"].update(tasks=["linking"], retrieval=retrieval)
    (folder / "config.json").write_text(json.dumps(config))
    shim_of(loaded(folder)).to_folder(tmp_path / "out")
    settings = shim_of(loaded(tmp_path / "out")).settings
    assert (settings.temperature, settings.nil_score) == (0.5, -1)
    assert settings.end_delimiter == "<e>"
    assert settings.tasks == ("linking",)
    assert settings.retrieval == RetrievalSettings("[unused2]")


def test_the_saved_tokenizer_has_the_names_that_both_versions_of_transformers_read(
    folder, tmp_path
):
    model = loaded(folder)
    shim_of(model).to_folder(tmp_path / "saved")
    config = srsly.read_json(tmp_path / "saved" / "tokenizer_config.json")
    assert config["additional_special_tokens"] == ["[START_ENT]", "[END_ENT]"]
    assert not config.get("extra_special_tokens")
    assert config["tokenizer_class"] != "TokenizersBackend"
    again = loaded(tmp_path / "saved")
    assert shim_of(again).name_tokenizer.fingerprint == shim_of(model).name_tokenizer.fingerprint


def test_no_progress_bars_nor_changed_settings(folder, capsys):
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    load_pretrained(str(folder))
    assert capsys.readouterr().err == ""
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
