"""`python -m spacy genre …`."""

import typer
from spacy.cli._util import app

from .convert import convert_cli
from .corpus import corpus_cli
from .download import download_cli
from .evaluate import evaluate_cli
from .init_config import init_config_cli
from .link import link_cli
from .output import escape_unencodable_output
from .serve import serve_cli
from .titles import titles_cli
from .train import train_cli
from .warm_start import warm_start_cli

genre_cli = typer.Typer(
    name="genre",
    help="Link entities by generating their names.",
    no_args_is_help=True,
    callback=escape_unencodable_output,
)
genre_cli.add_typer(titles_cli, name="titles")
genre_cli.add_typer(corpus_cli, name="corpus")
genre_cli.add_typer(convert_cli, name="convert")
genre_cli.command("download")(download_cli)
genre_cli.command("init-config")(init_config_cli)
genre_cli.command(
    "train", context_settings={"allow_extra_args": True, "ignore_unknown_options": True}
)(train_cli)
genre_cli.command("warm-start")(warm_start_cli)
genre_cli.command("evaluate")(evaluate_cli)
genre_cli.command("serve")(serve_cli)
genre_cli.command("link")(link_cli)
app.add_typer(genre_cli)
