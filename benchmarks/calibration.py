"""The calibration of the first candidate's probability, and the best values of `temperature` and
`nil_score` (in the `genre` block of a model's config.json).

    python benchmarks/calibration.py DATA [--titles NAMES.tsv.gz] [--set conel22_val]
        [--test rss500]

The settings with the lowest log loss on the first data set are then measured on the second one.
Mentions whose title is not in the title set are included: all their candidates are wrong.
"""

from itertools import product
from pathlib import Path
from typing import Annotated, Any, Optional, Tuple

import numpy as np
import typer
from datasets import make_linker, normalize, read_gold

TEMPERATURES = np.arange(2, 13) / 10
NIL_SCORES = np.arange(-30, 1) / 10


def main(
    data: Annotated[Path, typer.Argument(help="The folder with the data sets.")],
    titles: Annotated[
        Optional[Path], typer.Option(help="A gzipped TSV with names in the first column.")
    ] = None,
    name: Annotated[
        str, typer.Option("--set", help="The data set on which the settings are chosen.")
    ] = ("conel22_val"),
    test: Annotated[str, typer.Option(help="The data set on which they are tested.")] = "rss500",
    model: Annotated[
        Optional[str], typer.Option(help="The folder of a model. [default: the one in the package]")
    ] = None,
) -> None:
    """Print the best settings, with and without a nil_score, and their calibration."""
    nlp, linker = make_linker(titles, model={"name": model})
    sets = [(key, *read(data / f"{key}.jsonl.gz", nlp, linker)) for key in (name, test)]
    scores, right = sets[0][1:]
    without_nil = min((loss(scores, right, t, -np.inf), t, -np.inf) for t in TEMPERATURES)
    grid = product(TEMPERATURES, NIL_SCORES)
    with_nil = min((loss(scores, right, t, nil), t, nil) for t, nil in grid)
    print(f"{'set':14} {'mentions':>8} {'right':>6} {'temperature':>11} {'NIL score':>9} ", end="")
    print(f"{'log loss':>9} {'calibration error':>18} {'ROC AUC':>18}")
    for key, scores, right in sets:
        for _, temperature, nil_score in (without_nil, with_nil):
            probs = probabilities(scores, temperature, nil_score)
            print(f"{key:14} {len(right):8,} {np.mean(right):6.3f} {temperature:11.1f} ", end="")
            print(f"{nil_score:9.1f} {log_loss(probs, right):9.4f} ", end="")
            print(f"{calibration_error(probs, right):18.4f} {ranking(probs, right):18.3f}")


def read(path: Path, nlp: Any, linker: Any) -> Tuple[np.ndarray, np.ndarray]:
    """Link a data set.

    RETURNS (Tuple[np.ndarray, np.ndarray]): The scores of the candidates of each mention, best
        first, [N, num_beams], and whether the first candidate is right, [N].
    """
    scores, right = [], []
    gold_docs = list(read_gold(path, nlp.vocab))
    docs = nlp.pipe((gold.doc for gold in gold_docs), batch_size=32)
    for gold, doc in zip(gold_docs, docs, strict=True):
        for title, ent in zip(gold.titles, doc.ents, strict=True):
            row = [c.score for c in ent._.genre_candidates]
            scores.append(row + [-np.inf] * (linker.num_beams - len(row)))
            right.append(normalize(ent.kb_id_) == normalize(title))
    return np.array(scores), np.array(right)


def probabilities(scores: np.ndarray, temperature: float, nil_score: float) -> np.ndarray:
    """The probability of the first candidate, [N]."""
    weights = np.exp(scores / temperature)
    return weights[:, 0] / (weights.sum(axis=1) + np.exp(nil_score / temperature))


def loss(scores: np.ndarray, right: np.ndarray, temperature: float, nil_score: float) -> float:
    return log_loss(probabilities(scores, temperature, nil_score), right)


def log_loss(probs: np.ndarray, right: np.ndarray) -> float:
    probs = np.clip(probs, 1e-6, 1 - 1e-6)
    return float(-np.where(right, np.log(probs), np.log(1 - probs)).mean())


def calibration_error(probs: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """The mean difference between probability and accuracy, over bins of equal size."""
    parts = np.array_split(np.argsort(probs), bins)
    return float(np.mean([abs(probs[part].mean() - right[part].mean()) for part in parts]))


def ranking(probs: np.ndarray, right: np.ndarray) -> float:
    """The area under the ROC curve: how often a right answer is more probable than a wrong one."""
    above = probs[right][:, None] - probs[~right][None, :]
    return float(((above > 0) + (above == 0) / 2).mean())


if __name__ == "__main__":
    typer.run(main)
