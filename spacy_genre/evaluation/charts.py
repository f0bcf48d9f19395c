"""What is drawn of an evaluation, and drawing it as PNG. (The page of `report` draws the same as
SVG.)"""

from dataclasses import dataclass
from importlib.util import find_spec
from math import nan
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from ..errors import Errors

Results = Mapping[str, Mapping[str, Any]]
# The tables of an evaluation: what their rows are, and what a plot of them is called.
TABLES = {
    "by_frequency": ("Linked in training", "cold_start"),
    "by_form": ("The mention reads as", "form"),
    "by_label": ("Label", "labels"),
}
# The figures of other systems, beside those of the model.
VARIANTS = {
    "with_candidates": "with candidates",
    "unconstrained": "without the constraint",
    "most_frequent_title": "most frequent title",
}
# Of labels as of anything, a plot shows the most common ones.
MAX_GROUPS = 12
# Those of the page.
COLOURS = ("#09a3d5", "#a3b3c2", "#e0702d", "#3f9b54", "#8a63d2", "#c79100")


@dataclass(frozen=True)
class Chart:
    """Bars from 0 to 1.

    name (str): A name for a file.
    title (str): What the bars measure.
    groups (List[str]): What they are measured of.
    series (Dict[str, List[float]]): The bars of each system or data set, one for each group; NaN
        where there is none.
    """

    name: str
    title: str
    groups: List[str]
    series: Dict[str, List[float]]


def names_of(results: Results) -> Dict[str, str]:
    """What each data set is called: by its file without suffixes, or by its folder (`corpus/dev`);
    by all of its path if another has the same name."""
    names = {path: _name(path) for path in results}
    found = [*names.values()]
    return {path: path if found.count(name) > 1 else name for path, name in names.items()}


def _name(path: str) -> str:
    parts = Path(path).parts
    if not parts or "." not in parts[-1]:
        return "/".join(parts[-2:]) or path
    return parts[-1].split(".")[0] or parts[-1]


def charts_of(results: Results) -> List[Chart]:
    """The charts of an evaluation.

    results (Results): For each data set what `evaluate` gave.
    RETURNS (List[Chart]): All data sets, beside what else was evaluated; and each table of them.
    """
    names = names_of(results)
    series = {"this model": [found["micro_f"] for found in results.values()]}
    for key, what in VARIANTS.items():
        if any(key in found for found in results.values()):
            series[what] = [found.get(key, {}).get("micro_f", nan) for found in results.values()]
    charts = [Chart("data_sets", "micro-F1, all mentions", [*names.values()], series)]
    for key, (what, name) in TABLES.items():
        groups = _groups(results, key)
        if len(groups) > 1:
            rows = {
                names[path]: [_accuracy(found.get(key, {}).get(group)) for group in groups]
                for path, found in results.items()
            }
            title = f"{what}: accuracy where the title is in the set"
            charts.append(Chart(name, title, groups, rows))
    return charts


def _accuracy(row: Optional[Mapping[str, Any]]) -> float:
    return row["accuracy_in_set"] if row and row["in_set"] else nan


def _groups(results: Results, key: str) -> List[str]:
    """The rows of a table in their order; the most common ones if there are many."""
    counts: Dict[str, int] = {}
    for found in results.values():
        for group, row in found.get(key, {}).items():
            if row["in_set"]:
                counts[group] = counts.get(group, 0) + row["mentions"]
    common = sorted(counts, key=lambda group: -counts[group])[:MAX_GROUPS]
    return sorted(common)


def check_can_draw() -> None:
    """RAISES (ImportError): If matplotlib is missing."""
    if find_spec("matplotlib") is None:
        raise ImportError(Errors.F015)


def draw_charts(results: Results, folder: Path) -> List[Path]:
    """Draw the charts of an evaluation.

    folder (Path): Gets a PNG for each; it is made if it is not there.
    RETURNS (List[Path]): The files.
    RAISES (ImportError, OSError): If matplotlib is missing; if a file can't be written.
    """
    check_can_draw()
    folder.mkdir(parents=True, exist_ok=True)
    return [_draw(chart, folder / f"{chart.name}.png") for chart in charts_of(results)]


def _draw(chart: Chart, path: Path) -> Path:
    # Not pyplot, which would keep the figure and may want a screen.
    from matplotlib.figure import Figure

    n_bars = len(chart.series) * len(chart.groups)
    figure = Figure(figsize=(7, 1.2 + 0.28 * n_bars + 0.2 * len(chart.groups)))
    axes = figure.subplots()
    height = 0.8 / len(chart.series)
    for i, (name, values) in enumerate(chart.series.items()):
        at = [j + (i + 0.5) * height - 0.4 for j in range(len(chart.groups))]
        colour = COLOURS[i % len(COLOURS)]
        bars = axes.barh(at, values, height * 0.9, label=name, color=colour)
        axes.bar_label(bars, fmt=lambda v: "" if v != v else f"{v:.3f}", padding=3, fontsize=8)
    axes.set(xlim=(0, 1.08), title=chart.title)
    axes.set_yticks(range(len(chart.groups)), chart.groups)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    if len(chart.series) > 1:
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=3, frameon=False)
    figure.savefig(path, dpi=150, bbox_inches="tight")
    return path
