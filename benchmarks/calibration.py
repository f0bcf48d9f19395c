"""How well the first candidate's probability tells whether it is right, and which temperature
makes it tell best. The temperature is a setting of the model ("genre" in its config.json).

    python benchmarks/calibration.py DATA [--titles NAMES.tsv.gz] [--set conel22_val]
"""

from pathlib import Path
from typing import Annotated, Optional

import numpy as np
import typer
from datasets import make_linker, normalize, read_gold


def main(
    data: Annotated[Path, typer.Argument(help="The folder of the data sets.")],
    titles: Annotated[Optional[Path], typer.Option(help="A gzipped TSV, names first.")] = None,
    name: Annotated[str, typer.Option("--set", help="A data set that is no test set.")] = (
        "conel22_val"
    ),
) -> None:
    """Print the calibration at several temperatures."""
    nlp, linker = make_linker(titles)
    gold_docs = list(read_gold(data / f"{name}.jsonl.gz", nlp.vocab))
    scores, right = [], []
    for gold, doc in zip(gold_docs, nlp.pipe(gold.doc for gold in gold_docs), strict=True):
        for title, ent in zip(gold.titles, doc.ents, strict=True):
            found = [c.score for c in ent._.genre_candidates]
            scores.append(found + [-np.inf] * (linker.num_beams - len(found)))
            right.append(normalize(ent.kb_id_) == normalize(title))
    print(f"{name}: {len(right):,} mentions, {np.mean(right):.3f} right")
    print(f"{'temperature':>11} {'log loss':>9} {'calibration error':>18}")
    for temperature in np.round(np.arange(0.2, 2.01, 0.1), 1):
        sure = probabilities(np.array(scores), temperature)
        loss, error = log_loss(sure, np.array(right)), calibration_error(sure, np.array(right))
        print(f"{temperature:11.1f} {loss:9.4f} {error:18.4f}")


def probabilities(scores: np.ndarray, temperature: float) -> np.ndarray:
    """The first candidate's share, [n], from all candidates' scores, [n, k], best first."""
    return 1 / np.exp((scores - scores[:, :1]) / temperature).sum(axis=1)


def log_loss(sure: np.ndarray, right: np.ndarray) -> float:
    sure = np.clip(sure, 1e-6, 1 - 1e-6)
    return float(-np.where(right, np.log(sure), np.log(1 - sure)).mean())


def calibration_error(sure: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """The mean difference of probability and share of right answers, over equal-sized bins."""
    parts = np.array_split(np.argsort(sure), bins)
    return float(np.mean([abs(sure[part].mean() - right[part].mean()) for part in parts]))


if __name__ == "__main__":
    typer.run(main)
