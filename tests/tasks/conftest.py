import pytest


@pytest.fixture
def linker(nlp):
    return nlp.get_pipe("genre_linker")
