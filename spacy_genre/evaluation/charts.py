"""The charts of an evaluation, drawn by matplotlib as PNG or SVG."""

import io
import re
from dataclasses import dataclass
from importlib.util import find_spec
from math import isnan, nan
from pathlib import Path
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, Optional

from ..errors import Errors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# What `evaluate` returned for each data set, by path.
Results = Mapping[str, Mapping[str, Any]]
# Groups of mentions in the results: the heading of their table, and the file name of their chart.
GROUPINGS = {
    "by_frequency": ("Links in training", "cold_start"),
    "by_form": ("Text of the mention", "form"),
    "by_label": ("Label", "labels"),
}
# Other systems in the results that the model is compared with.
VARIANTS = {
    "with_candidates": "with candidates",
    "unconstrained": "without the constraint",
    "most_frequent_title": "most frequent title",
}
# A chart shows the most frequent groups.
MAX_GROUPS = 12
# In characters.
MAX_LABEL = 32
COLOURS = ("#09a3d5", "#a3b3c2", "#e0702d", "#3f9b54", "#8a63d2", "#c79100")
GRID_COLOUR = "#8a94a0"
# Texts stay texts in SVG, ids depend on the content only, and "$" in labels is not TeX.
RC_PARAMS: Any = {"svg.fonttype": "none", "svg.hashsalt": "spacy_genre", "text.parse_math": False}
NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))


@dataclass(frozen=True)
class Chart:
    """A chart of horizontal bars.

    name (str): The chart's file name, without suffix.
    title (str): The chart's title.
    groups (List[str]): The labels of the G groups of bars.
    series (Dict[str, List[float]]): For each system or data set the values of its bars, [G], from
        0 to 1; NaN for no bar.
    """

    name: str
    title: str
    groups: List[str]
    series: Dict[str, List[float]]


def data_set_names(results: Results) -> Dict[str, str]:
    """RETURNS (Dict[str, str]): A short name for each data set, by path: the name of the file
    without suffixes, or the last two parts of a folder (`corpus/dev`). If two data sets have the
    same short name, it is the whole path."""
    names = {path: _short_name(path) for path in results}
    all_names = [*names.values()]
    return {path: path if all_names.count(name) > 1 else name for path, name in names.items()}


def _short_name(path: str) -> str:
    parts = Path(path).parts
    if not parts or "." not in parts[-1]:
        return "/".join(parts[-2:]) or path
    return parts[-1].split(".")[0] or parts[-1]


def make_charts(results: Results) -> List[Chart]:
    """RETURNS (List[Chart]): A chart of all data sets and systems, and one for each grouping of
    mentions."""
    names = data_set_names(results)
    series = {"this model": [result["micro_f"] for result in results.values()]}
    for key, label in VARIANTS.items():
        if any(key in result for result in results.values()):
            series[label] = [result.get(key, {}).get("micro_f", nan) for result in results.values()]
    charts = [Chart("data_sets", "micro-F1, all mentions", [*names.values()], series)]
    for key, (heading, name) in GROUPINGS.items():
        groups = _most_frequent_groups(results, key)
        if len(groups) > 1:
            series = {
                names[path]: [_accuracy(result.get(key, {}).get(group)) for group in groups]
                for path, result in results.items()
            }
            title = f"{heading}: accuracy on mentions whose title is in the set"
            charts.append(Chart(name, title, groups, series))
    return charts


def _accuracy(metrics: Optional[Mapping[str, Any]]) -> float:
    return metrics["accuracy_in_set"] if metrics and metrics["in_set"] else nan


def _most_frequent_groups(results: Results, key: str) -> List[str]:
    """The most frequent groups of a grouping, sorted by name."""
    counts: Dict[str, int] = {}
    for result in results.values():
        for group, metrics in result.get(key, {}).items():
            if metrics["in_set"]:
                counts[group] = counts.get(group, 0) + metrics["mentions"]
    return sorted(sorted(counts, key=lambda group: -counts[group])[:MAX_GROUPS])


def has_matplotlib() -> bool:
    """RETURNS (bool): Whether charts can be drawn."""
    return find_spec("matplotlib") is not None


def require_matplotlib() -> None:
    """RAISES (ImportError): If matplotlib is missing."""
    if not has_matplotlib():
        raise ImportError(Errors.F015)


def save_charts(results: Results, folder: Path) -> List[Path]:
    """Draw the charts of an evaluation as PNG.

    results (Results): The results of each data set.
    folder (Path): The folder to write to; it is created if it does not exist.
    RETURNS (List[Path]): The files.
    RAISES (ImportError, OSError): If matplotlib is missing, or a file can't be written.
    """
    require_matplotlib()
    import matplotlib

    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for chart in make_charts(results):
        paths.append(folder / f"{chart.name}.png")
        with matplotlib.rc_context(RC_PARAMS):
            _draw(chart).savefig(paths[-1], dpi=150)
    return paths


def draw_svg(chart: Chart) -> str:
    """Draw a chart as an SVG element for HTML.

    RETURNS (str): The element; its ids begin with the chart's name. Its texts are black without
        saying so, so that the page can set another colour (`fill`).
    RAISES (ImportError): If matplotlib is missing.
    """
    require_matplotlib()
    import matplotlib

    file = io.StringIO()
    with matplotlib.rc_context(RC_PARAMS):
        _draw(chart).savefig(file, format="svg", transparent=True, metadata=NO_METADATA)
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]  # without XML declaration and document type
    return re.sub(r'( id="|url\(#|href="#)', rf"\1{chart.name}-", svg)


def _draw(chart: Chart) -> "Figure":
    # Not pyplot, which keeps figures in memory and may need a display.
    from matplotlib.figure import Figure

    n_groups, n_series = len(chart.groups), len(chart.series)
    size = (7.5, 1.1 + 0.2 * n_groups * n_series + 0.2 * n_groups)
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots()
    height = 0.8 / n_series
    for i, (name, values) in enumerate(chart.series.items()):
        positions = [group + (i + 0.5) * height - 0.4 for group in range(n_groups)]
        colour = COLOURS[i % len(COLOURS)]
        bars = axes.barh(positions, values, height * 0.85, label=_shorten(name), color=colour)
        labels = ["" if isnan(value) else f"{value:.3f}" for value in values]
        axes.bar_label(bars, labels, padding=3, fontsize=9)
    axes.set(xlim=(0, 1.08))
    axes.set_title(chart.title, loc="left", fontsize=11)
    axes.set_xticks([i / 5 for i in range(6)])
    axes.set_yticks(range(n_groups), [_shorten(group) for group in chart.groups])
    axes.invert_yaxis()
    axes.set_axisbelow(True)
    axes.grid(axis="x", color=GRID_COLOUR, alpha=0.3)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if n_series > 1:
        figure.legend(loc="outside lower left", ncols=3, frameon=False)
    return figure


def _shorten(label: str) -> str:
    return label if len(label) <= MAX_LABEL else label[: MAX_LABEL - 1] + "…"
