"""Windows of a Doc to inputs of the model, and the model's tokens to tokens of the Doc."""

from dataclasses import dataclass
from functools import lru_cache
from typing import List, NamedTuple, Optional, Sequence, Tuple

import numpy as np
from spacy.tokens import Doc, Span

from ...decoding.markup import Markers
from ...errors import Errors
from ...model.settings import AnnotationSettings
from ...ragged import IntArray
from ...tokenization import NameTokenizer

MARKERS = ("open_mention", "close_mention", "open_name", "close_name")
# With brackets as markers, those of a text are read as parentheses, as in the paper's code.
BRACKETS = str.maketrans("{}[]", "()()")


@dataclass(frozen=True)
class Window:
    """A part of a Doc as the model reads it.

    span (Span): The part.
    input (List[int]): The tokens for the encoder.
    source (List[int]): [S], those of the text, which the decoder copies.
    starts (IntArray): [S], the token of the Doc that begins with each of them, or -1.
    ends (IntArray): [S], the token after the one that ends with each of them, or -1.
    """

    span: Span
    input: List[int]
    source: List[int]
    starts: IntArray
    ends: IntArray


class _Pieces(NamedTuple):
    """The model's tokens of a text: the token of the Doc in which each begins, and ends, [S]."""

    ids: List[int]
    first: IntArray
    last: IntArray


@lru_cache(maxsize=4)
def get_window_encoder(
    tokenizer: NameTokenizer, settings: AnnotationSettings, max_length: int
) -> "WindowEncoder":
    """The `WindowEncoder` with these arguments."""
    return WindowEncoder(tokenizer, settings, max_length=max_length)


class WindowEncoder:
    """Encodes parts of a Doc.

    tokenizer (NameTokenizer): The model's tokenizer.
    settings (AnnotationSettings): The format of the texts.
    max_length (int): The longest input of the model, in tokens.
    RAISES (ValueError): If a marker is not one token, or not distinguishable from the text.
    """

    def __init__(
        self, tokenizer: NameTokenizer, settings: AnnotationSettings, *, max_length: int
    ) -> None:
        self.tokenizer, self.max_length = tokenizer, max_length
        self.markers = Markers(*(_marker(tokenizer, settings, key) for key in MARKERS))
        # Whether some text has a marker's token.
        in_text = [tokenizer.pieces([getattr(settings, key)])[0] for key in MARKERS]
        self.has_brackets = any(len(ids) == 1 for ids in in_text)
        before = list(tokenizer.before)
        if settings.marker is not None:
            token = tokenizer.token_id(settings.marker)
            before += tokenizer.pieces([settings.marker])[0] if token is None else [token]
        self.before, self.after = before, tokenizer.after

    def n_pieces(self, doc: Doc) -> IntArray:
        """The number of the model's tokens that begin in each token of a Doc, [T]."""
        return np.bincount(self._pieces(doc[:]).first, minlength=len(doc))

    def encode(self, spans: Sequence[Span]) -> List[Optional[Window]]:
        """Encode parts of docs.

        spans (Sequence[Span]): N parts.
        RETURNS (List[Optional[Window]]): [N]; None for a part that has no tokens of the model, or
            too many.
        """
        return [self._encode(span) for span in spans]

    def _encode(self, span: Span) -> Optional[Window]:
        pieces = self._pieces(span)
        ids = [*self.before, *pieces.ids, *self.after]
        if not pieces.ids or len(ids) > self.max_length:
            return None
        first, last = pieces.first + span.start, pieces.last + span.start
        edge = np.asarray([-1])
        is_start = first > np.concatenate([edge, last[:-1]])
        is_end = last < np.concatenate([first[1:], edge + span.end + 1])
        starts, ends = np.where(is_start, first, -1), np.where(is_end, last + 1, -1)
        return Window(span, ids, pieces.ids, starts, ends)

    def _pieces(self, span: Span) -> _Pieces:
        """The model's tokens of a part, with indices of its tokens."""
        text = span.text
        # As in running text: some tokenizers write a word at the beginning of a text differently.
        visible = " " + (text.translate(BRACKETS) if self.has_brackets else text)
        ids, offsets = self.tokenizer.pieces_with_offsets(visible)
        # The token of the Doc that each character belongs to; of those between tokens, the next
        # one for what begins there, and the one before for what ends there.
        owner = np.full(len(visible) + 1, -1)
        for i, token in enumerate(span):
            start = token.idx - span.start_char + 1
            owner[start : start + len(token)] = i
        n_tokens = len(span)
        following = np.minimum.accumulate(np.where(owner < 0, n_tokens - 1, owner)[::-1])[::-1]
        preceding = np.maximum.accumulate(np.maximum(owner, 0))
        borders = np.asarray(offsets, np.int64).reshape(-1, 2)
        first = following[borders[:, 0]]
        last = preceding[np.maximum(borders[:, 1] - 1, borders[:, 0])]
        return _Pieces(ids, first, np.maximum(first, last))


def _marker(tokenizer: NameTokenizer, settings: AnnotationSettings, key: str) -> int:
    """The token of a marker."""
    text = getattr(settings, key)
    token, pieces = tokenizer.token_id(text), tokenizer.pieces([text])[0]
    is_bracket = len(text.strip()) == 1 and text.strip() in "{}[]"
    if (
        token is None
        or token == tokenizer.hf.unk_token_id
        or (pieces == [token] and not is_bracket)
    ):
        raise ValueError(Errors.M012.format(key=f"annotation.{key}", value=text))
    return token


def spans_in_window(window: Window, spans: Sequence[Span]) -> List[Tuple[int, int, int]]:
    """Where spans of the Doc are in a window.

    RETURNS (List[Tuple[int, int, int]]): For each span that is in the window and whose borders are
        those of the model's tokens: its index in `spans`, its first token in the source, and the
        one after its last.
    """
    start_of = {int(t): i for i, t in enumerate(window.starts) if t >= 0}
    end_of = {int(t): i + 1 for i, t in enumerate(window.ends) if t >= 0}
    return [
        (k, start_of[span.start], end_of[span.end])
        for k, span in enumerate(spans)
        if span.start in start_of and span.end in end_of
    ]
