"""`python -m spacy genre titles …`: the names that can be linked to."""

import sys
from pathlib import Path
from typing import Annotated, Any, Dict, Iterator, List, Optional, Tuple

import typer
from wasabi import msg

from ..atomic import locked
from ..errors import Errors
from ..sources import Options, build_from_sources
from ..sources.lists import problem_of
from ..titles import TitleSet
from ..titles.merging import merge_titles
from ..tokenization import NameTokenizer
from .output import reason_of, show_counts

titles_cli = typer.Typer(help="Make title sets: the names to link to.", no_args_is_help=True)

TitlesArgument = Annotated[Path, typer.Argument(help="A title set.")]
OutArgument = Annotated[Path, typer.Argument(help="The title set to write, one file.")]
ModelOption = Annotated[
    Optional[str],
    typer.Option(
        help="The model that shall generate the names: a folder, or a name on the hub. "
        "[default: the model that comes with the package]"
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", "-F", help="Replace OUT if it exists.")]


@titles_cli.callback()
def titles() -> None:
    """Make title sets: the names to link to."""


@titles_cli.command("build")
def build_cli(
    sources: Annotated[
        List[Path],
        typer.Argument(help="What to read names from, in any combination; see above."),
    ],
    out: OutArgument,
    model: ModelOption = None,
    trie: Annotated[
        str,
        typer.Option(
            help="What the model may write: 'titles', or 'titles+redirects' (a redirect then "
            "stands for the name that it leads to)."
        ),
    ] = "titles",
    links: Annotated[
        bool,
        typer.Option(
            help="Read the texts of articles (XML) for what links point to, how often and in which "
            "words. This takes nearly all of the time."
        ),
    ] = True,
    anchors: Annotated[
        bool, typer.Option(help="Keep the words of links as aliases, with counts.")
    ] = True,
    linked: Annotated[
        bool,
        typer.Option(
            "--linked",
            help="Take titles that links or redirects point to as names even without their page: "
            "for a dump that holds a part of a wiki.",
        ),
    ] = False,
    exclude_disambiguation: Annotated[
        bool,
        typer.Option(
            "--exclude-disambiguation", help="Leave out pages that only list what they may mean."
        ),
    ] = False,
    exclude_lists: Annotated[
        bool, typer.Option("--exclude-lists", help="Leave out 'List of ...' and the like.")
    ] = False,
    exclude_without_id: Annotated[
        bool, typer.Option("--exclude-without-id", help="Leave out a wiki's titles without an id.")
    ] = False,
    shared_ids: Annotated[
        bool,
        typer.Option("--shared-ids", help="Let several names of your own lists have one id."),
    ] = False,
    skip_invalid: Annotated[
        bool,
        typer.Option(
            "--skip-invalid",
            help="Leave out names of your own lists that can't be used, instead of failing.",
        ),
    ] = False,
    n_process: Annotated[
        int, typer.Option("--n-process", "-p", min=1, help="Processes that read articles' texts.")
    ] = 1,
    force: ForceOption = False,
) -> None:
    """Make a title set of Wikimedia's files and your own lists.

    What a file is is seen by its content; it may be packed (.gz, .bz2):

    - *-page.sql.gz: the titles of a wiki. With *-redirect.sql.gz redirects lead to their targets,
    with *-page_props.sql.gz titles get their Wikidata ids and short descriptions.

    - *-all-titles-in-ns0.gz: all titles of a wiki, redirects among them.

    - *-pages-articles*.xml.bz2: titles, redirects, and what links call them, how often.

    - your own list: plain text, one name a line; TSV or CSV with the columns name, id, aliases,
    redirects (separated by |), description, count; or JSONL with the same keys, where aliases and
    redirects are lists.

    The English Wikipedia with Wikidata's ids:

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
    )
    try:
        if out.exists() and not force:
            raise ValueError(Errors.T015.format(path=out))
        titles = build_from_sources(
            sources,
            _name_tokenizer(model),
            options,
            trie=trie,
            skip_invalid=skip_invalid,
            n_process=n_process,
            progress=sys.stderr.isatty(),
        )
        titles.save(out)
    except (OSError, ValueError, ImportError) as err:
        msg.fail("No title set was written", reason_of(err), exits=1)
    _report(titles, out)


def _report(titles: TitleSet, out: Path) -> None:
    """Print what went into a title set and what was left out."""
    header = titles.header
    show_counts("found", {what: n for what, n in header["counts"].items() if n})
    unusable = {f"{what} that can't be used": n for what, n in header["dropped"].items()}
    left_out = {**header["left_out"], **unusable}
    show_counts("left out", {what: n for what, n in left_out.items() if n})
    _warn_of_dropped(titles)
    msg.good(f"Wrote {len(titles):,} names to {out} ({out.stat().st_size:,} bytes)")


def _warn_of_dropped(titles: TitleSet) -> None:
    if dropped := titles.header["dropped"]["names"]:
        msg.warn(f"Left out {dropped:,} names that can't be used")


@titles_cli.command("info")
def info_cli(titles: TitlesArgument) -> None:
    """Show what a title set holds and how it was made."""
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
            ("file", f"{size:,} bytes, {size / max(len(base.names), 1):.0f} a name"),
            *(row for key, value in base.header.items() for row in _header_rows(key, value)),
        ],
        max_col=80,
    )


def _header_rows(key: str, value: Any) -> Iterator[Tuple[str, str]]:
    """An item of the header for the table: a line for each thing that it holds."""
    if key == "sources" and isinstance(value, list) and all(map(_is_source, value)):
        for source in value:
            kind, n_bytes = source["kind"], source["bytes"]
            yield "source", f"{source['file']} ({kind}, {n_bytes:,} bytes)"
            yield "", f"sha256 {source['sha256']}"
    elif isinstance(value, dict):
        for i, line in enumerate(_items(value) or ["none"]):
            yield "" if i else key.replace("_", " "), line
    else:
        yield key, str(value)


def _is_source(value: Any) -> bool:
    """Whether it is what `titles build` notes of a file."""
    return isinstance(value, dict) and {"file", "kind", "bytes", "sha256"} <= value.keys()


def _items(values: Dict[str, Any]) -> List[str]:
    return [what if n is True else f"{what}: {_shown(n)}" for what, n in values.items() if n]


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(_items(value)) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)


@titles_cli.command("search")
def search_cli(
    titles: TitlesArgument,
    prefix: Annotated[str, typer.Argument(help="What the names start with, or a mention.")],
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="Show at most so many.")] = 20,
) -> None:
    """Show the names that start with PREFIX, and what PREFIX itself may stand for. The exit code
    is 1 if there are none."""
    view = _open(titles).view
    found = [(name, view.id_at(view.find(name))) for name in view.starting_with(prefix, limit)]
    stands_for = [(view.name_at(row), count) for row, count in view.get_candidates(prefix)]
    if found:
        msg.table(found, header=("name", "id"))
    if stands_for:
        msg.table([(n, str(count)) for n, count in stands_for], header=("stands for", "times seen"))
    if not found and not stands_for:
        msg.warn(f"No name starts with {prefix!r}, and it stands for none", exits=1)


@titles_cli.command("add")
def add_cli(
    titles: TitlesArgument,
    name: Annotated[str, typer.Argument(help="The name to add.")],
    kb_id: Annotated[Optional[str], typer.Option("--id", help="Its id.")] = None,
    prior: Annotated[
        Optional[float], typer.Option(help="How common it is. [default: 0]", show_default=False)
    ] = None,
    alias: Annotated[
        List[str], typer.Option("--alias", help="What else it is called; may be repeated.")
    ] = [],  # noqa: B006
    model: ModelOption = None,
) -> None:
    """Add a name to a title set, or aliases to a name that it has."""
    _open(titles)
    try:
        if problem := problem_of({"name": name, "id": kb_id, "aliases": alias}):
            raise ValueError(Errors.T026.format(reason=problem))
        tokenizer = _name_tokenizer(model)
        name, kb_id = name.strip(), kb_id and kb_id.strip()
        with locked(titles):
            changed = TitleSet.open(titles, tokenizer=tokenizer)
            is_new = name not in changed
            changed.add(name, id=kb_id, prior=prior)
            for other in alias:
                changed.add_alias(other.strip(), name)
            if is_new or alias:
                changed.save(titles)
    except (OSError, ValueError) as err:
        msg.fail(f"{titles} was not changed", reason_of(err), exits=1)
    if is_new or alias:
        msg.good(f"{titles} has {len(changed):,} names")
    else:
        msg.warn(f"{titles} has {name!r} already, so nothing was changed")


@titles_cli.command("merge")
def merge_cli(
    first: TitlesArgument,
    second: Annotated[Path, typer.Argument(help="Another title set, for the same model.")],
    out: OutArgument,
    model: ModelOption = None,
    force: ForceOption = False,
) -> None:
    """Make a title set of all names of two. Of what they disagree on, the first one is right. How
    they were made (see `info`) is kept of both."""
    try:
        if out.exists() and not force:
            raise ValueError(Errors.T015.format(path=out))
        merged = merge_titles(_open(first), _open(second), _name_tokenizer(model))
        merged.save(out)
    except (OSError, ValueError) as err:
        msg.fail("No title set was written", reason_of(err), exits=1)
    _warn_of_dropped(merged)
    msg.good(f"Wrote {len(merged):,} names to {out}")


@titles_cli.command("numbers")
def numbers_cli(
    titles: TitlesArgument,
    out: OutArgument,
    seed: Annotated[int, typer.Option(help="What chance starts from.")] = 0,
    model: ModelOption = None,
    force: ForceOption = False,
) -> None:
    """Make a title set in which a number stands for each title, and the title is its id: to train a
    model that writes ids, and see what names are worth (the paper's ablation).

    python -m spacy genre train configs/small.cfg OUT --paths.titles NUMBERS
    --components.genre_linker.kb_id id --paths.train CORPUS/train --paths.dev CORPUS/dev
    """
    from ..titles.numerical_identifiers import with_numerical_identifiers

    try:
        if out.exists() and not force:
            raise ValueError(Errors.T015.format(path=out))
        numbered = with_numerical_identifiers(_open(titles), _name_tokenizer(model), seed)
        numbered.save(out)
    except (OSError, ValueError) as err:
        msg.fail("No title set was written", reason_of(err), exits=1)
    msg.good(f"Wrote {len(numbered):,} numbers to {out}")


@titles_cli.command("diff")
def diff_cli(
    old: TitlesArgument,
    new: Annotated[Path, typer.Argument(help="The title set to compare it with.")],
) -> None:
    """Show the names that are only in one of two title sets, and those whose ids differ. The exit
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
    """Read all of a title set and see whether it is as it was written. The exit code is 1 if it
    is not."""
    try:
        checked = TitleSet.check(titles)
    except (OSError, ValueError) as err:
        msg.fail(f"{titles} is no good", reason_of(err), exits=1)
    msg.good(f"{titles} is as it was written: {len(checked):,} names")


def _open(path: Path) -> TitleSet:
    try:
        return TitleSet.open(path)
    except (OSError, ValueError) as err:
        msg.fail("Can't open the title set", reason_of(err), exits=1)
        raise  # not reached: the line above exits


def _name_tokenizer(model: Optional[str]) -> NameTokenizer:
    # Only when it is needed, since it takes seconds: torch and transformers.
    from ..model.loading import load_name_tokenizer

    return load_name_tokenizer(model)
