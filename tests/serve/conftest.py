import pytest
import spacy
from helpers.service import open_client

from spacy_genre.serve.engine import Engine


@pytest.fixture(scope="session")
def shared_engines(tokenizer):
    nlp = spacy.blank("en")
    nlp.add_pipe("genre_linker")
    with_entities = spacy.blank("en")
    ruler = with_entities.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PERSON", "pattern": "Einstein"}])
    with_entities.add_pipe("genre_linker")
    return Engine(nlp), Engine(with_entities)


def with_titles(engine, titles):
    engine.titles = engine.components["link"].titles = titles
    return engine


@pytest.fixture
def engine(shared_engines, titles):
    """A pipeline that finds no entities."""
    return with_titles(shared_engines[0], titles)


@pytest.fixture
def engine_with_entities(shared_engines, titles):
    return with_titles(shared_engines[1], titles)


@pytest.fixture
def client(engine, tmp_path):
    with open_client(engine, tmp_path / "names.jsonl") as client:
        yield client
