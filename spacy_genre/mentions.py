"""A Doc's entities as mentions in their context."""

from spacy.tokens import Span

from .types import Mention

# A token of text is hardly ever longer; what is (an encoded file in the text, say) is cut, so
# that the work for a mention is bounded whatever the document.
MAX_CHARS_PER_TOKEN = 24


def span_mention(span: Span, context_tokens: int) -> Mention:
    """A span with enough text around it for a context window.

    span (Span): The span, anywhere in its document.
    context_tokens (int): The size of the window to each side, in the model's tokens. As many of
        the Doc's own tokens are taken, each being at least one token of the model; white space
        is not counted.
    RETURNS (Mention): The span and its context; the model's tokenizer cuts it to measure.
    """
    doc, start, end = span.doc, span.start, span.end
    wanted = context_tokens
    while start > 0 and wanted > 0:
        start -= 1
        wanted -= not doc[start].is_space
    wanted = context_tokens
    while end < len(doc) and wanted > 0:
        wanted -= not doc[end].is_space
        end += 1
    # A slice of tokens, not of doc.text: that would join the whole document for each mention.
    max_chars = context_tokens * MAX_CHARS_PER_TOKEN
    left = doc[start : span.start].text_with_ws if start < span.start else ""
    right = doc[span.end - 1].whitespace_ + doc[span.end : end].text if end > span.end else ""
    return Mention(left[-max_chars:] if max_chars else "", span.text, right[:max_chars])
