import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import spacy
import srsly
import torch
from accelerate import Accelerator
from helpers.docs import NAMES
from safetensors.torch import load_file
from spacy.tokens import DocBin
from spacy.util import load_config

from spacy_genre import TitleSet
from spacy_genre.training.distributed import DistributedTraining, sum_gradients
from spacy_genre.training.pairs import Pair, PairWriter

ROOT = Path(__file__).parents[2]
TEXTS = [
    ("Einstein was a physicist.", 0, 8, "Albert Einstein"),
    ("He lived in Paris for long.", 12, 17, "Paris"),
    ("Apple makes computers.", 0, 5, "Apple Inc."),
    ("She ate an apple that day.", 11, 16, "Apple"),
    ("The Nobel Prize of that year went to a writer from Germany.", 4, 15, "Nobel Prize"),
]
STEPS = 2


def write_texts(path, texts):
    rows = [
        {"text": text, "mentions": [{"start": start, "end": end, "title": title}]}
        for text, start, end, title in texts
    ]
    srsly.write_jsonl(path, rows)


@pytest.fixture
def overrides(tmp_path, titles, tiny_folder):
    titles.save(tmp_path / "titles")
    write_texts(tmp_path / "texts.jsonl", TEXTS)
    # Without dropout, so that the steps of one process and of two can be compared.
    config = srsly.read_json(tiny_folder / "config.json")
    model = tmp_path / "model"
    model.mkdir()
    for file in tiny_folder.iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    srsly.write_json(model / "config.json", {**config, "dropout": 0.0, "attention_dropout": 0.0})
    return {
        "paths.model": str(model),
        "paths.titles": str(tmp_path / "titles"),
        "paths.train": str(tmp_path / "texts.jsonl"),
        "paths.dev": str(tmp_path / "texts.jsonl"),
        "training.max_steps": STEPS,
        "training.eval_frequency": STEPS,
        "components.genre_linker.training.dtype": "float32",
        "training.optimizer.learn_rate.warmup_steps": 0,
    }


def training(overrides, out, **options):
    config = load_config(ROOT / "configs" / "small.cfg", overrides=overrides, interpolate=True)
    options = {"batch_size": 4, "minutes": 10, **options}
    return DistributedTraining(config, out, Accelerator(cpu=True), **options)


def weights(folder):
    (path,) = folder.rglob("model.safetensors")
    return {name: weight.float() for name, weight in load_file(path).items()}


def test_the_result_is_a_pipeline_and_the_same_command_resumes(overrides, tmp_path):
    out = tmp_path / "out"
    training(overrides, out)()
    found = weights(out / "model-last")
    nlp = spacy.load(out / "model-best")
    assert sorted(nlp.get_pipe("genre_linker").titles.view) == NAMES
    assert [row["step"] for row in srsly.read_jsonl(out / "log.jsonl")] == [STEPS]
    # No step is left.
    again = training(overrides, out)
    assert again.progress.step == STEPS
    again()
    for name, weight in weights(out / "model-last").items():
        assert torch.equal(weight, found[name])


@pytest.mark.parametrize("score", [2.0, -1.0])
def test_the_best_pipeline_stays_when_training_resumes(overrides, tmp_path, score):
    out = tmp_path / "out"
    training(overrides, out)()
    meta = out / "model-best" / "meta.json"
    noted = srsly.read_json(meta)
    assert 0 <= noted["performance"]["nel_micro_f"] <= 1
    srsly.write_json(meta, {**noted, "performance": {"nel_micro_f": score}, "name": "before"})
    training({**overrides, "training.max_steps": STEPS + 1}, out)()
    assert (srsly.read_json(meta)["name"] == "before") == (score == 2.0)


def test_training_ends_by_passes_or_by_patience(overrides, tmp_path):
    limits = {"training.max_steps": 0, "training.eval_frequency": 1}
    run = training({**overrides, **limits, "training.max_epochs": 3}, tmp_path / "a", batch_size=2)
    run()
    assert run.progress.step == 3 * (len(TEXTS) // 2)
    # Nothing is learnt at this rate, so that the first score is the best one.
    still = {**limits, "training.optimizer.learn_rate.initial_rate": 1e-12}
    run = training({**overrides, **still, "training.patience": 4}, tmp_path / "b")
    run()
    assert run.progress.step == 5


def test_pairs_of_a_killed_run_are_not_read(overrides, tmp_path):
    writer = PairWriter(tmp_path / "out" / "pairs", "007")
    writer.write([Pair([5], [6], "")])
    writer.finish()
    run = training(overrides, tmp_path / "out")
    assert sum(map(len, run.load_pairs())) == len(TEXTS)


def test_pairs_are_not_encoded_again(overrides, tmp_path, monkeypatch):
    assert sum(map(len, training(overrides, tmp_path / "out").load_pairs())) == len(TEXTS)
    # The pairs do not depend on the dev corpus and the search.
    (tmp_path / "dev.jsonl").write_bytes((tmp_path / "texts.jsonl").read_bytes())
    changes = {"paths.dev": str(tmp_path / "dev.jsonl"), "components.genre_linker.num_beams": 2}
    run = training({**overrides, **changes}, tmp_path / "out")
    monkeypatch.setattr(run, "train_corpus", None)
    assert sum(map(len, run.load_pairs())) == len(TEXTS)


@pytest.mark.parametrize("how", ["size", "time", "shard"])
def test_a_changed_corpus_is_noticed(overrides, tmp_path, how):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    write_texts(corpus / "0.jsonl", TEXTS)
    overrides = {**overrides, "paths.train": str(corpus)}
    training(overrides, tmp_path / "out").load_pairs()
    before = (corpus / "0.jsonl").stat()
    if how == "size":
        write_texts(corpus / "0.jsonl", TEXTS[:3])
        os.utime(corpus / "0.jsonl", ns=(before.st_atime_ns, before.st_mtime_ns))
    elif how == "time":
        os.utime(corpus / "0.jsonl", ns=(before.st_atime_ns, before.st_mtime_ns + 1000))
    else:
        write_texts(corpus / "1.jsonl", TEXTS)
    with pytest.raises(ValueError, match=r"\[D016\].* a change of: files of the corpus\."):
        training(overrides, tmp_path / "out").load_pairs()


def test_another_title_set_is_noticed(overrides, tmp_path, tokenizer):
    """One of as many names."""
    training(overrides, tmp_path / "out").load_pairs()
    names = [*NAMES[:-1], "London"]
    ids = [f"Q{i}" for i in range(len(NAMES))]
    redirects = {"Einstein": "Albert Einstein"}
    TitleSet.build(names, tokenizer, ids=ids, redirects=redirects).save(tmp_path / "titles")
    with pytest.raises(ValueError, match=r"\[D016\].* a change of: [^,]*title[^,]*\."):
        training(overrides, tmp_path / "out").load_pairs()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("context_tokens", 3),
        ("kb_id", "id"),
        ("labels_discard", ["DATE"]),
        ("use_gold_ents", False),
        ("longest_forms", ["ORG"]),
    ],
)
def test_another_setting_of_the_linker_is_noticed(overrides, tmp_path, key, value):
    training(overrides, tmp_path / "out").load_pairs()
    changed = {**overrides, f"components.genre_linker.{key}": value}
    with pytest.raises(ValueError, match=rf"\[D016\].* a change of: [^,]*{key}\."):
        training(changed, tmp_path / "out").load_pairs()


def test_another_model_is_noticed(overrides, tmp_path):
    training(overrides, tmp_path / "out").load_pairs()
    path = tmp_path / "model" / "config.json"
    genre = {"context_tokens": 5, "opening_tokens": 7, "temperature": 2.0}
    srsly.write_json(path, {**srsly.read_json(path), "genre": genre})
    changed = "[^,]*context_tokens, [^,]*opening_tokens"
    with pytest.raises(ValueError, match=rf"\[D016\].* a change of: {changed}\."):
        training(overrides, tmp_path / "out").load_pairs()


def test_a_corpus_without_pairs_can_be_corrected(overrides, tmp_path):
    path = tmp_path / "train.jsonl"
    write_texts(path, [("See London there.", 4, 10, "London")])
    overrides = {**overrides, "paths.train": str(path)}
    with pytest.raises(ValueError, match=r"\[D031\].*'London'.*'title'"):
        training(overrides, tmp_path / "out")
    # The entities of this label are passed over.
    write_texts(path, TEXTS)
    discarded = {"components.genre_linker.labels_discard": ["ENTITY"]}
    run = training({**overrides, **discarded}, tmp_path / "out")
    with pytest.raises(
        ValueError, match=r"\[D023\] corpora.train has no training pairs.*'genre_linker'.*'title'"
    ):
        run()
    assert sum(map(len, training(overrides, tmp_path / "out").load_pairs())) == len(TEXTS)


def test_a_dev_corpus_is_checked_first(overrides, tmp_path):
    dev = tmp_path / "dev.jsonl"
    overrides = {**overrides, "paths.dev": str(dev)}
    with pytest.raises(FileNotFoundError, match=r"\[F001\].*dev\.jsonl"):
        training(overrides, tmp_path / "out")
    dev.write_text("")
    with pytest.raises(ValueError, match=r"\[D003\].*dev\.jsonl.*no text in it"):
        training(overrides, tmp_path / "out")
    # A reader of spaCy's, which gives nothing where there is nothing.
    DocBin().to_disk(tmp_path / "dev.spacy")
    config = load_config(ROOT / "configs" / "small.cfg", overrides=overrides, interpolate=True)
    config["corpora"]["dev"] = {"@readers": "spacy.Corpus.v1", "path": str(tmp_path / "dev.spacy")}
    with pytest.raises(ValueError, match=r"\[D026\] The corpus corpora\.dev"):
        DistributedTraining(
            config, tmp_path / "out", Accelerator(cpu=True), batch_size=4, minutes=10
        )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", [0, -5])
def test_evaluations_need_a_frequency(overrides, tmp_path, value):
    overrides = {**overrides, "training.eval_frequency": value}
    with pytest.raises(ValueError, match=rf"\[D006\] \[training\.eval_frequency\] is {value};"):
        training(overrides, tmp_path / "out")


def test_a_frozen_linker_is_not_trained(overrides, tmp_path):
    frozen = {**overrides, "training.frozen_components": ["genre_linker"]}
    with pytest.raises(ValueError, match=r"\[D025\].*: genre_linker\."):
        training(frozen, tmp_path / "out")
    config = load_config(ROOT / "configs" / "small.cfg", overrides=frozen, interpolate=True)
    config["components"]["second"] = config["components"]["genre_linker"]
    config["nlp"]["pipeline"].append("second")
    run = DistributedTraining(
        config, tmp_path / "out", Accelerator(cpu=True), batch_size=4, minutes=10
    )
    assert run.component.name == "second"


def test_a_run_that_was_killed_between_two_renames_resumes(overrides, tmp_path):
    out = tmp_path / "out"
    training(overrides, out)()
    for name in ("checkpoint", "model-best"):
        (out / name).rename(out / f".{name}.abcd_123.old")
        (out / f".{name}.abcd_123.new").mkdir()
    run = training(overrides, out)
    assert run.progress.step == STEPS
    assert run.progress.best_score >= 0
    assert run.progress.best_step == STEPS
    assert not list(out.glob(".*"))


# With a large eps, a step is about proportional to the gradient. (Otherwise the first step of Adam
# is as long for a gradient of rounding errors as for any other.)
SMOOTH = {"training.optimizer.eps": 0.1, "training.optimizer.learn_rate.initial_rate": 0.1}


@pytest.mark.parametrize("weight", [0.0, 2.0])
def test_a_step_is_that_of_spacys_training(overrides, tmp_path, weight):
    """The same loss, gradients and weights."""
    key = "components.genre_linker.training.hard_negatives"
    runs = [
        training({**overrides, **SMOOTH, key: weight}, tmp_path / out, batch_size=len(TEXTS))
        for out in ("spacy", "distributed")
    ]
    by_spacy, by_pairs = (run.component for run in runs)
    before = trained_weights(by_spacy)
    examples = list(runs[0].train_corpus(runs[0].nlp))
    expected_loss = by_spacy.update(examples)["genre_linker"]
    # Two shares, each divided by the tokens of both.
    pairs = by_pairs.make_pairs(list(runs[1].train_corpus(runs[1].nlp)))
    context = partial(torch.autocast, "cpu", enabled=False)
    sizes = {
        "n_tokens": sum(len(pair.name) + 1 for pair in pairs),
        "n_pairs": len(pairs),
    }
    shares = [pairs[::2], pairs[1::2]]
    losses = [by_pairs.trainer.accumulate(share, context, **sizes) for share in shares]
    assert sum(losses) == pytest.approx(expected_loss, rel=1e-5)
    for here, there in zip(by_pairs.trainer.weights, by_spacy.trainer.weights, strict=True):
        torch.testing.assert_close(here.grad, there.grad, atol=1e-6, rtol=1e-4)
    by_spacy.finish_update(runs[0].settings["optimizer"])
    by_pairs.trainer.step(runs[1].settings["optimizer"])
    assert_same_training(before, trained_weights(by_spacy), trained_weights(by_pairs))


def trained_weights(component):
    module = component.shim.transformer
    return {name: weight.detach().clone() for name, weight in module.named_parameters()}


def assert_same_training(before, expected, trained):
    """That two trainings have changed the weights in the same way."""
    moved = {name: (expected[name] - weight).abs().max().item() for name, weight in before.items()}
    # Rounding errors are below 1e-7. (The gradient of the keys' bias, for one, is 0.)
    assert sum(distance > 1e-5 for distance in moved.values()) > len(moved) / 2
    for name, distance in moved.items():
        torch.testing.assert_close(
            trained[name], expected[name], atol=0.01 * distance + 1e-7, rtol=1e-6
        )


def test_gradients_are_summed(overrides, tmp_path):
    class Doubled:
        """As if another process had the same gradients."""

        def reduce(self, flat, reduction):
            assert reduction == "sum"
            return 2 * flat

    weights = [torch.nn.Parameter(torch.ones(2, 3)), torch.nn.Parameter(torch.ones(4))]
    weights[0].grad = torch.arange(6.0).view(2, 3)
    sum_gradients(weights, Doubled())
    assert weights[0].grad.tolist() == [[0, 2, 4], [6, 8, 10]]
    assert weights[1].grad.tolist() == [0, 0, 0, 0]


@pytest.mark.slow
def test_two_processes_train_as_one_does(overrides, tmp_path):
    """The pairs are stored in another order, so a batch has all of them."""
    overrides = {**overrides, **SMOOTH}
    n_pairs = len(TEXTS)
    training(overrides, tmp_path / "one", batch_size=n_pairs)()
    options = [f"--{key}={value}" for key, value in overrides.items()]
    # Not by `accelerate launch`, which starts a single process on a CPU without MPI.
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    done = subprocess.run(
        [*launch, "-m", "spacy_genre.training.distributed", str(ROOT / "configs" / "small.cfg"),
         str(tmp_path / "two"), "--batch-size", str(n_pairs), *options],
        cwd=ROOT, env={**os.environ, "ACCELERATE_USE_CPU": "true"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shares = {file.name[:3] for file in (tmp_path / "two" / "pairs").glob("[0-9]*")}
    assert shares == {"000", "001"}  # each of the two has encoded some
    logs = [list(srsly.read_jsonl(tmp_path / out / "log.jsonl")) for out in ("one", "two")]
    assert logs[0] == logs[1]
    assert [row["step"] for row in logs[0]] == [STEPS]
    before, *trained = (
        weights(tmp_path / f) for f in ("model", "one/model-last", "two/model-last")
    )
    assert_same_training({name: before[name] for name in trained[0]}, *trained)
    assert spacy.load(tmp_path / "two" / "model-best").pipe_names == ["genre_linker"]
