"""`python -m spacy genre evaluate`: evaluation of entity linking on gold mentions or in raw text,
or of document retrieval."""

from enum import Enum
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Callable, Dict, List, Optional, Tuple

import typer
from wasabi import msg

from ..atomic import write_atomically
from ..errors import Errors, Warnings
from ..evaluation.charts import GROUPINGS, VARIANTS, require_matplotlib, save_charts
from ..titles import TitleSet
from .end_to_end import evaluate_end_to_end_data
from .output import fail, reason_of
from .retrieval import evaluate_retrieval_data

if TYPE_CHECKING:
    from spacy.language import Language

    from ..evaluation.linking import LinkDocs
    from ..tasks.linker.component import LinkingComponent

COLUMNS = {
    "mentions": "mentions",
    "in_set": "in the set",
    "micro_f": "micro-F1",
    "accuracy_in_set": "accuracy in the set",
}


class Candidates(str, Enum):
    """Where the candidates of mentions come from."""

    data = "data"
    aliases = "aliases"
    none = "none"


def evaluate_cli(
    data: Annotated[List[Path], typer.Argument(help="The data sets: see below.")],
    pipeline: Annotated[
        Optional[str],
        typer.Option(
            help="The pipeline to evaluate. [default: the model that comes with the package]"
        ),
    ] = None,
    model: Annotated[
        Optional[str],
        typer.Option(
            help="A model to evaluate instead of a pipeline: a folder, or a name on the hub."
        ),
    ] = None,
    titles: Annotated[
        Optional[Path], typer.Option(help="A title set to use instead of the pipeline's.")
    ] = None,
    train: Annotated[
        Optional[Path],
        typer.Option(help="The training corpus, for the baseline and the metrics by frequency."),
    ] = None,
    candidates: Annotated[
        Optional[Candidates],
        typer.Option(
            help="Evaluate without candidate sets and, unless it is 'none', with those of the data "
            "or of the title set's aliases. [default: the pipeline's setting]"
        ),
    ] = None,
    unconstrained: Annotated[
        bool,
        typer.Option(
            "--unconstrained",
            help="Evaluate also without the constraint. Generated texts that are not a title count "
            "as wrong.",
        ),
    ] = False,
    retrieval: Annotated[
        bool,
        typer.Option("--retrieval", help="Evaluate document retrieval instead: see below."),
    ] = False,
    end_to_end: Annotated[
        bool,
        typer.Option(
            "--end-to-end", help="Evaluate mentions that a pipeline finds and links: see below."
        ),
    ] = False,
    rank_key: Annotated[
        List[str],
        typer.Option(
            help="With --retrieval: what identifies a page, wikipedia_id or title. [default: "
            "wikipedia_id for KILT's data and a title set with ids, else title]"
        ),
    ] = [],  # noqa: B006
    predictions: Annotated[
        Optional[Path],
        typer.Option(
            help="Write what was found to a folder: with --retrieval in KILT's format, with "
            "--end-to-end as NIF for GERBIL."
        ),
    ] = None,
    guess: Annotated[
        Optional[Path],
        typer.Option(
            help="Score a file of predictions: with --retrieval in KILT's format, with "
            "--end-to-end of any format of texts with mentions, such as NIF."
        ),
    ] = None,
    out: Annotated[Optional[Path], typer.Option(help="Write the results to a JSON file.")] = None,
    html: Annotated[
        Optional[Path], typer.Option(help="Write a report with tables and charts, one HTML file.")
    ] = None,
    plots: Annotated[
        Optional[Path],
        typer.Option(help='Write the charts as PNG to a folder (needs "spacy_genre[evaluation]").'),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=0, help="Maximum number of texts per data set, 0 for all.")
    ] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Number of texts per batch.")] = 64,
) -> None:
    """Link the gold mentions of data sets and show metrics, as in the paper: all mentions are
    counted; those whose title is not in the title set are wrong.

    A data set is a file or folder that `spacy genre corpus build` reads or writes, of any format.

    With --retrieval, the pages that texts lead to are found and scored as by KILT's own script:
    R-precision and recall. A data set is then a file in KILT's format, a folder with files of KILT
    ("fever-dev-kilt.jsonl"), or a file or folder of texts with a title.

    With --end-to-end, a pipeline reads the texts alone: a genre_annotator (made of --model, if
    given), a named entity recognizer with a genre_linker, or any other one that sets kb_ids. Scored
    are annotations as by GERBIL: strong annotation match, InKB, micro and macro, and mention
    detection by itself. Each paragraph of a page is a text.
    """
    # Imported here because torch and transformers take seconds.
    import srsly

    from ..corpora.readers import texts_in
    from ..evaluation.linking import TrainingCounts, evaluate
    from ..evaluation.report import make_page

    try:
        linking = {
            "--train": train is not None,
            "--candidates": candidates is not None,
            "--unconstrained": unconstrained,
            "--html": html is not None,
            "--plots": plots is not None,
        }
        retrieving = {"--rank-key": bool(rank_key)}
        finding = {"--predictions": predictions is not None, "--guess": guess is not None}
        _check_options(retrieval, end_to_end, linking, retrieving, finding)
        if retrieval or end_to_end:
            options: Dict[str, Any] = {"rank_keys": rank_key} if retrieval else {}
            evaluate_data = evaluate_retrieval_data if retrieval else evaluate_end_to_end_data
            results = evaluate_data(
                data,
                pipeline,
                model,
                titles,
                predictions=predictions,
                guess=guess,
                limit=limit,
                batch_size=batch_size,
                **options,
            )
            if out is not None:
                write_atomically(out, srsly.json_dumps(results, indent=2).encode("utf8"))
            return
        if plots is not None:
            require_matplotlib()
        nlp, linker = _load_linker(pipeline, model)
        if titles is not None:
            linker.titles = TitleSet.open(titles)
        counts = None
        if train is not None:
            counts = TrainingCounts.from_texts(texts_in(train), linker.titles)
        systems = _systems(linker, candidates, unconstrained, batch_size)
        facts = _facts(linker, pipeline or model)
        results = {}
        for path in data:
            result: Dict[str, Any] = {}
            for key, link_docs in systems:
                texts = islice(texts_in(path), limit or None)
                metrics = evaluate(nlp, link_docs, linker.titles, texts, counts)
                if not metrics["mentions"]:
                    raise ValueError(Errors.D035.format(path=path))
                result.update({key: metrics} if key else metrics)
            results[str(path)] = result
            _show(path, result)
            if not result["in_set"]:
                msg.warn(Warnings.W012.format(path=path, n=result["mentions"]))
        if out is not None:
            write_atomically(out, srsly.json_dumps(results, indent=2).encode("utf8"))
        if html is not None:
            write_atomically(html, make_page(results, facts).encode("utf8"))
        if plots is not None:
            save_charts(results, plots)
    except (OSError, ValueError, ImportError) as err:
        fail("Can't evaluate", reason_of(err))


def _check_options(
    retrieval: bool,
    end_to_end: bool,
    linking: Dict[str, bool],
    retrieving: Dict[str, bool],
    finding: Dict[str, bool],
) -> None:
    """Check that no option of another evaluation is given.

    linking, retrieving, finding (Dict[str, bool]): Which options are given of linking gold
        mentions, of document retrieval, and of this and end-to-end linking.
    RAISES (ValueError): If there is one.
    """
    if retrieval:
        mode, others = "--retrieval", {"--end-to-end": end_to_end, **linking}
    elif end_to_end:
        mode, others = "--end-to-end", {**linking, **retrieving}
    else:
        mode, others = "", {**retrieving, **finding}
    if options := ", ".join(key for key, is_given in others.items() if is_given):
        message = Errors.D041.format(mode=mode, options=options) if mode else None
        raise ValueError(message or Errors.D042.format(options=options))


def _load_linker(
    path: Optional[str], model: Optional[str]
) -> Tuple["Language", "LinkingComponent"]:
    """Load a pipeline, or make one of a model, and find its linker.

    RAISES (ValueError): If both a pipeline and a model are given, or the pipeline has no linker.
    """
    import spacy

    from ..tasks.linker.component import LinkingComponent
    from ..tasks.lookup import find_component

    if path is None:
        nlp = spacy.blank("en")
        nlp.add_pipe("genre_linker", config={"model": {"name": model}})
    elif model is not None:
        raise ValueError(Errors.D018)
    else:
        nlp = spacy.load(path)
    _, linker = find_component(nlp, LinkingComponent)
    linker.settings.spans_key = None  # gold mentions become doc.ents
    return nlp, linker


def _facts(linker: "LinkingComponent", name: Optional[str]) -> Dict[str, str]:
    """What is evaluated and with which settings, for the report."""
    return {
        "pipeline": name or "the model that comes with the package",
        "title set": f"{len(linker.titles):,} titles",
        "search": f"{linker.settings.num_beams} beams",
        "data type": linker.settings.dtype,
    }


def _systems(
    linker: "LinkingComponent",
    candidates: Optional[Candidates],
    unconstrained: bool,
    batch_size: int,
) -> List[Tuple[str, "LinkDocs"]]:
    """The systems to evaluate: the key of their results ("" for the linker itself), and a function
    that links Docs."""
    from ..evaluation.unconstrained import link_unconstrained
    from ..tasks.linker.candidate_generators import AliasCandidates_v1, GoldCandidates_v1

    get_candidates: Dict[str, Any] = {"": linker.get_candidates}
    if candidates is not None:
        get_candidates = {"": None}
    if candidates is Candidates.aliases:
        get_candidates["with_candidates"] = AliasCandidates_v1()
    if candidates is Candidates.data:
        get_candidates["with_candidates"] = GoldCandidates_v1()
    systems: List[Tuple[str, LinkDocs]] = [
        (key, partial(_link_docs, linker, function, batch_size))
        for key, function in get_candidates.items()
    ]
    if unconstrained:
        link = partial(link_unconstrained, linker=linker, batch_size=batch_size)
        systems.append(("unconstrained", link))
    return systems


def _link_docs(
    linker: "LinkingComponent", get_candidates: Optional[Callable], batch_size: int, docs: Any
) -> Any:
    """Link Docs with a candidate generator; None for the whole title set."""
    linker.get_candidates = get_candidates
    return linker.pipe(docs, batch_size=batch_size)


def _show(path: Path, result: Dict[str, Any]) -> None:
    """Print the results of a data set."""
    rows = [("all", *_cells(result))]
    rows += [(label, *_cells(result[key])) for key, label in VARIANTS.items() if key in result]
    aligns = ("l", "r", "r", "r", "r")
    header = (*COLUMNS.values(),)
    msg.table(rows, header=(path.name, *header), aligns=aligns, divider=True)
    if "unconstrained" in result:
        share = result["unconstrained"]["no_title"]
        msg.text(f"Without the constraint, {share:.3f} of the answers are no title")
    for key, (heading, _) in GROUPINGS.items():
        if key in result:
            rows = [(group, *_cells(metrics)) for group, metrics in result[key].items()]
            msg.table(rows, header=(heading, *header), aligns=aligns, divider=True)


def _cells(metrics: Dict[str, Any]) -> List[str]:
    return [f"{metrics[key]:,}" if key == "mentions" else f"{metrics[key]:.3f}" for key in COLUMNS]
