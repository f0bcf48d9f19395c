import pytest


@pytest.fixture
def linker(nlp):
    return nlp.get_pipe("genre_linker")


@pytest.fixture
def retriever(page_nlp):
    return page_nlp.get_pipe("genre_retriever")
