"""Fits the calibration of `genre_linker`, in the `genre` block of a model's config.json, and shows
how good it is: expected calibration error (ECE), reliability, and the detection of NIL mentions.

    python benchmarks/calibration.py gather TITLES OUT.jsonl FILE... [--model MODEL] [--limit 300]
    python benchmarks/calibration.py fit HELD_OUT.jsonl [--test TEST.jsonl] [--plot PLOT.png]

`gather` searches the candidates of gold mentions in a title set with aliases; FILEs are data sets
as in accuracy.py. `fit` takes a minute. It prints the settings for config.json, and how they do on
the same mentions and on those of --test. Mentions whose title is not in the title set count:
all their candidates are wrong.
"""

import json
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path
from typing import Annotated, Dict, List, Optional, Sequence, Tuple

import numpy as np
import typer
from datasets import make_linker
from evidence import (
    Evidence,
    gather,
    one_candidate,
    own_lists,
    probabilities,
    read,
    without_names,
    write,
)

from spacy_genre.model.settings import AliasSettings, GenreSettings

TEMPERATURES = np.arange(2, 13) / 10
NIL_SCORES = np.arange(-30, 1) / 10
WEIGHTS = np.arange(0, 11) / 10
# Of the weights whose accuracy is that close to the best, the one with the lowest loss is taken.
TOLERANCE = 0.001
SCORE_FLOOR = -2.5
RIDGE = 1e-3  # of the fitted weights
BINS = 10
app = typer.Typer(help=__doc__)


@app.command("gather")
def gather_command(
    titles: Annotated[Path, typer.Argument(help="A title set with aliases.")],
    out: Annotated[Path, typer.Argument(help="The file to write.")],
    files: Annotated[List[Path], typer.Argument(help="Data sets.")],
    model: Annotated[
        Optional[str], typer.Option(help="The folder of a model. [default: the one in the package]")
    ] = None,
    limit: Annotated[Optional[int], typer.Option(help="The most mentions of a data set.")] = None,
) -> None:
    """Search the candidates of gold mentions and store their scores and priors."""
    nlp, linker = make_linker(titles, model={"name": model})
    write(out, [item for path in files for item in gather(path, nlp, linker, limit)])


@app.command("fit")
def fit_command(
    held_out: Annotated[Path, typer.Argument(help="What `gather` wrote, of texts held out.")],
    test: Annotated[Optional[Path], typer.Option(help="The same of other texts.")] = None,
    plot: Annotated[Optional[Path], typer.Option(help="Write a reliability plot.")] = None,
) -> None:
    """Print the best settings, and how well they are calibrated."""
    evidence = list(read(held_out))
    settings = fit(evidence)
    keys = ("temperature", "nil_score", "threshold")
    block = {key: getattr(settings, key) for key in keys} | {"aliases": asdict(settings)["aliases"]}
    print(json.dumps(block, indent=2))
    parts = {"held out": evidence, "test": list(read(test)) if test else []}
    for name, part in parts.items():
        if part:
            print_calibration(name, part, settings)
            print_nil(name, part, settings)
    if plot is not None:
        draw(parts["test"] or evidence, settings, plot)


# Fitting


def fit(evidence: Sequence[Evidence]) -> GenreSettings:
    """The settings with which the probabilities of these mentions are most likely."""
    model_alone = [item.alone() for item in evidence if item.n_found]
    grid = product(TEMPERATURES, NIL_SCORES)
    options = [GenreSettings(temperature=float(t), nil_score=float(nil)) for t, nil in grid]
    settings = min(options, key=lambda option: log_loss(model_alone, option))
    known = [item for item in evidence if item.rest]
    more = [item for item in (*own_lists(known), *one_candidate(known)) if item.rest]
    fitted = [fit_weights([*known, *more], float(weight)) for weight in WEIGHTS]
    tried = [replace(settings, aliases=aliases) for aliases in fitted]
    accuracies = [macro_accuracy(evidence, option) for option in tried]
    close = [o for o, a in zip(tried, accuracies, strict=True) if a >= max(accuracies) - TOLERANCE]
    settings = min(close, key=lambda option: log_loss(known, option))
    return replace(settings, threshold=best_threshold(evidence, settings))


def fit_weights(evidence: Sequence[Evidence], weight: float) -> AliasSettings:
    """The other weights of the joint softmax for a weight of the prior, by Newton's method: its
    likelihood is concave."""
    n, width = len(evidence), max(len(item.scores) for item in evidence) + 1
    features = np.zeros((n, width, 4))  # score, is an alias, is NIL, log-prior of NIL
    fixed = np.full((n, width), -1e9)
    right = np.zeros(n, np.int64)
    for i, item in enumerate(evidence):
        k = len(item.scores)
        shares = np.asarray(item.shares)
        features[i, :k, 0] = np.maximum(item.scores, SCORE_FLOOR)
        features[i, :k, 1] = shares > 0
        features[i, k, 2:] = 1, np.log(item.rest)
        fixed[i, :k] = weight * np.log(np.where(shares > 0, shares, item.rest))
        fixed[i, k] = 0
        right[i] = item.gold if item.gold >= 0 else k
    theta = np.array([1.0, 0.0, 0.0, 0.0])
    for _ in range(30):
        logits = features @ theta + fixed
        probs = np.exp(logits - logits.max(axis=1, keepdims=True))
        probs /= probs.sum(axis=1, keepdims=True)
        mean = np.einsum("nk,nkf->nf", probs, features)
        gradient = (features[np.arange(n), right] - mean).mean(axis=0) - RIDGE * theta
        second = np.einsum("nk,nkf,nkg->fg", probs, features, features) / n
        theta += np.linalg.solve(second - mean.T @ mean / n + RIDGE * np.eye(4), gradient)
    scale, bias, nil_bias, nil_weight = (round(float(value), 3) for value in theta)
    return AliasSettings(round(1 / scale, 3), SCORE_FLOOR, weight, bias, nil_bias, nil_weight)


def best_threshold(evidence: Sequence[Evidence], settings: GenreSettings) -> float:
    """The threshold with the best F1 of links, with and without aliases."""
    both = [*evidence, *(item.alone() for item in evidence)]
    probs, right = best_candidates(both, settings)
    n_in = sum(item.in_set for item in both)
    thresholds = np.arange(5, 60, 5) / 100

    def f1(threshold: float) -> float:
        linked = probs >= threshold
        return 2 * float((right & linked).sum()) / (linked.sum() + n_in)

    return float(max(thresholds, key=f1))


# Metrics


def best_candidates(
    evidence: Sequence[Evidence], settings: GenreSettings
) -> Tuple[np.ndarray, np.ndarray]:
    """The probability of each mention's best candidate, and whether it is right, [N] each."""
    probs, right = [], []
    for item in evidence:
        shares = probabilities(item, settings)
        best = int(np.argmax(shares)) if shares else -2
        probs.append(shares[best] if shares else 0.0)
        right.append(best == item.gold)
    return np.array(probs), np.array(right)


def log_loss(evidence: Sequence[Evidence], settings: GenreSettings) -> float:
    """The loss of the best candidate's probability."""
    probs, right = best_candidates(evidence, settings)
    probs = np.clip(probs, 1e-6, 1 - 1e-6)
    return float(-np.where(right, np.log(probs), np.log(1 - probs)).mean())


def macro_accuracy(evidence: Sequence[Evidence], settings: GenreSettings) -> float:
    """The accuracy on mentions whose title is in the set, averaged over the data sets."""
    known = [item for item in evidence if item.in_set]
    sources = sorted({item.source for item in known})
    parts = [[item for item in known if item.source == source] for source in sources]
    return float(np.mean([best_candidates(part, settings)[1].mean() for part in parts]))


def calibration_error(probs: np.ndarray, right: np.ndarray) -> float:
    """The mean difference of probability and accuracy over bins of equal size (ECE)."""
    bins = np.array_split(np.argsort(probs), BINS)
    gaps = [len(part) * abs(probs[part].mean() - right[part].mean()) for part in bins if len(part)]
    return float(sum(gaps) / len(probs))


# Reports


def situations(evidence: Sequence[Evidence]) -> Dict[str, List[Evidence]]:
    """The mentions in different title sets."""
    return {
        "full set": [item.alone() for item in evidence],
        "aliases": list(evidence),
        "own list": own_lists(evidence, seed=1),
        "one candidate": one_candidate(evidence, seed=1),
    }


def print_calibration(name: str, evidence: Sequence[Evidence], settings: GenreSettings) -> None:
    """Print the calibration error in each situation."""
    print(f"\n{name:10} {'mentions':>8} {'right':>6} {'log loss':>9} {'ECE':>6}")
    for situation, part in situations(evidence).items():
        probs, right = best_candidates(part, settings)
        error = calibration_error(probs, right)
        loss = log_loss(part, settings)
        print(f"{situation:14} {len(part):4,} {right.mean():6.3f} {loss:9.3f} {error:6.3f}")


def print_nil(name: str, evidence: Sequence[Evidence], settings: GenreSettings) -> None:
    """Print how well NIL mentions are found, by data set, and in the title set without a fifth of
    the gold names."""
    print(f"\n{name:22} {'NIL':>5} {'precision':>9} {'recall':>6} {'links: right':>12} {'lost':>6}")
    for source in sorted({item.source for item in evidence}):
        part = [item for item in evidence if item.source == source]
        for what, items in ((source, part), ("  20 % removed", without_names(part, 0.2))):
            probs, right = best_candidates(items, settings)
            nil = probs < (settings.threshold or 0)
            is_nil = np.array([not item.in_set for item in items])
            precision, recall = (is_nil & nil).sum() / max(nil.sum(), 1), (is_nil & nil).sum()
            recall = recall / is_nil.sum() if is_nil.any() else 1.0
            lost = (right & nil).sum() / max(right.sum(), 1)
            print(f"{what:22} {is_nil.sum():5,} {precision:9.3f} {recall:6.3f} ", end="")
            print(f"{right[~nil].mean():12.3f} {lost:6.3f}")


def draw(evidence: Sequence[Evidence], settings: GenreSettings, path: Path) -> None:
    """Draw accuracy against probability in each situation."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#8a94a0", linewidth=1)
    for situation, part in situations(evidence).items():
        probs, right = best_candidates(part, settings)
        bins = np.array_split(np.argsort(probs), BINS)
        points = [(probs[index].mean(), right[index].mean()) for index in bins]
        axes.plot(*zip(*points, strict=True), marker="o", label=situation)
    axes.set(xlabel="probability of the best candidate", ylabel="share that is right")
    axes.legend(frameon=False)
    figure.savefig(path, dpi=120)


if __name__ == "__main__":
    app()
