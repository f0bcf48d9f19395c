"""Marked texts of the search to mentions of a Doc with candidates."""

import math
from dataclasses import dataclass, replace
from typing import Callable, Dict, List, Optional, Sequence, Tuple

from ...decoding import Hypothesis
from ...decoding.markup import MarkedMention
from ...model.settings import GenreSettings
from ...titles.view import TitleView
from ...types import Candidate, LinkedSpan
from ..linker.decoding import make_candidates
from .encoding import Window

# The mentions in a sequence of tokens.
Parse = Callable[[Sequence[int]], List[MarkedMention]]


@dataclass(frozen=True)
class DecodingOptions:
    """How mentions become candidates.

    prefix (Sequence[int]): The tokens before a name in the title set's trie.
    unknown (Optional[int]): See `make_candidates`.
    use_ids (bool): See `make_candidates`.
    length_penalty (float): The exponent of a name's length in its score.
    are_given (bool): Whether mentions are given, so that their probability is 1.
    settings (GenreSettings): The model's settings.
    """

    prefix: Sequence[int]
    unknown: Optional[int]
    use_ids: bool
    length_penalty: float
    are_given: bool
    settings: GenreSettings


def decode_window(
    window: Window,
    hypotheses: Sequence[Hypothesis],
    parse: Parse,
    view: TitleView,
    options: DecodingOptions,
) -> List[LinkedSpan]:
    """The mentions of a window.

    window (Window): The window.
    hypotheses (Sequence[Hypothesis]): The marked texts that were found, best first.
    parse (Parse): `MarkupConstraint.mentions` for this window.
    view (TitleView): The title set.
    options (DecodingOptions): The options.
    RETURNS (List[LinkedSpan]): The mentions of the best text with a name in the title set, in
        order, with tokens of the Doc. The first candidate of a mention is its name there; the names
        of the same mention in the other texts follow. The score of a candidate is that of its
        tokens and the closing marker. Its probability is that of the mention (the tokens from its
        opening marker up to its name), times the candidate's share as for `genre_linker`.
    """
    if not hypotheses:
        return []
    parsed = [(hypothesis, parse(hypothesis.tokens)) for hypothesis in hypotheses]
    names: Dict[Tuple[int, int], Dict[Tuple[int, ...], Hypothesis]] = {}
    for hypothesis, mentions in parsed:
        for mention in mentions:
            found = names.setdefault((mention.start, mention.end), {})
            found.setdefault(mention.name, _name(hypothesis, mention, view, options))
    links = []
    best, mentions = parsed[0]
    for mention in mentions:
        start, end = int(window.starts[mention.start]), int(window.ends[mention.end - 1])
        border = 0.0 if options.are_given else _logprob(best, mention.first, mention.name_start)
        same = [*names[mention.start, mention.end].values()]
        text = window.span.doc[start:end].text
        candidates = _candidates(same, text, math.exp(min(border, 0.0)), view, options)
        if candidates:
            links.append(LinkedSpan(start, end, candidates[0].kb_id, candidates))
    return links


def _candidates(
    found: Sequence[Hypothesis],
    text: str,
    probability: float,
    view: TitleView,
    options: DecodingOptions,
) -> Tuple[Candidate, ...]:
    """The candidates of a mention: that of the first name, then the others by their probability."""
    annotation = options.settings.annotation
    candidates = make_candidates(
        found,
        view,
        text,
        unknown=options.unknown,
        use_ids=options.use_ids,
        settings=replace(
            options.settings, temperature=annotation.temperature, nil_score=annotation.nil_score
        ),
    )
    first = [c for c in candidates if c.logprob == found[0].logprob][:1]
    ranked = [*first, *(c for c in candidates if c not in first)]
    return tuple(replace(c, probability=c.probability * probability) for c in ranked)


def _name(
    hypothesis: Hypothesis, mention: MarkedMention, view: TitleView, options: DecodingOptions
) -> Hypothesis:
    """The name of a mention as a hypothesis of its own."""
    logprob = _logprob(hypothesis, mention.name_start, mention.last + 1)
    score = logprob / (len(mention.name) + 1) ** options.length_penalty
    node = view.trie.find([*options.prefix, *mention.name])
    return Hypothesis(node, mention.name, logprob, score)


def _logprob(hypothesis: Hypothesis, start: int, end: int) -> float:
    """The log-probability of some tokens of a hypothesis."""
    return math.fsum(hypothesis.token_logprobs[start:end])
