"""A missing model or title set is reported when the component is added; nothing is loaded then."""

import warnings

import pytest
import spacy
from helpers.docs import LINKS, kb_ids, make_doc
from thinc.api import Config

TITLES = {"@misc": "spacy_genre.TitleSet.v1"}


@pytest.fixture
def blank():
    return spacy.blank("en")


def test_a_missing_title_set(blank, tmp_path):
    config = {"titles": {**TITLES, "path": str(tmp_path / "missing")}}
    with pytest.warns(UserWarning, match=r"W016.*genre_linker.*T001.*missing.*titles build"):
        linker = blank.add_pipe("genre_linker", config=config)
    assert linker.model.shims[0].transformer is None
    with pytest.raises(FileNotFoundError, match=r"missing.*titles build"):
        blank.initialize()
    assert linker.model.shims[0].transformer is None
    with pytest.raises(FileNotFoundError, match=r"missing.*titles build"):
        blank(make_doc(blank))


def test_a_missing_model(blank, tmp_path):
    with pytest.warns(UserWarning, match=r"W016.*genre_linker.*M001.*no config.json"):
        blank.add_pipe("genre_linker", config={"model": {"name": str(tmp_path)}})
    with pytest.raises(ValueError, match=r"M001.*no config.json"):
        blank.initialize()


def test_a_hub_model_that_is_not_in_the_cache(blank):
    name = "nobody/no-such-model"
    with pytest.warns(UserWarning, match=rf"W013.*{name}.*genre_linker.*download {name}"):
        linker = blank.add_pipe("genre_linker", config={"model": {"name": name}})
    assert linker.model.shims[0].transformer is None


def test_what_exists_gives_no_warning(blank, titles, tiny_folder, tmp_path):
    titles.save(tmp_path / "titles")
    config = {
        "titles": {**TITLES, "path": str(tmp_path / "titles")},
        "model": {"name": str(tiny_folder)},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        blank.add_pipe("genre_linker", config=config)


def test_a_saved_pipeline_needs_no_other_file(nlp, tmp_path):
    """Neither the files of the builder's machine nor its hub model."""
    nlp.to_disk(tmp_path / "nlp")
    path = tmp_path / "nlp" / "config.cfg"
    config = Config().from_disk(path)
    block = config["components"]["genre_linker"]
    # Earlier versions saved such paths.
    block["titles"]["path"], block["model"]["name"] = "/secret/titles", "nobody/no-such-model"
    config.to_disk(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = spacy.load(tmp_path / "nlp")
    assert kb_ids([again(make_doc(again))]) == [LINKS]


def test_bytes_bring_model_and_title_set(nlp):
    config = nlp.config.copy()
    config["components"]["genre_linker"]["titles"]["path"] = "/secret/titles"
    with pytest.warns(UserWarning, match="W016"):
        again = spacy.util.load_model_from_config(config)
    again.from_bytes(nlp.to_bytes())
    assert kb_ids([again(make_doc(again))]) == [LINKS]
