"""`python -m spacy genre convert …`: title sets and models from other programs' files."""

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Callable, Iterator, List, Optional

import typer
from wasabi import msg

from ..errors import Errors
from ..titles import TitleSet
from .build_titles import (
    ForceOption,
    ModelOption,
    OutArgument,
    name_tokenizer,
    show_warnings,
    warn_of_invalid_names,
)
from .output import fail, reason_of

convert_cli = typer.Typer(
    help="Convert the files of the official GENRE code, of spaCy's entity_linker and of "
    "spacy-entity-linker. Nothing in a file is executed.",
    no_args_is_help=True,
)


@convert_cli.callback()
def convert() -> None:
    """Convert the files of the official GENRE code, of spaCy's entity_linker and of
    spacy-entity-linker. Nothing in a file is executed."""


@convert_cli.command("titles")
def titles_cli(
    files: Annotated[
        List[Path],
        typer.Argument(help="Pickles of the official GENRE code, in any combination (see above)."),
    ],
    out: OutArgument,
    language: Annotated[
        List[str],
        typer.Option(
            "--language",
            help="Keep only this language of lang_title2wikidataID*.pkl. May be repeated.",
        ),
    ] = [],  # noqa: B006
    model: ModelOption = None,
    force: ForceOption = False,
) -> None:
    """Convert pickles of the official GENRE code into a title set.

    - kilt_titles_trie_dict.pkl and other prefix trees (dicts, Trie, MarisaTrie): the names.

    - lang_title2wikidataID-normalized_with_redirect.pkl: the ids of mGENRE's names, and without a
    prefix tree also the names ("Title >> language").

    - mention_to_candidates_dict.pkl, mention2wikidataID*.pkl: aliases.

    Give the model that generates the names (--model facebook/genre-linking-blink, say), since the
    tokens of a prefix tree are those of its tokenizer.
    """
    from ..convert.genre_titles import titles_from_genre
    from ..convert.tries import read_genre_files

    def make() -> TitleSet:
        tokenizer = name_tokenizer(model)
        data = read_genre_files(files, language or None)
        return titles_from_genre(data, tokenizer, progress=sys.stderr.isatty())

    _write_titles(make, out, force)


@convert_cli.command("kb")
def kb_cli(
    pipeline: Annotated[
        str, typer.Argument(help="A pipeline with an entity_linker: a folder or a package.")
    ],
    out: OutArgument,
    component: Annotated[
        str, typer.Option(help="The name of the component in the pipeline.")
    ] = "entity_linker",
    names: Annotated[
        Optional[Path],
        typer.Option(
            help="A title set with the names of the ids. [default: the most probable alias of an "
            "entity is its name]",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
    force: ForceOption = False,
) -> None:
    """Convert the knowledge base of spaCy's entity_linker into a title set, with ids, aliases and
    priors."""
    import spacy

    from ..convert.spacy_kb import titles_from_kb

    def make() -> TitleSet:
        named = None if names is None else TitleSet.open(names)
        nlp = spacy.load(pipeline)
        if component not in nlp.component_names:
            raise ValueError(Errors.X063.format(component=component, names=nlp.component_names))
        kb = getattr(nlp.get_pipe(component), "kb", None)
        name_of = None if named is None else lambda kb_id: next(iter(named.names_of(kb_id)), None)
        return titles_from_kb(kb, name_tokenizer(model), names=name_of)

    _write_titles(make, out, force)


@convert_cli.command("wikidb")
def wikidb_cli(
    database: Annotated[Path, typer.Argument(help="wikidb_filtered.db of spacy-entity-linker.")],
    out: OutArgument,
    model: ModelOption = None,
    force: ForceOption = False,
) -> None:
    """Convert the database of the package spacy-entity-linker into a title set, with Wikidata ids,
    descriptions, aliases and priors."""
    from ..convert.wikidb import titles_from_wikidb

    def make() -> TitleSet:
        progress = sys.stderr.isatty()
        return titles_from_wikidb(database, name_tokenizer(model), progress=progress)

    _write_titles(make, out, force)


@convert_cli.command("checkpoint")
def checkpoint_cli(
    checkpoint: Annotated[Path, typer.Argument(help="model.pt, or the folder that has it.")],
    out: Annotated[Path, typer.Argument(help="The folder to write the model to.")],
    tokenizer: Annotated[
        Optional[str],
        typer.Option(
            help="The tokenizer: a folder, a SentencePiece model, or a name on the hub. [default: "
            "the SentencePiece model next to the checkpoint, or else facebook/bart-large]",
            show_default=False,
        ),
    ] = None,
    task: Annotated[
        str,
        typer.Option(help="What the checkpoint was trained for: linking, retrieval or annotation."),
    ] = "linking",
    force: ForceOption = False,
) -> None:
    """Convert a checkpoint of fairseq (GENRE or mGENRE) into a folder that 'name' in the config of
    a component can have.

    The authors' checkpoints have the licence CC-BY-NC: they are not for commercial use.
    """
    # This import takes seconds.
    from ..convert.fairseq import convert_checkpoint

    with _failing("No model was written"):
        _check_out(out, force)
        kind = convert_checkpoint(checkpoint, out, tokenizer=tokenizer, task=task)
    msg.good(f"Wrote a model of the type {kind} to {out}")


def _write_titles(make: Callable[[], TitleSet], out: Path, force: bool) -> None:
    """Make a title set and write it, with a message."""
    with _failing("No title set was written"):
        _check_out(out, force)
        with show_warnings():
            titles = make()
        titles.save(out)
    warn_of_invalid_names(titles)
    msg.good(f"Wrote {len(titles):,} names to {out} ({out.stat().st_size:,} bytes)")


def _check_out(out: Path, force: bool) -> None:
    if out.exists() and not force:
        raise ValueError(Errors.T015.format(path=out))


@contextmanager
def _failing(title: str) -> Iterator[None]:
    """Print errors that the user can mend, and end the command with exit code 1."""
    try:
        yield
    except (OSError, ValueError, ImportError) as err:
        fail(title, reason_of(err))
