"""The names of a title set for the titles and ids of data."""

from collections import Counter
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Optional

from ..errors import Errors
from ..sources.mediawiki import NotAnArticle, Wiki
from ..titles import TitleSet
from ..types import NIL
from .texts import GoldMention, GoldText, evidence_sets


def find_name(titles: TitleSet, title: str, kb_id: str = "") -> str:
    """Find the name of a title or an id in a title set.

    titles (TitleSet): The title set.
    title (str): A name, a redirect, an id, or a title in MediaWiki's spelling ("Paris,_Texas").
    kb_id (str): The entity's id, or "".
    RETURNS (str): The name, or "" if neither title nor id is in the set.
    """
    name = _lookup(titles, title) or _lookup(titles, kb_id)
    # Titles in data often have underscores or begin with a lower-case letter.
    return name or (_lookup(titles, plain_title(title)) if title else "")


def plain_title(title: str) -> str:
    """A title in MediaWiki's normal form; itself, if it is none of an article."""
    try:
        return Wiki().article_title(title)
    except NotAnArticle:
        return title


def _lookup(titles: TitleSet, title_or_id: str) -> str:
    if not title_or_id:
        return ""
    return titles.resolve(title_or_id) or next(iter(titles.names_of(title_or_id)), "")


class Missing(str, Enum):
    """What to do with a mention whose title or id is not in the title set: leave it out, keep its
    title as it is, or raise an error."""

    skip = "skip"
    keep = "keep"
    fail = "fail"


@dataclass
class NameResolver:
    """Replaces the titles and ids of gold texts by names of a title set, as evaluation does.

    titles (Optional[TitleSet]): The title set; None to change nothing.
    missing (str): What to do with titles that are not in the set, one of `Missing`.
    missing_titles (Counter[str]): How often each missing title occurred.
    """

    titles: Optional[TitleSet]
    missing: str = "skip"
    missing_titles: Counter[str] = field(default_factory=Counter)

    def __call__(self, text: GoldText, source: str) -> GoldText:
        """Resolve the titles of a text. Mentions without a name are removed or, if the text is
        complete, get the id "NIL", so that it is known that there is a mention.

        source (str): Where the text is from, for errors.
        RETURNS (GoldText): The text with names of the set.
        RAISES (ValueError): If missing = "fail" and a title is not in the set.
        """
        mentions = [self._name(mention, source) for mention in text.mentions]
        mentions = [m for m in mentions if text.complete or m.title or m.id != NIL]
        if self.titles is None:
            return text.with_mentions(mentions)
        evidence = (
            [self._resolve(title, "", source) for title in titles] for titles in text.evidence
        )
        # All pages of an evidence set are needed.
        complete = evidence_sets(titles for titles in evidence if all(titles))
        return replace(text, mentions=tuple(mentions), evidence=complete)

    def _name(self, mention: GoldMention, source: str) -> GoldMention:
        if self.titles is None or (not mention.title and mention.id == NIL):
            return mention
        name = self._resolve(mention.title, mention.id, source)
        return replace(mention, title=name, id="" if name else NIL)

    def _resolve(self, title: str, kb_id: str, source: str) -> str:
        assert self.titles is not None
        if name := find_name(self.titles, title, kb_id):
            return name
        self.missing_titles[title or kb_id] += 1
        if self.missing == "fail":
            raise ValueError(Errors.D005.format(title=title or kb_id, where=source))
        return (title or kb_id) if self.missing == "keep" else ""
