"""The command, as a process of its own."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

import pytest
from spacy.cli._util import app
from typer.testing import CliRunner

from spacy_genre import TitleSet
from spacy_genre.cli import serve

DOCS = Path(__file__).parents[2] / "docs"


def run(*args):
    return CliRunner().invoke(app, ["genre", "serve", *map(str, args)])


def test_what_cannot_be_started(tmp_path, monkeypatch):
    result = run("--titles", tmp_path / "nothing")
    assert result.exit_code == 1
    assert "there is no such file" in " ".join(result.output.split())
    assert run("--timeout", "0").exit_code == 2
    monkeypatch.setitem(serve.PACKAGES, "page", ("no_such_package",))
    result = run("--page")
    assert result.exit_code == 1
    assert 'pip install "spacy_genre[page]"' in " ".join(result.output.split())


@pytest.mark.slow
def test_importing_the_package_loads_no_server():
    code = "import sys, spacy_genre, spacy_genre.cli; print(*sys.modules)"
    output = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"fastapi", "uvicorn", "streamlit", "prometheus_client"} & {*output.stdout.split()}


@pytest.fixture
def start(tmp_path):
    """Starts the command with options, and gives the process and its address."""
    processes = []

    def start_process(*options, ready="/health", **variables):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "spacy", "genre", "serve", "--port", port, *options]
        environment = {**os.environ, "SPACY_GENRE_DATA": str(tmp_path), "BROWSER": "true"}
        with (tmp_path / "log.txt").open("w") as log:
            process = subprocess.Popen(
                [*map(str, command)], env={**environment, **variables}, stdout=log, stderr=log
            )
        processes.append(process)
        address = f"http://127.0.0.1:{port}"
        for _ in range(900):
            try:
                with urlopen(address + ready, timeout=5):
                    return process, address
            except (URLError, ConnectionError):
                assert process.poll() is None, (tmp_path / "log.txt").read_text()
                time.sleep(0.2)
        raise TimeoutError((tmp_path / "log.txt").read_text())

    yield start_process
    for process in processes:
        process.kill()
        process.wait()


def post(address, path, body, **headers):
    data = json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **headers}
    with urlopen(Request(address + path, data, headers), timeout=100) as response:
        return json.load(response)


@pytest.mark.slow
def test_stop_and_restart(start, tmp_path, tokenizer):
    path = tmp_path / "own.titles"
    TitleSet.build(["Paris", "Berlin"], tokenizer).save(path)
    options, key = ("--titles", path, "--timeout", 60), {"Authorization": "Bearer secret"}
    process, address = start(*options, SPACY_GENRE_API_KEY="secret")
    assert post(address, "/names", {"name": "Quxoria"}, **key)["total"] == 3
    mentions = [{"start": 14, "end": 21}] * 100
    with ThreadPoolExecutor() as pool:
        bodies = [{"text": f"She works for Quxoria {i}", "mentions": mentions} for i in range(6)]
        results = [pool.submit(post, address, "/link", body, **key) for body in bodies]
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        for result in results:
            assert {e["kb_id"] for e in result.result()["entities"]} == {"Quxoria"}
    assert process.wait(30) in (0, -signal.SIGTERM)
    process, address = start(*options)
    body = {"text": "She works for Quxoria.", "mentions": mentions[:1]}
    assert post(address, "/link", body)["entities"][0]["kb_id"] == "Quxoria"
    process.kill()  # nothing is lost without a stop, either
    process.wait()
    assert len((tmp_path / "own.titles.names.jsonl").read_text().splitlines()) == 1


@pytest.mark.slow
def test_page_in_a_browser(start, tmp_path):
    """Also takes the screenshot of the docs, if GENRE_SCREENSHOTS is set."""
    sync_api = pytest.importorskip("playwright.sync_api")
    browsers = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
    browser = next(filter(os.path.exists, browsers), None)
    if browser is None:
        pytest.skip("there is no Chromium")
    _, address = start("--page", ready="/_stcore/health")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport={"width": 1400, "height": 1400})
        problems = []
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.set_default_timeout(120_000)
        page.goto(address)
        expect = sync_api.expect
        expect.set_options(timeout=60_000)
        linked = page.locator(".row.linked .name")
        expect(linked).to_have_text("Albert Einstein")  # a first visit shows a linked text
        expect(page.locator(".step .chosen").last).to_contain_text("end of name")
        if os.environ.get("GENRE_SCREENSHOTS"):
            page.screenshot(path=DOCS / "page.png")
        page.locator("mark", has_text="Berlin").click(position={"x": 8, "y": 12})
        expect(linked).to_have_text("Berlin")
        page.get_by_label("Text", exact=True).fill("She works for [[Quxoria]] in [[Berlin]].")
        page.keyboard.press("Control+Enter")
        expect(page.locator("mark")).to_have_count(2)
        page.get_by_label("Add a name").fill("Quxoria")
        page.get_by_role("button", name="Add", exact=True).click()
        expect(page.get_by_text("can be generated now")).to_be_visible()
        expect(page.locator("mark").first).to_contain_text("Quxoria")
        page.locator("mark").first.click(position={"x": 8, "y": 12})
        expect(linked).to_have_text("Quxoria")
        upload = tmp_path / "text.txt"
        upload.write_text("[[Marie Curie]] <script>alert(1)</script>", encoding="utf8")
        page.locator("input[type=file]").set_input_files(upload)
        expect(page.locator("mark")).to_have_count(1)
        expect(page.locator("mark")).to_contain_text("Marie Curie")
        expect(page.locator(".genre.text")).to_contain_text("<script>")
        assert problems == []
        chromium.close()
