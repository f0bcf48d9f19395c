"""Texts to token ids (paper, section 4.3): the beginning of a text, which may have masked parts."""

from functools import lru_cache
from itertools import chain, pairwise
from typing import List, Optional, Sequence

from spacy.tokens import Span

from ...extensions import get_masked
from ...model.settings import RetrievalSettings
from ...tokenization import NameTokenizer
from ..windows import MAX_CHARS_PER_TOKEN, end_of_window


def unmasked_parts(span: Span, max_tokens: int) -> List[str]:
    """The beginning of a span, cut at each masked part of its text (`doc._.genre_masked`).

    span (Span): The span.
    max_tokens (int): How many of the model's tokens the beginning has at least, if the span is as
        long. `TextEncoder` cuts it to its exact size.
    RETURNS (List[str]): The texts before, between and after the masked parts; one without any.
    """
    doc, first = span.doc, span.start_char
    end = end_of_window(doc, span.start, span.end, max_tokens)
    text = doc[span.start : end].text[: max_tokens * MAX_CHARS_PER_TOKEN]
    masked = sorted((start - first, end - first) for start, end in get_masked(doc))
    inside = [(max(start, 0), min(end, len(text))) for start, end in masked]
    places = [0]
    for start, end in inside:
        if places[-1] <= start < end:  # parts that overlap others are left out
            places += [start, end]
    return [text[start:end] for start, end in [*pairwise([*places, len(text)])][::2]]


@lru_cache(maxsize=4)
def get_encoder(
    tokenizer: NameTokenizer, settings: RetrievalSettings, max_tokens: int
) -> "TextEncoder":
    """The `TextEncoder` with these arguments."""
    return TextEncoder(tokenizer, settings, max_tokens)


class TextEncoder:
    """Encodes texts as `marker text`, without a marker if the model has none.

    tokenizer (NameTokenizer): The model's tokenizer. Masked parts become its mask token; without
        one they are left out.
    settings (RetrievalSettings): The model's marker.
    max_tokens (int): The longest input, in tokens.
    """

    def __init__(
        self, tokenizer: NameTokenizer, settings: RetrievalSettings, max_tokens: int
    ) -> None:
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        marker = tokenizer.delimiter(settings.marker, "") if settings.marker else []
        self.prefix, self.suffix = [*tokenizer.before, *marker], tokenizer.after
        mask = tokenizer.hf.mask_token_id
        self.mask = [] if mask is None else [mask]

    def encode(self, texts: Sequence[Sequence[str]]) -> List[Optional[List[int]]]:
        """Encode texts.

        texts (Sequence[Sequence[str]]): N texts, each as its `unmasked_parts`.
        RETURNS (List[Optional[List[int]]]): [N], the token ids, of which the last ones are cut off
            beyond `max_tokens`; None for a text that is blank, or whose tokens are all unknown.
        """
        pieces = iter(self.tokenizer.pieces([*chain.from_iterable(map(_stripped, texts))]))
        return [self._join([next(pieces) for _ in parts]) for parts in texts]

    def _join(self, parts: Sequence[List[int]]) -> Optional[List[int]]:
        unknown = self.tokenizer.hf.unk_token_id
        if all(token == unknown for token in chain.from_iterable(parts)):
            return None
        tokens = list(parts[0])
        for part in parts[1:]:
            tokens += [*self.mask, *part]
        room = self.max_tokens - len(self.prefix) - len(self.suffix)
        return [*self.prefix, *tokens[:room], *self.suffix]


def _stripped(parts: Sequence[str]) -> List[str]:
    """The parts without space at the ends of the text, and before masked parts: a mask token stands
    for the space, too."""
    return [part.lstrip().rstrip() if i == 0 else part.rstrip() for i, part in enumerate(parts)]
