"""Gold annotations to marked texts, which the model learns to write."""

from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Span

from ...decoding.markup import Markers
from .encoding import Window, spans_in_window

# A gold entity, and the tokens of its name; None for one without a name in the title set.
NamedEnt = Tuple[Span, Optional[Sequence[int]]]
MISSING = 0  # the value of `token.ent_iob` where the annotation is missing


class MarkedText(NamedTuple):
    """A text with mentions and names marked in it.

    tokens (List[int]): [N].
    learnt (List[bool]): [N], whether the model learns to generate each of them.
    """

    tokens: List[int]
    learnt: List[bool]


def mark_up(window: Window, ents: Sequence[NamedEnt], markers: Markers) -> MarkedText:
    """A window with mentions and names marked, as a `MarkupConstraint` allows it.

    A mention with its markers and its name is learnt. A token outside of mentions says that none
    begins there. This is learnt only where it is known: not where the annotation of the Doc is
    missing (`token.ent_iob` is 0), as in texts that are not annotated completely, and not in an
    entity that can't be marked.

    window (Window): The window.
    ents (Sequence[NamedEnt]): The entities of its Doc. Those without a name, or whose borders are
        not those of the model's tokens, are not marked.
    markers (Markers): The markers.
    """
    spans = [ent for ent, name in ents if name is not None]
    names = [name for _, name in ents if name is not None]
    places = sorted(spans_in_window(window, spans), key=lambda place: place[1])
    tokens: List[int] = []
    learnt: List[bool] = []
    is_known = _known_tokens(window, [ent for ent, _ in ents]).tolist()
    position = 0
    for index, start, end in places:
        if start < position:  # inside another one
            continue
        tokens += window.source[position:start]
        learnt += is_known[position:start]
        mention = [markers.open_mention, *window.source[start:end], markers.close_mention]
        mention += [markers.open_name, *names[index], markers.close_name]
        tokens += mention
        learnt += [True] * len(mention)
        position = end
    return MarkedText(tokens + window.source[position:], learnt + is_known[position:])


def _known_tokens(window: Window, ents: Sequence[Span]) -> NDArray[np.bool_]:
    """For each token of the model, whether it is known that no mention begins there, if it is in
    none that is marked."""
    first = window.span.start
    is_known = np.asarray([token.ent_iob != MISSING for token in window.span])
    for ent in ents:
        is_known[max(ent.start - first, 0) : max(ent.end - first, 0)] = False
    # The token of the Doc in which each begins: continuations have -1.
    owner = np.maximum.accumulate(window.starts) - first
    return is_known[np.maximum(owner, 0)]
