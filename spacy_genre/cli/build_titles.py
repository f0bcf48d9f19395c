"""`python -m spacy genre titles build`, and what all commands that build title sets share."""

import sys
import warnings
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Annotated, Iterator, List, Optional

import typer
from wasabi import msg

from ..errors import Errors
from ..sources import Options, build_from_sources
from ..titles import TitleSet
from ..tokenization import NameTokenizer
from .output import fail, reason_of, show_counts

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


TrieOption = Annotated[
    GeneratedNames,
    typer.Option(
        help="The names that the model generates. With 'titles+redirects', a generated "
        "redirect stands for its title."
    ),
]
ExcludeListsOption = Annotated[
    bool, typer.Option("--exclude-lists", help="Exclude 'List of ...' and similar pages.")
]
ProcessesOption = Annotated[
    int,
    typer.Option("--n-process", "-p", min=1, help="The number of processes that parse articles."),
]


def build_cli(
    sources: Annotated[
        List[Path],
        typer.Argument(help="The files to read names from, in any combination (see above)."),
    ],
    out: OutArgument,
    model: ModelOption = None,
    trie: TrieOption = GeneratedNames.titles,
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
    exclude_lists: ExcludeListsOption = False,
    exclude_dates: Annotated[
        bool, typer.Option("--exclude-dates", help="Exclude English pages of years and days.")
    ] = False,
    exclude_without_id: Annotated[
        bool, typer.Option("--exclude-without-id", help="Exclude a wiki's titles without an id.")
    ] = False,
    most_read: Annotated[
        Optional[int],
        typer.Option(
            min=1,
            help="Keep only this number of a wiki's titles, those with the most views in the files "
            "of pageviews. [default: all]",
            show_default=False,
        ),
    ] = None,
    pageviews_of: Annotated[
        Optional[str],
        typer.Option(help="The language of the Wikipedia whose pageviews are read, such as 'en'."),
    ] = None,
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
    n_process: ProcessesOption = 1,
    force: ForceOption = False,
) -> None:
    """Build a title set from Wikimedia's files and your own lists.

    The kind of a file is detected by its content. Files may be compressed (.gz, .bz2):

    - *-page.sql.gz: the titles of a wiki. Add *-redirect.sql.gz for the targets of redirects, and
    *-page_props.sql.gz for Wikidata ids and short descriptions.

    - *-all-titles-in-ns0.gz: all titles of a wiki, including redirects.

    - *-pages-articles*.xml.bz2: titles, redirects, and links with their anchors, counted.

    - pageviews-*.gz: the views of each page in an hour, for --most-read.

    - your own list: plain text with one name per line; TSV or CSV with the columns name, id,
    aliases, redirects (separated by |), description, count; or JSONL with the same keys, where
    aliases and redirects are lists. Common names of columns, such as title, itemLabel and qid, are
    known, too.

    The English Wikipedia with Wikidata ids:

    python -m spacy genre titles build enwiki-latest-page.sql.gz enwiki-latest-redirect.sql.gz
    enwiki-latest-page_props.sql.gz enwiki.titles --exclude-disambiguation

    'python -m spacy genre download en' downloads these files and builds the set.

    Use it with: nlp.add_pipe("genre_linker", config={"titles":
    {"@misc": "spacy_genre.TitleSet.v1", "path": "OUT"}})
    """
    options = Options(
        links=links,
        anchors=anchors,
        linked=linked,
        exclude_disambiguation=exclude_disambiguation,
        exclude_lists=exclude_lists,
        exclude_dates=exclude_dates,
        exclude_without_id=exclude_without_id,
        most_read=most_read,
        pageviews_of=pageviews_of,
        shared_ids=shared_ids,
        name_column=name_column,
        id_column=id_column,
    )
    try:
        if out.exists() and not force:
            raise ValueError(Errors.T015.format(path=out))
        with show_warnings():
            titles = build_from_sources(
                sources,
                name_tokenizer(model),
                options,
                trie=trie.value,
                skip_invalid=skip_invalid,
                n_process=n_process,
                progress=sys.stderr.isatty(),
            )
        titles.save(out)
    except (OSError, ValueError, ImportError) as err:
        fail("No title set was written", reason_of(err))
    report_titles(titles, out)


@contextmanager
def show_warnings() -> Iterator[None]:
    """Print the warnings of this package without a line of code."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for warning in caught:
        if str(warning.message).startswith("[W0"):
            msg.warn(str(warning.message))


def report_titles(titles: TitleSet, out: Path) -> None:
    """Print the counts of a new title set and of what was left out."""
    header = titles.header
    show_counts("found", {what: n for what, n in header["counts"].items() if n})
    invalid = {f"invalid {what}": n for what, n in header["dropped"].items()}
    left_out = {**header["left_out"], **invalid}
    show_counts("left out", {what: n for what, n in left_out.items() if n})
    warn_of_invalid_names(titles)
    msg.good(f"Wrote {len(titles):,} names to {out} ({out.stat().st_size:,} bytes)")


def warn_of_invalid_names(titles: TitleSet) -> None:
    if n := titles.header["dropped"]["names"]:
        msg.warn(f"Left out {n:,} invalid names")


def name_tokenizer(model: Optional[str]) -> NameTokenizer:
    # Imported lazily, since torch and transformers take seconds to import.
    from ..model.loading import load_name_tokenizer

    return load_name_tokenizer(model)
