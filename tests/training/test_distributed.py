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
from spacy.tokens import DocBin
from spacy.util import load_config

from spacy_genre import TitleSet
from spacy_genre.training.distributed import DistributedTraining, sum_gradients
from spacy_genre.training.loss import packs
from spacy_genre.training.pair_files import PairWriter
from spacy_genre.training.pairs import Pair

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
    from safetensors.torch import load_file

    return {name: weight.float() for name, weight in load_file(path).items()}


def test_the_result_is_a_pipeline_and_the_same_command_goes_on(overrides, tmp_path):
    out = tmp_path / "out"
    training(overrides, out)()
    found = weights(out / "model-last")
    nlp = spacy.load(out / "model-best")
    assert sorted(nlp.get_pipe("genre_linker").titles.view) == NAMES
    assert [row["step"] for row in srsly.read_jsonl(out / "log.jsonl")] == [STEPS]
    # All is done.
    again = training(overrides, out)
    assert again.progress.step == STEPS
    again()
    for name, weight in weights(out / "model-last").items():
        assert torch.equal(weight, found[name])


@pytest.mark.parametrize("score", [2.0, -1.0])
def test_the_best_pipeline_stays_when_training_goes_on(overrides, tmp_path, score):
    out = tmp_path / "out"
    training(overrides, out)()
    meta = out / "model-best" / "meta.json"
    noted = srsly.read_json(meta)
    assert 0 <= noted["performance"]["nel_micro_f"] <= 1
    srsly.write_json(meta, {**noted, "performance": {"nel_micro_f": score}, "name": "before"})
    training({**overrides, "training.max_steps": STEPS + 1}, out)()
    assert (srsly.read_json(meta)["name"] == "before") == (score == 2.0)


def test_training_ends_by_passes_or_when_nothing_is_gained(overrides, tmp_path):
    limits = {"training.max_steps": 0, "training.eval_frequency": 1}
    run = training({**overrides, **limits, "training.max_epochs": 3}, tmp_path / "a", batch_size=2)
    run()
    assert run.progress.step == 3 * (len(TEXTS) // 2)
    # Nothing is learnt at this rate, so that the first score is the best one.
    still = {**limits, "training.optimizer.learn_rate.initial_rate": 1e-12}
    run = training({**overrides, **still, "training.patience": 4}, tmp_path / "b")
    run()
    assert run.progress.step == 5


def test_what_a_killed_run_has_left_is_not_read(overrides, tmp_path):
    writer = PairWriter(tmp_path / "out" / "pairs", "007")
    writer.write([Pair([5], [6], "")])
    writer.finish()
    run = training(overrides, tmp_path / "out")
    assert len(run._pairs()) == len(TEXTS)


def test_pairs_are_not_encoded_again(overrides, tmp_path, monkeypatch):
    assert len(training(overrides, tmp_path / "out")._pairs()) == len(TEXTS)
    # What is evaluated on, and how, is nothing to the pairs.
    (tmp_path / "dev.jsonl").write_bytes((tmp_path / "texts.jsonl").read_bytes())
    changes = {"paths.dev": str(tmp_path / "dev.jsonl"), "components.genre_linker.num_beams": 2}
    run = training({**overrides, **changes}, tmp_path / "out")
    monkeypatch.setattr(run, "train_corpus", None)
    assert len(run._pairs()) == len(TEXTS)


@pytest.mark.parametrize("how", ["size", "time", "shard"])
def test_a_changed_corpus_is_noticed(overrides, tmp_path, how):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    write_texts(corpus / "0.jsonl", TEXTS)
    overrides = {**overrides, "paths.train": str(corpus)}
    training(overrides, tmp_path / "out")._pairs()
    before = (corpus / "0.jsonl").stat()
    if how == "size":
        write_texts(corpus / "0.jsonl", TEXTS[:3])
        os.utime(corpus / "0.jsonl", ns=(before.st_atime_ns, before.st_mtime_ns))
    elif how == "time":
        os.utime(corpus / "0.jsonl", ns=(before.st_atime_ns, before.st_mtime_ns + 1000))
    else:
        write_texts(corpus / "1.jsonl", TEXTS)
    with pytest.raises(ValueError, match=r"\[D016\].* a change of: files of the corpus\."):
        training(overrides, tmp_path / "out")._pairs()


def test_another_title_set_is_noticed(overrides, tmp_path, tokenizer):
    """One of as many names."""
    training(overrides, tmp_path / "out")._pairs()
    names = [*NAMES[:-1], "London"]
    ids = [f"Q{i}" for i in range(len(NAMES))]
    redirects = {"Einstein": "Albert Einstein"}
    TitleSet.build(names, tokenizer, ids=ids, redirects=redirects).save(tmp_path / "titles")
    with pytest.raises(ValueError, match=r"\[D016\].* a change of: title set\."):
        training(overrides, tmp_path / "out")._pairs()


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
    training(overrides, tmp_path / "out")._pairs()
    changed = {**overrides, f"components.genre_linker.{key}": value}
    with pytest.raises(ValueError, match=rf"\[D016\].* a change of: the linker's {key}\."):
        training(changed, tmp_path / "out")._pairs()


def test_another_model_is_noticed(overrides, tmp_path):
    training(overrides, tmp_path / "out")._pairs()
    path = tmp_path / "model" / "config.json"
    genre = {"context_tokens": 5, "opening_tokens": 7, "temperature": 2.0}
    srsly.write_json(path, {**srsly.read_json(path), "genre": genre})
    changed = "the model's context_tokens, the model's opening_tokens"
    with pytest.raises(ValueError, match=rf"\[D016\].* a change of: {changed}\."):
        training(overrides, tmp_path / "out")._pairs()


def test_a_corpus_without_pairs_can_be_corrected(overrides, tmp_path):
    path = tmp_path / "train.jsonl"
    write_texts(path, [("See London there.", 4, 10, "London")])
    overrides = {**overrides, "paths.train": str(path)}
    with pytest.raises(ValueError, match=r"\[D031\].*'London'.*'title'"):
        training(overrides, tmp_path / "out")
    # An entity with this label is passed over.
    write_texts(path, TEXTS)
    discarded = {"components.genre_linker.labels_discard": ["ENTITY"]}
    run = training({**overrides, **discarded}, tmp_path / "out")
    with pytest.raises(ValueError, match=r"\[D023\] corpora.train has no mention.*'title'"):
        run()
    assert len(training(overrides, tmp_path / "out")._pairs()) == len(TEXTS)


def test_a_dev_corpus_is_looked_for_first(overrides, tmp_path):
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
    assert run.linker.name == "second"


def test_what_a_kill_between_two_renames_has_left_is_gone_on_with(overrides, tmp_path):
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


@pytest.mark.parametrize("contrast", [0.0, 2.0])
def test_a_step_is_that_of_spacys_training(overrides, tmp_path, contrast):
    """The same loss, gradient norm and weights."""
    weight = {"components.genre_linker.training.contrast": contrast}
    run = training({**overrides, **weight}, tmp_path / "out", batch_size=len(TEXTS))
    examples = list(run.train_corpus(run.nlp))
    pairs = run.linker._pairs(examples)
    expected = run.linker.update(examples)["genre_linker"]
    norm = torch.nn.utils.get_total_norm([w.grad for w in _weights(run)])
    for weight in _weights(run):
        weight.grad = None
    n_tokens = sum(len(pair.name) + 1 for pair in pairs)
    # Two shares, each divided by the tokens of both.
    shares = [pairs[::2], pairs[1::2]]
    context = partial(torch.autocast, "cpu", enabled=False)
    whole = {"n_tokens": n_tokens, "n_pairs": len(pairs)}
    losses = [run.linker.trainer.accumulate(s, context, **whole) for s in shares]
    assert sum(losses) == pytest.approx(expected, rel=1e-5)
    found = torch.nn.utils.get_total_norm([w.grad for w in _weights(run)])
    assert found.item() == pytest.approx(norm.item(), rel=1e-5)


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
    training(overrides, tmp_path / "one", batch_size=4)()
    options = [f"--{key}={value}" for key, value in overrides.items()]
    # Not by `accelerate launch`, which starts a single process on a CPU without MPI.
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    done = subprocess.run(
        [*launch, "-m", "spacy_genre.training.distributed", str(ROOT / "configs" / "small.cfg"),
         str(tmp_path / "two"), "--batch-size", "4", *options],
        cwd=ROOT, env={**os.environ, "ACCELERATE_USE_CPU": "true"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shares = {file.name[:3] for file in (tmp_path / "two" / "pairs").glob("[0-9]*")}
    assert shares == {"000", "001"}  # there were two, and each has encoded some
    # The pairs stand in another order, so only a batch of all of them is the same.
    rows = list(srsly.read_jsonl(tmp_path / "two" / "log.jsonl"))
    assert [row["step"] for row in rows] == [STEPS]
    assert spacy.load(tmp_path / "two" / "model-best").pipe_names == ["genre_linker"]


def _weights(run):
    return [weight for group in run.linker.trainer.groups for weight in group["params"]]


def test_packs_are_hardly_padded():
    pairs = [Pair([1] * n, [1], "") for n in [5] * 100 + [80] * 40]
    found = list(packs(pairs, 8192))
    assert {len(pack[0].input) == len(pack[-1].input) for pack in found} == {True}
    assert sum(map(len, found)) == len(pairs)
