"""`python -m spacy genre titles …`: the names that can be linked to."""

from pathlib import Path
from typing import Annotated, List, Optional

import typer
from wasabi import msg

from ..errors import Errors
from ..titles import TitleSet

titles_cli = typer.Typer(help="Make title sets: the names to link to.", no_args_is_help=True)


@titles_cli.callback()
def titles() -> None:
    """Make title sets: the names to link to."""


@titles_cli.command("build")
def build_cli(
    names: Annotated[
        Path,
        typer.Argument(help="A text file in UTF-8, one name a line. Blank lines are passed over."),
    ],
    out: Annotated[Path, typer.Argument(help="The title set to write, one file.")],
    model: Annotated[
        Optional[str],
        typer.Option(
            help="The model that shall generate the names: a folder, or a name on the hub. "
            "[default: the model that comes with the package]"
        ),
    ] = None,
    skip_invalid: Annotated[
        bool,
        typer.Option(
            "--skip-invalid", help="Leave out names that can't be used, instead of failing."
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", "-F", help="Replace OUT if it exists.")] = False,
) -> None:
    """Make a title set from a list of names.

    Use it with: nlp.add_pipe("genre_linker", config={"titles":
    {"@misc": "spacy_genre.TitleSet.v1", "path": "OUT"}})
    """
    try:
        titles = build_titles(names, out, model=model, skip_invalid=skip_invalid, force=force)
    except (OSError, ValueError) as err:
        msg.fail("No title set was written", str(err), exits=1)
    dropped = titles.header["dropped"]["names"]
    if dropped:
        msg.warn(f"Left out {dropped:,} names that can't be used")
    size = out.stat().st_size
    msg.good(f"Wrote {len(titles):,} names to {out} ({size:,} bytes)")


def build_titles(
    names: Path,
    out: Path,
    *,
    model: Optional[str] = None,
    skip_invalid: bool = False,
    force: bool = False,
) -> TitleSet:
    """Make a title set from a list of names and save it.

    RAISES (OSError, ValueError): If a file can't be read or written, or a name can't be used;
        nothing is written then.
    """
    if out.exists() and not force:
        raise ValueError(Errors.T015.format(path=out))
    lines = read_names(names)
    # Only now, since it takes seconds: torch and transformers.
    from ..loading import load_name_tokenizer

    titles = TitleSet.build(
        lines, load_name_tokenizer(model), on_invalid="skip" if skip_invalid else "raise"
    )
    titles.save(out)
    return titles


def read_names(path: Path) -> List[str]:
    """The lines of a text file that have any text, without the white space around it.

    RAISES (OSError, ValueError): If the file can't be read or is not UTF-8, or has no names.
    """
    names = []
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                text = line.decode("utf-8-sig" if number == 1 else "utf8").strip()
            except UnicodeDecodeError as err:
                reason = f"byte {err.start} of the line is not UTF-8"
                raise ValueError(Errors.T016.format(path=path, line=number, reason=reason)) from err
            if "\0" in text:
                reason = "it has a zero byte, so it is no text file"
                raise ValueError(Errors.T016.format(path=path, line=number, reason=reason))
            if text:
                names.append(text)
    if not names:
        raise ValueError(Errors.T017.format(path=path))
    return names
