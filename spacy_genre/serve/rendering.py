"""The HTML of the page. All texts are escaped by the templates."""

from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from ..displacy import kb_url
from ..tasks.explanation import Choice, Explanation, Step
from ..types import NIL
from .analysis import Analysis
from .engine import FoundEntity

FOLDER = Path(__file__).parent / "templates"
TEMPLATES = Environment(
    loader=FileSystemLoader(FOLDER),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
CSS = (FOLDER / "page.css").read_text("utf8")
CLICKS = (FOLDER / "clicks.js").read_text("utf8")


@dataclass(frozen=True)
class _Part:
    """A part of the text. `index` is that of its entity; None between entities."""

    text: str
    index: Optional[int] = None
    entity: Optional[FoundEntity] = None


def render_text(analysis: Analysis, selected: Optional[int]) -> str:
    """The text with its entities. Of entities that overlap, the first is shown."""
    parts: List[_Part] = []
    end = 0
    order = sorted(range(len(analysis.entities)), key=lambda i: analysis.entities[i].start)
    for i in order:
        entity = analysis.entities[i]
        if entity.start >= end:
            parts.append(_Part(analysis.text[end : entity.start]))
            parts.append(_Part(analysis.text[entity.start : entity.end], i, entity))
            end = entity.end
    parts.append(_Part(analysis.text[end:]))
    return _render("text.html.jinja", parts=parts, selected=selected)


def render_candidates(entity: FoundEntity, title: str, threshold: float) -> str:
    """The candidates of an entity with their probabilities as bars.

    entity (FoundEntity): The entity.
    title (str): The title of the candidate that is explained.
    threshold (float): The lowest probability of a link.
    """
    rest = max(0.0, 1 - sum(candidate.probability for candidate in entity.candidates))
    return _render(
        "candidates.html.jinja",
        candidates=entity.candidates,
        title=title,
        threshold=threshold,
        rest=rest,
        is_linked=entity.kb_id != NIL,
    )


@dataclass(frozen=True)
class _Card:
    """A step with all its choices, most probable first."""

    step: Step
    choices: List[Choice]


def render_path(explanation: Explanation) -> str:
    """The steps in which a name was generated. The start token, which all names have, is left
    out."""
    steps = explanation.steps
    while len(steps) > 1 and not steps[1].prefix and steps[0].n_allowed == 1:
        steps = steps[1:]
    cards = []
    for step in steps:
        choices = sorted([step.chosen, *step.alternatives], key=lambda c: -c.probability)
        cards.append(_Card(step, choices))
    return _render("path.html.jinja", explanation=explanation, cards=cards)


def _render(name: str, **values: object) -> str:
    return TEMPLATES.get_template(name).render(css=CSS, NIL=NIL, kb_url=kb_url, **values)
