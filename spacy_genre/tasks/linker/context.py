"""A Doc's entities as mentions in their context."""

from typing import Tuple

from spacy.tokens import Doc, Span

from ...extensions import OPENING
from ...types import Mention

# A token of text is hardly ever longer; what is (an encoded file in the text, say) is cut, so
# that the work for a mention is bounded whatever the document.
MAX_CHARS_PER_TOKEN = 24
# Entity recognizers take them into an entity ("the Nobel Prize"); links and titles leave them out.
# One that is written large may belong to the name ("The Beatles").
ARTICLES = ("the", "a", "an")


def span_mention(span: Span, context_tokens: int, opening_tokens: int = 0) -> Mention:
    """A span with enough text around it for a context window.

    span (Span): The span, anywhere in its document.
    context_tokens (int): The size of the window to each side, in the model's tokens. As many of
        the Doc's own tokens are taken, each being at least one token of the model; white space
        is not counted.
    opening_tokens (int): The size of the opening, likewise.
    RETURNS (Mention): The span, without an article before it, and its context; the model's
        tokenizer cuts it to measure.
    """
    span = without_article(span)
    doc = span.doc
    start, end = _window(span, context_tokens)
    # A slice of tokens, not of doc.text: that would join the whole document for each mention.
    max_chars = context_tokens * MAX_CHARS_PER_TOKEN
    left = doc[start : span.start].text_with_ws if start < span.start else ""
    right = doc[span.end - 1].whitespace_ + doc[span.end : end].text if end > span.end else ""
    left, right = left[-max_chars:] if max_chars else "", right[:max_chars]
    return Mention(left, span.text, right, _opening(doc, start, opening_tokens))


def without_article(span: Span) -> Span:
    """A span without an article before it."""
    if len(span) > 1 and span[0].text in ARTICLES and not span[1].is_space:
        return span[1:]
    return span


def _window(span: Span, context_tokens: int) -> Tuple[int, int]:
    """The first token of the window around a span, and the one after its last."""
    doc, start, end = span.doc, span.start, span.end
    wanted = context_tokens
    while start > 0 and wanted > 0:
        start -= 1
        wanted -= not doc[start].is_space
    wanted = context_tokens
    while end < len(doc) and wanted > 0:
        wanted -= not doc[end].is_space
        end += 1
    return start, end


def _opening(doc: Doc, before: int, opening_tokens: int) -> str:
    """How a document begins, as far as that is before a token of it."""
    if not opening_tokens:
        return ""
    text = str(doc._.get(OPENING) or "") or doc[: min(before, opening_tokens)].text
    return " ".join(text[: opening_tokens * MAX_CHARS_PER_TOKEN].split())
