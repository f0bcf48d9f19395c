"""Training as a user starts it: the shipped configs, through the command."""

import json
import re
import shutil
import warnings
from pathlib import Path

import pytest
import spacy
import srsly
import torch
from helpers.docs import NAMES
from safetensors.torch import load_file
from spacy.cli.debug_config import debug_config
from spacy.util import load_config, registry
from typer.testing import CliRunner

from spacy_genre import TitleSet
from spacy_genre.cli import genre_cli
from spacy_genre.corpora.readers import Corpus_v1
from spacy_genre.training.checkpoint import Progress, save_checkpoint
from spacy_genre.training.trainer import Trainer, part_of

WEIGHTS = "model.safetensors"
CONFIGS = Path(__file__).parents[2] / "configs"
# What a model can't know: which of the names a word stands for.
GOLD = {
    "the fruit": "Apple",
    "the maker of phones": "Apple Inc.",
    "the capital": "Paris",
    "the town in Lamar County": "Paris, Texas",
    "the prize": "Nobel Prize",
    "the windy city": "Chicago",
}


@pytest.fixture
def folder(tmp_path, tokenizer):
    TitleSet.build(NAMES, tokenizer).save(tmp_path / "titles")
    with (tmp_path / "gold.jsonl").open("w") as file:
        for text, title in GOLD.items():
            mention = {"start": 4, "end": 4 + len(text), "title": title}
            file.write(json.dumps({"text": f"See {text} here.", "mentions": [mention]}) + "\n")
    return tmp_path


def train(folder, config="finetune", code=0, minutes=10, **overrides):
    settings = {
        "paths.titles": folder / "titles",
        "paths.train": folder / "gold.jsonl",
        "paths.dev": folder / "gold.jsonl",
        "training.eval_frequency": 10,
        **overrides,
    }
    options = [part for key, value in settings.items() for part in (f"--{key}", str(value))]
    command = ["train", str(CONFIGS / f"{config}.cfg"), str(folder / "out")]
    options += ["--minutes", str(minutes)]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of spaCy's, about what it is built with
        result = CliRunner().invoke(genre_cli, [*command, *options])
    assert result.exit_code == code, result.output
    return result.output


def accuracy(nlp):
    """The share of right links among the training texts."""
    docs = []
    for text in GOLD:
        doc = nlp.make_doc(f"See {text} here.")
        doc.ents = [doc.char_span(4, 4 + len(text), label="X")]
        docs.append(doc)
    found = [doc.ents[0].kb_id_ for doc in nlp.pipe(docs)]
    return sum(a == b for a, b in zip(found, GOLD.values(), strict=True)) / len(GOLD), found


def test_training_memorizes_a_tiny_corpus(folder):
    overrides = {"training.max_steps": 40, "training.optimizer.learn_rate.warmup_steps": 4}
    output = train(folder, **{**overrides, "training.optimizer.learn_rate.initial_rate": 0.0005})
    best = spacy.load(folder / "out" / "model-best")
    share, found = accuracy(best)
    assert share == 1.0, output
    assert best.meta["performance"]["nel_micro_f"] == 1.0
    best.to_disk(folder / "again")
    assert accuracy(spacy.load(folder / "again"))[1] == found
    rows = [line.split() for line in output.splitlines() if line.strip()[:1].isdigit()]
    losses = [float(row[2]) for row in rows[1:]]  # the first one is of a single step
    assert losses[-1] < 0.8 * losses[0]  # label smoothing leaves some


def test_numbers_instead_of_names(folder, tiny_folder):
    """The paper's ablation: a model learns to write numbers, from the same gold titles."""
    numbers = folder / "numbers"
    made = CliRunner().invoke(genre_cli, ["titles", "numbers", f"{folder}/titles", f"{numbers}"])
    assert made.exit_code == 0, made.output
    overrides = {"paths.titles": numbers, "components.genre_linker.kb_id": "id"}
    train(folder, **{**overrides, "paths.model": tiny_folder, "training.max_steps": 3})
    best = folder / "out" / "model-best"
    linker = spacy.load(best).get_pipe("genre_linker")
    assert all(name.isdigit() for name in linker.titles)
    (pair,) = linker.make_pairs(list(Corpus_v1(folder / "gold.jsonl", limit=1)(spacy.blank("en"))))
    assert linker.titles.id_of(pair.shown.split("'")[-2]) == "Apple"
    command = ["evaluate", str(folder / "gold.jsonl"), "--pipeline", str(best)]
    shown = CliRunner().invoke(genre_cli, [*command, "--out", str(folder / "found.json")])
    assert shown.exit_code == 0, shown.output
    (found,) = srsly.read_json(folder / "found.json").values()
    assert found["in_set"] == 1.0
    assert found["no_title"] == 0.0
    assert accuracy(spacy.load(best))[0] == pytest.approx(found["micro_f"])
    assert set(accuracy(spacy.load(best))[1]) <= set(NAMES)


def test_a_training_that_can_learn_nothing_is_an_error(folder):
    """It had a loss of 0.00, a score of 0.00 and exit code 0."""
    text, start, end = "See the prize here.", 4, 13
    for spans, message in (
        ([{"start": start, "end": end, "label": "X"}], "D030"),
        ([{"start": start, "end": end, "kb_id": "Q7191"}], "D031.*'Q7191'.*kb_id is 'title'"),
    ):
        row = json.dumps({"text": text, "spans": spans})
        (folder / "gold.jsonl").write_text(f"{row}\n")
        output = " ".join(train(folder, code=1, **{"training.max_steps": 2}).split())
        assert re.search(message, output), output
        assert not (folder / "out" / "model-last").exists()


def test_a_training_without_pairs_is_an_error(folder):
    overrides = {"training.max_steps": 2, "training.eval_frequency": 5}
    overrides["components.genre_linker.labels_discard"] = '["ENTITY"]'
    assert "D034" in train(folder, code=1, **overrides)


@pytest.mark.parametrize("config", ["finetune", "small"])
def test_debug_config(config):
    """Without --paths, as a config is checked before there are data."""
    debug_config(CONFIGS / f"{config}.cfg", show_funcs=True)
    corpus = Corpus_v1(None)
    with pytest.raises(ValueError, match=r"D033.*--paths\.train"):
        next(corpus(spacy.blank("en")))


def test_init_config(tmp_path):
    out = tmp_path / "config.cfg"

    def run(*options, code=0):
        result = CliRunner().invoke(genre_cli, ["init-config", *map(str, options)])
        assert result.exit_code == code, result.output
        return result.output

    for path in CONFIGS.glob("*.cfg"):
        run(path.stem, out, "--force")
        assert out.read_bytes() == path.read_bytes()
    assert "D037" in run("small", out, code=1)
    assert "D036" in run("other", out, code=1)


def progress(folder):
    return srsly.read_json(folder / "out" / "checkpoint" / "progress.json")


def steps_done(folder):
    return progress(folder)["step"]


def shown_steps(output):
    rows = [line.split() for line in output.splitlines()]
    return [int(row[1]) for row in rows if row and row[0].isdigit()]


def test_a_killed_training_resumes(folder, tiny_folder, monkeypatch):
    overrides = {"minutes": 0, "paths.model": tiny_folder, "training.max_steps": 8}
    with monkeypatch.context() as patch:
        patch.setattr("spacy_genre.training.trainer.Trainer.accumulate", _killed_after(5))
        train(folder, code=1, **overrides)
    done = steps_done(folder)
    assert 0 < done <= 5
    output = train(folder, **overrides)
    assert f"Resumes after {done} steps" in output
    assert shown_steps(output)[0] == done
    assert steps_done(folder) == 9  # spaCy's steps are counted from 0
    assert "All steps are done" in train(folder, **overrides)
    for file in ("progress.json", "genre_linker/optimizer.safetensors"):
        state = folder / "out" / "checkpoint" / file
        content = state.read_bytes()
        state.write_bytes(b"damaged")
        assert "D003" in train(folder, code=1, **overrides)
        state.write_bytes(content)


def test_limits_count_all_steps(folder, tiny_folder, monkeypatch):
    """Passes over the corpus, and steps without anything better, as without the kill."""
    still = {"paths.model": tiny_folder, "training.optimizer.learn_rate.initial_rate": 1e-12}
    # A pass is one step, since the corpus is smaller than a batch; the last one starts again.
    passes = {"training.max_steps": 0, "training.max_epochs": 5, "training.patience": 0}
    patience = {"training.max_steps": 50, "training.patience": 5, "training.eval_frequency": 2}
    for limits in (passes, patience):
        with monkeypatch.context() as patch:
            patch.setattr("spacy_genre.training.trainer.Trainer.accumulate", _killed_after(3))
            train(folder, code=1, minutes=0, **still, **limits)
        assert steps_done(folder) == 3
        train(folder, **still, **limits)
        assert steps_done(folder) == 6
        assert "All steps are done" in train(folder, **still, **limits)
        shutil.rmtree(folder / "out")


def test_the_config_of_the_result_is_the_one_that_was_given(folder, tiny_folder, monkeypatch):
    """Also after a kill, and with a [training.before_update] of its own."""
    called = []
    registry.callbacks("spacy_genre.tests.note", func=lambda: lambda nlp, info: called.append(info))
    own = {"training.before_update": '{"@callbacks": "spacy_genre.tests.note"}'}
    overrides = {"paths.model": tiny_folder, "training.max_steps": 6, "system.seed": 3, **own}
    with monkeypatch.context() as patch:
        patch.setattr("spacy_genre.training.trainer.Trainer.accumulate", _killed_after(3))
        train(folder, code=1, minutes=0, **overrides)
    train(folder, **overrides)
    assert [info["step"] for info in called] == [0, 1, 2, 3, 3, 4, 5, 6]
    config = load_config(folder / "out" / "model-last" / "config.cfg")
    assert config["system"]["seed"] == 3
    assert config["training"]["max_steps"] == 6
    assert config["training"]["before_update"] == {"@callbacks": "spacy_genre.tests.note"}


def test_what_can_not_be_evaluated_is_not_trained(folder, tiny_folder):
    overrides = {"paths.model": tiny_folder, "training.max_steps": 2}
    assert "D006" in train(folder, code=1, **{**overrides, "training.eval_frequency": 0})
    (folder / "empty.jsonl").write_text("")
    output = train(folder, code=1, **{**overrides, "paths.dev": folder / "empty.jsonl"})
    assert "[D003]" in output
    assert not (folder / "out" / "checkpoint").exists()


def test_resuming_continues_the_learning_rate_schedule(folder, tiny_folder, monkeypatch):
    """Also if its schedule ends with the training, as in configs/finetune.cfg."""
    rates = []

    def step(self, sgd):
        before(self, sgd)
        rates.append(sgd.learn_rate)

    before = Trainer.step
    monkeypatch.setattr(Trainer, "step", step)
    limits = {"training.max_steps": 8, "training.optimizer.learn_rate.warmup_steps": 2}
    overrides = {"minutes": 0, "paths.model": tiny_folder, **limits}
    train(folder, **overrides)
    uninterrupted, rates[:] = [*rates], []
    shutil.rmtree(folder / "out")
    with monkeypatch.context() as patch:
        patch.setattr("spacy_genre.training.trainer.Trainer.accumulate", _killed_after(4))
        train(folder, code=1, **overrides)
    done = steps_done(folder)
    rates[:] = []
    train(folder, **overrides)
    assert rates == pytest.approx(uninterrupted[done:][: len(rates)])
    assert len(rates) >= len(uninterrupted) - done


def test_components_without_checkpoints_give_d024(folder, tiny_folder, monkeypatch):
    monkeypatch.setattr("spacy_genre.training.checkpoint.trainable_components", lambda nlp: [])
    overrides = {"paths.model": tiny_folder, "training.max_steps": 2}
    assert "[D024] The components genre_linker are" in train(folder, **overrides)
    assert "[D024] The components genre_linker are" in train(folder, code=1, **overrides)


@pytest.mark.parametrize("score", [2.0, -1.0])
def test_resuming_keeps_the_best_pipeline(folder, tiny_folder, score):
    train(folder, **{"paths.model": tiny_folder, "training.max_steps": 2})
    meta = folder / "out" / "model-best" / "meta.json"
    noted = srsly.read_json(meta)
    assert noted["step"] == 1
    srsly.write_json(meta, {**noted, "performance": {"nel_micro_f": score}, "name": "before"})
    train(folder, **{"paths.model": tiny_folder, "training.max_steps": 4})
    assert (srsly.read_json(meta)["name"] == "before") == (score == 2.0)


def test_a_full_disk_leaves_the_old_checkpoint(nlp, tmp_path, monkeypatch):
    save_checkpoint(nlp, tmp_path / "checkpoint", Progress())
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def full(trainer, path):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Trainer, "save", full)
    with pytest.raises(OSError, match="No space"):
        save_checkpoint(nlp, tmp_path / "checkpoint", Progress())
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_training_resumes_after_a_full_disk(folder, tiny_folder, monkeypatch):
    real, calls = Trainer.save, []

    def full_at_last(trainer, path):
        calls.append(1)
        if len(calls) > 2:
            raise OSError(28, "No space left on device")
        real(trainer, path)

    overrides = {"minutes": 0, "paths.model": tiny_folder, "training.max_steps": 6}
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "save", full_at_last)
        train(folder, code=1, **overrides)
    done = steps_done(folder)
    assert 0 < done < 6
    assert [path.name for path in (folder / "out").glob(".checkpoint*")] == []
    assert f"Resumes after {done} steps" in train(folder, **overrides)


def test_early_stopping(folder, tiny_folder):
    """Nothing is learnt at this rate, so that the first score is the best one."""
    overrides = {"paths.model": tiny_folder, "training.max_steps": 50, "training.patience": 4}
    still = {"training.eval_frequency": 2, "training.optimizer.learn_rate.initial_rate": 1e-12}
    output = train(folder, **overrides, **still)
    assert 4 <= max(shown_steps(output)) <= 8


def test_frozen_parts_of_a_config(folder, tiny_folder):
    train(folder, **{"paths.model": tiny_folder, "training.max_steps": 4})
    trained = load_file(folder / "out" / "model-last" / "genre_linker" / "model" / WEIGHTS)
    before = load_file(tiny_folder / WEIGHTS)
    moved = {part_of(name) for name in trained if not torch.equal(trained[name], before[name])}
    assert moved == {"encoder", "decoder"}  # the config freezes the embeddings


def test_loggers(folder, tiny_folder):
    """The one that writes a file, and the names of the others in the comments of the configs."""
    logger = {"@loggers": "spacy.ConsoleLogger.v3", "output_file": str(folder / "log.jsonl")}
    overrides = {"training.max_steps": 4, "training.eval_frequency": 2}
    train(
        folder, **{"paths.model": tiny_folder, "training.logger": json.dumps(logger)}, **overrides
    )
    rows = [*srsly.read_jsonl(folder / "log.jsonl")]
    assert all(row["losses"]["genre_linker"] > 0 for row in rows)
    assert "nel_micro_f" in rows[-1]["scores"]
    for path in CONFIGS.glob("*.cfg"):
        names = re.findall(r'"(spacy\.\w*Logger\.v\d+)"', path.read_text())
        assert len(names) > 3
        assert [name for name in names if not registry.has("loggers", name)] == []


def _killed_after(n):
    real, calls = Trainer.accumulate, []

    def accumulate(self, *args, **kwargs):
        calls.append(1)
        if len(calls) > n:
            raise RuntimeError("killed")
        return real(self, *args, **kwargs)

    return accumulate


def test_the_config_for_whole_corpora(folder, tiny_folder):
    train(folder, "small", **{"paths.model": tiny_folder, "training.max_steps": 2})
    meta = srsly.read_json(folder / "out" / "model-last" / "meta.json")
    assert "nel_micro_f" in meta["performance"]
    config = load_config(folder / "out" / "model-last" / "config.cfg")
    assert config["components"]["genre_linker"]["model"]["name"] is None


def test_wrong_paths(folder):
    assert "D009" in train(folder, code=1, **{"paths.train": CONFIGS})
    assert "T001" in train(folder, code=1, **{"paths.titles": folder / "missing"})
