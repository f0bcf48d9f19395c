"""Titles as MediaWiki spells them."""

import html
import re
import unicodedata
from dataclasses import dataclass, field
from typing import FrozenSet, Mapping
from urllib.parse import unquote

from .interwiki import OTHER_WIKIS

# As MediaWiki's own MediaWikiTitleCodec has them, but for the isolates U+2066 to U+2069.
DIRECTION_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
SPACES = re.compile("[ _\u00a0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
CHARACTER_REFERENCE = re.compile(r"&(?:#\d+|#[xX][0-9A-Fa-f]+|\w+);")
NOT_IN_TITLES = re.compile(
    r"[\x00-\x1f\x7f-\x9f<>\[\]{}|\ufffd]|~~~|%[0-9A-Fa-f]{2}|(?:^|/)\.{1,2}(?:/|$)"
)
MAX_TITLE_BYTES = 255
DISAMBIGUATION_SUFFIX = " (disambiguation)"


class NotAnArticle(ValueError):
    """What was named is no article of the wiki; the message is the reason."""


@dataclass(frozen=True)
class Wiki:
    """What must be known of a wiki to tell its articles from all else that a link may name.

    namespaces (Mapping[str, str]): The names of all namespaces but the articles', in lower case,
        to the names under which to report them.
    own_prefixes (FrozenSet[str]): What the wiki calls itself in a link: in English Wikipedia,
        [[w:France]] and [[:en:France]] are its own France.
    capital_first (bool): Whether titles begin with a capital, as in all Wikipedias.
    """

    namespaces: Mapping[str, str] = field(default_factory=dict)
    own_prefixes: FrozenSet[str] = frozenset()
    capital_first: bool = True

    def article_title(self, target: str) -> str:
        """The title of the article that a link points to, the section cut off. A redirect is not
        resolved.

        target (str): What stands between [[ and the next | or ]].
        RETURNS (str): The title.
        RAISES (NotAnArticle): With the reason.
        """
        title, has_section, _ = clean_title(target).partition("#")
        title = title.lstrip(": ").rstrip()
        if not title:
            raise NotAnArticle("section of the same page" if has_section else "empty target")
        prefix, colon, rest = title.partition(":")
        prefix = prefix.rstrip().lower()
        if colon and prefix in self.namespaces:
            raise NotAnArticle(f"namespace {self.namespaces[prefix]}")
        if colon and prefix in self.own_prefixes:
            return self.article_title(rest)
        if colon and prefix in OTHER_WIKIS:
            raise NotAnArticle("another wiki")
        if self.capital_first:
            title = ucfirst(title)
        too_long = len(title.encode("utf8", "replace")) > MAX_TITLE_BYTES
        if too_long or NOT_IN_TITLES.search(title) or CHARACTER_REFERENCE.search(title):
            raise NotAnArticle("not a valid title")
        return title


def ucfirst(text: str) -> str:
    """Write the first letter large as MediaWiki does: only if it stays one letter (not for ß), and
    never in Georgian, whose words do not begin with a capital.
    """
    first = text[:1].upper()
    if len(first) != 1 or "\u10d0" <= text[0] <= "\u10ff":
        return text
    return first + text[1:]


def clean_title(text: str) -> str:
    """Spell a title in MediaWiki's one way: percent signs and character references decoded, single
    spaces, no marks of direction, NFC.
    """
    if "%" in text:
        text = unquote(text)
    # Not html.unescape on the whole: it needs no semicolon, and would make "R&D" of "R&ampD".
    # It drops references to control characters, where the mark of an unknown one keeps them seen.
    text = CHARACTER_REFERENCE.sub(lambda match: html.unescape(match[0]) or "\ufffd", text)
    text = DIRECTION_MARKS.sub("", text)
    return unicodedata.normalize("NFC", SPACES.sub(" ", text).strip())


def title_of_key(key: str) -> str:
    """The title that MediaWiki's database holds under a key. All that `clean_title` does was done
    before it was stored, but for the underscores."""
    title = key.replace("_", " ")
    return title if title.isascii() else unicodedata.normalize("NFC", title)
