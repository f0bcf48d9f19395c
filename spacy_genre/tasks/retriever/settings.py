"""Settings of `genre_retriever`: see `spacy_genre.tasks.settings`."""

from typing import Literal, Optional

from pydantic import Field

from ...decoding.beam_search import MAX_BEAMS
from ..settings import SearchSettings
from .lexical import Ranker


class RetrieverSettings(SearchSettings):
    """Settings of `genre_retriever`."""

    num_beams: int = Field(
        10,
        ge=1,
        le=MAX_BEAMS,
        description="Number of beams: unfinished titles that the search keeps at each step.",
    )
    unit: Literal["doc", "sentence"] = Field(
        "doc",
        description="What is an input of the model: the whole Doc, of which the beginning is read, "
        "or each of its sentences. (With `spans_key`, each span of a group.)",
    )
    spans_key: Optional[str] = Field(
        None, description="Each span in `doc.spans[spans_key]` is an input, whatever `unit` is."
    )
    top_k: Optional[int] = Field(
        None,
        ge=1,
        description="Number of pages that are kept. `null`: `num_beams`. A search gives no more "
        "than `num_beams` for an input.",
    )
    threshold: Optional[float] = Field(
        None,
        ge=0,
        le=1,
        allow_inf_nan=False,
        description="Pages with a lower probability are left out. (With a `ranker`, also those "
        "that only it has found: the model gives them no probability.)",
    )
    max_tokens: Optional[int] = Field(
        None,
        ge=8,
        description="Longest input in the model's tokens; the rest of a longer text is not read. "
        "`null`: as much as the model was trained with.",
    )
    ranker: Optional[Ranker] = Field(
        None,
        exclude=True,  # not a JSON value: config.cfg names the function that makes it
        description="Function that ranks the pages a second time, `spacy_genre.BM25.v1` or your "
        "own. Both rankings are fused by reciprocal rank, weighted by the model's probability; a "
        "page's score is then the sum of these.",
    )
