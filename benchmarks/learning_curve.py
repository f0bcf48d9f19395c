"""Plot the accuracy on held-out sets against the number of pairs read, from the log of a training.

    python benchmarks/learning_curve.py LOG PLOT

Needs matplotlib. LOG has JSON lines. Those with the key `eval` are evaluations: `seen` is the
number of linking pairs read, and each list is a held-out set, whose first value is the accuracy.
"""

from pathlib import Path
from typing import Annotated, Any, Dict, List, Tuple

import srsly
import typer

from spacy_genre.evaluation.charts import COLOURS, GRID_COLOUR, RC_PARAMS, require_matplotlib

# The sets that are shown, and what they are.
SETS = {
    "salience": "Wikinews, a source never trained on",
    "wiki": "Wikipedia, links of whole pages",
    "table": "Wikipedia, tables",
    "gum": "GUM, several genres",
    "conel": "conversations (ConEL-22, validation)",
}
# For each set the pairs read and the accuracy at each evaluation.
Curves = Dict[str, List[Tuple[int, float]]]


def main(
    log: Annotated[Path, typer.Argument(help="The log of a training (.jsonl).")],
    plot: Annotated[Path, typer.Argument(help="The picture to write (.png).")],
) -> None:
    """Print the accuracies and write the plot."""
    require_matplotlib()
    curves = read_curves(log)
    for name, points in curves.items():
        print(name, " ".join(f"{seen:,}: {accuracy:.3f}" for seen, accuracy in points))
    draw(curves, plot)


def read_curves(log: Path) -> Curves:
    """RAISES (ValueError): If the log has no evaluations."""
    rows = [row for row in srsly.read_jsonl(log) if "eval" in row]
    curves = {name: [(row["seen"], row[name][0]) for row in rows if name in row] for name in SETS}
    curves = {name: points for name, points in curves.items() if points}
    if not curves:
        raise ValueError(
            f"{log} has no evaluations: no row has 'eval' and one of {', '.join(SETS)}"
        )
    return curves


def draw(curves: Curves, path: Path) -> None:
    """Draw the curves; the number of pairs has a logarithmic axis."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(RC_PARAMS):
        figure = Figure(figsize=(7.5, 4.2), layout="constrained")
        axes: Any = figure.subplots()
        for (name, points), colour in zip(curves.items(), COLOURS, strict=False):
            axes.plot(*zip(*points, strict=True), marker="o", label=SETS[name], color=colour)
        axes.set_xscale("log")
        ticks = sorted({seen for points in curves.values() for seen, _ in points})
        axes.set_xticks(ticks, [f"{seen / 1e6:.1f}" for seen in ticks])
        axes.minorticks_off()
        axes.set(xlabel="linking pairs read, millions", ylim=(0, 1))
        axes.set_title("accuracy on mentions whose title is in the set", loc="left", fontsize=11)
        axes.grid(axis="y", color=GRID_COLOUR, alpha=0.3)
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        figure.legend(loc="outside lower left", ncols=2, frameon=False)
        figure.savefig(path, dpi=150)


if __name__ == "__main__":
    typer.run(main)
