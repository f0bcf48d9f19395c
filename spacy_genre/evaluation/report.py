"""The page of an evaluation: one HTML file, with everything in it."""

from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any, Iterable, Iterator, List, Mapping, Sequence

from .charts import TABLES, VARIANTS, Chart, Results, charts_of, names_of

STYLE = Path(__file__).with_name("report.css")
COLUMNS = {
    "mentions": "mentions",
    "in_set": "in the set",
    "micro_p": "precision",
    "micro_r": "recall",
    "micro_f": "micro‑F1",
    "accuracy_in_set": "right of these",
    "no_title": "no title",
}
NOTES = {
    "all": "All mentions count, those whose title is not in the set as wrong. The most frequent "
    "title is what the mention stood for most often in training.",
    "by_frequency": "The cold start: how often the entity was linked in training. An entity that "
    "was never seen can be linked nevertheless, since its name says what it is.",
    "by_form": "Whether a mention reads as the title. A model that copies the mention is right in "
    "the second row alone.",
    "by_label": "What kind of entity it is, as the data set has it.",
}
# De Cao et al., Autoregressive Entity Retrieval, ICLR 2021, table 1: micro-F1 (InKB) of entity
# disambiguation; AIDA is in-domain, all others are not.
PAPER_SETS = ("AIDA", "MSNBC", "AQUAINT", "ACE2004", "CWEB", "WIKI", "average")
PAPER = {
    "GENRE": (93.3, 94.3, 89.9, 90.1, 77.3, 87.4, 88.8),
    "GENRE without candidate sets": (91.2, 86.9, 87.2, 87.5, 71.1, 86.4, 85.1),
    "GENRE without the constraint": (86.4, 80.0, 81.7, 82.1, 66.0, 81.1, 79.6),
    "BLINK without candidate sets": (79.6, 80.0, 80.3, 82.5, 64.2, 75.5, 77.0),
}
PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
<title>Evaluation of entity linking</title>
<style>
{style}</style>
</head>
<body>
<main>
<h1>Evaluation of entity linking</h1>
{body}
<footer>spacy_genre {version}</footer>
</main>
</body>
</html>
"""


def make_page(results: Results, about: Mapping[str, str]) -> str:
    """The page.

    results (Results): For each data set what `evaluate` gave.
    about (Mapping[str, str]): What was evaluated, and how.
    RETURNS (str): HTML that needs no other file and no network.
    """
    names = names_of(results)
    charts = {chart.name: chart for chart in charts_of(results)}
    facts = "".join(f"<dt>{escape(k)}</dt><dd>{escape(v)}</dd>" for k, v in about.items())
    parts = [
        f"<dl>{facts}</dl>",
        "<h2>Data sets</h2>",
        f"<p>{escape(NOTES['all'])}</p>",
        _table("data set", _totals(results)),
        _svg(charts["data_sets"]),
    ]
    for key, (what, name) in TABLES.items():
        tables = {path: found[key] for path, found in results.items() if found.get(key)}
        tables = {path: table for path, table in tables.items() if [*table] != ["none"]}
        if tables:
            parts += [f"<h2>{escape(what)}</h2>", f"<p>{escape(NOTES[key])}</p>"]
            parts += [_svg(charts[name])] if name in charts else []
            parts += [_table(names[path], table.items()) for path, table in tables.items()]
    return PAGE.format(
        style=STYLE.read_text("utf8"),
        body="\n".join([*parts, _paper()]),
        version=escape(version("spacy_genre")),
    )


def _totals(results: Results) -> Iterator[Any]:
    for name, found in zip(names_of(results).values(), results.values(), strict=True):
        yield name, found
        for key, what in VARIANTS.items():
            if key in found:
                yield f"— {what}", found[key]


def _table(what: str, rows: Iterable[Any]) -> str:
    """A table of figures; columns that are nothing but 0 are left out."""
    rows = list(rows)
    keys = [key for key in COLUMNS if key != "no_title" or any(row[key] for _, row in rows)]
    body = [[name, *(_figure(row, key) for key in keys)] for name, row in rows]
    return _html_table([what, *(COLUMNS[key] for key in keys)], body)


def _figure(row: Mapping[str, Any], key: str) -> str:
    if key == "accuracy_in_set" and not row["in_set"]:
        return "–"
    return f"{row[key]:,}" if key == "mentions" else f"{row[key]:.3f}"


def _html_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "\n".join(
        f'<tr><th scope="row">{escape(first)}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in cells)
        + "</tr>"
        for first, *cells in rows
    )
    return (
        f'<div class="table"><table>\n<thead><tr>{head}</tr></thead>\n'
        f"<tbody>\n{body}\n</tbody></table></div>"
    )


def _paper() -> str:
    rows = [[name, *(f"{value:.1f}" for value in values)] for name, values in PAPER.items()]
    return "\n".join(
        [
            "<h2>The paper's figures</h2>",
            "<p>Micro-F1 in percent on gold mentions, of BART-large models and with six million "
            "titles (De Cao et al., <a href='https://arxiv.org/abs/2010.00904'>Autoregressive "
            "Entity Retrieval</a>, ICLR 2021, table 1). AIDA is in-domain, the others are not. "
            "Mentions whose entity is not in the knowledge base do not count there, and other "
            "title sets make other tasks: compare the same data set alone, and with care.</p>",
            _html_table(["", *PAPER_SETS], rows),
        ]
    )


# Measures of the drawing, in pixels.
WIDTH, LABELS, VALUES, BAR, GAP = 760, 190, 60, 16, 14


def _svg(chart: Chart) -> str:
    """A chart as SVG; its colours are the page's."""
    parts: List[str] = []
    y = 0
    for i, group in enumerate(chart.groups):
        height = BAR * len(chart.series)
        parts.append(_text(LABELS - 10, y + height / 2, group, "end", limit=28))
        for j, values in enumerate(chart.series.values()):
            parts.append(_bar(y + j * BAR, values[i], j))
        y += height + GAP
    names = [*chart.series] if len(chart.series) > 1 else []
    key = "".join(f'<span><i class="s{j % 6}"></i>{escape(n)}</span>' for j, n in enumerate(names))
    drawing = "\n".join(parts)
    return (
        f'<figure><figcaption>{escape(chart.title)}</figcaption>\n<div class="key">{key}</div>\n'
        f'<svg viewBox="0 0 {WIDTH} {max(y - GAP, 1)}" role="img" '
        f'aria-label="{escape(chart.title)}">\n{drawing}\n</svg></figure>'
    )


def _bar(y: float, value: float, series: int) -> str:
    if value != value:  # there is none
        return ""
    room = WIDTH - LABELS - VALUES
    return (
        f'<rect class="track" x="{LABELS}" y="{y + 1}" width="{room}" height="{BAR - 3}"/>'
        f'<rect class="s{series % 6}" x="{LABELS}" y="{y + 1}" width="{value * room:.1f}" '
        f'height="{BAR - 3}"/>' + _text(WIDTH - VALUES + 10, y + BAR / 2, f"{value:.3f}", "start")
    )


def _text(x: float, y: float, text: str, anchor: str, limit: int = 100) -> str:
    shown = text if len(text) <= limit else text[: limit - 1] + "…"
    return f'<text x="{x}" y="{y:.1f}" text-anchor="{anchor}">{escape(shown)}</text>'
