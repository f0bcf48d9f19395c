"""Settings of `genre_annotator`: see `spacy_genre.tasks.settings`."""

from typing import Literal, Optional

from pydantic import Field

from ..linker.candidate_generators import GetCandidates
from ..settings import SearchSettings


class AnnotatorSettings(SearchSettings):
    """Settings of `genre_annotator`."""

    mentions: Literal["free", "aliases", "ents"] = Field(
        "free",
        description='What may be a mention. `"free"`: any tokens, up to `max_mention_tokens`. '
        '`"aliases"`: texts that the title set has as a name, a redirect or an alias. `"ents"`: '
        "the entities of `doc.ents`, all of which are linked together.",
    )
    names: Literal["all", "aliases"] = Field(
        "all",
        description='Which names a mention may have. `"all"`: those of the title set. `"aliases"`: '
        "those for which the title set has its text as a name, a redirect or an alias; a text "
        "without any is no mention.",
    )
    get_candidates: Optional[GetCandidates] = Field(
        None,
        exclude=True,  # not a JSON value: config.cfg names the function that makes it
        description="Function that returns the candidate names of a mention, as for "
        "`genre_linker`; a text without candidates is no mention. Your own, or "
        '`spacy_genre.AliasCandidates.v1` with `missing = "nil"`. It is called for each '
        "text that may be a mention. `null`: `names` decides.",
    )
    max_mention_tokens: int = Field(
        12, ge=1, le=100, description="Longest mention, in the model's tokens."
    )
    window_tokens: Optional[int] = Field(
        None,
        ge=1,
        description="Longest part of a text that is read at once, in the model's tokens. Parts end "
        "at sentences. `null`: as long as in the model's training data.",
    )
    overlap_tokens: int = Field(
        32,
        ge=0,
        description="How much of a part the next one reads again, at most, in the model's tokens. "
        "Where both find mentions, those that are farther from the border count.",
    )
    label: str = Field("ENTITY", description="Label of the entities that are found.")
    kb_id: Literal["title", "id"] = Field(
        "title",
        description="What is written as kb_id: the title, or the title set's id of it (the title "
        "itself if it has no id).",
    )
    overwrite_ents: bool = Field(
        True,
        description="Whether mentions replace entities of `doc.ents` with which they overlap. An "
        "entity with the same tokens keeps its label in any case. If not, entities that have a "
        "kb_id keep it, too.",
    )
    spans_key: Optional[str] = Field(
        None,
        description="Mentions are written to `doc.spans[spans_key]`. `null`: to `doc.ents`.",
    )
    threshold: Optional[float] = Field(
        None,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Mentions whose name has a lower probability are left out. Entities "
        '(`mentions = "ents"`) get "NIL". `null`: all mentions are written.',
    )
