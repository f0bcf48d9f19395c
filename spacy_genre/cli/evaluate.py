"""`python -m spacy genre evaluate`: how many gold mentions are linked right."""

from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional, Tuple

import typer
from wasabi import msg

from ..errors import Errors
from ..files import write_whole
from .output import reason_of

TABLES = {
    "by_frequency": "Linked in training",
    "by_form": "The mention reads as",
    "by_label": "Label",
}
COLUMNS = ("mentions", "in_set", "micro_f", "accuracy_in_set")
HEADER = ("mentions", "in the set", "micro-F1", "right of these")


def evaluate_cli(
    data: Annotated[List[Path], typer.Argument(help="Texts with gold mentions; see below.")],
    pipeline: Annotated[
        Optional[str],
        typer.Option(help="The pipeline. [default: the model that comes with the package]"),
    ] = None,
    titles: Annotated[
        Optional[Path], typer.Option(help="A title set to use instead of the pipeline's.")
    ] = None,
    train: Annotated[
        Optional[Path],
        typer.Option(help="The training corpus, for figures by frequency and to compare with."),
    ] = None,
    constrained: Annotated[
        bool,
        typer.Option(
            "--constrained/--free",
            help="Whether the model may write titles of the set alone. If not, what is no title "
            "counts as wrong (the paper's ablation).",
        ),
    ] = True,
    out: Annotated[Optional[Path], typer.Option(help="Write the figures to a JSON file.")] = None,
    html: Annotated[
        Optional[Path], typer.Option(help="Write a page of tables and plots, in one file.")
    ] = None,
    plots: Annotated[
        Optional[Path],
        typer.Option(
            help='Draw the plots into a folder, as PNG (needs "spacy_genre[evaluation]").'
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=0, help="Only so many texts of each, 0 for all.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Texts at a time.")] = 64,
) -> None:
    """Link the gold mentions of data sets and show how many are right, as the paper does: all
    mentions count, those whose title is not in the title set as wrong.

    A data set is a file or a folder of what `spacy genre corpus build` reads and writes: our own
    JSONL, KILT's, or a DocBin.
    """
    # Only when they are needed, since they take seconds.
    import spacy
    import srsly

    from ..training.charts import check_can_draw, draw_charts
    from ..training.evaluation import Seen, evaluate
    from ..training.readers import texts_in
    from ..training.report import make_page

    try:
        if plots is not None:
            check_can_draw()
        nlp, name = _pipeline(spacy, pipeline)
        linker = nlp.get_pipe(name)
        if titles is not None:
            from ..titles import TitleSet

            linker.titles = TitleSet.open(titles)
        seen = Seen.of(texts_in(train), linker.titles) if train is not None else Seen()
        link = _linking(linker, batch_size, constrained)
        results: Dict[str, Any] = {}
        for path in data:
            texts = islice(texts_in(path), limit or None)
            results[str(path)] = found = evaluate(nlp, link, linker.titles, texts, seen)
            _show(path, found)
        if out is not None:
            write_whole(out, srsly.json_dumps(results, indent=2).encode("utf8"))
        if html is not None:
            about = _about(linker, pipeline, constrained)
            write_whole(html, make_page(results, about).encode("utf8"))
        if plots is not None:
            draw_charts(results, plots)
    except (OSError, ValueError, ImportError) as err:
        msg.fail("Can't evaluate", reason_of(err), exits=1)


def _pipeline(spacy: Any, path: Optional[str]) -> Tuple[Any, str]:
    """The pipeline, and the name of its linker."""
    if path is None:
        nlp = spacy.blank("en")
        nlp.add_pipe("genre_linker")
    else:
        nlp = spacy.load(path)
    for name in nlp.pipe_names:
        if nlp.get_pipe_meta(name).factory == "genre_linker":
            return nlp, name
    raise ValueError(Errors.D014.format(path=path, names=", ".join(nlp.pipe_names) or "none"))


def _linking(linker: Any, batch_size: int, constrained: bool) -> Any:
    if constrained:
        return partial(linker.pipe, batch_size=batch_size)
    from ..training.unconstrained import link_unconstrained

    return partial(link_unconstrained, linker=linker, batch_size=batch_size)


def _about(linker: Any, pipeline: Optional[str], constrained: bool) -> Dict[str, str]:
    """What was evaluated, for the page."""
    return {
        "pipeline": pipeline or "the model that comes with the package",
        "title set": f"{len(linker.titles):,} titles",
        "search": f"{linker.search}, {linker.num_beams} beams"
        if constrained
        else f"free (no constraint), {linker.num_beams} beams",
        "computed in": linker.dtype,
    }


def _show(path: Path, found: Dict[str, Any]) -> None:
    rows = [("all", *_cells(found))]
    if "most_frequent_title" in found:
        rows.append(("most frequent title", *_cells(found["most_frequent_title"])))
    aligns = ("l", "r", "r", "r", "r")
    msg.table(rows, header=(path.name, *HEADER), aligns=aligns, divider=True)
    if found["no_title"]:
        msg.text(f"What the model wrote is no title: {found['no_title']:.3f} of the mentions")
    for key, what in TABLES.items():
        if key in found:
            rows = [(name, *_cells(row)) for name, row in found[key].items()]
            msg.table(rows, header=(what, *HEADER), aligns=aligns, divider=True)


def _cells(row: Dict[str, Any]) -> List[str]:
    return [f"{row[key]:,}" if key == "mentions" else f"{row[key]:.3f}" for key in COLUMNS]
