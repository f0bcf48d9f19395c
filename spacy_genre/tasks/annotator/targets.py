"""Gold annotations to marked texts, which the model learns to write."""

from typing import List, Sequence

from spacy.tokens import Span

from ...decoding.markup import Markers
from .encoding import Window, spans_in_window


def mark_up(
    window: Window, ents: Sequence[Span], names: Sequence[Sequence[int]], markers: Markers
) -> List[int]:
    """A window with mentions and names marked, as a `MarkupConstraint` allows it.

    window (Window): The window.
    ents (Sequence[Span]): N entities of its Doc. Those that are not in the window, or whose borders
        are not those of the model's tokens, are not marked.
    names (Sequence[Sequence[int]]): [N], the tokens of the name of each.
    markers (Markers): The markers.
    RETURNS (List[int]): The tokens.
    """
    marked: List[int] = []
    position = 0
    for index, start, end in sorted(spans_in_window(window, ents), key=lambda place: place[1]):
        if start < position:  # inside another one
            continue
        marked += window.source[position:start]
        marked += [markers.open_mention, *window.source[start:end], markers.close_mention]
        marked += [markers.open_name, *names[index], markers.close_name]
        position = end
    return [*marked, *window.source[position:]]
