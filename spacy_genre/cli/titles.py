"""`python -m spacy genre titles …`: commands for title sets."""

from pathlib import Path
from typing import Annotated, Any, Dict, Iterator, List, Optional, Tuple

import typer
from wasabi import msg

from ..atomic import locked
from ..errors import Errors
from ..sources.lists import problem_of
from ..titles import TitleSet
from ..titles.loaders import EMBEDDED
from ..titles.merging import merge_titles
from .build_titles import (
    ForceOption,
    ModelOption,
    OutArgument,
    build_cli,
    name_tokenizer,
    warn_of_invalid_names,
)
from .output import fail, reason_of

titles_cli = typer.Typer(
    help="Build and edit title sets, the names to link to.", no_args_is_help=True
)

TitlesArgument = Annotated[Path, typer.Argument(help="The file of a title set.")]


@titles_cli.callback()
def titles() -> None:
    """Build and edit title sets, the names to link to."""


titles_cli.command("build")(build_cli)


@titles_cli.command("info")
def info_cli(titles: TitlesArgument) -> None:
    """Show the contents of a title set and how it was built."""
    view = _open(titles).view
    base = view.base
    size = titles.stat().st_size
    msg.table(
        [
            ("names", f"{len(base.names):,}"),
            ("with an id", f"{len(base.ids.by_id):,}" if base.ids is not None else "none"),
            ("redirects", f"{len(base.redirects):,}"),
            ("aliases", f"{len(base.aliases.strings):,}"),
            ("nodes of the trie", f"{base.trie.n_nodes:,}"),
            ("longest name", f"{base.trie.depth} tokens"),
            ("file", f"{size:,} bytes, {size / max(len(base.names), 1):.0f} per name"),
            *(row for key, value in base.header.items() for row in _header_rows(key, value)),
        ],
        max_col=80,
    )


def _header_rows(key: str, value: Any) -> Iterator[Tuple[str, str]]:
    """The table rows of one item of the header."""
    if key == "sources" and isinstance(value, list) and all(map(_is_source, value)):
        for source in value:
            kind, n_bytes = source["kind"], source["bytes"]
            yield "source", f"{source['file']} ({kind}, {n_bytes:,} bytes)"
            yield "", f"sha256 {source['sha256']}"
    elif isinstance(value, dict):
        for i, line in enumerate(_format_items(value) or ["none"]):
            yield "" if i else key.replace("_", " "), line
    else:
        yield key, str(value)


def _is_source(value: Any) -> bool:
    """Whether a value of the header describes a source file."""
    return isinstance(value, dict) and {"file", "kind", "bytes", "sha256"} <= value.keys()


def _format_items(values: Dict[str, Any]) -> List[str]:
    return [key if n is True else f"{key}: {_format_value(n)}" for key, n in values.items() if n]


def _format_value(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(_format_items(value)) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)


@titles_cli.command("search")
def search_cli(
    arguments: Annotated[
        List[str],
        typer.Argument(
            metavar="[TITLES] PREFIX",
            help="The file of a title set (by default, the one in the package), and the start of a "
            "name or a mention.",
        ),
    ],
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="The maximum number of names to show.")
    ] = 20,
) -> None:
    """Show the names that start with PREFIX, and the candidates of the mention PREFIX. Case is
    ignored. The exit code is 1 if there are none."""
    if len(arguments) > 2:
        reason = "they are a title set and a PREFIX (in quotes, if it has spaces)"
        raise typer.BadParameter(f"there are {len(arguments)} arguments; {reason}")
    prefix = arguments[-1]
    if len(arguments) == 1 and Path(prefix).is_file():
        raise typer.BadParameter(f"{prefix} is a file; give the start of a name behind it")
    view = _open(Path(arguments[0]) if len(arguments) == 2 else EMBEDDED).view
    found = view.starting_with(prefix, limit, ignore_case=True)
    names = [(name, view.id_at(view.find(name))) for name in found]
    candidates = [
        (view.name_at(row), str(count)) for row, count in view.get_candidates_in_any_case(prefix)
    ]
    if names:
        msg.table(names, header=("name", "id"))
    if candidates:
        msg.table(candidates, header=("candidate", "count"))
    if not names and not candidates:
        msg.warn(f"No name starts with {prefix!r}, and it has no candidates", exits=1)


@titles_cli.command("add")
def add_cli(
    titles: TitlesArgument,
    name: Annotated[str, typer.Argument(help="The name to add.")],
    kb_id: Annotated[Optional[str], typer.Option("--id", help="The id of the name.")] = None,
    prior: Annotated[
        Optional[float],
        typer.Option(help="How common the name is. [default: 0]", show_default=False),
    ] = None,
    alias: Annotated[
        List[str], typer.Option("--alias", help="An alias of the name. May be repeated.")
    ] = [],  # noqa: B006
    model: ModelOption = None,
) -> None:
    """Add a name to a title set, or aliases to an existing name."""
    _open(titles)
    try:
        if problem := problem_of({"name": name, "id": kb_id, "aliases": alias}):
            raise ValueError(Errors.T026.format(reason=problem))
        tokenizer = name_tokenizer(model)
        name, kb_id = name.strip(), kb_id and kb_id.strip()
        with locked(titles):
            title_set = TitleSet.open(titles, tokenizer=tokenizer)
            is_new = name not in title_set
            title_set.add(name, id=kb_id, prior=prior)
            for text in alias:
                title_set.add_alias(text.strip(), name)
            if is_new or alias:
                title_set.save(titles)
    except (OSError, ValueError) as err:
        fail(f"{titles} was not changed", reason_of(err))
    if is_new or alias:
        msg.good(f"{titles} has {len(title_set):,} names")
    else:
        msg.warn(f"{titles} has {name!r} already, so nothing was changed")


@titles_cli.command("merge")
def merge_cli(
    first: TitlesArgument,
    second: Annotated[Path, typer.Argument(help="A second title set, for the same model.")],
    out: OutArgument,
    model: ModelOption = None,
    force: ForceOption = False,
) -> None:
    """Merge two title sets. Where they disagree, the first one takes precedence. The information
    about how both were built (see `info`) is kept."""
    try:
        if out.exists() and not force:
            raise ValueError(Errors.T015.format(path=out))
        merged = merge_titles(_open(first), _open(second), name_tokenizer(model))
        merged.save(out)
    except (OSError, ValueError) as err:
        fail("No title set was written", reason_of(err))
    warn_of_invalid_names(merged)
    msg.good(f"Wrote {len(merged):,} names to {out}")


@titles_cli.command("languages")
def languages_cli(
    sets: Annotated[
        List[str],
        typer.Argument(metavar="LANGUAGE=TITLES...", help="The title set of each language."),
    ],
    out: OutArgument,
    model: ModelOption = None,
    force: ForceOption = False,
) -> None:
    """Join the title sets of several languages for a multilingual model such as mGENRE, with names
    like "Berlin >> de". Names with the same id are one entity.

    python -m spacy genre titles languages de=de.titles fr=fr.titles joint.titles
    --model facebook/mgenre-wiki
    """
    from ..titles.multilingual import join_languages

    parts = [text.partition("=") for text in sets]
    if wrong := [language for language, _, path in parts if not path]:
        raise typer.BadParameter(f"{wrong[0]!r} must be LANGUAGE=TITLES, such as de=de.titles")
    try:
        if out.exists() and not force:
            raise ValueError(Errors.T015.format(path=out))
        opened = {language: _open(Path(path)) for language, _, path in parts}
        joined = join_languages(opened, name_tokenizer(model))
        joined.save(out)
    except (OSError, ValueError) as err:
        fail("No title set was written", reason_of(err))
    warn_of_invalid_names(joined)
    msg.good(f"Wrote {len(joined):,} names in {len(opened)} languages to {out}")


@titles_cli.command("numbers")
def numbers_cli(
    titles: TitlesArgument,
    out: OutArgument,
    seed: Annotated[int, typer.Option(help="The random seed of the order of numbers.")] = 0,
    model: ModelOption = None,
    force: ForceOption = False,
) -> None:
    """Replace each title by a number that has the title as its id, to train a model that generates
    numerical identifiers instead of names (the paper's ablation).

    python -m spacy genre train configs/small.cfg OUT --paths.titles NUMBERS
    --components.genre_linker.kb_id id --paths.train CORPUS/train --paths.dev CORPUS/dev
    """
    from ..titles.numerical_identifiers import with_numerical_identifiers

    try:
        if out.exists() and not force:
            raise ValueError(Errors.T015.format(path=out))
        numbers = with_numerical_identifiers(_open(titles), name_tokenizer(model), seed=seed)
        numbers.save(out)
    except (OSError, ValueError) as err:
        fail("No title set was written", reason_of(err))
    msg.good(f"Wrote {len(numbers):,} numbers to {out}")


@titles_cli.command("diff")
def diff_cli(
    old: TitlesArgument,
    new: Annotated[Path, typer.Argument(help="The title set to compare it with.")],
) -> None:
    """Show the differences of two title sets: added and removed names, and changed ids. The exit
    code is 1 if there are any."""
    before, after = _open(old).view, _open(new).view
    ids = [{name: view.id_at(view.find(name)) for name in view} for view in (before, after)]
    for name in sorted(ids[0].keys() | ids[1].keys()):
        if name not in ids[1]:
            print(f"- {name}")
        elif name not in ids[0]:
            print(f"+ {name}")
        elif ids[0][name] != ids[1][name]:
            print(f"~ {name}: {ids[0][name] or 'no id'} -> {ids[1][name] or 'no id'}")
    if ids[0] != ids[1]:
        raise typer.Exit(1)


@titles_cli.command("check")
def check_cli(titles: TitlesArgument) -> None:
    """Verify the checksum of a title set. The exit code is 1 if it is wrong."""
    try:
        checked = TitleSet.check(titles)
    except (OSError, ValueError) as err:
        fail(f"{titles} is damaged or can't be read", reason_of(err))
    msg.good(f"{titles} is valid: {len(checked):,} names")


def _open(path: Path) -> TitleSet:
    try:
        return TitleSet.open(path)
    except (OSError, ValueError) as err:
        fail("Can't open the title set", reason_of(err))
