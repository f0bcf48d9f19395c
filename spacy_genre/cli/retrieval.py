"""`python -m spacy genre evaluate --retrieval`: evaluation of document retrieval."""

from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from wasabi import msg

from ..atomic import write_atomically
from ..errors import Errors
from ..titles import TitleSet

COLUMNS = {
    "texts": "texts",
    "r_precision": "R-precision",
    "recall_at_1": "recall@1",
    "recall_at_5": "recall@5",
    "success_at_5": "success@5",
}


def evaluate_retrieval_data(
    data: Sequence[Path],
    pipeline: Optional[str],
    model: Optional[str],
    titles: Optional[Path],
    *,
    rank_keys: Sequence[str],
    predictions: Optional[Path],
    guess: Optional[Path],
    limit: int,
    batch_size: int,
) -> Dict[str, Any]:
    """Evaluate a retriever, or predictions in a file, and print the scores.

    data (Sequence[Path]): Data sets, or folders with data sets of KILT.
    pipeline, model (Optional[str]): As for `genre evaluate`.
    titles (Optional[Path]): A title set that replaces the pipeline's.
    rank_keys (Sequence[str]): What identifies a page; empty for the default.
    predictions (Optional[Path]): A folder to write predictions to, in KILT's format.
    guess (Optional[Path]): Predictions to score instead of retrieving pages.
    limit (int): Maximum number of texts per data set, 0 for all.
    batch_size (int): Number of texts per batch.
    RETURNS (Dict[str, Any]): The scores of each data set.
    RAISES (OSError, ValueError): If something can't be read or written.
    """
    import srsly

    from ..evaluation.retrieval import (
        RANK_KEYS,
        data_sets,
        default_rank_keys,
        evaluate_retrieval,
        score_predictions,
    )

    for key in rank_keys:
        if key not in RANK_KEYS:
            allowed = f"one of {', '.join(RANK_KEYS)}"
            raise ValueError(Errors.D006.format(key="--rank-key", value=key, allowed=allowed))
    nlp, retriever = _load_retriever(pipeline, model)
    if titles is not None:
        retriever.titles = TitleSet.open(titles)
    results: Dict[str, Any] = {}
    for name, path in (item for given in data for item in data_sets(given).items()):
        if guess is not None:
            keys = rank_keys or default_rank_keys(retriever.titles)
            results[name] = score_predictions(path, guess, retriever.titles, rank_keys=keys)
            continue
        results[name], rows = evaluate_retrieval(
            nlp, retriever, path, rank_keys=rank_keys or None, limit=limit, batch_size=batch_size
        )
        if predictions is not None:
            predictions.mkdir(parents=True, exist_ok=True)
            lines = "".join(f"{srsly.json_dumps(row)}\n" for row in rows)
            write_atomically(predictions / f"{Path(name).stem}.jsonl", lines.encode("utf8"))
    _show(results)
    return results


def _load_retriever(path: Optional[str], model: Optional[str]) -> Any:
    """Load a pipeline, or make one of a model, and find its retriever."""
    import spacy

    from ..tasks.lookup import find_component
    from ..tasks.retriever.component import GenreRetriever

    if path is None:
        nlp = spacy.blank("en")
        nlp.add_pipe("genre_retriever", config={"model": {"name": model}})
    elif model is not None:
        raise ValueError(Errors.D018)
    else:
        nlp = spacy.load(path)
    _, retriever = find_component(nlp, GenreRetriever)
    # The texts of data sets are whole docs.
    retriever.settings.unit, retriever.settings.spans_key = "doc", None
    return nlp, retriever


def _show(results: Dict[str, Any]) -> None:
    """Print the scores of all data sets."""
    rows: List[List[str]] = []
    for name, scores in results.items():
        cells = [f"{scores['texts']:,}"]
        # Data without gold pages, such as the test sets of KILT, has no scores.
        cells += [f"{scores[key]:.3f}" if key in scores else "–" for key in [*COLUMNS][1:]]
        rows.append([Path(name).name, *cells])
    header = ("data set", *COLUMNS.values())
    msg.table(rows, header=header, aligns=("l", *"r" * len(COLUMNS)), divider=True)
