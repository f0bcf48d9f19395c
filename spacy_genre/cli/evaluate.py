"""`python -m spacy genre evaluate`: how many gold mentions are linked right."""

from functools import partial
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Dict, List, Optional, Tuple

import typer
from wasabi import msg

from ..atomic import write_atomically
from ..errors import Errors
from ..evaluation.charts import TABLES, VARIANTS
from .output import reason_of

COLUMNS = ("mentions", "in_set", "micro_f", "accuracy_in_set")
HEADER = ("mentions", "in the set", "micro-F1", "right of these")
CANDIDATES = ("data", "aliases", "none")
FREE = "free"


def evaluate_cli(
    data: Annotated[List[Path], typer.Argument(help="Texts with gold mentions; see below.")],
    pipeline: Annotated[
        Optional[str],
        typer.Option(help="The pipeline. [default: the model that comes with the package]"),
    ] = None,
    model: Annotated[
        Optional[str],
        typer.Option(help="A model by itself, instead of a pipeline: a folder or a hub's name."),
    ] = None,
    titles: Annotated[
        Optional[Path], typer.Option(help="A title set to use instead of the pipeline's.")
    ] = None,
    train: Annotated[
        Optional[Path],
        typer.Option(help="The training corpus, for figures by frequency and to compare with."),
    ] = None,
    candidates: Annotated[
        Optional[str],
        typer.Option(
            help="Evaluate without candidates, and with those of the data or of the title set's "
            "aliases: data, aliases, or none. [default: as the pipeline is set]"
        ),
    ] = None,
    free: Annotated[
        bool,
        typer.Option(
            "--free",
            help="Evaluate without the constraint, too: the model writes what it likes, and what "
            "is no title counts as wrong.",
        ),
    ] = False,
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

    from ..corpora.readers import texts_in
    from ..evaluation.charts import check_can_draw, draw_charts
    from ..evaluation.linking import Seen
    from ..evaluation.report import make_page

    try:
        if plots is not None:
            check_can_draw()
        nlp, name = _pipeline(spacy, pipeline, model)
        linker = nlp.get_pipe(name)
        if titles is not None:
            from ..titles import TitleSet

            linker.titles = TitleSet.open(titles)
        seen = Seen.of(texts_in(train), linker.titles) if train is not None else Seen()
        ways = _ways(linker, candidates, free)
        about = _about(linker, pipeline or model)
        results: Dict[str, Any] = {}
        for path in data:
            found = {
                key: _evaluate(nlp, linker, way, path, seen, limit, batch_size)
                for key, way in ways.items()
            }
            results[str(path)] = all_found = {**found.pop(""), **found}
            _show(path, all_found)
        if out is not None:
            write_atomically(out, srsly.json_dumps(results, indent=2).encode("utf8"))
        if html is not None:
            write_atomically(html, make_page(results, about).encode("utf8"))
        if plots is not None:
            draw_charts(results, plots)
    except (OSError, ValueError, ImportError) as err:
        msg.fail("Can't evaluate", reason_of(err), exits=1)


def _pipeline(spacy: Any, path: Optional[str], model: Optional[str]) -> Tuple[Any, str]:
    """The pipeline, and the name of its linker."""
    if path is None:
        nlp = spacy.blank("en")
        nlp.add_pipe("genre_linker", config={"model": {"name": model}})
    elif model is not None:
        raise ValueError(Errors.D018)
    else:
        nlp = spacy.load(path)
    for name in nlp.pipe_names:
        if nlp.get_pipe_meta(name).factory == "genre_linker":
            return nlp, name
    raise ValueError(Errors.D014.format(path=path, names=", ".join(nlp.pipe_names) or "none"))


def _about(linker: Any, name: Optional[str]) -> Dict[str, str]:
    """What is evaluated, for the page."""
    return {
        "pipeline": name or "the model that comes with the package",
        "title set": f"{len(linker.titles):,} titles",
        "search": f"{linker.search}, {linker.num_beams} beams",
        "computed in": linker.dtype,
    }


def _ways(linker: Any, candidates: Optional[str], free: bool) -> Dict[str, Any]:
    """What to evaluate, by the key of the figures; for each the linker's setting `candidates`, or
    `FREE`."""
    from ..tasks.linker.candidate_generators import AliasCandidates_v1, GivenCandidates_v1

    ways: Dict[Optional[str], Dict[str, Any]] = {
        None: {"": linker.candidates},
        "none": {"": None},
        "aliases": {"": None, "with_candidates": AliasCandidates_v1()},
        "data": {"": None, "with_candidates": GivenCandidates_v1()},
    }
    if candidates not in ways:
        allowed = f"one of {', '.join(CANDIDATES)}"
        raise ValueError(Errors.D006.format(key="--candidates", value=candidates, allowed=allowed))
    return {**ways[candidates], **({"unconstrained": FREE} if free else {})}


def _evaluate(
    nlp: Any, linker: Any, way: Any, path: Path, seen: Any, limit: int, batch_size: int
) -> Dict[str, Any]:
    """The figures of a data set."""
    from ..corpora.readers import texts_in
    from ..evaluation.linking import evaluate
    from ..evaluation.unconstrained import link_unconstrained

    if way == FREE:
        link = partial(link_unconstrained, linker=linker, batch_size=batch_size)
    else:
        linker.candidates = way
        link = partial(linker.pipe, batch_size=batch_size)
    texts = islice(texts_in(path), limit or None)
    return evaluate(nlp, link, linker.titles, texts, seen)


def _show(path: Path, found: Dict[str, Any]) -> None:
    rows = [("all", *_cells(found))]
    rows += [(what, *_cells(found[key])) for key, what in VARIANTS.items() if key in found]
    aligns = ("l", "r", "r", "r", "r")
    msg.table(rows, header=(path.name, *HEADER), aligns=aligns, divider=True)
    if "unconstrained" in found:
        share = found["unconstrained"]["no_title"]
        msg.text(f"Without the constraint, {share:.3f} of the answers are no title")
    for key, (what, _) in TABLES.items():
        if key in found:
            rows = [(name, *_cells(row)) for name, row in found[key].items()]
            msg.table(rows, header=(what, *HEADER), aligns=aligns, divider=True)


def _cells(row: Dict[str, Any]) -> List[str]:
    return [f"{row[key]:,}" if key == "mentions" else f"{row[key]:.3f}" for key in COLUMNS]
