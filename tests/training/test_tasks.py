"""One model for several tasks: components that share it, the mix of corpora, and the training."""

from collections import Counter
from pathlib import Path

import pytest
import spacy
import srsly
import torch
from accelerate import Accelerator
from helpers.docs import NAMES, TEXT, make_doc
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.util import load_config

from spacy_genre.corpora.mixing import TaskMix, TaskMix_v1
from spacy_genre.extensions import get_task
from spacy_genre.training.distributed import DistributedTraining
from spacy_genre.training.loop import SpacyTraining
from spacy_genre.training.sources import batch_sizes

CONFIG = Path(__file__).parents[2] / "configs" / "tasks.cfg"
TASKS = ("linking", "retrieval", "annotation")
SHARED = {"@architectures": "spacy_genre.SharedSeq2Seq.v1", "component": "genre_linker"}


def link(text, title):
    return {"text": text, "mentions": [{"start": 0, "end": text.index(" "), "title": title}]}


ROWS = {
    "linking": [link("Einstein was here.", "Albert Einstein"), link("Paris is a city.", "Paris")],
    "retrieval": [{"text": "Who got the prize?", "title": "Nobel Prize"}],
    "annotation": [{**link("Apple makes computers.", "Apple Inc."), "complete": True}],
}


@pytest.fixture
def overrides(tmp_path, tiny_folder, titles):
    titles.save(tmp_path / "titles")
    config = srsly.read_json(tiny_folder / "config.json")
    model = tmp_path / "model"
    model.mkdir()
    for file in tiny_folder.iterdir():
        (model / file.name).write_bytes(file.read_bytes())
    still = {"dropout": 0.0, "attention_dropout": 0.0}
    srsly.write_json(model / "config.json", {**config, **still, "genre": {"tasks": []}})
    paths = {"paths.model": str(model), "paths.titles": str(tmp_path / "titles")}
    for task, rows in ROWS.items():
        srsly.write_jsonl(tmp_path / f"{task}.jsonl", rows)
        paths[f"paths.{task}"] = paths[f"paths.dev_{task}"] = str(tmp_path / f"{task}.jsonl")
    pipes = ("genre_linker", "genre_retriever", "genre_annotator")
    return {
        **paths,
        **{f"components.{pipe}.training.dtype": "float32" for pipe in pipes},
        **{f"components.{pipe}.num_beams": 1 for pipe in pipes},
        "training.max_steps": 2,
        "training.eval_frequency": 2,
        "training.batcher.size": 4,
        "training.optimizer.learn_rate.warmup_steps": 0,
    }


def test_one_model_learns_all_tasks(overrides, tmp_path):
    out = tmp_path / "out"
    config = load_config(CONFIG, overrides=overrides, interpolate=False)
    training = SpacyTraining(init_nlp(config), out)
    pipes = [pipe for _, pipe in training.nlp.pipeline]
    assert len({id(pipe.shim) for pipe in pipes}) == 1
    before = {name: w.clone() for name, w in pipes[0].shim.transformer.state_dict().items()}
    training()
    assert [pipe.n_pairs > 0 for pipe in pipes] == [True] * 3
    # The model is saved once, with all tasks.
    (path,) = (out / "model-last").rglob("model.safetensors")
    assert path.parent.parent.name == "genre_linker"
    block = srsly.read_json(path.parent / "config.json")["genre"]
    assert block["tasks"] == [*TASKS]
    assert block["annotation"]["marker"] == "[unused1]"
    learnt = load_file(path)
    assert any(not torch.equal(learnt[name], before[name]) for name in learnt)
    nlp = spacy.load(out / "model-last")
    doc = make_doc(nlp)
    for name, pipe in nlp.pipeline:
        assert pipe.shim is nlp.get_pipe("genre_linker").shim, name
        pipe(doc)
    assert {ent.kb_id_ for ent in doc.ents} <= {*NAMES}
    assert doc._.genre_pages
    # The same command resumes.
    done = training.progress.step
    config = load_config(CONFIG, overrides={**overrides, "training.max_steps": done + 1})
    again = SpacyTraining(init_nlp(config), out)
    assert again.progress.step == done
    again()
    assert again.progress.step > done


def test_with_accelerate(overrides, tmp_path):
    """The pairs of each task are stored, and each batch has all tasks by their weights."""
    config = load_config(CONFIG, overrides=overrides, interpolate=True)
    run = DistributedTraining(config, tmp_path / "out", Accelerator(cpu=True), batch_size=4)
    run()
    folders = {path.parent.name for path in (tmp_path / "out" / "pairs").rglob("manifest.json")}
    assert folders == {"genre_linker", "genre_retriever", "genre_annotator"}
    assert [source.share for source in run.sources] == [0.5, 0.25, 0.25]
    assert run.progress.epoch == 2
    (path,) = (tmp_path / "out" / "model-last").rglob("model.safetensors")
    assert srsly.read_json(path.parent / "config.json")["genre"]["tasks"] == [*TASKS]


def test_the_gradient_has_the_shares_of_the_tasks(overrides, tmp_path):
    """That of a batch is the mean of those of its tasks, weighted by their numbers of texts."""
    nlp = init_nlp(load_config(CONFIG, overrides=overrides))
    config = nlp.config.interpolate()["corpora"]["dev"]
    examples = list(spacy.registry.resolve({"corpus": config})["corpus"](nlp))
    assert Counter(get_task(eg.reference) for eg in examples) == {
        "linking": 2, "retrieval": 1, "annotation": 1,
    }  # fmt: skip
    pipes = [pipe for _, pipe in nlp.pipeline]
    module = pipes[0].shim.transformer

    def gradient(examples):
        module.zero_grad()
        losses = {}
        for pipe in pipes:
            pipe.update(examples, losses=losses)
        return torch.cat([w.grad.flatten() for w in module.parameters() if w.grad is not None])

    parts = [gradient([eg for eg in examples if get_task(eg.reference) == t]) for t in TASKS]
    expected = sum(share * part for share, part in zip((0.5, 0.25, 0.25), parts, strict=True))
    assert torch.allclose(gradient(examples), expected, atol=1e-5 * float(expected.abs().max()))


# Components that share a model


@pytest.fixture
def sharing(titles, retrieval_folder):
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "X", "pattern": "Einstein"}])
    nlp.add_pipe("genre_linker", config={"model": {"name": str(retrieval_folder)}}).titles = titles
    nlp.add_pipe("genre_retriever", config={"model": SHARED}).titles = titles
    return nlp


def test_saved_once_and_loaded(sharing, tmp_path):
    sharing.to_disk(tmp_path / "nlp")
    assert not (tmp_path / "nlp" / "genre_retriever" / "model").exists()
    pages = [page.title for page in sharing(TEXT)._.genre_pages]
    loaded = spacy.load(tmp_path / "nlp")
    assert [page.title for page in loaded(TEXT)._.genre_pages] == pages
    assert loaded.get_pipe("genre_retriever").shim is loaded.get_pipe("genre_linker").shim
    copy = spacy.blank("en").from_config(sharing.config).from_bytes(sharing.to_bytes())
    assert [page.title for page in copy(TEXT)._.genre_pages] == pages
    docs = sharing.pipe([TEXT] * 2, n_process=2, batch_size=1)
    assert [[page.title for page in doc._.genre_pages] for doc in docs] == [pages] * 2


@pytest.mark.parametrize("name", ["other", "genre_retriever", "sentencizer"])
def test_no_model_to_share(name):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    with pytest.raises(ValueError, match=rf"M050.*'{name}'.*sentencizer"):
        nlp.add_pipe("genre_retriever", config={"model": {**SHARED, "component": name}})


def test_settings_of_the_model_are_those_of_its_component():
    nlp = spacy.blank("en")
    training = {"@misc": "spacy_genre.Training.v2"}
    nlp.add_pipe("genre_linker", config={"training": {**training, "frozen": ["embeddings"]}})
    own = {**training, "label_smoothing": 0.2}
    pipe = nlp.add_pipe("genre_retriever", config={"model": SHARED, "training": own})
    assert (pipe.training.frozen, pipe.training.label_smoothing) == (["embeddings"], 0.2)


@pytest.mark.filterwarnings("ignore:.*W011")
def test_without_a_mix(overrides, tmp_path):
    """Components that share a model can't learn from one corpus with accelerate."""
    config = load_config(CONFIG, overrides=overrides, interpolate=True)
    config["corpora"]["train"] = config["corpora"]["train"]["linking"]
    with pytest.raises(ValueError, match=r"D052.*genre_retriever.*corpora.train .*none"):
        DistributedTraining(config, tmp_path / "out", Accelerator(cpu=True), batch_size=4)


# The mix

BLANK = spacy.blank("en")


def reader(name, n):
    def read(nlp):
        for i in range(n):
            yield Example(nlp.make_doc(f"{name} {i}"), nlp.make_doc(f"{name} {i}"))

    return read


def read_mix(sizes, weights, seed=0):
    mix = TaskMix_v1(
        **{task: reader(task, n) for task, n in sizes.items()}, weights=weights, seed=seed
    )
    return mix, [(get_task(eg.reference), eg.reference.text) for eg in mix(BLANK)]


@given(st.dictionaries(st.sampled_from(TASKS), st.integers(1, 9), min_size=1), st.integers(0, 9))
def test_a_pass_reads_everything(sizes, seed):
    everything = {(task, f"{task} {i}") for task, n in sizes.items() for i in range(n)}
    assert {*read_mix(sizes, {}, seed)[1]} == everything
    once = read_mix(sizes, None, seed)[1]
    assert (len(once), {*once}) == (len(everything), everything)


def test_shares():
    mix, found = read_mix({"linking": 3000, "retrieval": 10}, {"linking": 3})
    assert mix.shares == {"linking": 0.75, "retrieval": 0.25}
    counts = Counter(task for task, _ in found)
    assert counts["linking"] >= 3000
    assert 0.22 < counts["retrieval"] / counts.total() < 0.28
    assert [get_task(eg.reference) for eg in mix(BLANK)] != [task for task, _ in found]


@pytest.mark.parametrize("weights", [{"retrieval": 1}, {"linking": 0}, {"linking": float("nan")}])
def test_wrong_weights(weights):
    with pytest.raises(ValueError, match=r"D006.*weights"):
        TaskMix({"linking": reader("a", 1)}, weights, 0)
    with pytest.raises(ValueError, match="D051"):
        TaskMix_v1()


@given(st.lists(st.floats(0.01, 10), min_size=1, max_size=4), st.integers(1, 50))
def test_sizes_of_batches(weights, size):
    shares = [weight / sum(weights) for weight in weights]
    found = batch_sizes(shares, size)
    assert min(found) >= 1
    if all(share * size >= 1 for share in shares):
        assert sum(found) == size
        assert all(abs(n - share * size) < 1 for n, share in zip(found, shares, strict=True))


def test_an_empty_corpus_in_the_mix():
    _, found = read_mix({"linking": 2, "retrieval": 0}, {})
    assert {task for task, _ in found} == {"linking"}
