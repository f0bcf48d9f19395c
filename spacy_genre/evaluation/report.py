"""The report of an evaluation: one HTML page without external files."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Iterable, Iterator, List, Mapping, Tuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from .charts import (
    GROUPINGS,
    VARIANTS,
    Results,
    data_set_names,
    draw_svg,
    has_matplotlib,
    make_charts,
)

TEMPLATE = "report.html.jinja"
COLUMNS = {
    "mentions": "mentions",
    "in_set": "in the set",
    "micro_p": "precision",
    "micro_r": "recall",
    "micro_f": "micro‑F1",
    "accuracy_in_set": "accuracy in the set",
    "no_title": "no title",
}
DESCRIPTIONS = {
    "data_sets": "All mentions are counted; those whose title is not in the title set are wrong. "
    "“Most frequent title” is a baseline: the title that the mention's text is linked to most "
    "often in training.",
    "by_frequency": "How often the entity is linked in training. A model can link an entity that "
    "it has never seen, since the entity's name describes it.",
    "by_form": "Whether the mention's text is the title. A model that only copies the mention is "
    "wrong for all other forms.",
    "by_label": "The entity's label in the data set.",
}
# De Cao et al., Autoregressive Entity Retrieval, ICLR 2021, table 1: micro-F1 (InKB) of entity
# disambiguation.
PAPER_SETS = ("AIDA", "MSNBC", "AQUAINT", "ACE2004", "CWEB", "WIKI", "average")
PAPER = {
    "GENRE": (93.3, 94.3, 89.9, 90.1, 77.3, 87.4, 88.8),
    "GENRE without candidate sets": (91.2, 86.9, 87.2, 87.5, 71.1, 86.4, 85.1),
    "GENRE without the constraint": (86.4, 80.0, 81.7, 82.1, 66.0, 81.1, 79.6),
    "BLINK without candidate sets": (79.6, 80.0, 80.3, 82.5, 64.2, 75.5, 77.0),
}
# The header and the rows of a table; the first cell of a row is its heading.
Table = Tuple[List[str], List[List[str]]]


@dataclass(frozen=True)
class Section:
    """A section of the page.

    heading (str): Its heading.
    description (str): What the metrics mean.
    svg (str): Its chart as an SVG element, or "".
    tables (List[Table]): Its tables.
    """

    heading: str
    description: str
    svg: str
    tables: List[Table]


def make_page(results: Results, facts: Mapping[str, str]) -> str:
    """Make the page. It has charts if matplotlib is installed.

    results (Results): What `evaluate` returned for each data set, by path.
    facts (Mapping[str, str]): What was evaluated, and with which settings.
    RETURNS (str): The HTML.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(TEMPLATE).render(
        facts=facts,
        sections=list(_make_sections(results)),
        has_charts=has_matplotlib(),
        paper_header=["", *PAPER_SETS],
        paper_rows=[[name, *(f"{value:.1f}" for value in row)] for name, row in PAPER.items()],
        version=version("spacy_genre"),
    )


def _make_sections(results: Results) -> Iterator[Section]:
    svgs = {}
    if has_matplotlib():
        svgs = {chart.name: draw_svg(chart) for chart in make_charts(results)}
    names = data_set_names(results)
    table = _make_table("data set", _data_set_rows(results))
    yield Section("Data sets", DESCRIPTIONS["data_sets"], svgs.get("data_sets", ""), [table])
    for key, (heading, name) in GROUPINGS.items():
        groups = {path: result[key] for path, result in results.items() if result.get(key)}
        tables = [
            _make_table(names[path], metrics.items())
            for path, metrics in groups.items()
            if [*metrics] != ["none"]  # labels of data without labels
        ]
        if tables:
            yield Section(heading, DESCRIPTIONS[key], svgs.get(name, ""), tables)


def _data_set_rows(results: Results) -> Iterator[Tuple[str, Mapping[str, Any]]]:
    for name, result in zip(data_set_names(results).values(), results.values(), strict=True):
        yield name, result
        for key, label in VARIANTS.items():
            if key in result:
                yield f"— {label}", result[key]


def _make_table(heading: str, rows: Iterable[Tuple[str, Mapping[str, Any]]]) -> Table:
    """A table of metrics. The column `no_title` is left out if it is 0 in all rows."""
    rows = list(rows)
    has_no_title = any(metrics["no_title"] for _, metrics in rows)
    keys = [key for key in COLUMNS if key != "no_title" or has_no_title]
    body = [[name, *(_format(metrics, key) for key in keys)] for name, metrics in rows]
    return [heading, *(COLUMNS[key] for key in keys)], body


def _format(metrics: Mapping[str, Any], key: str) -> str:
    if key == "accuracy_in_set" and not metrics["in_set"]:
        return "–"
    return f"{metrics[key]:,}" if key == "mentions" else f"{metrics[key]:.3f}"
