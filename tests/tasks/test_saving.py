import pickle

import pytest
import spacy
import srsly
import torch
from helpers.docs import kb_ids, make_doc, make_docs
from spacy.language import Language
from thinc.api import Config

from spacy_genre.model.sharing import own_weights
from spacy_genre.tasks.linker.factory import DEFAULT_CONFIG
from spacy_genre.tokenization import NameTokenizer


@pytest.fixture
def expected(nlp):
    return kb_ids(nlp.pipe(make_docs(nlp)))


def test_disk(nlp, expected, tmp_path):
    nlp.to_disk(tmp_path / "nlp")
    again = spacy.load(tmp_path / "nlp")
    assert kb_ids(again.pipe(make_docs(again))) == expected
    assert again.get_pipe("genre_linker").titles.id_of("Paris") == "Q6"


def test_bytes(nlp, expected):
    again = spacy.blank("en")
    again.add_pipe("genre_linker")
    again.from_bytes(nlp.to_bytes())
    assert kb_ids(again.pipe(make_docs(again))) == expected


def test_pickle(nlp, expected):
    again = pickle.loads(pickle.dumps(nlp))
    assert kb_ids(again.pipe(make_docs(again))) == expected
    again.get_pipe("genre_linker").titles.add("Zebra")


def test_transformers_can_load_the_saved_model(nlp, linker, tmp_path):
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    nlp.to_disk(tmp_path / "nlp")
    folder = tmp_path / "nlp" / "genre_linker" / "model"
    names = {file.name for file in folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= names
    model = AutoModelForSeq2SeqLM.from_pretrained(folder, torch_dtype=torch.float32)
    for name, value in model.state_dict().items():
        assert torch.equal(value, linker.shim.transformer.state_dict()[name])
    assert NameTokenizer(AutoTokenizer.from_pretrained(folder)).fingerprint == (
        linker.titles.fingerprint
    )


def test_trained_weights_are_kept_in_full(nlp, linker, tmp_path):
    own_weights(linker.shim.transformer)
    with torch.no_grad():
        linker.shim.transformer.model.shared.weight[5, 7] = 1.00001
    nlp.to_disk(tmp_path / "nlp")
    again = spacy.load(tmp_path / "nlp").get_pipe("genre_linker")
    assert again.shim.transformer.model.shared.weight[5, 7].item() == pytest.approx(1.00001, 1e-7)


@pytest.mark.parametrize("way", ["disk", "bytes"])
def test_settings_that_were_changed_are_saved(nlp, linker, tmp_path, way):
    linker.kb_id, linker.labels_discard = "id", ["NORP"]
    expected = kb_ids([nlp(make_doc(nlp))])
    assert expected == [["Q0", "NIL", "Q5"]]
    if way == "disk":
        nlp.to_disk(tmp_path / "nlp")
        overrides = {"components": {"genre_linker": {"num_beams": 3}}}
        again = spacy.load(tmp_path / "nlp", config=overrides)
        assert again.get_pipe("genre_linker").num_beams == 3
    else:
        again = spacy.blank("en")
        again.add_pipe("genre_linker")
        again.from_bytes(nlp.to_bytes())
    assert kb_ids([again(make_doc(again))]) == expected


def test_labels_may_be_a_set(nlp, linker, tmp_path):
    for labels in (("NORP",), frozenset({"NORP"}), {"NORP", "MONEY"}):
        linker.labels_discard = labels
        assert linker.labels_discard == sorted(labels)
    expected = [["Albert Einstein", "NIL", "Nobel Prize"]]
    assert kb_ids([nlp(make_doc(nlp))]) == expected
    nlp.to_disk(tmp_path / "nlp")
    blank = spacy.blank("en")
    blank.add_pipe("genre_linker")
    for again in (spacy.load(tmp_path / "nlp"), blank.from_bytes(nlp.to_bytes())):
        assert again.get_pipe("genre_linker").labels_discard == sorted(labels)
        assert kb_ids([again(make_doc(again))]) == expected


# The config of a saved pipeline


def test_a_saved_pipeline_holds_no_path_of_this_machine(titles, tiny_folder, tmp_path, tokenizer):
    titles.save(tmp_path / "secret_titles")
    nlp = spacy.blank("en")
    nlp.add_pipe(
        "genre_linker",
        config={
            "model": {"name": str(tiny_folder)},
            "titles": {
                "@misc": "spacy_genre.TitleSet.v1",
                "path": str(tmp_path / "secret_titles"),
            },
        },
    )
    found = kb_ids(nlp.pipe(make_docs(nlp)))
    nlp.to_disk(tmp_path / "nlp")
    for file in (tmp_path / "nlp").rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert str(tmp_path).encode() not in content, file
            assert str(tiny_folder).encode() not in content, file
    (tmp_path / "secret_titles").unlink()
    again = spacy.load(tmp_path / "nlp")
    assert kb_ids(again.pipe(make_docs(again))) == found


CONFIG = """
# A comment of mine.
[nlp]
lang = "en"

[components.genre_linker]
factory = "genre_linker"

[components.genre_linker.model]
name = "mine"
"""


def test_saving_touches_no_file_outside(nlp, linker, tmp_path):
    (tmp_path / "config.cfg").write_text(CONFIG)
    (tmp_path / "meta.json").write_text("{}")
    linker.to_disk(tmp_path / "genre_linker")
    linker.to_disk(tmp_path / "other")
    assert (tmp_path / "config.cfg").read_text() == CONFIG
    (tmp_path / "config.cfg").write_text("not [ a config")
    linker.to_disk(tmp_path / "genre_linker")
    assert (tmp_path / "config.cfg").read_text() == "not [ a config"


def component_block(folder, name="genre_linker"):
    return Config().from_disk(folder / "config.cfg")["components"][name]


def test_the_name_of_a_hub_model_is_kept(nlp, tmp_path):
    nlp._pipe_configs["genre_linker"]["model"]["name"] = "facebook/genre-linking-blink"
    nlp.to_disk(tmp_path / "nlp")
    assert component_block(tmp_path / "nlp")["model"]["name"] == "facebook/genre-linking-blink"


def test_a_sourced_component_holds_no_path_of_this_machine(titles, tmp_path):
    """spaCy shares a sourced component between two pipelines, and gives it a new name."""
    path = tmp_path / "secret_titles"
    titles.save(path)
    config = {"titles": {"@misc": "spacy_genre.TitleSet.v1", "path": str(path)}}
    source, target = spacy.blank("en"), spacy.blank("en")
    source.add_pipe("genre_linker", config=config)
    target.add_pipe("genre_linker", source=source, name="renamed")
    for pipeline in (source, target):
        pipeline.to_disk(tmp_path / "nlp")
        assert str(path) not in (tmp_path / "nlp" / "config.cfg").read_text(encoding="utf8")
        again = spacy.load(tmp_path / "nlp")
        assert kb_ids(again.pipe(make_docs(again))) == kb_ids(pipeline.pipe(make_docs(pipeline)))


@Language.factory("tests_with_titles")
def make_with_titles(nlp, name, titles):
    return lambda doc: doc


def test_components_of_others_keep_their_config(nlp, tmp_path):
    path = str(tmp_path / "titles")
    block = {"@misc": "spacy_genre.TitleSet.v1", "path": path, "name": None}
    nlp.add_pipe("tests_with_titles", config={"titles": block})
    nlp.to_disk(tmp_path / "nlp")
    assert component_block(tmp_path / "nlp", "tests_with_titles")["titles"] == block


# Pipelines that earlier versions saved


OLD_SETTINGS = {
    "search": "exact",
    "cache_size": 10,
    "candidates": {"@misc": "spacy_genre.GivenCandidates.v1", "missing": "nil"},
    "training": {"@misc": "spacy_genre.Training.v1", "contrast": 1.0},
}
OLD_CFG = {"cache_size": 5, "kb_id": "id", "threshold": 0.1}


@pytest.fixture
def old_pipeline(nlp, tmp_path):
    """A pipeline with the config.cfg and the settings of an earlier version."""
    folder = tmp_path / "old"
    nlp.to_disk(folder)
    config = Config().from_disk(folder / "config.cfg", interpolate=False)
    block = config["components"]["genre_linker"]
    del block["get_candidates"]
    config["components"]["genre_linker"] = {**block, **OLD_SETTINGS}
    config.to_disk(folder / "config.cfg", interpolate=False)
    srsly.write_json(folder / "genre_linker" / "cfg", OLD_CFG)
    return folder


def test_an_old_pipeline_is_loaded_with_a_warning(old_pipeline, tmp_path):
    with pytest.warns(UserWarning, match=r"W005.*genre_linker.*'candidates' is now called"):
        nlp = spacy.load(old_pipeline)
    linker = nlp.get_pipe("genre_linker")
    assert (linker.kb_id, linker.threshold) == ("id", 0.1)
    assert linker.training.hard_negatives == 1.0
    doc = make_doc(nlp)
    doc.ents[0]._.genre_gold_candidates = ["Paris"]
    links = kb_ids([nlp(doc)])
    assert [[c.title for c in ent._.genre_candidates] for ent in doc.ents] == [["Paris"], [], []]

    nlp.to_disk(tmp_path / "new")
    block = component_block(tmp_path / "new")
    assert block["get_candidates"] == OLD_SETTINGS["candidates"]
    assert not {"search", "cache_size", "candidates"} & set(block)
    again = spacy.load(tmp_path / "new")  # a warning would be an error
    assert kb_ids([again(doc)]) == links


def test_a_saved_config_has_no_deprecated_settings(nlp, tmp_path):
    nlp.to_disk(tmp_path / "nlp")
    assert set(DEFAULT_CONFIG) | {"factory"} == set(component_block(tmp_path / "nlp"))


# Damaged pipelines


def test_a_damaged_pipeline_changes_nothing(nlp, linker, tmp_path):
    nlp.to_disk(tmp_path / "nlp")
    path = tmp_path / "nlp" / "genre_linker" / "titles.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    before = linker.titles, linker.shim.transformer
    with pytest.raises(ValueError, match="not a title set, or it is truncated"):
        linker.from_disk(tmp_path / "nlp" / "genre_linker", exclude=["vocab"])
    assert (linker.titles, linker.shim.transformer) == before
    with pytest.raises(ValueError, match=r"can't be unpacked|not a title set"):
        linker.from_bytes(srsly.msgpack_dumps({"cfg": b"{}", "model": b"\xc1", "titles": b""}))
    assert (linker.titles, linker.shim.transformer) == before
    for data in (b"junk" * 10, srsly.msgpack_dumps({}), nlp.to_bytes()):
        with pytest.raises(ValueError, match="M008"):
            linker.from_bytes(data)


def test_a_damaged_saved_title_set_is_an_error(nlp, linker, tmp_path):
    nlp.to_disk(tmp_path / "nlp")
    path = tmp_path / "nlp" / "genre_linker" / "titles.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-200] + bytes(200))
    with pytest.raises(ValueError, match="its checksum is wrong"):
        spacy.load(tmp_path / "nlp")
