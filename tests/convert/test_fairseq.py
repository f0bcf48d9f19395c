import argparse
import os

import pytest
import sentencepiece
import srsly
import torch
from helpers.models import make_bart, make_mbart
from helpers.tokenizers import byte_level
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_genre.cli  # noqa: F401  (adds its commands to the app)
from spacy_genre.convert.fairseq import convert_checkpoint
from spacy_genre.model.loading import load_pretrained
from spacy_genre.model.settings import GenreSettings

ARGUMENTS = {"encoder_attention_heads": 4, "decoder_attention_heads": 4}


def fairseq_state(model):
    """The weights of a model of transformers under fairseq's names."""
    names = {"model.shared.weight", "lm_head.weight", "final_logits_bias"}
    items = model.state_dict().items()
    state = {name.removeprefix("model."): v for name, v in items if name not in names}
    state["encoder.version"] = state["decoder.version"] = torch.tensor([3.0])
    state["decoder.output_projection.weight"] = state["decoder.embed_tokens.weight"]
    return state


def save(path, model, *, arguments=ARGUMENTS, state=None, **options):
    content = {
        "args": argparse.Namespace(arch="bart_large", **arguments),
        "model": fairseq_state(model) if state is None else state,
        "optimizer_history": [{"num_updates": 5}],
        "extra_state": {"epoch": 2},
    }
    torch.save(content, path, **options)


def without_bias(model):
    """fairseq has no bias of the logits."""
    model.final_logits_bias.zero_()
    return model


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    byte_level(add_prefix_space=False).save_pretrained(folder)
    return folder


def same_logits(one, other):
    ids, names = torch.tensor([[0, 11, 12, 2]]), torch.tensor([[2, 13, 14]])
    with torch.inference_mode():
        logits = [m(input_ids=ids, decoder_input_ids=names).logits for m in (one, other)]
    return torch.allclose(*logits, atol=1e-6)


@pytest.mark.parametrize("zip_format", [True, False], ids=["zip", "old format"])
def test_genre(tmp_path, tokenizer_folder, zip_format):
    model = without_bias(make_bart(500, 0, bos=0, eos=2, pad=1))
    save(tmp_path / "model.pt", model, _use_new_zipfile_serialization=zip_format)
    out = tmp_path / "out"
    assert convert_checkpoint(tmp_path, out, tokenizer=str(tokenizer_folder)) == "bart"
    assert sorted(path.suffix for path in out.iterdir() if path.suffix != ".json") == [
        ".safetensors"
    ]
    hf = load_pretrained(str(out))
    assert same_logits(hf.transformer, model)
    settings = GenreSettings.from_config(hf.transformer.config)
    assert not settings.name_bos
    assert settings.tasks == ("linking",)
    assert hf.transformer.config.forced_eos_token_id is None


def test_annotation(tmp_path, tokenizer_folder):
    save(tmp_path / "model.pt", without_bias(make_bart(500, 0, bos=0, eos=2, pad=1)))
    out = tmp_path / "out"
    convert_checkpoint(tmp_path, out, tokenizer=str(tokenizer_folder), task="annotation")
    settings = GenreSettings.from_config(load_pretrained(str(out)).transformer.config)
    assert settings.tasks == ("annotation",)
    assert settings.name_space
    with pytest.raises(ValueError, match=r"X064.*cooking"):
        convert_checkpoint(tmp_path, out, tokenizer=str(tokenizer_folder), task="cooking")


@pytest.fixture(scope="module")
def pieces(tmp_path_factory):
    """A small SentencePiece model like mGENRE's."""
    folder = tmp_path_factory.mktemp("pieces")
    (folder / "text").write_text("Albert Einstein era un fisico tedesco.\n東京 Straße >> it\n" * 20)
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text"),
        model_prefix=str(folder / "spm"),
        vocab_size=50,
        minloglevel=2,
        hard_vocab_limit=False,
    )
    return folder / "spm.model"


def test_mgenre(tmp_path, pieces):
    size = sentencepiece.SentencePieceProcessor(model_file=str(pieces)).get_piece_size()
    model = without_bias(make_mbart(size + 1, 0))  # without an embedding of the mask token
    save(tmp_path / "model.pt", model, arguments={**ARGUMENTS, "activation_fn": "relu"})
    (tmp_path / "spm_256000.model").write_bytes(pieces.read_bytes())
    out = tmp_path / "out"
    assert convert_checkpoint(tmp_path / "model.pt", out) == "mbart"
    hf = load_pretrained(str(out))
    assert same_logits(hf.transformer, model)
    settings = GenreSettings.from_config(hf.transformer.config)
    assert (settings.start_delimiter, settings.name_bos) == ("[START]", False)
    # fairseq's ids: four special tokens, then the pieces but the first three
    own = sentencepiece.SentencePieceProcessor(model_file=str(pieces)).encode("Albert >> it")
    assert hf.tokenizer("Albert >> it")["input_ids"] == [0, *(i + 1 for i in own), 2]
    assert hf.tokenizer.is_fast


class Bomb:
    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


def test_nothing_is_executed(tmp_path, tokenizer_folder):
    bomb = Bomb()
    bomb.path = tmp_path / "executed"
    for options in ({}, {"_use_new_zipfile_serialization": False}):
        torch.save({"model": {}, "args": bomb}, tmp_path / "model.pt", **options)
        with pytest.raises(ValueError, match=r"X059.*system.*may run code"):
            convert_checkpoint(tmp_path, tmp_path / "out", tokenizer=str(tokenizer_folder))
    assert not bomb.path.exists()
    assert not (tmp_path / "out").exists()


def bad_states():
    state = fairseq_state(make_bart(500, 0, bos=0, eos=2, pad=1))
    rest = {name: value for name, value in state.items() if "fc1" not in name}
    extra = {**state, "decoder.adapter.weight": torch.zeros(2)}
    shape = {**state, "decoder.layers.1.fc2.weight": torch.zeros(3, 3)}
    gap = {name.replace("layers.1", "layers.999999999"): value for name, value in state.items()}
    untied = {**state, "decoder.output_projection.weight": torch.ones(500, 32)}
    return {"fc1": rest, "adapter": extra, "fc2": shape, "layers": gap, "tied": untied}


@pytest.mark.parametrize("reason", ["fc1", "adapter", "fc2", "layers", "tied"])
def test_weights_that_do_not_fit(tmp_path, tokenizer_folder, reason):
    save(tmp_path / "model.pt", None, state=bad_states()[reason])
    with pytest.raises(ValueError, match=f"X060.*{reason}"):
        convert_checkpoint(tmp_path, tmp_path / "out", tokenizer=str(tokenizer_folder))


def test_wrong_files(tmp_path, tokenizer_folder):
    convert = [tmp_path, tmp_path / "out"]
    with pytest.raises(FileNotFoundError, match="F001"):
        convert_checkpoint(*convert)
    path = tmp_path / "model.pt"
    for content in (b"", b"text", b"\x80\x02}q\x00."):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="X059"):
            convert_checkpoint(*convert)
    torch.save({"model": {"a": 1}}, path)
    with pytest.raises(ValueError, match=r"X059.*no weights"):
        convert_checkpoint(*convert)
    save(path, make_bart(500, 0, bos=0, eos=2, pad=1))
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(ValueError, match="X059"):
        convert_checkpoint(*convert)
    save(path, make_bart(50, 0, bos=0, eos=2, pad=1))
    with pytest.raises(ValueError, match=r"X061.*50 embeddings"):
        convert_checkpoint(*convert, tokenizer=str(tokenizer_folder))
    with pytest.raises(ValueError, match=r"(?s)X062.*--tokenizer"):
        convert_checkpoint(*convert, tokenizer=str(tmp_path / "nothing"))


def test_the_command(tmp_path, tokenizer_folder):
    save(tmp_path / "model.pt", make_bart(500, 0, bos=0, eos=2, pad=1))
    out = tmp_path / "out"
    args = ["checkpoint", str(tmp_path), str(out), "--tokenizer", str(tokenizer_folder)]
    result = CliRunner().invoke(app, ["genre", "convert", *args])
    assert result.exit_code == 0, result.output
    assert srsly.read_json(out / "config.json")["genre"]["tasks"] == ["linking"]
    assert CliRunner().invoke(app, ["genre", "convert", *args]).exit_code == 1
