"""The pipeline that links: loaded or made, with the component of a task."""

from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Dict, Literal, Optional

import spacy
from spacy.language import Language

from ..errors import Errors
from ..model.loading import find_folder
from ..tasks.annotator.component import GenreAnnotator
from ..tasks.annotator.settings import AnnotatorSettings
from ..tasks.linker.component import GenreLinker
from ..tasks.retriever.component import GenreRetriever
from ..titles.loaders import EMBEDDED, TitleSetFile
from ..user_data import NAME, title_set_path
from .digests import digest_of

Task = Literal["linker", "annotator", "retriever"]
COMPONENTS: Dict[str, Any] = {
    "linker": GenreLinker,
    "annotator": GenreAnnotator,
    "retriever": GenreRetriever,
}


@dataclass(frozen=True)
class PipelineOptions:
    """What links.

    task (Task): The task.
    pipeline (Optional[str]): A pipeline. If it has no component of the task, one is added at its
        end. None for a blank pipeline.
    model (Optional[str]): The model of the added component: a folder, or a name on the hub; None
        for the model in the package.
    titles (Optional[str]): A title set instead of the component's: a file, or the name of a
        downloaded one.
    kb_id, threshold: Settings of the component; None to keep them.
    """

    task: Task = "linker"
    pipeline: Optional[str] = None
    model: Optional[str] = None
    titles: Optional[str] = None
    kb_id: Optional[str] = None
    threshold: Optional[float] = None


@dataclass(frozen=True)
class LinkingPipeline:
    """A pipeline with the component that links.

    nlp (Language): The pipeline.
    name (str): The component's name in it.
    component (Any): The component.
    """

    nlp: Language
    name: str
    component: Any

    @property
    def needs_ents(self) -> bool:
        """Whether the component links entities that were found before."""
        settings = self.component.settings
        if isinstance(settings, AnnotatorSettings):
            return settings.mentions == "ents"
        return isinstance(self.component, GenreLinker) and settings.spans_key is None

    @property
    def may_find_ents(self) -> bool:
        """Whether a component before it may set entities. A component that does not say what it
        assigns may."""
        before = self.nlp.pipe_names[: self.nlp.pipe_names.index(self.name)]
        assigned = (self.nlp.get_pipe_meta(name).assigns for name in before)
        return any(not what or "doc.ents" in what for what in assigned)

    def keep_only_component(self) -> None:
        """Disable all other components."""
        self.nlp.select_pipes(enable=[self.name])


def load_pipeline(options: PipelineOptions) -> LinkingPipeline:
    """Load or make a pipeline.

    options (PipelineOptions): What to load.
    RETURNS (LinkingPipeline): The pipeline.
    RAISES (OSError, ValueError): If something can't be loaded, or the options don't fit.
    """
    nlp = spacy.blank("en") if options.pipeline is None else spacy.load(options.pipeline)
    kind = COMPONENTS[options.task]
    found = next((name for name, pipe in nlp.pipeline if isinstance(pipe, kind)), None)
    if found is not None and options.model is not None:
        message = Errors.B063.format(pipeline=options.pipeline, component=found)
        raise ValueError(message)
    if found is None:
        found = f"genre_{options.task}"
        nlp.add_pipe(found, config={"model": {"name": options.model}})
    component: Any = nlp.get_pipe(found)
    if options.titles is not None:
        component.titles = find_titles(options.titles)()
    for key, value in (("kb_id", options.kb_id), ("threshold", options.threshold)):
        if value is not None:
            setattr(component, key, value)
    return LinkingPipeline(nlp, found, component)


def find_titles(titles: str) -> TitleSetFile:
    """RETURNS (TitleSetFile): A title set: a file, or the name of a downloaded one."""
    is_name = not Path(titles).exists() and bool(NAME.fullmatch(titles)) and "." not in titles
    if is_name:
        return TitleSetFile(title_set_path(titles), titles)
    return TitleSetFile(Path(titles).expanduser())


def pipeline_signature(pipeline: LinkingPipeline, options: PipelineOptions) -> Dict[str, Any]:
    """What the links depend on, with hashes of all files.

    pipeline (LinkingPipeline): The pipeline.
    options (PipelineOptions): How it was loaded.
    RETURNS (Dict[str, Any]): The values by the names that a message about a change has.
    RAISES (OSError): If a file can't be read.
    """
    nlp = pipeline.nlp
    folder = find_folder(options.model)  # a hub model is in the cache now
    titles = EMBEDDED if options.titles is None else find_titles(options.titles).path
    return {
        "pipeline": digest_of(Path(nlp.path)) if nlp.path else "blank",
        "model": digest_of(folder) if folder is not None else options.model,
        "title set": digest_of(titles),
        "settings": {
            "task": options.task,
            "config": nlp.config.to_str(),
            "kb_id": options.kb_id,
            "threshold": options.threshold,
        },
        "versions": {name: version(name) for name in ("spacy_genre", "spacy", "torch")},
    }
