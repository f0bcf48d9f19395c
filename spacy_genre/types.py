"""The values that pass between the layers."""

from dataclasses import asdict, dataclass
from typing import Any, Dict, NamedTuple, Tuple

# The kb_id of an entity that is not linked, as in spaCy's EntityLinker.
NIL = "NIL"


@dataclass(frozen=True)
class Mention:
    """A mention in its context, as text.

    left (str): The text to the left of the mention, at least as long as the context window.
    text (str): The mention, as it is written in the document.
    right (str): The text to the right of it.
    opening (str): The beginning of the document, if the context window does not include it. It
        often states the topic of the document.
    """

    left: str
    text: str
    right: str
    opening: str = ""


@dataclass(frozen=True)
class Candidate:
    """A name that the model proposes for a mention.

    title (str): The name, as it is written in the title set.
    kb_id (str): The id that the component writes: the title, or the title set's id of it.
    score (float): logprob / length ** length_penalty. The length is the number of generated tokens,
        with the end token and without the start token. Candidates are ranked by their score.
    logprob (float): The sum of the log-probabilities of the name's tokens over the full vocabulary
        (natural logarithm; paper, section 3.1, equation 1).
    probability (float): The probability that this name is right, 0 to 1: its share in the softmax
        over the scores of all candidates and, if the model has one, its `nil_score` for "none of
        these".
    """

    title: str
    kb_id: str
    score: float
    logprob: float
    probability: float

    def to_dict(self) -> Dict[str, Any]:
        """The fields as a dict, for JSON."""
        return asdict(self)


class Page(NamedTuple):
    """A page that was retrieved for a text (document retrieval; paper, section 4.3). In JSON, as
    `Doc.to_json` has it, it is a list of its fields.

    title (str): Its title, as it is written in the title set.
    id (str): The title set's id of it; "" if it has none.
    score (float): As in `Candidate`; with a second ranker, the sum of weighted
        reciprocal ranks.
    probability (float): The probability that this page is the right one, as in `Candidate`; 0 for a
        page that only the second ranker has found.
    """

    title: str
    id: str
    score: float
    probability: float

    def to_dict(self) -> Dict[str, Any]:
        """The fields as a dict, for JSON."""
        return self._asdict()


Pages = Tuple[Page, ...]


@dataclass(frozen=True)
class DocPages:
    """The pages of a Doc.

    pages (Pages): The pages of the whole Doc, best first.
    spans (Tuple[Tuple[int, int, Pages], ...]): First token, token after the last, and pages of each
        sentence or span that was an input; empty if the whole Doc was.
    """

    pages: Pages
    spans: Tuple[Tuple[int, int, Pages], ...] = ()


# For each gold output of a text, the titles (or ids) of the pages with its evidence (KILT's
# provenance).
EvidenceSets = Tuple[Tuple[str, ...], ...]


@dataclass(frozen=True)
class LinkedSpan:
    """A span of a Doc with the entity that it is linked to.

    start (int): Its first token.
    end (int): The token after its last.
    kb_id (str): The id to write, or "NIL".
    candidates (Tuple[Candidate, ...]): The candidates, best first; empty if there was no search.
    """

    start: int
    end: int
    kb_id: str
    candidates: Tuple[Candidate, ...]
