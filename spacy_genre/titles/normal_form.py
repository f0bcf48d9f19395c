"""The normal form of names, redirects, aliases and mentions."""

import re
from typing import List
from unicodedata import is_normalized, normalize

# Zero-width spaces and joiners, the byte order mark, soft hyphens and marks of direction.
INVISIBLE = "\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff"
# The joiners U+200C and U+200D are spelling in Persian, in Indic scripts and in emoji. They are
# removed at both ends, and after letters of scripts that don't have them (up to Armenian).
JOINERS = "\u200c\u200d"
CANDIDATES = re.compile(f"[{INVISIBLE}{JOINERS}]")
REMOVED = re.compile(f"[{INVISIBLE}]|(?<![\u0590-\U0010ffff])[{JOINERS}]|[{JOINERS}]+$")


def normal_form(text: str) -> str:
    """The form in which a title set stores and looks up a text: Unicode normalization form NFC,
    without invisible characters. A text of invisible characters only is returned unchanged."""
    if text.isascii():
        return text
    if not is_normalized("NFC", text):
        text = normalize("NFC", text)
    if CANDIDATES.search(text):
        previous = None
        while previous != text:  # a removal may bring others together
            previous = text
            text = normalize("NFC", REMOVED.sub("", text)) or text
    return text


def stored_forms(text: str) -> List[str]:
    """The forms in which a title set may hold a text: the normal form and, in files of earlier
    versions, any other. The most likely ones are returned, the normal form first."""
    if text.isascii():
        return [text]
    form = normal_form(text)
    return [*dict.fromkeys((form, text, normalize("NFD", form)))]
