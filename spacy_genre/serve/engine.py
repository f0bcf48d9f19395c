"""The pipeline of a service: loaded once, one title set for all tasks, many texts at a time."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence, Tuple, Union

import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span

from ..errors import Errors
from ..evaluation.linking import tokenize
from ..model.settings import ANNOTATION, RETRIEVAL
from ..tasks.annotator.component import GenreAnnotator
from ..tasks.base import GenreComponent
from ..tasks.linker.component import GenreLinker
from ..tasks.retriever.component import GenreRetriever
from ..titles import TitleSet
from ..types import Candidate, Page

LINK, ANNOTATE, RETRIEVE = "link", "annotate", "retrieve"
KINDS = {LINK: GenreLinker, ANNOTATE: GenreAnnotator, RETRIEVE: GenreRetriever}
FACTORIES = {LINK: "genre_linker", ANNOTATE: "genre_annotator", RETRIEVE: "genre_retriever"}
# The tasks that a model must be trained for, for a component that a service adds itself.
TRAINED_FOR = {ANNOTATE: ANNOTATION, RETRIEVE: RETRIEVAL}
# The group of spans that the linker reads: mentions of a request may overlap, `doc.ents` may not.
SPANS = "genre_mentions"
# Read and linked when a service starts: the first search prepares the weights.
WARM_UP = "Albert Einstein was born in Ulm."


@dataclass(frozen=True)
class Job:
    """A text and what to do with it.

    task (str): "link", "annotate" or "retrieve".
    text (str): The text.
    mentions (Optional[Tuple[Tuple[int, int, str], ...]]): Start and end characters and label of
        the mentions to link, which may overlap, without white space around them. None for the
        entities that the pipeline finds.
    """

    task: str
    text: str
    mentions: Optional[Tuple[Tuple[int, int, str], ...]] = None


@dataclass(frozen=True)
class FoundEntity:
    """An entity of a text.

    start, end (int): Character offsets.
    label (str): Its label, or "".
    kb_id (str): What it is linked to by the component's threshold, or "NIL".
    candidates (Tuple[Candidate, ...]): The candidates, best first.
    """

    start: int
    end: int
    label: str
    kb_id: str
    candidates: Tuple[Candidate, ...]


Result = Union[List[FoundEntity], List[Page], Exception]


class Engine:
    """Runs jobs with a pipeline. Not thread-safe: one thread runs all jobs.

    nlp (Language): The pipeline. The engine owns it: its linker is set to read a group of spans.
    titles (Optional[TitleSet]): The title set of all components. None for the pipeline's.
    RAISES (ValueError): If there is no title set for all components.
    """

    def __init__(self, nlp: Language, titles: Optional[TitleSet] = None) -> None:
        self.nlp = nlp
        self.components: Dict[str, Any] = {}
        for task, kind in KINDS.items():
            found = (pipe for _, pipe in nlp.pipeline if isinstance(pipe, kind))
            if (component := next(found, None)) is not None:
                self.components[task] = component
        self.titles = self._share_titles(titles)
        self.disabled = [name for name, pipe in nlp.pipeline if isinstance(pipe, GenreComponent)]
        self._source: Optional[str] = None  # the group with the spans to link; None for doc.ents
        if linker := self.components.get(LINK):
            self._source, linker.settings.spans_key = linker.settings.spans_key, SPANS

    def _share_titles(self, titles: Optional[TitleSet]) -> TitleSet:
        components = list(self.components.values())
        if titles is None:
            titles = components[0].titles
            if any(_contents(other.titles) != _contents(titles) for other in components):
                names = ", ".join(component.name for component in components)
                raise ValueError(Errors.V050.format(path=self.nlp.path, names=names))
        for component in components:
            component.titles = titles
        return titles

    @property
    def finds_entities(self) -> bool:
        """Whether another component of the pipeline sets the entities or spans to link."""
        others = [name for name in self.nlp.pipe_names if name not in self.disabled]
        if self._source is not None:
            return bool(others)
        return any("doc.ents" in self.nlp.get_pipe_meta(name).assigns for name in others)

    def warm_up(self) -> None:
        """Load the model and the title set, and do each task once.

        RAISES (ValueError): If they can't be loaded.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of too few names, say
            for task in self.components:
                (result,) = self.run([Job(task, WARM_UP, ((0, 15, "PERSON"),))])
                if isinstance(result, Exception):
                    raise result

    def check(self, job: Job) -> None:
        """RAISES (ValueError): If the pipeline lacks what a job needs."""
        if job.task not in self.components:
            reason = "the pipeline has none, or the model was not trained for it"
            name = FACTORIES[job.task]
            raise ValueError(Errors.V052.format(component=name, task=job.task, reason=reason))
        if job.task == LINK and job.mentions is None and not self.finds_entities:
            raise ValueError(Errors.V051)

    def n_tokens(self, job: Job) -> int:
        """How many tokens the model reads for a job. An estimate: entities without mentions in the
        request are not known yet, so the text counts once."""
        component = self.components[job.task]
        (pieces,) = component.shim.name_tokenizer.pieces([job.text])
        if job.task != LINK or job.mentions is None:
            return len(pieces) + 1
        model = component.shim.settings
        context = component.settings.context_tokens
        around = 2 * (model.context_tokens if context is None else context) + model.opening_tokens
        return 1 + len(job.mentions) * min(len(pieces), around)

    def run(self, jobs: Sequence[Job]) -> List[Result]:
        """Do some jobs. If they fail together they are done one by one.

        jobs (Sequence[Job]): The jobs.
        RETURNS (List[Result]): For each job its entities or pages, or the exception.
        """
        results: Union[List[Result], Exception]
        # The words of the texts are removed from the vocabulary afterwards. An exception must not
        # leave the block, or the vocabulary would stay in it.
        with self.nlp.memory_zone():
            try:
                results = self._run(jobs)
            except Exception as err:
                results = err.with_traceback(None)  # which refers to freed Docs
        if not isinstance(results, Exception):
            return results
        return [results] if len(jobs) == 1 else [self.run([job])[0] for job in jobs]

    def _run(self, jobs: Sequence[Job]) -> List[Result]:
        results: List[Result] = [[] for _ in jobs]
        for task, component in self.components.items():
            rows = [i for i, job in enumerate(jobs) if job.task == task]
            docs = self.make_docs([jobs[i] for i in rows])
            for i, doc, found in zip(rows, docs, component.predict(docs), strict=True):
                results[i] = list(found.pages) if task == RETRIEVE else entities(doc, found)
        return results

    def make_docs(self, jobs: Sequence[Job]) -> List[Doc]:
        """The Docs that the component of a task reads.

        jobs (Sequence[Job]): Jobs of the same task.
        """
        docs = [tokenize(self.nlp, job.text, [m[:2] for m in job.mentions or ()]) for job in jobs]
        waiting = [i for i, job in enumerate(jobs) if self._needs_pipeline(job)]
        read = self.nlp.pipe([docs[i] for i in waiting], disable=self.disabled)
        for i, doc in zip(waiting, read, strict=True):
            docs[i] = doc
        for doc, job in zip(docs, jobs, strict=True):
            if job.task == LINK:
                doc.spans[SPANS] = self._spans(doc, job)
        return docs

    def _needs_pipeline(self, job: Job) -> bool:
        if job.task == LINK:
            return job.mentions is None
        settings = self.components[job.task].settings
        is_retriever = job.task == RETRIEVE
        return not (is_retriever and settings.unit == "doc" and settings.spans_key is None)

    def _spans(self, doc: Doc, job: Job) -> List[Span]:
        if job.mentions is not None:
            spans = [doc.char_span(start, end, label) for start, end, label in job.mentions]
            # Tokens are split at the offsets, so all spans begin and end at tokens.
            return [span for span in spans if span is not None]
        return list(doc.ents if self._source is None else doc.spans.get(self._source, ()))


def entities(doc: Doc, links: Sequence[Any]) -> List[FoundEntity]:
    """The links that a component predicted for a Doc, as plain values.

    doc (Doc): The Doc. The labels of a linker's entities are those of its spans.
    links (Sequence[LinkedSpan]): What `predict` gave for it.
    """
    labels = [span.label_ for span in doc.spans[SPANS]] if SPANS in doc.spans else []
    found = []
    for i, link in enumerate(links):
        span = doc[link.start : link.end]
        label = labels[i] if labels else ""
        values = span.start_char, span.end_char, label, link.kb_id, link.candidates
        found.append(FoundEntity(*values))
    return found


def _contents(titles: TitleSet) -> Tuple[int, Dict[str, Any]]:
    return len(titles), titles.header


def load_engine(
    pipeline: Optional[str] = None,
    *,
    model: Optional[str] = None,
    titles: Optional[Union[str, Path]] = None,
    num_beams: Optional[int] = None,
) -> Engine:
    """Load a pipeline for a service.

    pipeline (Optional[str]): The name or folder of a pipeline. If it has no component of this
        package, components are added to it. None for an empty pipeline.
    model (Optional[str]): The folder or the name of the model of added components. None for the
        model in the package.
    titles (Optional[Union[str, Path]]): The file of the title set of all components.
    num_beams (Optional[int]): The number of beams of all components. None for their settings.
    RETURNS (Engine): The engine. A linker is added if the pipeline has no component of this
        package; an annotator and a retriever if the model was trained for these tasks, too.
    RAISES (OSError, ValueError): If something can't be loaded, or does not fit together.
    """
    nlp = spacy.blank("en") if pipeline is None else spacy.load(pipeline)
    if not any(isinstance(pipe, GenreComponent) for _, pipe in nlp.pipeline):
        config = {"model": {"name": model}}
        linker: Any = nlp.add_pipe(FACTORIES[LINK], config=config)
        for task, name in TRAINED_FOR.items():
            if name in (linker.shim.settings.tasks or ()):
                nlp.add_pipe(FACTORIES[task], config=config)
    elif model is not None:
        raise ValueError(Errors.D018)
    engine = Engine(nlp, None if titles is None else TitleSet.open(titles))
    for component in engine.components.values():
        if num_beams is not None:
            component.num_beams = num_beams
    return engine


def default_names_file(titles: Optional[Union[str, Path]], data_folder: Path) -> Path:
    """The file for the names that are added to a service: beside the title set, or in the user's
    data folder for the set in a package or pipeline.

    titles (Optional[Union[str, Path]]): The file of the title set.
    data_folder (Path): The user's data folder.
    """
    if titles is None:
        return data_folder / "served.names.jsonl"
    return Path(f"{titles}.names.jsonl").expanduser()
