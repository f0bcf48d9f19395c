"""`python -m spacy genre evaluate --end-to-end`: evaluation of pipelines that find and link
mentions in raw text."""

from itertools import islice
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

from wasabi import msg

from ..atomic import write_atomically
from ..errors import Errors
from ..titles import TitleSet

# The scores of the table: of links and of mention detection.
MICRO_MACRO = ("micro_p", "micro_r", "micro_f", "macro_p", "macro_r", "macro_f")
HEADER = ("texts", "mentions", "micro-P", "R", "F1", "macro-P", "R", "F1")


def evaluate_end_to_end_data(
    data: Sequence[Path],
    pipeline: Optional[str],
    model: Optional[str],
    titles: Optional[Path],
    *,
    predictions: Optional[Path],
    guess: Optional[Path],
    limit: int,
    batch_size: int,
) -> Dict[str, Any]:
    """Evaluate a pipeline, or predictions in a file, and print the scores.

    data (Sequence[Path]): Data sets.
    pipeline, model (Optional[str]): As for `genre evaluate`. A model gets a `genre_annotator`.
    titles (Optional[Path]): A title set that replaces the pipeline's.
    predictions (Optional[Path]): A folder to write predictions to, as NIF.
    guess (Optional[Path]): Predictions to score instead of running the pipeline.
    limit (int): Maximum number of texts per data set, 0 for all.
    batch_size (int): Number of texts per batch.
    RETURNS (Dict[str, Any]): The scores of each data set.
    RAISES (OSError, ValueError): If something can't be read or written.
    """
    from ..corpora.articles import ArticleOptions
    from ..corpora.formats.nif import to_nif
    from ..corpora.readers import texts_in
    from ..evaluation.annotation import (
        align_predictions,
        evaluate_end_to_end,
        genre_components,
        score_texts,
    )

    title_set = TitleSet.open(titles) if titles is not None else None
    nlp: Any = None if guess is not None else _load_pipeline(pipeline, model)
    if nlp is not None and title_set is not None:
        for component in genre_components(nlp):
            component.titles = title_set
    results: Dict[str, Any] = {}
    for path in data:
        whole = texts_in(path, options=ArticleOptions(complete=True))
        texts = list(islice(whole, limit or None))
        if not any(text.mentions for text in texts):
            raise ValueError(Errors.D035.format(path=path))
        if guess is not None:
            found = align_predictions(texts, texts_in(guess), guess)
            results[str(path)] = score_texts(texts, found, title_set)
        else:
            results[str(path)], found = evaluate_end_to_end(
                nlp, texts, title_set, batch_size=batch_size
            )
        if predictions is not None:
            predictions.mkdir(parents=True, exist_ok=True)
            file = predictions / f"{path.name.partition('.')[0]}.ttl"
            write_atomically(file, to_nif(found, nlp.lang if nlp else "en").encode("utf8"))
    _show(results)
    return results


def _load_pipeline(path: Optional[str], model: Optional[str]) -> Any:
    """Load a pipeline, or make one of a model."""
    import spacy

    if path is not None and model is not None:
        raise ValueError(Errors.D018)
    if path is not None:
        return spacy.load(path)
    nlp = spacy.blank("en")
    nlp.add_pipe("genre_annotator", config={"model": {"name": model}})
    return nlp


def _show(results: Dict[str, Any]) -> None:
    """Print the scores of all data sets."""
    rows: List[List[str]] = []
    for name, scores in results.items():
        counts = [f"{scores['texts']:,}", f"{scores['mentions']:,}"]
        for prefix, label in (("", Path(name).name), ("detection_", "  mention detection")):
            cells = [f"{scores[prefix + key]:.3f}" for key in MICRO_MACRO]
            rows.append([label, *(("", "") if prefix else counts), *cells])
        rows.append(["  linking accuracy", "", "", f"{scores['linking_accuracy']:.3f}", *[""] * 5])
    aligns = ("l", *"r" * len(HEADER))
    msg.table(rows, header=("data set", *HEADER), aligns=aligns, divider=True)
    for name, scores in results.items():
        if "in_set" in scores:
            share = scores["in_set"]
            msg.text(f"{Path(name).name}: {share:.3f} of the gold entities are in the title set")
