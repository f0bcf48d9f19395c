"""Parts of a Doc that are long enough for a number of the model's tokens."""

from spacy.tokens import Doc

# Longest text of a window, in characters for each token of it. Few tokens of real text are longer;
# the limit bounds the work for text such as an encoded file.
MAX_CHARS_PER_TOKEN = 24


def end_of_window(doc: Doc, start: int, stop: int, n_tokens: int) -> int:
    """The end of a window that has enough text for a number of the model's tokens.

    doc (Doc): The Doc.
    start (int): The window's first token.
    stop (int): Where it ends at the latest.
    n_tokens (int): The number of the model's tokens. As many of the Doc's tokens are taken, white
        space not counted, since each of these is at least one token of the model.
    RETURNS (int): The token after the window's last.
    """
    end = start
    while end < stop and n_tokens > 0:
        n_tokens -= not doc[end].is_space
        end += 1
    return end
