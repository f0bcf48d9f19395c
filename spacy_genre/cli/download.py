"""`python -m spacy genre download`: a title set of a Wikipedia."""

import sys
from pathlib import Path
from typing import Annotated, Optional

import typer
from wasabi import msg

from ..sources import Options
from ..sources.download import download_title_set
from ..sources.dumps import MIRROR
from ..user_data import DATA_VARIABLE, title_set_path
from .build_titles import (
    ExcludeListsOption,
    GeneratedNames,
    ModelOption,
    ProcessesOption,
    TrieOption,
    name_tokenizer,
    report_titles,
    show_warnings,
)
from .output import fail, reason_of


def download_cli(
    language: Annotated[
        str,
        typer.Argument(
            help="The language of the Wikipedia, as in its address: 'de' for de.wikipedia.org."
        ),
    ],
    most_read: Annotated[
        Optional[int],
        typer.Option(
            min=1,
            help="Keep only this number of titles, those with the most views. This downloads 0.4 "
            "GB of pageviews. [default: all]",
            show_default=False,
        ),
    ] = None,
    aliases: Annotated[
        bool,
        typer.Option(
            "--aliases",
            help="Also download the articles, and use the link texts in them as aliases, with "
            "counts. For large wikis this takes hours. (Redirects are always used.)",
        ),
    ] = False,
    trie: TrieOption = GeneratedNames.titles,
    exclude_lists: ExcludeListsOption = False,
    date: Annotated[
        Optional[str],
        typer.Option(help="The date of the dump, YYYYMMDD. [default: the newest complete one]"),
    ] = None,
    mirror: Annotated[
        str, typer.Option(help="The address of the folder that has the folders of the wikis.")
    ] = MIRROR,
    pageviews_url: Annotated[
        Optional[str],
        typer.Option(help="The folder of the hourly pageviews. [default: MIRROR/other/pageviews]"),
    ] = None,
    name: Annotated[
        Optional[str], typer.Option(help="The name of the title set. [default: LANGUAGE]")
    ] = None,
    data_dir: Annotated[
        Optional[Path],
        typer.Option(
            help="The folder for title sets and downloads.",
            envvar=DATA_VARIABLE,
            show_default="the user's data folder",
        ),
    ] = None,
    model: ModelOption = None,
    n_process: ProcessesOption = 1,
    keep_files: Annotated[
        bool,
        typer.Option("--keep-files", help="Keep the downloaded files, for other title sets."),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="Replace a title set of this name.")
    ] = False,
) -> None:
    """Download a Wikipedia's titles and Wikidata ids, and build a title set.

    If the download is interrupted, the same command resumes it. Disambiguation pages are left out.

    python -m spacy genre download en --most-read 1000000

    Use it with: nlp.add_pipe("genre_linker", config={"titles":
    {"@misc": "spacy_genre.TitleSet.v1", "name": "en"}})
    """
    try:
        with show_warnings():
            titles, path = download_title_set(
                language,
                name_tokenizer(model),
                name=name,
                folder=data_dir and data_dir.expanduser(),
                mirror=mirror,
                pageviews_url=pageviews_url,
                date=date,
                aliases=aliases,
                options=Options(
                    exclude_disambiguation=True, exclude_lists=exclude_lists, most_read=most_read
                ),
                trie=trie.value,
                n_process=n_process,
                keep_files=keep_files,
                force=force,
                progress=sys.stderr.isatty(),
                report=msg.info,
            )
    except (OSError, ValueError, ImportError) as err:
        fail("No title set was written", reason_of(err))
    report_titles(titles, path)
    _show_use(path, name or language)


def _show_use(path: Path, name: str) -> None:
    """Print how a component uses the set."""
    is_found = path == title_set_path(name)
    where = f'"name": "{name}"' if is_found else f'"path": "{path}"'
    msg.text(f'Use it with: "titles": {{"@misc": "spacy_genre.TitleSet.v1", {where}}}')
