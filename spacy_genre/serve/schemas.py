"""Requests and responses of the service."""

from typing import Annotated, Any, Dict, List, Optional

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from ..errors import Errors
from .engine import FoundEntity

TEXT = "Einstein received the Nobel Prize while he lived in Berlin."
CANDIDATE: Dict[str, Any] = {
    "title": "Albert Einstein",
    "kb_id": "Albert Einstein",
    "score": -0.25,
    "logprob": -1.03,
    "probability": 0.92,
}
ENTITY: Dict[str, Any] = {
    "start": 0,
    "end": 8,
    "text": "Einstein",
    "label": "PERSON",
    "kb_id": "Albert Einstein",
    "candidates": [CANDIDATE],
}
PAGE: Dict[str, Any] = {"title": "Nobel Prize", "id": "", "score": -0.3, "probability": 0.8}
NAME: Dict[str, Any] = {"name": "Acme Corporation", "id": "C-001", "aliases": ["Acme"]}


def _example(value: Any) -> ConfigDict:
    """Unknown keys and values of another type are errors: a misspelled key would have no effect."""
    return ConfigDict(strict=True, extra="forbid", json_schema_extra={"examples": [value]})


def _check_unicode(text: str) -> str:
    """JSON can have a half of a UTF-16 pair ("\\ud800"), which is no character."""
    try:
        text.encode("utf8")
    except UnicodeEncodeError as err:
        raise ValueError(f"character {err.start} is a lone surrogate") from None
    return text


Text = Annotated[str, AfterValidator(_check_unicode)]


class Mention(BaseModel):
    """A mention to link. White space around it is left out."""

    model_config = _example({"start": 0, "end": 8, "label": "PERSON"})

    start: int = Field(ge=0, description="Its first character (Unicode code points, from 0).")
    end: int = Field(ge=1, description="The character after its last.")
    label: Text = Field("", max_length=100, description="Its label, such as PERSON, if known.")


class TextRequest(BaseModel):
    """A text, and which results to return."""

    model_config = _example({"text": TEXT, "top_k": 3, "threshold": 0.4})

    text: Text = Field(description="The text.")
    top_k: Optional[int] = Field(None, ge=1, le=1000, description="The most results to return.")
    threshold: Optional[float] = Field(
        None,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="The lowest probability of a result. By default, the pipeline's setting.",
    )


class LinkRequest(TextRequest):
    """A text with its mentions. Without `mentions`, the pipeline of the service finds entities."""

    model_config = _example({"text": TEXT, "mentions": [{"start": 0, "end": 8}], "top_k": 3})

    mentions: Optional[List[Mention]] = Field(None, description="The mentions. They may overlap.")

    @model_validator(mode="after")
    def _check_mentions(self) -> "LinkRequest":
        for mention in self.mentions or ():
            start, end = mention.start, mention.end
            text = self.text[start:end] if start < end <= len(self.text) else ""
            if not text.strip():
                reason = Errors.V057.format(start=start, end=end, length=len(self.text))
                raise ValueError(reason)
            mention.start = start + len(text) - len(text.lstrip())
            mention.end = start + len(text.rstrip())
        return self


class Candidate(BaseModel):
    """A name that the model proposes: see `spacy_genre.Candidate`."""

    model_config = ConfigDict(json_schema_extra={"examples": [CANDIDATE]})

    title: str
    kb_id: str
    score: float
    logprob: float
    probability: float


class Entity(BaseModel):
    """An entity and what it is linked to. `kb_id` is "NIL" if that is nothing."""

    model_config = ConfigDict(json_schema_extra={"examples": [ENTITY]})

    start: int
    end: int
    text: str
    label: str
    kb_id: str
    candidates: List[Candidate]

    @classmethod
    def of(cls, text: str, found: FoundEntity, kb_id: str, top_k: Optional[int]) -> "Entity":
        """An entity of a text, with its best candidates."""
        candidates = [Candidate(**candidate.to_dict()) for candidate in found.candidates[:top_k]]
        return cls(
            start=found.start,
            end=found.end,
            text=text[found.start : found.end],
            label=found.label,
            kb_id=kb_id,
            candidates=candidates,
        )


class EntitiesResponse(BaseModel):
    """The entities of a text: those of the request in its order, or those found, by offset."""

    entities: List[Entity]


class RetrievedPage(BaseModel):
    """A page that was retrieved for a text: see `spacy_genre.types.Page`."""

    model_config = ConfigDict(json_schema_extra={"examples": [PAGE]})

    title: str
    id: str
    score: float
    probability: float


class PagesResponse(BaseModel):
    """The pages of a text, best first."""

    pages: List[RetrievedPage]


class NewName(BaseModel):
    """A name to add: see `spacy_genre.TitleSet.add`."""

    model_config = _example(NAME)

    # As long as a title of Wikipedia: the longest name limits how much text is read at once.
    name: Text = Field(min_length=1, max_length=255)
    id: Optional[Text] = Field(None, min_length=1, max_length=1000)
    prior: Optional[float] = Field(None, ge=0, allow_inf_nan=False)
    aliases: List[Text] = Field(default_factory=list, max_length=1000)


class NamesResponse(BaseModel):
    """How many names the title set has, and some of them."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"total": 65116, "names": ["Acme Corporation"]}]}
    )

    total: int
    names: List[str]


class Health(BaseModel):
    """The state of the service."""

    status: str
    version: str
    tasks: List[str]
    finds_entities: bool
    names: int
    waiting_tokens: int


class Problem(BaseModel):
    """What was wrong with a request. `errors` has the place of each wrong value."""

    detail: str
    errors: List[Dict[str, Any]] = Field(default_factory=list)
