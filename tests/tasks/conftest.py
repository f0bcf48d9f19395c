from dataclasses import replace

import pytest


@pytest.fixture
def linker(nlp):
    return nlp.get_pipe("genre_linker")


@pytest.fixture
def model_alone(linker, monkeypatch):
    """The linker without what the title set knows of a mention's text."""
    settings = replace(linker.shim.settings, aliases=None)
    monkeypatch.setattr(linker.shim, "settings", settings)
    return linker


@pytest.fixture
def retriever(page_nlp):
    return page_nlp.get_pipe("genre_retriever")
