"""A client of the service, without a network."""

from contextlib import contextmanager

from fastapi.testclient import TestClient

from spacy_genre.serve.app import make_app
from spacy_genre.serve.limits import Limits
from spacy_genre.serve.names import NamesFile

TEXT = "Einstein received the Nobel Prize."
EINSTEIN = {"start": 0, "end": 8, "label": "PERSON"}
PRIZE = {"start": 22, "end": 33}


@contextmanager
def open_client(engine, path=None, *, api_key=None, **limits):
    """A service from its start to its stop."""
    app = make_app(engine, NamesFile(engine.titles, path), Limits(**limits), api_key=api_key)
    with TestClient(app, raise_server_exceptions=False) as client:
        yield client
