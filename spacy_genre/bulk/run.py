"""Linking the rows of files: from inputs to an output, in shards."""

import shutil
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from tqdm import tqdm

from ..errors import Errors
from .links import LinkMaker
from .paths import ENDINGS, STDIN, InputFile, Output, copy_stdin, find_inputs, find_output
from .pipelines import LinkingPipeline, PipelineOptions, load_pipeline, pipeline_signature
from .readers import ReadOptions, read_rows
from .rows import Row, to_input
from .scan import Scan, scan_inputs
from .work import ShardInfo, UnfinishedRun, locked_output, unfinished_folder
from .workers import ending_with_parent
from .writers import WRITERS, Layout, LinkedRow, Writer

# A shard has whole batches, and ends after the first one that reaches one of these.
SHARD_ROWS = 1024
SHARD_CHARACTERS = 1 << 18
# Shards for which worker processes are started. They are started again to free their memory.
SHARDS_PER_START = 64

# A row with the name of its file.
FileRow = Tuple[str, Row]


@dataclass(frozen=True)
class BulkOptions:
    """How files are linked.

    pipeline (PipelineOptions): What links.
    reading (ReadOptions): How the inputs are read.
    input_format, output_format (Optional[str]): The formats of files and folders whose names don't
        say it.
    url_template (Optional[str]): See `LinkMaker`.
    batch_size (int): Number of texts in a batch.
    n_process (int): Number of processes that link.
    force (bool): Whether to replace an output and to discard an unfinished run.
    progress (bool): Whether to show progress bars.
    """

    pipeline: PipelineOptions = field(default_factory=PipelineOptions)
    reading: ReadOptions = field(default_factory=ReadOptions)
    input_format: Optional[str] = None
    output_format: Optional[str] = None
    url_template: Optional[str] = None
    batch_size: int = 64
    n_process: int = 1
    force: bool = False
    progress: bool = False

    def check(self, out: Path) -> None:
        """RAISES (ValueError): If options do not fit each other or the output."""
        task = self.pipeline.task
        if task == "retriever" and self.pipeline.kb_id is not None:
            way_out = "The output has both titles and ids."
            raise ValueError(Errors.B060.format(option="--kb-id", task=task, way_out=way_out))
        if task != "linker" and self.reading.name_column is not None:
            way_out = "Use --text-column, or --task linker."
            raise ValueError(Errors.B060.format(option="--name-column", task=task, way_out=way_out))
        if task == "retriever" and "txt" in (self.output_format, out.suffix.lstrip(".")):
            way_out = "Plain text has no place for pages: write another format."
            raise ValueError(Errors.B060.format(option="Plain text", task=task, way_out=way_out))


class Summary(NamedTuple):
    """What a run has done.

    n_rows (int): The number of rows.
    n_links (int): The number of mentions or pages.
    n_linked (int): The number of these with a title.
    n_resumed (int): The number of rows that an earlier, interrupted run had linked.
    ignored (Dict[str, int]): The endings of files in folders that were not read, with their number.
    """

    n_rows: int
    n_links: int
    n_linked: int
    n_resumed: int
    ignored: Dict[str, int]


def link_files(inputs: Sequence[Path], out: Path, options: BulkOptions) -> Summary:
    """Link the texts of files, and write them with their links.

    The rows are linked in shards, which are kept in a folder next to the output. If a run is
    interrupted, the same call continues it.

    inputs (Sequence[Path]): Files and folders; "-" for the standard input.
    out (Path): The file or folder to write. A folder gets a file for each shard, and a manifest.
    options (BulkOptions): How they are linked.
    RETURNS (Summary): What was done.
    RAISES (OSError, ValueError): If something can't be read or written, options do not fit, or
        another process is writing the output.
    RAISES (ImportError): If the extra for a format is missing.
    """
    options.check(out)
    files, ignored = find_inputs(inputs, options.input_format, out)
    unfinished = unfinished_folder(out)
    if out.exists() and not options.force and not unfinished.exists():
        raise ValueError(Errors.T015.format(path=out))
    with locked_output(out):
        if options.force and unfinished.exists():
            shutil.rmtree(unfinished)
        if STDIN in map(str, inputs):
            unfinished.mkdir(exist_ok=True)
            copy_stdin(unfinished / "stdin")
            files, _ = find_inputs(inputs, options.input_format, out, unfinished / "stdin")
        try:
            output = find_output(out, options.output_format, [file.format for file in files])
            run = _prepare(files, output, options)
            n_resumed = run.work.n_rows
            _link_shards(run, options)
            if output.is_folder:
                run.work.finish_folder()
            else:
                run.work.finish_file(run.writer)
        except BaseException:
            _remove_if_empty(unfinished)
            raise
    shards = run.work.shards
    n_links, n_linked = sum(s.links for s in shards), sum(s.linked for s in shards)
    return Summary(run.scan.n_rows, n_links, n_linked, n_resumed, dict(ignored))


def _remove_if_empty(folder: Path) -> None:
    """Remove the folder of a run that has linked nothing."""
    if folder.is_dir() and {path.name for path in folder.iterdir()} <= {"stdin"}:
        shutil.rmtree(folder)


class _Run(NamedTuple):
    """A run that is prepared: what it reads, links, makes of the Docs, and writes."""

    files: Sequence[InputFile]
    scan: Scan
    pipeline: LinkingPipeline
    links: LinkMaker
    layout: Layout
    writer: Writer
    work: UnfinishedRun


def _prepare(files: Sequence[InputFile], output: Output, options: BulkOptions) -> _Run:
    """Read the inputs once, load the pipeline, and find the finished shards."""
    reading, is_names = options.reading, options.reading.name_column is not None
    scan = scan_inputs(files, reading, progress=options.progress)
    if not scan.n_rows:
        paths = ", ".join(file.name for file in files) or "the input"
        raise ValueError(Errors.B050.format(paths=paths, endings=", ".join(ENDINGS)))
    pipeline = load_pipeline(options.pipeline)
    length, where = scan.longest
    if length > (limit := pipeline.nlp.max_length):
        raise ValueError(Errors.B059.format(where=where, length=length, limit=limit))
    if is_names:
        pipeline.keep_only_component()
    elif pipeline.needs_ents and scan.without_ents and not pipeline.may_find_ents:
        raise ValueError(Errors.B054.format(where=scan.without_ents))
    is_pages = options.pipeline.task == "retriever"
    spans_key = None if is_pages else pipeline.component.settings.spans_key
    layout = Layout(scan, is_names, is_pages, has_files=len(files) > 1, spans_key=spans_key)
    layout.check(output.format)
    signature = {
        **pipeline_signature(pipeline, options.pipeline),
        "inputs": [
            [f.name, f.format, digest] for f, digest in zip(files, scan.digests, strict=True)
        ],
        "columns": vars(reading),
        "output": [output.format, output.is_folder, options.url_template, options.batch_size],
    }
    return _Run(
        files,
        scan,
        pipeline,
        LinkMaker(
            pipeline.component.titles, url_template=options.url_template, spans_key=spans_key
        ),
        layout,
        WRITERS[output.format](layout),
        UnfinishedRun(output, signature),
    )


def _link_shards(run: _Run, options: BulkOptions) -> None:
    """Link and write all shards that are not finished."""
    rows = _read(run, options.reading)
    shards = enumerate(_shards(rows, options.batch_size))
    for _ in islice(shards, len(run.work.shards)):
        pass
    bar = tqdm(
        total=run.scan.n_rows,
        initial=run.work.n_rows,
        desc="link",
        unit=" rows",
        disable=not options.progress,
    )
    n_at_once = SHARDS_PER_START if options.n_process > 1 else 1
    with bar, ending_with_parent():
        while group := list(islice(shards, n_at_once)):
            # Frees the strings of the texts afterwards.
            with run.pipeline.nlp.memory_zone():
                linked = _link(run, group, options)
                for number, of_shard in groupby(linked, key=lambda item: item[0]):
                    _write(run, number, [_count(bar, row) for _, row in of_shard])


def _count(bar: Any, row: LinkedRow) -> LinkedRow:
    bar.update()
    return row


def _read(run: _Run, reading: ReadOptions) -> Iterator[FileRow]:
    """Read the rows of all files a second time.

    RAISES (ValueError): If a file has changed.
    """
    for file, digest in zip(run.files, run.scan.digests, strict=True):
        on_end = partial(_check_unchanged, file, digest)
        for row in read_rows(file, reading, run.pipeline.nlp.vocab, on_end=on_end):
            yield file.name, row


def _check_unchanged(file: InputFile, before: str, now: str) -> None:
    if now != before:
        raise ValueError(Errors.B061.format(path=file.name))


def _shards(rows: Iterable[FileRow], batch_size: int) -> Iterator[List[FileRow]]:
    """Divide rows into shards. A batch is never divided, so that a run that is continued has the
    same batches: scores may depend on them in the last digit."""
    rows = iter(rows)
    shard: List[FileRow] = []
    n_characters = 0
    while batch := list(islice(rows, batch_size)):
        shard += batch
        n_characters += sum(len(row.text) for _, row in batch)
        if len(shard) >= SHARD_ROWS or n_characters >= SHARD_CHARACTERS:
            yield shard
            shard, n_characters = [], 0
    if shard:
        yield shard


def _link(
    run: _Run, shards: Sequence[Tuple[int, List[FileRow]]], options: BulkOptions
) -> Iterator[Tuple[int, LinkedRow]]:
    """Link the rows of some shards.

    YIELDS (Tuple[int, LinkedRow]): The number of the shard, and a row with its links.
    """
    nlp = run.pipeline.nlp
    make_links = run.links.pages if run.layout.is_pages else run.links.mentions
    needs_ents = run.pipeline.needs_ents
    # Contexts are sent to the processes: Docs would be sent twice.
    inputs = (
        (to_input(row, nlp), (number, file, replace(row, doc=None)))
        for number, rows in shards
        for file, row in rows
    )
    docs = nlp.pipe(
        inputs, as_tuples=True, batch_size=options.batch_size, n_process=options.n_process
    )
    for doc, (number, file, row) in docs:
        if needs_ents and row.text.strip() and not doc.has_annotation("ENT_IOB"):
            raise ValueError(Errors.B054.format(where=row.where))
        yield number, LinkedRow(row, file, doc, make_links(doc))


def _write(run: _Run, number: int, rows: Sequence[LinkedRow]) -> None:
    """Write a shard."""
    path = run.work.path_of(number, run.writer.suffix)
    run.writer.write(path, rows, is_whole=run.work.output.is_folder)
    links = [link for row in rows for link in row.links]
    n_linked = sum(bool(link["title"]) for link in links)
    run.work.add(ShardInfo(path.name, len(rows), len(links), n_linked))
