"""Entities to token ids: a marked mention in its context (paper, section 3.1 and appendix A.1)."""

from functools import lru_cache
from itertools import chain, islice
from typing import List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from spacy.tokens import Doc, Span

from ...extensions import OPENING
from ...model.settings import GenreSettings
from ...tokenization import NameTokenizer, find_subsequence
from ...types import Mention
from ..windows import MAX_CHARS_PER_TOKEN, end_of_window

# Entity recognizers include articles ("the Nobel Prize"); titles and links do not. An article with
# a capital letter may belong to the name ("The Beatles").
ARTICLES = ("the", "a", "an")
# Stands between the opening and the context.
SEPARATOR = " |"


# Spans to mentions


def span_mention(span: Span, context_tokens: int, opening_tokens: int = 0) -> Mention:
    """A span with enough text around it for a context window.

    span (Span): The span.
    context_tokens (int): Size of the window to each side, in the model's tokens. The same number
        of the Doc's tokens is taken, white space not counted, since each of these is at least one
        token of the model.
    opening_tokens (int): Size of the opening, likewise.
    RETURNS (Mention): The span without a leading article, and its context. `MentionEncoder` cuts
        the context to its exact size.
    """
    span = without_article(span)
    doc = span.doc
    start, end = _window(span, context_tokens)
    # Slices of the Doc: doc.text would join the whole document for each mention.
    max_chars = context_tokens * MAX_CHARS_PER_TOKEN
    left = doc[start : span.start].text_with_ws if start < span.start else ""
    right = doc[span.end - 1].whitespace_ + doc[span.end : end].text if end > span.end else ""
    left, right = left[-max_chars:] if max_chars else "", right[:max_chars]
    return Mention(left, span.text, right, _opening(doc, start, opening_tokens))


def without_article(span: Span) -> Span:
    """The span without a leading article in small letters."""
    if len(span) > 1 and span[0].text in ARTICLES and not span[1].is_space:
        return span[1:]
    return span


def n_context_words(span: Span, limit: int) -> int:
    """The number of words around a span, in its Doc and in `doc._.genre_opening`: tokens with a
    letter. Counting stops at a limit."""
    doc = span.doc
    words = islice(filter(None, str(doc._.get(OPENING) or "").split()), limit)
    around = chain(reversed(doc[: span.start]), doc[span.end :])
    texts = chain(words, (token.text for token in around))
    is_word = (any(map(str.isalpha, text)) for text in texts)
    return sum(1 for _ in islice(filter(None, is_word), limit))


def strip_article(text: str) -> str:
    """The text without a leading article in small letters."""
    first, _, rest = text.partition(" ")
    return rest if first in ARTICLES and rest.strip() else text


def _window(span: Span, context_tokens: int) -> Tuple[int, int]:
    """The first token of the window around a span, and the one after its last."""
    doc, start, end = span.doc, span.start, span.end
    missing = context_tokens
    while start > 0 and missing > 0:
        start -= 1
        missing -= not doc[start].is_space
    return start, end_of_window(doc, end, len(doc), context_tokens)


def _opening(doc: Doc, end: int, opening_tokens: int) -> str:
    """The beginning of the document: `doc._.genre_opening` if it is set, or else the beginning of
    the Doc, up to the token at which the window begins."""
    if not opening_tokens:
        return ""
    text = str(doc._.get(OPENING) or "") or doc[: min(end, opening_tokens)].text
    return " ".join(text[: opening_tokens * MAX_CHARS_PER_TOKEN].split())


# Mentions to token ids


@lru_cache(maxsize=4)
def get_encoder(
    tokenizer: NameTokenizer, settings: GenreSettings, max_length: int, context_tokens: int
) -> "MentionEncoder":
    """The `MentionEncoder` with these arguments. Making one takes as long as encoding a mention."""
    return MentionEncoder(tokenizer, settings, max_length=max_length, context_tokens=context_tokens)


class MentionEncoder:
    """Encodes mentions as `left [START_ENT] mention [END_ENT] right`, preceded by `opening |` if
    the model was trained with an opening.

    tokenizer (NameTokenizer): The model's tokenizer.
    settings (GenreSettings): The model's delimiters and the size of its opening.
    max_length (int): The longest input of the model, in tokens.
    context_tokens (int): Maximal context to each side, in tokens.
    """

    def __init__(
        self,
        tokenizer: NameTokenizer,
        settings: GenreSettings,
        *,
        max_length: int,
        context_tokens: int,
    ) -> None:
        self.tokenizer = tokenizer
        self.max_length = max_length
        self.context_tokens = context_tokens
        self.opening_tokens = settings.opening_tokens
        self.separator = tokenizer.pieces([SEPARATOR])[0]
        self.prefix, self.suffix = tokenizer.before, tokenizer.after
        # At the beginning of a text, some tokenizers write a delimiter differently.
        self.start_of_text = tokenizer.delimiter(settings.start_delimiter, "")
        self.start = tokenizer.delimiter(settings.start_delimiter)
        self.end = tokenizer.delimiter(settings.end_delimiter)
        start = max(self.start, self.start_of_text, key=len)
        self.n_fixed = sum(map(len, (self.prefix, start, self.end, self.suffix)))

    def encode(self, mentions: Sequence[Mention]) -> List[Optional[List[int]]]:
        """Encode mentions.

        mentions (Sequence[Mention]): N mentions.
        RETURNS (List[Optional[List[int]]]): [N], the token ids, cut to `context_tokens` to each
            side and to `max_length` in all. A mention is never cut: the entry is None if it alone
            is too long, or if all its tokens are unknown to the tokenizer.
        """
        # One space between the parts, as in the text that the models were trained on.
        parts = [
            (m.opening, m.left.rstrip(), f" {m.text}", f" {m.right.lstrip()}") for m in mentions
        ]
        pieces = self.tokenizer.pieces([text for part in parts for text in part])
        return [self._join(*pieces[i : i + 4]) for i in range(0, len(pieces), 4)]

    def _join(
        self, opening: List[int], left: List[int], mention: List[int], right: List[int]
    ) -> Optional[List[int]]:
        room = self.max_length - self.n_fixed - len(mention)
        unknown = self.tokenizer.hf.unk_token_id
        if room < 0 or all(token == unknown for token in mention):
            return None
        opening = [*opening[: self.opening_tokens], *self.separator] if opening else []
        opening = opening if self.opening_tokens and len(opening) <= room else []
        room -= len(opening)
        # Room that one side does not need is left to the other.
        n_left = min(len(left), self.context_tokens, max(room // 2, room - len(right)))
        n_right = min(len(right), self.context_tokens, room - n_left)
        return [
            *self.prefix,
            *opening,
            *left[len(left) - n_left :],
            *(self.start if n_left or opening else self.start_of_text),
            *mention,
            *self.end,
            *right[:n_right],
            *self.suffix,
        ]

    def is_context(self, tokens: Sequence[int]) -> NDArray[np.bool_]:
        """Which tokens of an input belong to the context or the opening: all but the mention, its
        delimiters and the tokenizer's tokens at both ends.

        tokens (Sequence[int]): An input of S tokens, as `encode` gives it.
        RETURNS (NDArray[np.bool_]): [S].
        """
        tokens = list(tokens)
        is_context: NDArray[np.bool_] = np.ones(len(tokens), np.bool_)
        is_context[: len(self.prefix)] = False
        is_context[len(tokens) - len(self.suffix) :] = False
        start = max(find_subsequence(tokens, part) for part in (self.start_of_text, self.start))
        if start >= 0:
            is_context[start : find_subsequence(tokens, self.end) + len(self.end)] = False
        return is_context
