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
CANDIDATES = ("data", "aliases", "none")


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
    candidates: Annotated[
        Optional[str],
        typer.Option(
            help="Evaluate without candidates, and with those of the data or of the title set's "
            "aliases: data, aliases, or none. [default: as the pipeline is set]"
        ),
    ] = None,
    out: Annotated[Optional[Path], typer.Option(help="Write the figures to a JSON file.")] = None,
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

    from ..training.evaluation import Seen
    from ..training.readers import texts_in

    try:
        nlp, name = _pipeline(spacy, pipeline)
        linker = nlp.get_pipe(name)
        if titles is not None:
            from ..titles import TitleSet

            linker.titles = TitleSet.open(titles)
        seen = Seen.of(texts_in(train)) if train is not None else Seen()
        ways = _ways(linker, candidates)
        results: Dict[str, Any] = {}
        for path in data:
            found = [_evaluate(nlp, linker, way, path, seen, limit, batch_size) for way in ways]
            results[str(path)] = found[0]
            if len(found) > 1:
                found[0]["with_candidates"] = found[1]
            _show(path, found[0])
        if out is not None:
            write_whole(out, srsly.json_dumps(results, indent=2).encode("utf8"))
    except (OSError, ValueError) as err:
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


def _ways(linker: Any, candidates: Optional[str]) -> List[Any]:
    """What the linker's setting `candidates` shall be, one after the other."""
    from ..pipeline.choices import AliasCandidates_v1, GivenCandidates_v1

    ways = {
        None: [linker.candidates],
        "none": [None],
        "aliases": [None, AliasCandidates_v1()],
        "data": [None, GivenCandidates_v1()],
    }
    if candidates not in ways:
        allowed = f"one of {', '.join(CANDIDATES)}"
        raise ValueError(Errors.D006.format(key="--candidates", value=candidates, allowed=allowed))
    return ways[candidates]


def _evaluate(
    nlp: Any, linker: Any, candidates: Any, path: Path, seen: Any, limit: int, batch_size: int
) -> Dict[str, Any]:
    """The figures of a data set."""
    from ..training.evaluation import evaluate
    from ..training.readers import texts_in

    linker.candidates = candidates
    texts = islice(texts_in(path), limit or None)
    link = partial(linker.pipe, batch_size=batch_size)
    return evaluate(nlp, link, linker.titles, texts, seen)


def _show(path: Path, found: Dict[str, Any]) -> None:
    rows = [("all", *_cells(found))]
    if "with_candidates" in found:
        rows.append(("with candidates", *_cells(found["with_candidates"])))
    if "most_frequent_title" in found:
        rows.append(("most frequent title", *_cells(found["most_frequent_title"])))
    aligns = ("l", "r", "r", "r", "r")
    msg.table(rows, header=(path.name, *HEADER), aligns=aligns, divider=True)
    for key, what in TABLES.items():
        if key in found:
            rows = [(name, *_cells(row)) for name, row in found[key].items()]
            msg.table(rows, header=(what, *HEADER), aligns=aligns, divider=True)


def _cells(row: Dict[str, Any]) -> List[str]:
    return [f"{row[key]:,}" if key == "mentions" else f"{row[key]:.3f}" for key in COLUMNS]
