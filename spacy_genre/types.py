"""The values that pass between the layers."""

from dataclasses import dataclass
from typing import Tuple

# The kb_id of a mention that is linked to no entity, as in spaCy's EntityLinker.
NIL = "NIL"


@dataclass(frozen=True)
class Mention:
    """A mention in its context, as text.

    left (str): What stands before the mention, as far as the context window may need it.
    text (str): The mention itself, as it is written in the document.
    right (str): What stands after it.
    opening (str): How the document begins, if that is out of the window: what it is about.
    """

    left: str
    text: str
    right: str
    opening: str = ""


@dataclass(frozen=True)
class Candidate:
    """A name that the model proposes for a mention.

    title (str): The name, as it is written in the title set.
    kb_id (str): The id that the component writes for it: the title, or the title set's id.
    score (float): logprob / length ** length_penalty, where the length counts the generated
        tokens with the end token and without the start token; the candidates are ranked by it.
    logprob (float): The sum of the log-probabilities of the name's tokens over the whole
        vocabulary (natural logarithm; paper section 3.1, equation 1).
    probability (float): How likely it is that this is the right name, 0 to 1: the candidate's
        share of the scores' softmax, in which "none of these" has a share as well if the model has
        a `nil_score`.
    """

    title: str
    kb_id: str
    score: float
    logprob: float
    probability: float


@dataclass(frozen=True)
class LinkedSpan:
    """What a component found out about a span of a Doc.

    start, end (int): The span's first token, and the one after its last.
    kb_id (str): The id to write, or "NIL".
    candidates (Tuple[Candidate, ...]): The candidates, best first; empty if none was sought.
    """

    start: int
    end: int
    kb_id: str
    candidates: Tuple[Candidate, ...]
