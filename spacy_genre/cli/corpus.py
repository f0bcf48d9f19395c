"""`python -m spacy genre corpus ...`: corpora for training and evaluation."""

import shutil
import sys
from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional, Tuple

import typer
from wasabi import msg

from ..corpora.articles import ArticleOptions
from ..corpora.building import CorpusOptions, build_corpus, unfinished_folder
from ..corpora.names import Missing
from ..errors import Errors
from ..titles import TitleSet
from .output import fail, reason_of, show_counts

corpus_cli = typer.Typer(help="Build corpora: texts with gold mentions.", no_args_is_help=True)
DEFAULTS = CorpusOptions()


@corpus_cli.callback()
def corpus() -> None:
    """Build corpora: texts with gold mentions."""


@corpus_cli.command("build")
def build_cli(
    sources: Annotated[
        List[Path], typer.Argument(help="The files to read; for formats see above.")
    ],
    out: Annotated[Path, typer.Argument(help="The folder to write.")],
    titles: Annotated[
        Optional[Path],
        typer.Option(help="A title set: titles, redirects and ids are replaced by its names."),
    ] = None,
    missing: Annotated[
        Missing, typer.Option(help="What to do with titles that are not in the title set.")
    ] = Missing.skip,
    own_title: Annotated[
        bool,
        typer.Option("--own-title", help="Add unlinked occurrences of the page's own title."),
    ] = False,
    repeats: Annotated[
        bool, typer.Option("--repeats", help="Add unlinked occurrences of the texts of links.")
    ] = False,
    short_forms: Annotated[
        bool,
        typer.Option("--short-forms", help="Add unlinked last words of the names in links."),
    ] = False,
    leads: Annotated[
        bool, typer.Option("--leads", help="Add first paragraphs as texts with their page as gold.")
    ] = False,
    aliases: Annotated[
        bool, typer.Option("--aliases", help="Add the title set's aliases and redirects.")
    ] = False,
    descriptions: Annotated[
        bool,
        typer.Option(
            "--descriptions",
            help="Add the title set's descriptions as texts with their title as the gold page.",
        ),
    ] = False,
    lists: Annotated[
        float, typer.Option(help="Share of links in and to lists to keep, 0 to 1.")
    ] = DEFAULTS.articles.lists,
    years: Annotated[
        float, typer.Option(help="Share of links to years and dates to keep, 0 to 1.")
    ] = DEFAULTS.articles.years,
    copies: Annotated[
        float, typer.Option(help="Share to keep, 0 to 1, of mentions whose text is their title.")
    ] = DEFAULTS.articles.copies,
    weak_links: Annotated[
        Optional[List[str]],
        typer.Option(
            metavar="SRC=SHARE",
            help="Share to keep, 0 to 1, of the links with this 'src' in a page's JSON.",
        ),
    ] = None,
    max_per_title: Annotated[
        int,
        typer.Option(
            help="Maximum number of mentions of one title in OUT/train; those of earlier sources "
            "are kept. 0 for no limit."
        ),
    ] = DEFAULTS.max_per_title,
    openings: Annotated[
        float,
        typer.Option(help="Share of later paragraphs that get the page's beginning, 0 to 1."),
    ] = DEFAULTS.articles.openings,
    complete: Annotated[
        bool,
        typer.Option(
            "--complete",
            help="The links of pages are all of their mentions: keep all links and paragraphs, so "
            "that an annotator learns where there is no mention.",
        ),
    ] = False,
    exclude_pages: Annotated[
        Optional[Path], typer.Option(help="A file of titles of pages to leave out, one per line.")
    ] = None,
    dev: Annotated[
        float, typer.Option(help="Share of pages that go to OUT/dev, 0 to 1.")
    ] = DEFAULTS.dev,
    shards: Annotated[int, typer.Option(help="Number of files of OUT/train.")] = DEFAULTS.shards,
    seed: Annotated[int, typer.Option(help="The random seed.")] = DEFAULTS.seed,
    n_process: Annotated[
        int, typer.Option("--n-process", "-p", min=1, help="Number of processes.")
    ] = 1,
    force: Annotated[
        bool, typer.Option("--force", "-F", help="Replace OUT, and do not resume a build.")
    ] = False,
) -> None:
    """Build a corpus of texts with gold mentions: shuffled JSONL files and a manifest.

    The format of a source is detected from its content. It may be compressed (.gz, .bz2):

    - *-pages-articles*.xml.bz2: Wikipedia's articles, whose links are the mentions.

    - JSONL, or a JSON list, with one text per line, {"text", "mentions": [{"start", "end", "title"
    or "id"}]}; with one page per line, {"title", "paragraphs": [{"text", "links": [...]}]}; or in
    the format of KILT and the paper's data, of KILT's knowledge source, BLINK, Prodigy, doccano
    (with titles added) or spaCy's training data.

    - DocBin (.spacy) whose entities have kb_ids.

    - AIDA's TSV, and NIF (Turtle).

    If the build is interrupted, the same command resumes it. Train on the corpus with the reader
    spacy_genre.Corpus.v1.
    """
    try:
        if out.exists() and not force:
            raise ValueError(Errors.T015.format(path=out))
        if force and unfinished_folder(out).exists():
            shutil.rmtree(unfinished_folder(out))
        options = CorpusOptions(
            articles=ArticleOptions(
                own_title=own_title,
                repeats=repeats,
                short_forms=short_forms,
                leads=leads,
                lists=lists,
                years=years,
                copies=copies,
                weak_links=dict(map(_parse_share, weak_links or [])),
                openings=openings,
                complete=complete,
                seed=seed,
            ),
            aliases=aliases,
            descriptions=descriptions,
            missing=missing.value,
            exclude=frozenset(_read_lines(exclude_pages) if exclude_pages is not None else []),
            max_per_title=max_per_title,
            dev=dev,
            shards=shards,
            seed=seed,
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
        fail("No corpus was written", reason_of(err))
    _report(manifest, out)


def _parse_share(value: str) -> Tuple[str, float]:
    """Parse the value of --weak-links: SRC=SHARE."""
    source, _, share = value.rpartition("=")
    try:
        return source, float(share)
    except ValueError as err:
        allowed = "SRC=SHARE, such as g=0.2"
        message = Errors.D006.format(key="--weak-links", value=value, allowed=allowed)
        raise ValueError(message) from err


def _read_lines(path: Path) -> List[str]:
    try:
        return path.read_text("utf8").splitlines()
    except UnicodeDecodeError as err:
        raise ValueError(Errors.D003.format(path=path, reason=err)) from err


def _report(manifest: Dict[str, Any], out: Path) -> None:
    show_counts("texts and mentions", manifest["counts"])
    show_counts("left out", manifest["dropped"])
    n_texts = sum(shard["texts"] for shard in manifest["shards"])
    msg.good(f"Wrote {n_texts:,} texts to {out}")
