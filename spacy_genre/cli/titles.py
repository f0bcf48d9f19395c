"""`python -m spacy genre titles …`: commands for title sets."""

import sys
import warnings
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Dict, Iterator, List, Optional, Tuple

import typer
from wasabi import msg

from ..atomic import locked
from ..errors import Errors
from ..sources import Options, build_from_sources
from ..sources.lists import problem_of
from ..titles import TitleSet
from ..titles.loaders import EMBEDDED
from ..titles.merging import merge_titles
from ..tokenization import NameTokenizer
from .output import reason_of, show_counts

titles_cli = typer.Typer(
    help="Build and edit title sets, the names to link to.", no_args_is_help=True
)

TitlesArgument = Annotated[Path, typer.Argument(help="The file of a title set.")]
OutArgument = Annotated[Path, typer.Argument(help="The file to write the title set to.")]
ModelOption = Annotated[
    Optional[str],
    typer.Option(
        help="The model that generates the names: a folder, or a name on the Hugging Face hub. "
        "[default: the model inside the package]"
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", "-F", help="Replace OUT if it exists.")]


class GeneratedNames(str, Enum):
    """The choices of --trie: the names that the model generates."""

    titles = "titles"
    titles_and_redirects = "titles+redirects"


@titles_cli.callback()
def titles() -> None:
    """Build and edit title sets, the names to link to."""


@titles_cli.command("build")
def build_cli(
    sources: Annotated[
        List[Path],
        typer.Argument(help="The files to read names from, in any combination (see above)."),
    ],
    out: OutArgument,
    model: ModelOption = None,
    trie: Annotated[
        GeneratedNames,
        typer.Option(
            help="The names that the model generates. With 'titles+redirects', a generated "
            "redirect stands for its title."
        ),
    ] = GeneratedNames.titles,
    links: Annotated[
        bool,
        typer.Option(
            help="Parse the texts of articles (XML) and count their links by target and anchor. "
            "This takes most of the time."
        ),
    ] = True,
    anchors: Annotated[
        bool, typer.Option(help="Use the anchors of links as aliases, with counts.")
    ] = True,
    linked: Annotated[
        bool,
        typer.Option(
            "--linked",
            help="Also use targets of links and redirects as names if the sources have no page of "
            "that title, for a dump of a part of a wiki.",
        ),
    ] = False,
    exclude_disambiguation: Annotated[
        bool, typer.Option("--exclude-disambiguation", help="Exclude disambiguation pages.")
    ] = False,
    exclude_lists: Annotated[
        bool, typer.Option("--exclude-lists", help="Exclude 'List of ...' and similar pages.")
    ] = False,
    exclude_without_id: Annotated[
        bool, typer.Option("--exclude-without-id", help="Exclude a wiki's titles without an id.")
    ] = False,
    shared_ids: Annotated[
        bool,
        typer.Option(
            "--shared-ids", help="Allow several names of your own lists to have the same id."
        ),
    ] = False,
    name_column: Annotated[
        Optional[str],
        typer.Option(
            help="The column (or JSON key) of your own lists that has the names: a name of the "
            "header, or a number from 1 if there is no header. [default: detected]"
        ),
    ] = None,
    id_column: Annotated[
        Optional[str],
        typer.Option(help="The column (or JSON key) that has the ids. [default: detected]"),
    ] = None,
    skip_invalid: Annotated[
        bool,
        typer.Option(
            "--skip-invalid", help="Skip invalid names of your own lists instead of failing."
        ),
    ] = False,
    n_process: Annotated[
        int,
        typer.Option(
            "--n-process", "-p", min=1, help="The number of processes that parse articles."
        ),
    ] = 1,
    force: ForceOption = False,
) -> None:
    """Build a title set from Wikimedia's files and your own lists.

    The kind of a file is detected by its content. Files may be compressed (.gz, .bz2):

    - *-page.sql.gz: the titles of a wiki. Add *-redirect.sql.gz for the targets of redirects, and
    *-page_props.sql.gz for Wikidata ids and short descriptions.

    - *-all-titles-in-ns0.gz: all titles of a wiki, including redirects.

    - *-pages-articles*.xml.bz2: titles, redirects, and links with their anchors, counted.

    - your own list: plain text with one name per line; TSV or CSV with the columns name, id,
    aliases, redirects (separated by |), description, count; or JSONL with the same keys, where
    aliases and redirects are lists. Common names of columns, such as title, itemLabel and qid, are
    known, too.

    The English Wikipedia with Wikidata ids:

    python -m spacy genre titles build enwiki-latest-page.sql.gz enwiki-latest-redirect.sql.gz
    enwiki-latest-page_props.sql.gz enwiki.titles --exclude-disambiguation

    Use it with: nlp.add_pipe("genre_linker", config={"titles":
    {"@misc": "spacy_genre.TitleSet.v1", "path": "OUT"}})
    """
    options = Options(
        links=links,
        anchors=anchors,
        linked=linked,
        exclude_disambiguation=exclude_disambiguation,
        exclude_lists=exclude_lists,
        exclude_without_id=exclude_without_id,
        shared_ids=shared_ids,
        name_column=name_column,
        id_column=id_column,
    )
    try:
        if out.exists() and not force:
            raise ValueError(Errors.T015.format(path=out))
        with _show_warnings():
            titles = build_from_sources(
                sources,
                _name_tokenizer(model),
                options,
                trie=trie.value,
                skip_invalid=skip_invalid,
                n_process=n_process,
                progress=sys.stderr.isatty(),
            )
        titles.save(out)
    except (OSError, ValueError, ImportError) as err:
        msg.fail("No title set was written", reason_of(err), exits=1)
    _report(titles, out)


@contextmanager
def _show_warnings() -> Iterator[None]:
    """Print the warnings of this package without a line of code."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        if str(warning.message).startswith("[W0"):
            msg.warn(str(warning.message))


def _report(titles: TitleSet, out: Path) -> None:
    """Print the counts of a new title set and of what was left out."""
    header = titles.header
    show_counts("found", {what: n for what, n in header["counts"].items() if n})
    invalid = {f"invalid {what}": n for what, n in header["dropped"].items()}
    left_out = {**header["left_out"], **invalid}
    show_counts("left out", {what: n for what, n in left_out.items() if n})
    _warn_of_invalid_names(titles)
    msg.good(f"Wrote {len(titles):,} names to {out} ({out.stat().st_size:,} bytes)")


def _warn_of_invalid_names(titles: TitleSet) -> None:
    if n := titles.header["dropped"]["names"]:
        msg.warn(f"Left out {n:,} invalid names")


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
            help="The file of a title set, if it is not the one inside the package; and the start "
            "of a name, or a mention.",
        ),
    ],
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="The maximum number of names to show.")
    ] = 20,
) -> None:
    """Show the names that start with PREFIX, and the candidates of PREFIX as a mention. Case is
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
        tokenizer = _name_tokenizer(model)
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
        msg.fail(f"{titles} was not changed", reason_of(err), exits=1)
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
        merged = merge_titles(_open(first), _open(second), _name_tokenizer(model))
        merged.save(out)
    except (OSError, ValueError) as err:
        msg.fail("No title set was written", reason_of(err), exits=1)
    _warn_of_invalid_names(merged)
    msg.good(f"Wrote {len(merged):,} names to {out}")


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
        numbers = with_numerical_identifiers(_open(titles), _name_tokenizer(model), seed=seed)
        numbers.save(out)
    except (OSError, ValueError) as err:
        msg.fail("No title set was written", reason_of(err), exits=1)
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
        msg.fail(f"{titles} is damaged or can't be read", reason_of(err), exits=1)
    msg.good(f"{titles} is valid: {len(checked):,} names")


def _open(path: Path) -> TitleSet:
    try:
        return TitleSet.open(path)
    except (OSError, ValueError) as err:
        msg.fail("Can't open the title set", reason_of(err), exits=1)
        raise  # not reached: the line above exits


def _name_tokenizer(model: Optional[str]) -> NameTokenizer:
    # Imported lazily, since torch and transformers take seconds to import.
    from ..model.loading import load_name_tokenizer

    return load_name_tokenizer(model)
