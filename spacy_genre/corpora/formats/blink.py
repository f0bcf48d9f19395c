"""BLINK and zero-shot entity linking (zeshel): one mention a row, with its context.

    {"context_left": ..., "mention": ..., "context_right": ..., "label_title": title}

`Wikipedia_title` and `entity` are read like `label_title`. `label_id` (or `Wikipedia_ID`) is read
if there is no title; in zeshel it is only a row number.
"""

from typing import Any, Mapping

from ..texts import GoldText, text_of
from .common import has_text, join_context, mention_row

TITLE_KEYS = ("label_title", "Wikipedia_title", "wikipedia_title", "entity")
ID_KEYS = ("label_id", "Wikipedia_ID")


def is_row(row: Mapping[str, Any]) -> bool:
    """Whether it is a row of BLINK."""
    return "mention" in row and ("context_left" in row or "context_right" in row)


def read_text(row: Mapping[str, Any]) -> GoldText:
    """Read a row. RAISES (ValueError): If it is not valid."""
    left, right = text_of(row, "context_left"), text_of(row, "context_right")
    mention = text_of(row, "mention", required=True).strip()
    text, start = join_context(left, mention, right)
    titles = [text_of(row, key).replace("_", " ") for key in TITLE_KEYS if has_text(row, key)]
    ids = [row[key] for key in ID_KEYS if row.get(key) not in (None, "")]
    gold = next(iter([*titles, *ids]), None)
    if gold is None:
        return GoldText(text)
    return GoldText.from_row(
        {"text": text, "mentions": [mention_row(start, start + len(mention), gold)]}
    )
