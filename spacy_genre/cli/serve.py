"""`python -m spacy genre serve`: the service, or the page."""

import importlib.util
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, List, Optional

import typer
from wasabi import msg

from ..errors import Errors
from ..user_data import data_folder
from .output import fail, reason_of

if TYPE_CHECKING:
    from ..serve.app import FastAPI
    from ..serve.limits import Limits

KEY_VARIABLE = "SPACY_GENRE_API_KEY"
PACKAGES = {"serve": ("fastapi", "uvicorn", "prometheus_client"), "page": ("streamlit",)}
# How long requests that are being answered may take after a signal to stop, beyond their own limit.
GRACE = 5


def serve_cli(
    pipeline: Annotated[
        Optional[str],
        typer.Option(
            help="The name or folder of a pipeline. Without a component of this package, it gets a "
            "genre_linker. [default: an empty pipeline with a genre_linker]",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        Optional[str],
        typer.Option(
            help="The model of the added genre_linker: a folder, or a name on the hub. [default: "
            "the model that comes with the package]",
            show_default=False,
        ),
    ] = None,
    titles: Annotated[
        Optional[Path],
        typer.Option(help="The title set to use instead of the pipeline's.", show_default=False),
    ] = None,
    names: Annotated[
        Optional[Path],
        typer.Option(
            help="The file for names that are added and removed. [default: TITLES.names.jsonl, or "
            "served.names.jsonl in the user's data folder]",
            show_default=False,
        ),
    ] = None,
    page: Annotated[
        bool, typer.Option("--page", help="Open the page in a browser instead.")
    ] = False,
    host: Annotated[
        str, typer.Option(help="The address to listen on; 0.0.0.0 for all.")
    ] = "127.0.0.1",
    port: Annotated[
        Optional[int],
        typer.Option(min=0, max=65535, help="The port. [default: 8000, 8501 for the page]"),
    ] = None,
    beams: Annotated[
        Optional[int],
        typer.Option(min=1, help="The number of beams. [default: the pipeline's setting]"),
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="The longest time of a request.")] = 30,
    max_body: Annotated[int, typer.Option(min=1, help="The largest body, in bytes.")] = 1_000_000,
    max_text: Annotated[int, typer.Option(min=1, help="The longest text, in characters.")] = 20_000,
    max_mentions: Annotated[int, typer.Option(min=1, help="The most mentions of a text.")] = 500,
    max_queue: Annotated[
        int, typer.Option(min=1, help="The most tokens of requests that wait.")
    ] = 65_536,
    max_per_client: Annotated[
        int, typer.Option(min=1, help="The most requests of an address at once.")
    ] = 100,
    batch_tokens: Annotated[
        int, typer.Option(min=1, help="The most tokens of a batch of requests.")
    ] = 4096,
) -> None:
    """Serve the components over HTTP, or open a page that shows how names are generated.

    The documentation of the service is at http://127.0.0.1:8000/docs. If the environment variable
    SPACY_GENRE_API_KEY is set, clients must send its value: 'Authorization: Bearer KEY'.

    python -m spacy genre serve --pipeline en_core_web_sm

    python -m spacy genre serve --page
    """
    try:
        _require("page" if page else "serve")
        if page:
            run_page(pipeline, model, titles, host=host, port=8501 if port is None else port)
            return
        from ..serve.limits import Limits

        limits = Limits(
            max_body=max_body,
            max_text=max_text,
            max_mentions=max_mentions,
            batch_tokens=batch_tokens,
            max_queue=max_queue,
            max_per_client=max_per_client,
            timeout=timeout,
        )
        app = load_app(pipeline, model, titles, names, limits, beams)
    except (OSError, ValueError, ImportError) as err:
        fail("The service was not started", reason_of(err))
    run_service(app, host, 8000 if port is None else port, timeout)


def _require(extra: str) -> None:
    """RAISES (ImportError): If a package of an extra is missing."""
    for package in PACKAGES[extra]:
        if importlib.util.find_spec(package) is None:
            extra = f"spacy_genre[{extra}]"
            raise ImportError(Errors.V056.format(package=package, extra=extra))


def load_app(
    pipeline: Optional[str],
    model: Optional[str],
    titles: Optional[Path],
    names: Optional[Path],
    limits: "Limits",
    beams: Optional[int],
) -> "FastAPI":
    """Load the pipeline and the names that were added, and link a text, so that the first request
    is as fast as the others.

    RAISES (OSError, ValueError): If something can't be loaded.
    """
    from ..serve.app import make_app
    from ..serve.engine import default_names_file, load_engine
    from ..serve.names import NamesFile

    engine = load_engine(pipeline, model=model, titles=titles, num_beams=beams)
    path = names or default_names_file(titles, data_folder())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        names_file = NamesFile(engine.titles, path)
    for warning in caught:
        msg.warn(str(warning.message))
    engine.warm_up()
    msg.good(f"{' and '.join(engine.components)}: {len(engine.titles):,} names; changes in {path}")
    if not engine.finds_entities:
        msg.info("The pipeline finds no entities, so requests to /link need 'mentions'")
    return make_app(engine, names_file, limits, api_key=os.environ.get(KEY_VARIABLE) or None)


def run_service(app: "FastAPI", host: str, port: int, timeout: float) -> None:
    """Serve until a signal to stop (SIGTERM, Ctrl-C), and then until all requests are answered."""
    import uvicorn

    uvicorn.run(
        app,
        host=host,
        port=port,
        access_log=False,
        timeout_graceful_shutdown=int(timeout) + GRACE,
    )


def run_page(
    pipeline: Optional[str],
    model: Optional[str],
    titles: Optional[Path],
    *,
    host: str,
    port: int,
) -> None:
    """Run Streamlit in a process of its own, as its command does."""
    script = Path(__file__).parents[1] / "serve" / "page.py"
    given = {"--pipeline": pipeline, "--model": model, "--titles": titles}
    options: List[str] = [
        str(part) for key, value in given.items() if value is not None for part in (key, value)
    ]
    settings = {
        "server.address": host,
        "server.port": port,
        "browser.gatherUsageStats": "false",
        "server.fileWatcherType": "none",
        "server.headless": "true" if host != "127.0.0.1" else "false",
        "server.maxUploadSize": 1,  # MB
        "server.showEmailPrompt": "false",  # it would wait for an answer
        "client.toolbarMode": "minimal",
    }
    flags = [f"--{key}={value}" for key, value in settings.items()]
    command = [sys.executable, "-m", "streamlit", "run", str(script), *flags, "--", *options]
    process = subprocess.Popen(command)
    try:
        process.wait()
    except KeyboardInterrupt:
        process.wait()  # it got the signal, too
    finally:
        process.terminate()
    if process.returncode:
        raise typer.Exit(process.returncode)
