"""`python -m spacy genre corpus …`: what models are trained on."""

import shutil
import sys
from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional

import typer
from wasabi import msg

from ..errors import Errors
from ..titles import TitleSet
from .output import reason_of, show_counts

corpus_cli = typer.Typer(help="Make corpora: texts with linked mentions.", no_args_is_help=True)


@corpus_cli.callback()
def corpus() -> None:
    """Make corpora: texts with linked mentions."""


@corpus_cli.command("build")
def build_cli(
    sources: Annotated[List[Path], typer.Argument(help="What to read, in any combination.")],
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    titles: Annotated[
        Optional[Path],
        typer.Option(help="The title set: redirects are resolved by it. [default: none]"),
    ] = None,
    missing: Annotated[
        str, typer.Option(help="Mentions of titles that are not in the set: skip, keep or fail.")
    ] = "skip",
    own_title: Annotated[
        bool, typer.Option("--own-title", help="Add where a page names itself without a link.")
    ] = False,
    repeats: Annotated[
        bool, typer.Option("--repeats", help="Add where the text of a link comes again.")
    ] = False,
    short_forms: Annotated[
        bool, typer.Option("--short-forms", help="Add last words of names that a page links.")
    ] = False,
    leads: Annotated[
        bool, typer.Option("--leads", help="Add first paragraphs, to lead to their page.")
    ] = False,
    aliases: Annotated[
        bool, typer.Option("--aliases", help="Add the title set's aliases and redirects.")
    ] = False,
    descriptions: Annotated[
        bool, typer.Option("--descriptions", help="Add its descriptions, to lead to their title.")
    ] = False,
    lists: Annotated[float, typer.Option(help="Share of links in and to lists to keep.")] = 0.25,
    years: Annotated[float, typer.Option(help="Share of links to years and dates.")] = 0.05,
    copies: Annotated[float, typer.Option(help="Share of mentions that read as the title.")] = 1.0,
    openings: Annotated[
        float, typer.Option(help="Share of later paragraphs that know how the page begins.")
    ] = 0.75,
    exclude_pages: Annotated[
        Optional[Path], typer.Option(help="Titles of pages to leave out, one a line.")
    ] = None,
    dev: Annotated[float, typer.Option(help="Share of pages for OUT/dev, 0 to 1.")] = 0.0,
    shards: Annotated[int, typer.Option(help="Files to write.")] = 16,
    seed: Annotated[int, typer.Option(help="What chance starts from.")] = 0,
    n_process: Annotated[
        int, typer.Option("--n-process", "-p", min=1, help="Processes that read articles.")
    ] = 1,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="Replace OUT, and begin from the beginning.")
    ] = False,
) -> None:
    """Make a corpus of texts with linked mentions, in shuffled files with a manifest.

    What a file is is seen by its content; it may be packed (.gz, .bz2):

    - *-pages-articles*.xml.bz2: the links in the text of Wikipedia's articles.

    - JSONL: {"text", "mentions": [{"start", "end", "title" or "id"}]} a line; or whole pages,
    {"title", "paragraphs": [{"text", "links": [...]}]}; or as KILT and the paper publish theirs,
    {"input", "output"}.

    - a DocBin (.spacy) whose entities have kb_ids.

    If it is broken off, the same command goes on where it was. Train on the result with the
    reader spacy_genre.Corpus.v1.
    """
    # Only when they are needed, since they take seconds.
    from ..corpora.articles import ArticleOptions
    from ..corpora.building import CorpusOptions, build_corpus, work_folder

    try:
        if out.exists() and not force:
            raise ValueError(Errors.T015.format(path=out))
        if force and work_folder(out).exists():
            shutil.rmtree(work_folder(out))
        articles = ArticleOptions(
            own_title, repeats, short_forms, leads, lists, years, copies, openings, seed
        )
        excluded = _lines_of(exclude_pages) if exclude_pages is not None else []
        options = CorpusOptions(
            articles, aliases, descriptions, missing, frozenset(excluded), dev, shards, seed
        )
        manifest = build_corpus(
            sources,
            out,
            TitleSet.open(titles) if titles is not None else None,
            options,
            n_process=n_process,
            progress=sys.stderr.isatty(),
        )
    except (OSError, ValueError, ImportError) as err:
        msg.fail("No corpus was written", reason_of(err), exits=1)
    _report(manifest, out)


def _lines_of(path: Path) -> List[str]:
    try:
        return path.read_text("utf8").splitlines()
    except UnicodeDecodeError as err:
        raise ValueError(Errors.D003.format(path=path, reason=err)) from err


def _report(manifest: Dict[str, Any], out: Path) -> None:
    show_counts("what", manifest["counts"])
    show_counts("left out", manifest["dropped"])
    n_texts = sum(shard["texts"] for shard in manifest["shards"])
    msg.good(f"Wrote {n_texts:,} texts to {out}")
