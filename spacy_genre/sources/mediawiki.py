"""Normalization of titles as in MediaWiki."""

import html
import re
import unicodedata
from dataclasses import dataclass, field
from typing import FrozenSet, Mapping
from urllib.parse import unquote

from .interwiki import OTHER_WIKIS
from .languages import ENGLISH, WikiLanguage

# As in MediaWiki's MediaWikiTitleCodec, with the isolates U+2066 to U+2069 added.
DIRECTION_MARKS = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]+")
SPACES = re.compile("[ _\u00a0\u1680\u180e\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")
CHARACTER_REFERENCE = re.compile(r"&(?:#\d+|#[xX][0-9A-Fa-f]+|\w+);")
NOT_IN_TITLES = re.compile(
    r"[\x00-\x1f\x7f-\x9f<>\[\]{}|\ufffd]|~~~|%[0-9A-Fa-f]{2}|(?:^|/)\.{1,2}(?:/|$)"
)
MAX_TITLE_BYTES = 255


class NotAnArticle(ValueError):
    """A link target is not an article of the wiki. The message is the reason."""


@dataclass(frozen=True)
class Wiki:
    """The properties of a wiki that distinguish links to its articles from other links.

    namespaces (Mapping[str, str]): Lowercase name -> canonical name of all namespaces but the main
        one.
    own_prefixes (FrozenSet[str]): The wiki's own interwiki prefixes: in English Wikipedia,
        [[w:France]] and [[:en:France]] are links to its own article.
    capital_first (bool): Whether titles begin with a capital letter, as in all Wikipedias.
    language (WikiLanguage): The language of the wiki.
    file_namespace, category_namespace (str): The canonical names of these namespaces. Links to
        them are not part of an article's text.
    """

    namespaces: Mapping[str, str] = field(default_factory=dict)
    own_prefixes: FrozenSet[str] = frozenset()
    capital_first: bool = True
    language: WikiLanguage = ENGLISH
    file_namespace: str = "File"
    category_namespace: str = "Category"

    def article_title(self, target: str) -> str:
        """The title of the article that a link points to, without the section. Redirects are not
        resolved.

        target (str): The text between [[ and the next | or ]].
        RETURNS (str): The title.
        RAISES (NotAnArticle): If the target is not an article.
        """
        title, has_section, _ = clean_title(target).partition("#")
        title = title.lstrip(": ").rstrip()
        if not title:
            raise NotAnArticle("section of the same page" if has_section else "empty target")
        prefix, colon, name = title.partition(":")
        prefix = prefix.rstrip().lower()
        if colon and prefix in self.namespaces:
            raise NotAnArticle(f"namespace {self.namespaces[prefix]}")
        if colon and prefix in self.own_prefixes:
            return self.article_title(name)
        if colon and prefix in OTHER_WIKIS:
            raise NotAnArticle("another wiki")
        if self.capital_first:
            title = ucfirst(title, self.language)
        too_long = len(title.encode("utf8", "replace")) > MAX_TITLE_BYTES
        if too_long or NOT_IN_TITLES.search(title) or CHARACTER_REFERENCE.search(title):
            raise NotAnArticle("not a valid title")
        return title


def ucfirst(text: str, language: WikiLanguage = ENGLISH) -> str:
    """Capitalize the first letter as MediaWiki does: not if its capital has several letters (ß),
    and not in Georgian, which has no capital letters at the start of words."""
    first = language.upper(text[:1])
    if len(first) != 1 or "\u10d0" <= text[0] <= "\u10ff":
        return text
    return first + text[1:]


def clean_title(text: str) -> str:
    """Normalize a title as MediaWiki does: decode percent-encoding and character references,
    collapse spaces, remove direction marks, and apply Unicode NFC."""
    if "%" in text:
        text = unquote(text)
    # html.unescape on the whole text would also decode references without a semicolon ("R&ampD").
    # It drops references to control characters; U+FFFD keeps such titles invalid.
    text = CHARACTER_REFERENCE.sub(lambda match: html.unescape(match[0]) or "\ufffd", text)
    text = DIRECTION_MARKS.sub("", text)
    return unicodedata.normalize("NFC", SPACES.sub(" ", text).strip())


def title_of_key(key: str) -> str:
    """The title of a key of MediaWiki's database. Keys are normalized, with underscores for
    spaces."""
    title = key.replace("_", " ")
    return title if title.isascii() else unicodedata.normalize("NFC", title)
