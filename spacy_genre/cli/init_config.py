"""`python -m spacy genre init-config`: the training configs that come with the package."""

from pathlib import Path
from typing import Annotated

import typer
from thinc.api import Config
from wasabi import msg

from ..atomic import write_atomically
from ..errors import Errors
from .output import fail, reason_of

CONFIGS = Path(__file__).parents[1] / "configs"


def init_config_cli(
    name: Annotated[
        str,
        typer.Argument(
            help="finetune: the model that comes with the package, on your own texts. small: a "
            "model of your own, on a large corpus. retriever: finetune for document retrieval. "
            "tasks: one model for linking, retrieval and annotation."
        ),
    ],
    out: Annotated[Path, typer.Argument(help="The file to write.")] = Path("config.cfg"),
    force: Annotated[bool, typer.Option("--force", "-F", help="Replace OUT.")] = False,
) -> None:
    """Write a training config for `genre train`, to use as it is or to change."""
    try:
        config = read_config(name)
        if out.exists() and not force:
            raise ValueError(Errors.D037.format(path=out))
        write_atomically(out, config)
    except (OSError, ValueError) as err:
        fail("No config was written", reason_of(err))
    msg.good(f"Wrote {out}")
    # All but the model have to be given.
    paths = Config().from_bytes(config, interpolate=False)["paths"]
    options = " ".join(f"--paths.{key} {key.upper()}" for key in paths if key != "model")
    msg.text(f"python -m spacy genre train {out} OUT {options}")


def read_config(name: str) -> bytes:
    """Read a config that comes with the package.

    name (str): Its name.
    RETURNS (bytes): The config.
    RAISES (ValueError): If there is no such config.
    """
    found = {path.stem: path for path in sorted(CONFIGS.glob("*.cfg"))}
    if name not in found:
        raise ValueError(Errors.D036.format(name=name, names=", ".join(found)))
    return found[name].read_bytes()
