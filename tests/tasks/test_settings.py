"""The settings of the components: effect, limits, signature, docs."""

import inspect
from pathlib import Path
from typing import List, Literal, Optional, Union

import pytest
import settings_table
import spacy
from helpers.docs import LINKS, NAMES, kb_ids, make_doc
from pydantic import Field
from spacy.language import Language

from spacy_genre import TitleSet
from spacy_genre.tasks.linker.factory import DEFAULT_CONFIG, make_genre_linker
from spacy_genre.tasks.linker.settings import LinkerSettings
from spacy_genre.tasks.settings import SearchSettings, allowed_values, with_settings

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


def test_kb_id_can_be_the_id(nlp, linker, tokenizer):
    linker.kb_id = "id"
    assert kb_ids([nlp(make_doc(nlp))]) == [["Q0", "Q4", "Q5"]]
    linker.titles = TitleSet.build(["Albert Einstein", "Germany"], tokenizer, ids=["Q937", None])
    doc = nlp(make_doc(nlp))
    assert kb_ids([doc])[0][:2] == ["Q937", "Germany"]  # it has no id
    linker.titles = TitleSet.build(["Albert Einstein"], tokenizer)
    with pytest.raises(ValueError, match="needs a title set with ids"):
        nlp(make_doc(nlp))


def test_a_name_with_an_id_added_to_a_set_without_ids(nlp, linker, tokenizer):
    """The other names are linked as before. Gold ids are written in the same way."""
    redirects = {"Deutschland": "Germany"}
    linker.titles = TitleSet.build(NAMES, tokenizer, redirects=redirects)
    linker.titles.add("Threads (social network)", id="Q120523398")
    assert kb_ids([nlp(make_doc(nlp))]) == [LINKS]
    linker.kb_id = "id"
    assert kb_ids([nlp(make_doc(nlp))]) == [LINKS]
    assert linker.as_written("Deutschland") == "Germany"
    assert linker.as_written("Threads (social network)") == "Q120523398"


def test_top_k_and_num_beams(nlp, linker):
    linker.top_k = 2
    assert len(nlp(make_doc(nlp)).ents[0]._.genre_candidates) == 2
    linker.top_k, linker.num_beams = None, 1
    assert len(nlp(make_doc(nlp)).ents[0]._.genre_candidates) == 1


def test_top_k_above_num_beams_gives_a_warning(nlp, linker):
    linker.top_k = 6  # of 8 names
    with pytest.warns(UserWarning, match=r"W015.*num_beams = 5.*top_k = 6"):
        doc = nlp(make_doc(nlp))
    assert len(doc.ents[0]._.genre_candidates) == 5
    linker.num_beams = 6
    assert len(nlp(doc).ents[0]._.genre_candidates) == 6
    linker.num_beams, linker.get_candidates = 1, lambda titles, ent: NAMES[:4]  # all are scored
    assert len(nlp(doc).ents[0]._.genre_candidates) == 4
    linker.titles, linker.get_candidates = TitleSet.build(["Germany"], linker.tokenizer), None
    assert len(nlp(doc).ents[0]._.genre_candidates) == 1


def test_top_k_does_not_change_who_is_linked(nlp, linker):
    linker.threshold = 0.7
    doc = make_doc(nlp, "Xyzzy Plughson met nobody.", [(0, 2, "PERSON")])
    assert kb_ids([nlp(doc)]) == [["NIL"]]
    linker.top_k = 1
    assert kb_ids([nlp(doc)]) == [["NIL"]]
    assert len(doc.ents[0]._.genre_candidates) == 1


def test_labels_that_no_encyclopedia_links(nlp):
    doc = make_doc(nlp, "Einstein paid 50 dollars", [(0, 1, "PERSON"), (2, 4, "MONEY")])
    assert kb_ids([nlp(doc)]) == [["Albert Einstein", "NIL"]]
    assert doc.ents[1]._.genre_candidates == []
    only = make_doc(nlp, "It cost 50 dollars", [(2, 4, "MONEY")])
    assert kb_ids([nlp(only)]) == [["NIL"]]


def test_threshold(nlp, linker):
    linker.threshold = 1.0
    doc = nlp(make_doc(nlp))
    assert kb_ids([doc]) == [["NIL"] * 3]
    assert doc.ents[0]._.genre_candidates[0].title == "Albert Einstein"
    linker.threshold = 0.0
    assert kb_ids([nlp(doc)]) == [LINKS]


def test_overwrite(nlp, linker):
    linker.overwrite = False
    doc = make_doc(nlp)
    doc[0].ent_kb_id_ = "Q937"
    assert kb_ids([nlp(doc)]) == [["Q937", *LINKS[1:]]]
    linker.overwrite = True
    assert kb_ids([nlp(doc)]) == [LINKS]


def test_one_linker_after_another(nlp, linker, tokenizer):
    linker.labels_discard = ["NORP"]
    second = nlp.add_pipe("genre_linker", name="second", config={"overwrite": False})
    second.titles = TitleSet.build(["Germany", "Chicago"], tokenizer)
    doc = nlp(make_doc(nlp))
    assert kb_ids([doc]) == [["Albert Einstein", "Germany", "Nobel Prize"]]
    assert [len(ent._.genre_candidates) for ent in doc.ents] == [5, 2, 5]


def test_context_tokens(nlp, linker):
    searched = []
    search = linker.search_names
    linker.search_names = lambda inputs, *rest: searched.append(inputs) or search(inputs, *rest)
    for linker.context_tokens in (0, 2, None):
        nlp(make_doc(nlp))
    decoded = [linker.tokenizer.decode(inputs[1]) for inputs in searched]
    assert decoded[0] == "[CLS] [START_ENT] german [END_ENT] [SEP]"
    # The window does not reach the beginning, which the model reads as well.
    expected = "[CLS] einstein | was a [START_ENT] german [END_ENT] physicist who [SEP]"
    assert decoded[1] == expected
    assert decoded[2].startswith("[CLS] einstein was a [START_ENT] german")


def test_float16_needs_a_gpu(nlp, linker):
    if linker.shim.device.type == "cuda":
        pytest.skip("there is a GPU")
    linker.dtype = "float16"
    with pytest.raises(ValueError, match="works on a GPU only"):
        nlp(make_doc(nlp))


def test_bfloat16_finds_the_same(nlp, linker):
    linker.dtype = "bfloat16"
    assert kb_ids([nlp(make_doc(nlp))]) == [LINKS]


def test_an_attribute_that_is_no_setting(linker):
    with pytest.raises(AttributeError, match=r"C009.*'num_beems'. Its settings are num_beams, "):
        linker.num_beems = 2
    linker.set_error_handler(print)
    assert linker.get_error_handler() is print


def test_early_stopping(nlp, linker):
    for linker.early_stopping in ("never", True):
        doc = nlp(make_doc(nlp))
        assert kb_ids([doc]) == [LINKS]
        assert all(len(ent._.genre_candidates) == 5 for ent in doc.ents)


@pytest.mark.parametrize("early_stopping", [False, True, "never"])
def test_early_stopping_in_the_config(early_stopping):
    linker = spacy.blank("en").add_pipe("genre_linker", config={"early_stopping": early_stopping})
    assert type(linker.early_stopping) is type(early_stopping)
    assert linker.early_stopping == early_stopping


# Limits


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("num_beams", 0, "from 1 to 1000"),
        ("num_beams", 1001, "from 1 to 1000"),
        ("top_k", 0, "1 or more"),
        ("length_penalty", 11, "from -10 to 10"),
        ("batch_tokens", 0, "1 or more"),
        ("early_stopping", "sometimes", 'true, false or "never"'),
        ("context_tokens", -1, "0 or more"),
        ("kb_id", "qid", '"title" or "id"'),
        ("threshold", 1.5, "from 0 to 1"),
        ("threshold", -0.1, "from 0 to 1"),
        ("dtype", "int8", '"auto", "float32", "bfloat16" or "float16"'),
    ],
)
def test_settings_out_of_range(key, value, allowed):
    with pytest.raises(ValueError, match=f"'{key}' of 'genre_linker'.*{allowed}"):
        spacy.blank("en").add_pipe("genre_linker", config={key: value})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[("top_k", 2.5), ("num_beams", 0), ("kb_id", "qid"), ("dtype", "int8"), ("threshold", 7)],
        *[("num_beams", True), ("num_beams", "5"), ("threshold", float("nan"))],
        *[("length_penalty", float("inf")), ("early_stopping", 0), ("get_candidates", ["Paris"])],
        *[("labels_discard", None), ("labels_discard", "NORP"), ("labels_discard", [None])],
        *[("longest_forms", None), ("longest_forms", "PERSON")],
        *[("overwrite", "no"), ("overwrite", None), ("use_gold_ents", "no")],
    ],
)
def test_settings_are_checked_when_they_are_changed(nlp, linker, key, value):
    before = getattr(linker, key)
    with pytest.raises(ValueError, match=f"C001.*'{key}' of 'genre_linker'"):
        setattr(linker, key, value)
    assert getattr(linker, key) == before
    assert kb_ids([nlp(make_doc(nlp))]) == [LINKS]


def test_a_wrong_type_in_the_config():
    with pytest.raises(ValueError, match="num_beams"):
        spacy.blank("en").add_pipe("genre_linker", config={"num_beams": "many"})
    with pytest.raises(ValueError, match=r"genre_linker.*n_beams"):
        spacy.blank("en").add_pipe("genre_linker", config={"n_beams": 5})


class Settings(SearchSettings):
    few: int = Field(1, ge=1, le=3)
    many: Optional[int] = Field(None, ge=1)
    share: float = Field(0.5, ge=0, le=1, description="a | b")
    flag: bool = False
    kind: Union[bool, Literal["a"]] = False
    way: Literal["a", "b", "c"] = "a"
    words: List[str] = Field(default_factory=lambda: ["x"])


@pytest.mark.parametrize(
    ("key", "allowed"),
    [
        ("few", "an integer from 1 to 3"),
        ("many", "null, or an integer, 1 or more"),
        ("share", "a number from 0 to 1"),
        ("flag", "true or false"),
        ("kind", 'true, false or "a"'),
        ("way", '"a", "b" or "c"'),
        ("words", "a list of strings"),
    ],
)
def test_allowed_values_in_words(key, allowed):
    assert allowed_values(Settings.model_fields[key]) == allowed


def test_allowed_values_of_a_function():
    allowed = allowed_values(LinkerSettings.model_fields["get_candidates"])
    assert allowed == "null, or a function"


# What is generated


def test_the_signature_of_a_factory():
    @with_settings(Settings, deprecated=["old"])
    def make(nlp, name: str, **settings):
        return settings

    parameters = inspect.signature(make).parameters
    assert list(parameters) == ["nlp", "name", *Settings.model_fields, "old"]
    assert parameters["few"].default == 1
    assert parameters["words"].default == ["x"]
    assert parameters["old"].default is None
    assert parameters["many"].annotation == Optional[int]
    assert parameters["way"].annotation is str
    assert parameters["kind"].annotation == Union[bool, str]
    assert make(None, "name", few=2) == {"few": 2}


def test_every_setting_is_in_the_config_and_an_attribute(linker):
    parameters = inspect.signature(make_genre_linker).parameters
    meta = Language.get_factory_meta("genre_linker")
    for key, field in LinkerSettings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        assert DEFAULT_CONFIG[key] == meta.default_config[key] == default
        assert parameters[key].default == default
        assert getattr(linker, key) == getattr(linker.settings, key) == default
        assert field.description


def test_two_components_share_no_list():
    one, two = (spacy.blank("en").add_pipe("genre_linker") for _ in range(2))
    one.labels_discard.append("GPE")
    assert "GPE" not in two.labels_discard
    assert "GPE" not in LinkerSettings().labels_discard


def test_the_table_of_settings():
    table = settings_table.settings_table(Settings).splitlines()
    assert len(table) == 2 + len(Settings.model_fields)
    assert r"| `share` | `0.5` | a number from 0 to 1 | a \| b |" in table


def test_the_docs_are_current():
    shown = DOCS.read_text(encoding="utf8")
    for component, kind in settings_table.SETTINGS.items():
        assert settings_table.settings_table(kind) in shown, (
            f"run: python scripts/settings_table.py {component} --write docs/settings.md"
        )
