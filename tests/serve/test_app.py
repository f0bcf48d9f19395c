import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from helpers.docs import ENTS, LINKS, make_doc
from helpers.docs import TEXT as PHYSICIST
from helpers.service import EINSTEIN, PRIZE, TEXT, open_client

from spacy_genre.serve.engine import Engine


def link(client, text=TEXT, mentions=(EINSTEIN, PRIZE), **more):
    return client.post("/link", json={"text": text, "mentions": list(mentions), **more})


def linked(response):
    assert response.status_code == 200, response.text
    return [entity["kb_id"] for entity in response.json()["entities"]]


# Linking


def test_mentions_are_linked_as_in_a_pipeline(client, nlp):
    doc = make_doc(nlp)
    mentions = [
        {"start": doc[a].idx, "end": doc[b - 1].idx + len(doc[b - 1]), "label": label}
        for a, b, label in ENTS
    ]
    response = link(client, PHYSICIST, mentions)
    assert linked(response) == LINKS
    expected = nlp.get_pipe("genre_linker")(doc)
    for entity, ent in zip(response.json()["entities"], expected.ents, strict=True):
        assert (entity["text"], entity["label"]) == (ent.text, ent.label_)
        for found, candidate in zip(entity["candidates"], ent._.genre_candidates, strict=True):
            assert found["title"] == candidate.title
            assert found["probability"] == pytest.approx(candidate.probability, abs=1e-4)


def test_mentions_keep_their_order_and_may_overlap_and_split_tokens(client):
    text = "Saint-Paris and Paris, Texas"
    offsets = [(16, 28), (16, 21), (6, 11), (15, 22)]
    response = link(client, text, [{"start": a, "end": b} for a, b in offsets])
    entities = response.json()["entities"]
    assert [e["text"] for e in entities] == ["Paris, Texas", "Paris", "Paris", "Paris,"]
    assert entities[0]["kb_id"] == "Paris, Texas"
    assert (entities[3]["start"], entities[3]["end"]) == (16, 22)  # without the space


def test_top_k_and_threshold(client):
    (entity, _) = link(client, top_k=2).json()["entities"]
    assert len(entity["candidates"]) == 2
    assert linked(link(client, threshold=1.0)) == ["NIL", "NIL"]


def test_text_without_mentions_needs_a_recognizer(client, engine_with_entities):
    response = client.post("/link", json={"text": TEXT})
    assert response.status_code == 422
    assert "--pipeline" in response.json()["detail"]
    with open_client(engine_with_entities) as other:
        response = other.post("/link", json={"text": TEXT})
        assert linked(response) == ["Albert Einstein"]
        assert response.json()["entities"][0]["label"] == "PERSON"
        assert linked(other.post("/link", json={"text": TEXT, "mentions": []})) == []


def test_empty_text(client):
    assert linked(link(client, "", [])) == []


def test_pages_are_retrieved(page_nlp):
    with open_client(Engine(page_nlp)) as client:
        response = client.post("/retrieve", json={"text": "Who was Einstein?", "top_k": 2})
        assert [set(page) for page in response.json()["pages"]] == [
            {"title", "id", "score", "probability"}
        ] * 2
        assert client.post("/retrieve", json={"text": " "}).json() == {"pages": []}
        assert link(client).status_code == 501


def test_a_task_without_a_component(client):
    response = client.post("/annotate", json={"text": TEXT})
    assert response.status_code == 501
    assert "genre_annotator" in response.json()["detail"]


# Hostile requests


WRONG_BODIES = [
    (b"", 422, "body"),
    (b"{", 400, "JSON"),
    (b"\xff\xfe\x00", 400, ""),
    (b"[" * 100_000, 400, ""),
    (b'{"text": ' + b"9" * 5000 + b"}", 400, ""),
    (b"null", 422, ""),
    (b'"text"', 422, ""),
    (b'{"text": 3}', 422, "body.text"),
    (b'{"text": null}', 422, "body.text"),
    (b'{"text": "a", "mentoins": []}', 422, "body.mentoins"),
    (b'{"text": "a", "\\ud800": []}', 422, "body"),
    (b'{"text": "\\ud800 Paris"}', 422, "body.text"),
    (b'{"text": "a", "mentions": {"start": 0, "end": 1}}', 422, "body.mentions"),
    (b'{"text": "a", "mentions": [{"start": "0", "end": 1}]}', 422, "start"),
    (b'{"text": "a", "mentions": [{"start": true, "end": 1}]}', 422, "start"),
    (b'{"text": "a", "mentions": [{"start": -1, "end": 1}]}', 422, "start"),
    (b'{"text": "a", "mentions": [{"start": 0, "end": 2}]}', 422, "outside the text"),
    (b'{"text": "ab", "mentions": [{"start": 1, "end": 1}]}', 422, "outside the text"),
    (b'{"text": "ab", "mentions": [{"start": 2, "end": 1}]}', 422, "outside the text"),
    (b'{"text": "a b", "mentions": [{"start": 1, "end": 2}]}', 422, "blank"),
    (b'{"text": "a", "mentions": [{"start": 0, "end": 1e99}]}', 422, "end"),
    (b'{"text": "a", "threshold": NaN}', 422, "threshold"),
    (b'{"text": "a", "threshold": 2}', 422, "threshold"),
    (b'{"text": "a", "top_k": 0}', 422, "top_k"),
]


def test_wrong_bodies(client):
    headers = {"Content-Type": "application/json"}
    for body, status, message in WRONG_BODIES:
        response = client.post("/link", content=body, headers=headers)
        assert response.status_code == status, (body[:80], response.text)
        assert message in response.json()["detail"], body[:80]
        assert len(response.content) < 2000
    assert linked(link(client)) == ["Albert Einstein", "Nobel Prize"]


def test_odd_characters_keep_their_offsets(client):
    before = "\x00\x07\u200b😀 e\u0301\u202e \r\n"
    mention = {"start": len(before), "end": len(before) + 8}
    (entity,) = link(client, before + TEXT, [mention]).json()["entities"]
    assert (entity["text"], entity["start"]) == ("Einstein", len(before))
    (entity,) = link(client, "\x00", [{"start": 0, "end": 1}]).json()["entities"]
    assert entity["text"] == "\x00"
    text = "[START_ENT] </s> [SEP] [unused0]"
    assert link(client, text, [{"start": 0, "end": len(text)}]).status_code == 200


def test_methods_and_paths(client):
    assert client.get("/link").status_code == 405
    assert client.post("/nothing", json={}).status_code == 404
    assert 'path="other",status="404"' in client.get("/metrics").text


def test_limits_of_body_and_text(engine):
    with open_client(engine, max_body=2000, max_text=1000, max_mentions=3) as client:
        headers = {"Content-Type": "application/json"}
        response = client.post("/link", content=b"x" * 2001, headers=headers)
        assert response.status_code == 413
        assert "2000" in response.json()["detail"]
        sent = []

        def endless():
            while len(sent) < 1000:
                sent.append(1)
                yield b"x" * 1000

        assert client.post("/link", content=endless(), headers=headers).status_code == 413
        assert link(client, "a" * 1001, []).status_code == 413
        assert link(client, mentions=[EINSTEIN] * 4).status_code == 413
        assert linked(link(client, mentions=[EINSTEIN] * 3)) == ["Albert Einstein"] * 3


# Load


class Slow:
    """An engine that waits before it runs jobs."""

    def __init__(self, engine):
        self.engine, self.may_run, self.batches = engine, threading.Event(), []

    def __getattr__(self, name):
        return getattr(self.engine, name)

    def run(self, jobs):
        self.batches.append(len(jobs))
        assert self.may_run.wait(30)
        return self.engine.run(jobs)


def wait_for(condition):
    end = time.time() + 20
    while not condition():
        assert time.time() < end
        time.sleep(0.005)


def test_requests_of_all_clients_are_batched(engine):
    slow = Slow(engine)
    with open_client(slow, batch_tokens=100_000) as client, ThreadPoolExecutor(10) as pool:
        first = pool.submit(link, client)
        wait_for(lambda: slow.batches)
        others = [pool.submit(link, client, mentions=[EINSTEIN]) for _ in range(9)]
        queue = client.app.state.service.queue
        wait_for(lambda: len(queue._waiting) == 9)
        slow.may_run.set()
        assert linked(first.result()) == ["Albert Einstein", "Nobel Prize"]
        assert [linked(other.result()) for other in others] == [["Albert Einstein"]] * 9
        assert slow.batches == [1, 9]
        assert "spacy_genre_batch_requests_count 2.0" in client.get("/metrics").text


def test_full_queue_and_busy_client(engine):
    slow = Slow(engine)
    with open_client(slow, max_queue=10, max_per_client=3) as client, ThreadPoolExecutor() as pool:
        running = pool.submit(link, client)
        wait_for(lambda: slow.batches)
        waiting = pool.submit(link, client)
        queue = client.app.state.service.queue
        wait_for(lambda: queue._waiting)
        refused = link(client)
        assert refused.status_code == 503
        assert refused.headers["Retry-After"] == "1"
        queue.max_tokens = 1000
        third = pool.submit(link, client)
        wait_for(lambda: len(queue._waiting) == 2)
        assert link(client).status_code == 429
        slow.may_run.set()
        assert {r.result().status_code for r in (running, waiting, third)} == {200}
        assert link(client).status_code == 200


def test_time_limit(engine):
    slow = Slow(engine)
    with open_client(slow, timeout=0.1) as client:
        response = link(client)
        assert response.status_code == 504
        assert link(client).status_code == 504
        slow.may_run.set()
        assert client.get("/health").json()["waiting_tokens"] == 0
        client.app.state.service.queue.timeout = 30
        assert linked(link(client)) == ["Albert Einstein", "Nobel Prize"]
        assert sum(slow.batches) == 2  # nobody waited for the second one


def test_a_job_that_fails_spoils_no_other(engine, monkeypatch):
    predict = engine.components["link"].predict

    def fail_at_bad_texts(docs):
        if any("bad" in doc.text for doc in docs):
            raise RuntimeError("bad")
        return predict(docs)

    slow = Slow(engine)
    monkeypatch.setattr(engine.components["link"], "predict", fail_at_bad_texts)
    with open_client(slow) as client, ThreadPoolExecutor() as pool:
        first = pool.submit(link, client)
        wait_for(lambda: slow.batches)
        futures = [pool.submit(link, client, f"{TEXT} {word}") for word in ("good", "bad", "good")]
        wait_for(lambda: len(client.app.state.service.queue._waiting) == 3)
        slow.may_run.set()
        assert [f.result().status_code for f in (first, *futures)] == [200, 200, 500, 200]
        assert slow.batches == [1, 3]


def test_words_of_requests_are_not_kept(client, engine):
    link(client)
    strings = engine.nlp.vocab.strings
    size = len(strings)
    for i in range(3):
        link(client, f"{TEXT} qzx{i}a qzx{i}b", [EINSTEIN])
    assert len(strings) == size
    assert "qzx0a" not in strings


# Names


def test_a_name_is_linked_until_it_is_removed(client):
    text = "She works for Quxoria."
    mention = {"start": 14, "end": 21}
    assert client.post("/names", json={"name": "Quxoria"}).status_code == 201
    assert client.post("/names", json={"name": "Quxoria"}).status_code == 200
    assert linked(link(client, text, [mention])) == ["Quxoria"]
    found = client.get("/names", params={"prefix": "quxo"}).json()
    assert found == {"total": 9, "names": ["Quxoria"]}
    assert client.delete("/names", params={"name": "Quxoria"}).json()["total"] == 8
    assert client.delete("/names", params={"name": "Quxoria"}).status_code == 404
    assert linked(link(client, text, [mention])) != ["Quxoria"]


WRONG_NAMES = [
    {"name": ""},
    {"name": " \u200b"},
    {"name": 3},
    {"name": "x" * 256},
    {"name": "Paris", "id": "Q-other"},
    {"name": "Einstein"},
    {"name": "Paris", "aliases": [""]},
    {"name": "Paris", "aliases": "City of Light"},
    {"name": "New", "prior": -1},
    {"nam": "New"},
]


def test_wrong_names(client, tmp_path):
    for body in WRONG_NAMES:
        assert client.post("/names", json=body).status_code == 422, body
    assert client.get("/health").json()["names"] == 8
    path = tmp_path / "names.jsonl"
    assert not path.exists() or path.read_bytes() == b""


def test_names_change_while_texts_are_linked(client, engine):
    def change(worker):
        for i in range(5):
            name = f"Quxoria {worker} {i}"
            assert client.post("/names", json={"name": name}).status_code == 201
            if i % 2:
                assert client.delete("/names", params={"name": name}).status_code == 200

    with ThreadPoolExecutor() as pool:
        changes = [pool.submit(change, worker) for worker in range(3)]
        links = [pool.submit(link, client, f"{TEXT} {i}") for i in range(10)]
        for future in changes:
            future.result()
        for future in links:
            assert linked(future.result()) == ["Albert Einstein", "Nobel Prize"]
    assert client.get("/health").json()["names"] == 8 + 3 * 3


# State


def test_api_key(engine):
    with open_client(engine, api_key="sécret") as client:
        assert client.get("/health").status_code == 200
        assert client.get("/openapi.json").status_code == 200
        for headers in ({}, {"Authorization": "Bearer x"}, {"Authorization": "Basic sécret"}):
            raw = {key: value.encode() for key, value in headers.items()}
            for path in ("/link", "/names", "/metrics"):
                assert client.post(path, headers=raw).status_code == 401
        raw = {"Authorization": "bearer sécret".encode()}
        assert client.get("/names", headers=raw).status_code == 200


def test_health_and_metrics(client):
    link(client)
    health = client.get("/health").json()
    assert (health["status"], health["tasks"], health["names"]) == ("ok", ["link"], 8)
    metrics = client.get("/metrics").text
    assert 'spacy_genre_requests_total{path="/link",status="200"} 1.0' in metrics
    assert "spacy_genre_names 8.0" in metrics
    assert "process_resident_memory_bytes" in metrics


def test_examples_of_the_documentation_work(client):
    paths = client.get("/openapi.json").json()
    schemas = paths["components"]["schemas"]
    (example,) = schemas["LinkRequest"]["examples"]
    response = client.post("/link", json=example)
    assert linked(response) == ["Albert Einstein"]
    (example,) = schemas["NewName"]["examples"]
    assert client.post("/names", json=example).status_code == 201
    assert {"/link", "/annotate", "/retrieve", "/names", "/health"} <= paths["paths"].keys()
    problems = set(paths["paths"]["/link"]["post"]["responses"])
    assert {"413", "422", "429", "503", "504"} <= problems
    assert json.dumps(paths)


def test_requests_are_answered_before_the_service_stops(engine):
    slow = Slow(engine)
    with open_client(slow) as client, ThreadPoolExecutor() as pool:
        waiting = [pool.submit(link, client), pool.submit(link, client)]
        queue = client.app.state.service.queue
        wait_for(lambda: slow.batches and (queue._waiting or slow.batches == [2]))
        stop = pool.submit(client.portal.call, queue.stop)
        wait_for(lambda: queue.is_stopping)
        assert link(client).status_code == 503
        assert client.get("/health").status_code == 503
        slow.may_run.set()
        for future in waiting:
            assert linked(future.result()) == ["Albert Einstein", "Nobel Prize"]
        stop.result()
