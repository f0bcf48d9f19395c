import pytest
import srsly
import torch
from transformers import AutoModelForSeq2SeqLM, BertConfig, BertModel, RobertaConfig, RobertaModel
from typer.testing import CliRunner

from spacy_genre.cli import genre_cli
from spacy_genre.model.loading import load_pretrained
from spacy_genre.model.seq2seq import name_tokenizer
from spacy_genre.model.settings import GenreSettings
from spacy_genre.model.warm_start import warm_start

SIZES = {
    "vocab_size": 30522,
    "hidden_size": 32,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "intermediate_size": 64,
    # BART's; with BERT's own the encoders agree to 1e-3 only.
    "layer_norm_eps": 1e-5,
}


def make_bert(folder, hf_tokenizer, roberta=False):
    torch.manual_seed(0)
    if roberta:
        config = RobertaConfig(
            **SIZES, max_position_embeddings=65, pad_token_id=0, type_vocab_size=1
        )
        bert = RobertaModel(config)
    else:
        bert = BertModel(BertConfig(**SIZES, max_position_embeddings=64))
    with torch.no_grad():
        for weight in bert.parameters():  # also those that begin as zeros or ones
            weight.add_(torch.randn_like(weight) * 0.1)
    bert.save_pretrained(folder)
    hf_tokenizer.save_pretrained(folder)
    return bert.eval()


@pytest.mark.parametrize("roberta", [False, True])
def test_the_encoder_computes_the_same(tmp_path, hf_tokenizer, roberta):
    bert = make_bert(tmp_path / "bert", hf_tokenizer, roberta)
    warm_start(str(tmp_path / "bert"), tmp_path / "bart", decoder_layers=2, context_tokens=16)
    bart = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "bart").eval()
    ids = torch.tensor([[101, 2002, 2499, 2005, 6207, 102], [101, 6207, 102, 0, 0, 0]])
    mask = (ids != 0).long()
    with torch.no_grad():
        expected = bert(input_ids=ids, attention_mask=mask).last_hidden_state
        found = bart.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
    torch.testing.assert_close(found[mask.bool()], expected[mask.bool()], atol=1e-5, rtol=1e-4)


def test_the_decoder(tmp_path, hf_tokenizer):
    bert = make_bert(tmp_path / "bert", hf_tokenizer)
    warm_start(str(tmp_path / "bert"), tmp_path / "bart", decoder_layers=2)
    bart = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "bart")
    assert len(bart.model.decoder.layers) == 2
    for layer, source in zip(bart.model.decoder.layers, (1, 3), strict=True):
        attention = bert.encoder.layer[source].attention
        for block in (layer.self_attn, layer.encoder_attn):
            assert torch.equal(block.q_proj.weight, attention.self.query.weight)
            assert torch.equal(block.out_proj.bias, attention.output.dense.bias)
        assert torch.equal(layer.fc1.weight, bert.encoder.layer[source].intermediate.dense.weight)
    assert bart.lm_head.weight is bart.model.shared.weight
    assert bart.config.vocab_size == 30528


def test_the_model_reads_mentions_and_writes_names(tmp_path, hf_tokenizer):
    make_bert(tmp_path / "bert", hf_tokenizer)
    result = CliRunner().invoke(
        genre_cli, ["warm-start", str(tmp_path / "bert"), str(tmp_path / "bart")]
    )
    assert result.exit_code == 0, result.output
    hf = load_pretrained(str(tmp_path / "bart"))
    settings = GenreSettings.from_config(hf.transformer.config)
    assert (settings.context_tokens, settings.start_delimiter) == (32, "[START_ENT]")
    assert hf.tokenizer.convert_tokens_to_ids("[END_ENT]") < 30528
    assert hf.tokenizer.model_max_length == 64
    assert name_tokenizer(hf).encode(["Apple"]) == [[101, 6207]]
    ids = torch.tensor([[101, 6207, 102]])
    assert hf.transformer.generate(ids, max_new_tokens=3).shape[1] <= 4


def test_wrong_encoders(tmp_path, hf_tokenizer, tiny_folder):
    command = ["warm-start", str(tiny_folder), str(tmp_path / "bart")]
    result = CliRunner().invoke(genre_cli, command)
    assert result.exit_code == 1
    assert "D013" in result.output
    with pytest.raises(ValueError, match=r"M001.*no model at .*/missing"):
        warm_start(str(tmp_path / "missing"), tmp_path / "bart")
    with pytest.raises(ValueError, match=r"M002.*'nomodel'"):
        warm_start("nomodel", tmp_path / "bart")
    make_bert(tmp_path / "bert", hf_tokenizer)
    with pytest.raises(ValueError, match="decoder_layers is 5; it must be from 1 to 4"):
        warm_start(str(tmp_path / "bert"), tmp_path / "bart", decoder_layers=5)
    assert not (tmp_path / "bart").exists()


@pytest.mark.parametrize(
    ("option", "value", "allowed"),
    [
        ("dropout", "2", "from 0 to below 1"),
        ("dropout", "1", "from 0 to below 1"),
        ("dropout", "nan", "from 0 to below 1"),
        ("context_tokens", "-3", "an integer, 0 or more"),
        ("opening_tokens", "-1", "an integer, 0 or more"),
    ],
)
def test_numbers_out_of_range(tmp_path, option, value, allowed):
    """It is told before the encoder is looked for."""
    command = ["warm-start", str(tmp_path / "missing"), str(tmp_path / "bart")]
    result = CliRunner().invoke(genre_cli, [*command, f"--{option.replace('_', '-')}", value])
    assert result.exit_code == 1
    shown = " ".join(result.output.split())
    assert f"{option} is {value}" in shown
    assert f"it must be {allowed}" in shown
    assert list(tmp_path.iterdir()) == []


def test_the_ends_of_the_ranges_make_a_model(tmp_path, hf_tokenizer):
    make_bert(tmp_path / "bert", hf_tokenizer)
    ends = {"dropout": 0.0, "context_tokens": 0, "opening_tokens": 0}
    warm_start(str(tmp_path / "bert"), tmp_path / "bart", **ends)
    config = load_pretrained(str(tmp_path / "bart")).transformer.config
    assert GenreSettings.from_config(config).context_tokens == config.dropout == 0
    with pytest.raises(ValueError, match=r"context_tokens is 1\.5"):
        warm_start(str(tmp_path / "bert"), tmp_path / "bart", context_tokens=1.5)


def change_config(folder, **changes):
    srsly.write_json(folder / "config.json", {**srsly.read_json(folder / "config.json"), **changes})


def cut(path):
    path.write_bytes(path.read_bytes()[:1000])


DAMAGES = {
    "configuration": lambda folder: (folder / "config.json").write_text("[]"),
    "tokenizer": lambda folder: [
        path.unlink() for path in folder.iterdir() if path.stem not in ("config", "model")
    ],
    "weights": lambda folder: cut(folder / "model.safetensors"),
    "weights: no file": lambda folder: (folder / "model.safetensors").unlink(),
    "weights: size mismatch": lambda folder: change_config(folder, hidden_size=64),
    "weights: they lack encoder.layer.4": lambda folder: change_config(folder, num_hidden_layers=6),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damaged_encoders(tmp_path, hf_tokenizer, damage):
    make_bert(tmp_path / "bert", hf_tokenizer)
    DAMAGES[damage](tmp_path / "bert")
    part, _, reason = damage.partition(": ")
    with pytest.raises(ValueError, match=rf"\[D021\] The {part} of .*/bert.* {reason}"):
        warm_start(str(tmp_path / "bert"), tmp_path / "bart")
    result = CliRunner().invoke(
        genre_cli, ["warm-start", str(tmp_path / "bert"), str(tmp_path / "bart")]
    )
    assert result.exit_code == 1
    assert "No model was written" in result.output
    assert not (tmp_path / "bart").exists()


def test_what_a_bart_cant_have_is_refused(tmp_path, hf_tokenizer):
    make_bert(tmp_path / "bert", hf_tokenizer)
    change_config(tmp_path / "bert", position_embedding_type="relative_key")
    with pytest.raises(ValueError, match=r"\[D022\].*'relative_key'"):
        warm_start(str(tmp_path / "bert"), tmp_path / "bart")


def test_a_tokenizer_of_a_larger_model_is_refused(tmp_path, hf_tokenizer):
    make_bert(tmp_path / "bert", hf_tokenizer)
    config = BertConfig(**{**SIZES, "vocab_size": 30000}, max_position_embeddings=64)
    BertModel(config).save_pretrained(tmp_path / "bert")
    with pytest.raises(ValueError, match=r"\[M009\].* 30521 .*vocabulary of 30000"):
        warm_start(str(tmp_path / "bert"), tmp_path / "bart")


def test_an_encoder_needs_no_pooler(tmp_path, hf_tokenizer):
    make_bert(tmp_path / "bert", hf_tokenizer)
    bert = BertModel.from_pretrained(tmp_path / "bert", add_pooling_layer=False)
    bert.save_pretrained(tmp_path / "bert")
    warm_start(str(tmp_path / "bert"), tmp_path / "bart")
    assert (tmp_path / "bart" / "model.safetensors").exists()
