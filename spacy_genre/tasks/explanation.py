"""How a component generated a name: token by token, beside what else it could have generated."""

import math
from dataclasses import dataclass
from typing import List, Tuple

from spacy.tokens import Span

from ..decoding import TrieConstraint
from ..decoding.explanation import PathStep, ScoredToken, explain_sequence
from ..errors import Errors
from ..titles.normal_form import normal_form
from .base import GenreComponent


@dataclass(frozen=True)
class Choice:
    """A token that was allowed in a step.

    token (int): Its id.
    text (str): Its text; "" for the end token.
    probability (float): Its probability over the full vocabulary, 0 to 1.
    is_end (bool): Whether it is the end token, which ends the name.
    """

    token: int
    text: str
    probability: float
    is_end: bool


@dataclass(frozen=True)
class Step:
    """A step in the generation of a name.

    prefix (str): What was generated before.
    chosen (Choice): The next token of the name.
    alternatives (Tuple[Choice, ...]): The most probable of the other allowed tokens, best first.
    n_allowed (int): The number of allowed tokens: those with which a name of the title set
        continues.
    allowed_probability (float): The probability of all of them together. The rest is that of
        tokens that lead to no name.
    """

    prefix: str
    chosen: Choice
    alternatives: Tuple[Choice, ...]
    n_allowed: int
    allowed_probability: float


@dataclass(frozen=True)
class Explanation:
    """How a name was generated for a span.

    title (str): The name.
    input (str): What the model read.
    steps (Tuple[Step, ...]): A step for each token of the name and for its end.
    logprob (float): The sum of the log-probabilities of the tokens: that of the candidate.
    score (float): logprob / length ** length_penalty: that of the candidate.
    """

    title: str
    input: str
    steps: Tuple[Step, ...]
    logprob: float
    score: float


def explain(
    component: GenreComponent, span: Span, title: str, *, n_alternatives: int = 5
) -> Explanation:
    """Follow a name through the prefix tree, with the probabilities of its tokens (paper, sections
    3.1 and 3.2).

    component (GenreComponent): A `genre_linker` or `genre_retriever`.
    span (Span): An entity, or the text for which pages are retrieved. It is encoded as in its Doc.
    title (str): A name that may be generated for it, such as `Candidate.title`.
    n_alternatives (int): The most alternatives of a step.
    RETURNS (Explanation): The steps.
    RAISES (ValueError): If the name can't be generated for the span, if the model can't read the
        span, or if the component generates names inside of a text (`genre_annotator`).
    """
    if type(component).search is not GenreComponent.search:
        raise ValueError(Errors.C071.format(component=component.name))
    view = component.get_view()
    (ids,) = component.encode([span])
    if ids is None:
        raise ValueError(Errors.C072.format(component=component.name, text=span.text))
    names = component.get_names([span], view)[0]
    tokenizer, module = component.shim.name_tokenizer, component.shim.transformer
    (tokens,) = tokenizer.encode([normal_form(title)])
    constraint = TrieConstraint(names.trie, 1, module.config.eos_token_id)
    try:
        if not len(names.trie):
            raise KeyError(title)
        path = explain_sequence(
            module,
            ids,
            constraint,
            tokens,
            n_alternatives=n_alternatives,
            dtype=component.search_options()["dtype"],
        )
    except KeyError as err:
        message = Errors.C070.format(component=component.name, title=title, text=span.text)
        raise ValueError(message) from err
    logprob = sum(step.chosen.logprob for step in path)
    score = logprob / len(path) ** component.settings.length_penalty
    steps = tuple(_step(component, tokens[:i], step) for i, step in enumerate(path))
    return Explanation(title, component.tokenizer.decode(ids), steps, logprob, score)


def _step(component: GenreComponent, prefix: List[int], step: PathStep) -> Step:
    decode = component.tokenizer.decode
    n_special = len(component.shim.name_tokenizer.prefix)
    return Step(
        decode(prefix[n_special:], clean_up_tokenization_spaces=False) if prefix else "",
        _choice(component, step.chosen),
        tuple(_choice(component, token) for token in step.alternatives),
        step.n_allowed,
        min(math.exp(step.allowed_logprob), 1.0),
    )


def _choice(component: GenreComponent, scored: ScoredToken) -> Choice:
    """A token with its text. The text of a part of a word has no marker: "stein" for "##stein"."""
    tokenizer = component.tokenizer
    token = tokenizer.convert_ids_to_tokens(scored.token)
    text = "" if scored.is_end else tokenizer.convert_tokens_to_string([token])
    return Choice(scored.token, text.removeprefix("##"), math.exp(scored.logprob), scored.is_end)
