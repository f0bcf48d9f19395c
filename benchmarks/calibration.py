"""How well the first candidate's probability tells whether it is right, and which temperature and
which score of "none of these names" make it tell best. Both are settings of the model ("genre" in
its config.json).

    python benchmarks/calibration.py DATA [--titles NAMES.tsv.gz] [--set conel22_val]
        [--test rss500]

What is best on the first data set is then measured on the second. Mentions whose title is not in
the title set are in both: for them every candidate is wrong.
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
    data: Annotated[Path, typer.Argument(help="The folder of the data sets.")],
    titles: Annotated[Optional[Path], typer.Option(help="A gzipped TSV, names first.")] = None,
    name: Annotated[str, typer.Option("--set", help="A data set that is no test set.")] = (
        "conel22_val"
    ),
    test: Annotated[str, typer.Option(help="A data set that nothing was chosen on.")] = "rss500",
    model: Annotated[
        Optional[str], typer.Option(help="A model's folder. [default: the package's own]")
    ] = None,
) -> None:
    """Print the best settings with and without a score for NIL, and how good they are."""
    nlp, linker = make_linker(titles, model={"name": model})
    sets = [(key, *read(data / f"{key}.jsonl.gz", nlp, linker)) for key in (name, test)]
    scores, right = sets[0][1:]
    alone = min((loss(scores, right, t, -np.inf), t, -np.inf) for t in TEMPERATURES)
    pairs = product(TEMPERATURES, NIL_SCORES)
    with_nil = min((loss(scores, right, t, nil), t, nil) for t, nil in pairs)
    print(f"{'set':14} {'mentions':>8} {'right':>6} {'temperature':>11} {'NIL score':>9} ", end="")
    print(f"{'log loss':>9} {'calibration error':>18} {'right above wrong':>18}")
    for key, scores, right in sets:
        for _, temperature, nil_score in (alone, with_nil):
            sure = probabilities(scores, temperature, nil_score)
            print(f"{key:14} {len(right):8,} {np.mean(right):6.3f} {temperature:11.1f} ", end="")
            print(f"{nil_score:9.1f} {log_loss(sure, right):9.4f} ", end="")
            print(f"{calibration_error(sure, right):18.4f} {ranking(sure, right):18.3f}")


def read(path: Path, nlp: Any, linker: Any) -> Tuple[np.ndarray, np.ndarray]:
    """The scores of each mention's candidates, best first, [n, k]; which first ones are right."""
    scores, right = [], []
    gold_docs = list(read_gold(path, nlp.vocab))
    docs = nlp.pipe((gold.doc for gold in gold_docs), batch_size=32)
    for gold, doc in zip(gold_docs, docs, strict=True):
        for title, ent in zip(gold.titles, doc.ents, strict=True):
            found = [c.score for c in ent._.genre_candidates]
            scores.append(found + [-np.inf] * (linker.num_beams - len(found)))
            right.append(normalize(ent.kb_id_) == normalize(title))
    return np.array(scores), np.array(right)


def probabilities(scores: np.ndarray, temperature: float, nil_score: float) -> np.ndarray:
    """The first candidate's share, [n]."""
    weights = np.exp(scores / temperature)
    return weights[:, 0] / (weights.sum(axis=1) + np.exp(nil_score / temperature))


def loss(scores: np.ndarray, right: np.ndarray, temperature: float, nil_score: float) -> float:
    return log_loss(probabilities(scores, temperature, nil_score), right)


def log_loss(sure: np.ndarray, right: np.ndarray) -> float:
    sure = np.clip(sure, 1e-6, 1 - 1e-6)
    return float(-np.where(right, np.log(sure), np.log(1 - sure)).mean())


def calibration_error(sure: np.ndarray, right: np.ndarray, bins: int = 10) -> float:
    """The mean difference of probability and share of right answers, over equal-sized bins."""
    parts = np.array_split(np.argsort(sure), bins)
    return float(np.mean([abs(sure[part].mean() - right[part].mean()) for part in parts]))


def ranking(sure: np.ndarray, right: np.ndarray) -> float:
    """How often a right answer is more probable than a wrong one (the area under the ROC curve)."""
    above = sure[right][:, None] - sure[~right][None, :]
    return float(((above > 0) + (above == 0) / 2).mean())


if __name__ == "__main__":
    typer.run(main)
