"""`python -m spacy genre link`: linking of files."""

import sys
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, List, Optional

import typer
from wasabi import msg

from .output import fail, reason_of

if TYPE_CHECKING:
    from ..bulk.run import Summary

INTERRUPTED = 130  # as a shell has it for Ctrl-C


class Task(str, Enum):
    """The component that is used."""

    linker = "linker"
    annotator = "annotator"
    retriever = "retriever"


class KbId(Enum):
    """What is written as kb_id."""

    title = "title"
    id = "id"


class Format(str, Enum):
    """The formats of inputs."""

    txt = "txt"
    csv = "csv"
    tsv = "tsv"
    jsonl = "jsonl"
    parquet = "parquet"
    spacy = "spacy"


class OutputFormat(str, Enum):
    """The formats of outputs."""

    txt = "txt"
    csv = "csv"
    tsv = "tsv"
    jsonl = "jsonl"
    parquet = "parquet"
    spacy = "spacy"
    html = "html"


def link_cli(
    inputs: Annotated[
        List[Path], typer.Argument(help="Files and folders; '-' for the standard input.")
    ],
    out: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            help="The file to write, whose ending is its format, or a folder for many files.",
        ),
    ],
    pipeline: Annotated[
        Optional[str],
        typer.Option(
            help="A pipeline, such as en_core_web_sm. If it has no component of the task, one is "
            "added at its end. [default: only the component]"
        ),
    ] = None,
    titles: Annotated[
        Optional[str],
        typer.Option(
            help="The title set: a file, or the name of a downloaded one. [default: the "
            "component's, or the one in the package]"
        ),
    ] = None,
    model: Annotated[
        Optional[str],
        typer.Option(
            help="The model of the added component: a folder, or a name on the hub. [default: the "
            "model in the package]"
        ),
    ] = None,
    task: Annotated[
        Task,
        typer.Option(
            help="linker: link entities that the pipeline finds, or bare names. annotator: find "
            "mentions and link them. retriever: find pages for each text."
        ),
    ] = Task.linker,
    text_column: Annotated[
        str, typer.Option(help="The column or key of the texts, in CSV, TSV, JSONL and Parquet.")
    ] = "text",
    name_column: Annotated[
        Optional[str],
        typer.Option(
            help="The column or key of bare names, each of which is a mention; a number, from 1, "
            "if a CSV file has no header. In plain text each line is a name."
        ),
    ] = None,
    lines: Annotated[
        bool,
        typer.Option("--lines", help="Each line of plain text is a text. [default: each file]"),
    ] = False,
    input_format: Annotated[
        Optional[Format],
        typer.Option(help="The format of inputs whose name does not say it. [stdin: txt]"),
    ] = None,
    output_format: Annotated[
        Optional[OutputFormat],
        typer.Option(help="The format of the files in a folder. [default: that of the inputs]"),
    ] = None,
    kb_id: Annotated[
        Optional[KbId],
        typer.Option(help="What is written as kb_id. [default: the component's setting]"),
    ] = None,
    threshold: Annotated[
        Optional[float],
        typer.Option(
            help="Mentions whose best candidate has a lower probability, 0 to 1, are not linked. "
            "[default: the component's setting]"
        ),
    ] = None,
    url: Annotated[
        Optional[str],
        typer.Option(
            help="The URL of an entity, with {} for its id or title. [default: that of Wikipedia, "
            "if the title set was built from one, or of Wikidata]"
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Number of texts per batch.")] = 64,
    n_process: Annotated[
        int, typer.Option("--n-process", "-p", min=1, help="Number of processes.")
    ] = 1,
    gpu_id: Annotated[int, typer.Option("--gpu-id", "-g", help="The GPU, -1 for the CPU.")] = -1,
    force: Annotated[
        bool,
        typer.Option("--force", "-F", help="Replace the output, and begin anew if interrupted."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")] = False,
) -> None:
    """Link the texts or names in files, and write them with their links.

    Formats: plain text (.txt), CSV, TSV, JSONL, Parquet and .spacy; the output may also be HTML.
    All columns of the input are kept.

    Examples:

    python -m spacy genre link texts/ -o links.jsonl --pipeline en_core_web_sm

    python -m spacy genre link reviews.csv -o linked.csv --text-column body --pipeline
    en_core_web_sm --threshold 0.4

    python -m spacy genre link companies.csv -o linked.csv --name-column company --titles
    my.titles --kb-id id

    cat questions.txt | python -m spacy genre link - -o pages.jsonl --lines --task retriever

    If the run is interrupted, even by kill -9, the same command continues it.

    Exit codes: 0 if all rows are in the output, 1 for an error, 2 for a wrong option, 130 if it
    was interrupted (Ctrl-C).
    """
    from spacy.cli._util import setup_gpu

    setup_gpu(gpu_id, silent=quiet or gpu_id < 0)
    # Imported here because torch and transformers take seconds.
    from ..bulk.pipelines import PipelineOptions
    from ..bulk.readers import ReadOptions
    from ..bulk.run import BulkOptions, link_files

    options = BulkOptions(
        pipeline=PipelineOptions(
            task=task.value,
            pipeline=pipeline,
            model=model,
            titles=titles,
            kb_id=kb_id and kb_id.value,
            threshold=threshold,
        ),
        reading=ReadOptions(text_column=text_column, name_column=name_column, lines=lines),
        input_format=input_format and input_format.value,
        output_format=output_format and output_format.value,
        url_template=url,
        batch_size=batch_size,
        n_process=n_process,
        force=force,
        progress=not quiet and sys.stderr.isatty(),
    )
    try:
        summary = link_files(inputs, out, options)
    except (OSError, ValueError, ImportError) as err:
        fail("The output was not written", reason_of(err))
    except KeyboardInterrupt:
        msg.warn("Interrupted. The same command continues the run.")
        sys.exit(INTERRUPTED)
    if not quiet:
        _report(summary, out, "pages" if task is Task.retriever else "mentions")


def _report(summary: "Summary", out: Path, links: str) -> None:
    """Print what was done."""
    if summary.ignored:
        endings = ", ".join(f"{n} {ending}" for ending, n in sorted(summary.ignored.items()))
        msg.warn(f"Files with other endings were not read: {endings}")
    if summary.n_resumed:
        msg.info(f"{summary.n_resumed:,} rows were linked by an earlier run")
    if not summary.n_links:
        msg.warn(f"No {links} were found in any row")
    what = f"{summary.n_linked:,} of {summary.n_links:,} {links} with a title"
    msg.good(f"Wrote {summary.n_rows:,} rows, {what}, to {out}")
