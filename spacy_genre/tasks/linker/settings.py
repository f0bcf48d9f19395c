"""Settings of `genre_linker`: see `spacy_genre.tasks.settings`."""

from typing import Any, List, Literal, Optional, Union

from pydantic import Field, field_validator

from ..settings import Probability, SearchSettings
from .candidate_generators import GetCandidates

# Labels of entities that an encyclopedia has no page for.
LABELS_WITHOUT_PAGES = ("CARDINAL", "ORDINAL", "QUANTITY", "PERCENT", "MONEY", "TIME", "DATE")


class LinkerSettings(SearchSettings):
    """Settings of `genre_linker`."""

    spans_key: Optional[str] = Field(
        None,
        description="The spans in `doc.spans[spans_key]` are linked instead of `doc.ents`. They "
        "may overlap; the result is `span.kb_id_`.",
    )
    top_k: Optional[int] = Field(
        None,
        ge=1,
        description="Number of candidates that are kept for an entity. `null`: `num_beams`. A "
        "search of the title set gives no more than `num_beams`.",
    )
    context_tokens: Optional[int] = Field(
        None,
        ge=0,
        description="Context on each side of an entity, in the model's tokens. `null`: the context "
        "that the model was trained with.",
    )
    kb_id: Literal["title", "id"] = Field(
        "title",
        description="What is written to `token.ent_kb_id`: the title, or the title set's id of it "
        "(the title itself if it has no id).",
    )
    overwrite: bool = Field(
        True,
        description='Whether to replace kb_ids that are already set. "NIL" is always replaced, so '
        "that one linker may follow another.",
    )
    labels_discard: List[str] = Field(
        default_factory=lambda: list(LABELS_WITHOUT_PAGES),
        description='Entities with these labels get "NIL" without a search.',
    )
    use_gold_ents: bool = Field(
        True,
        description="Whether to train and to evaluate on the entities of the reference. If not, "
        "another component must set entities.",
    )
    threshold: Optional[Union[Literal["auto"], Probability]] = Field(
        "auto",
        description='An entity whose best candidate has a lower probability gets "NIL". `"auto"`: '
        "the threshold that was fitted for the model; a model without one links every entity, as "
        "`null` does. (With a model that has no `nil_score` the probability is a share among the "
        "candidates; that of a single candidate is always 1.)",
    )
    longest_forms: List[str] = Field(
        default_factory=lambda: ["PERSON", "PER"],
        description="Entities with these labels are linked by the longest name in the document "
        'that ends with the same words: "Clinton" as "Bill Clinton", if that is an entity with '
        "the same label.",
    )
    get_candidates: Optional[GetCandidates] = Field(
        None,
        exclude=True,  # not a JSON value: config.cfg names the function that makes it
        description="Function that returns the candidate names of an entity: "
        "`spacy_genre.AliasCandidates.v1`, `spacy_genre.GoldCandidates.v1` or your own. `null`: "
        "the whole title set. Small candidate sets are scored exhaustively; `num_beams` has no "
        "effect on them.",
    )

    @field_validator("labels_discard", "longest_forms", mode="before")
    @classmethod
    def _as_list(cls, labels: Any) -> Any:
        """Sets and tuples of labels become lists, as config.cfg has them."""
        several = isinstance(labels, (set, frozenset, tuple))
        return sorted(labels, key=str) if several else labels
