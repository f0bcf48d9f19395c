"""Mentions to token ids: the marked context window (paper, section 3.1 and appendix A.1)."""

from typing import List, Optional, Sequence, Tuple

from ...model.settings import GenreSettings
from ...tokenization import NameTokenizer
from ...types import Mention

# Stands behind the opening.
SEPARATOR = " |"


def delimiters(
    tokenizer: NameTokenizer, settings: GenreSettings
) -> Tuple[List[int], List[int], List[int]]:
    """The token ids of what marks a mention: its start at the very beginning of a text, which some
    tokenizers write differently than behind a space; its start anywhere else; and its end."""

    def ids(text: str, before: str) -> List[int]:
        token = tokenizer.hf.convert_tokens_to_ids(text)
        if token is not None and tokenizer.hf.convert_ids_to_tokens(token) == text:
            return [token]
        return tokenizer.pieces([before + text])[0]

    start, end = settings.start_delimiter, settings.end_delimiter
    return ids(start, ""), ids(start, " "), ids(end, " ")


class MentionEncoder:
    """Writes `left [START_ENT] mention [END_ENT] right` in a model's token ids, with `opening |`
    before it where the model was trained with that.

    tokenizer (NameTokenizer): The model's tokenizer.
    settings (GenreSettings): The model's delimiters.
    max_length (int): The longest input that the model can read, in tokens.
    context_tokens (int): At most so many tokens of context to each side.
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
        self.start_of_text, self.start, self.end = delimiters(tokenizer, settings)
        start = max(self.start, self.start_of_text, key=len)
        self.n_frame = sum(map(len, (self.prefix, start, self.end, self.suffix)))

    def encode(self, mentions: Sequence[Mention]) -> List[Optional[List[int]]]:
        """The model's input for each mention.

        mentions (Sequence[Mention]): The mentions.
        RETURNS (List[Optional[List[int]]]): The token ids, cut to `context_tokens` a side and
            to `max_length` in all. The mention itself is never cut: where it alone is too long
            for the model, or nothing of it is known to the tokenizer, the entry is None.
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
        room = self.max_length - self.n_frame - len(mention)
        unknown = self.tokenizer.hf.unk_token_id
        if room < 0 or all(token == unknown for token in mention):
            return None
        opening = [*opening[: self.opening_tokens], *self.separator] if opening else []
        opening = opening if self.opening_tokens and len(opening) <= room else []
        room -= len(opening)
        # What one side does not need, the other may have.
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
