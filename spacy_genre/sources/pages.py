"""Articles as running text."""

from collections import Counter
from dataclasses import dataclass, field
from typing import List, Tuple


@dataclass(frozen=True)
class TextLink:
    """A link in a text: characters start to end stand for an article.

    title (str): The article's title (redirects not resolved).
    """

    start: int
    end: int
    title: str


@dataclass(frozen=True)
class Paragraph:
    """A paragraph, or an item of a list, as plain text.

    links (Tuple[TextLink, ...]): In the order of the text; they do not overlap.
    is_list (bool): Whether it is an item of a list.
    """

    text: str
    links: Tuple[TextLink, ...] = ()
    is_list: bool = False


@dataclass
class Page:
    """An article as running text.

    dropped (Counter[str]): What was left out, by reason.
    """

    title: str
    paragraphs: List[Paragraph]
    is_disambiguation: bool = False
    dropped: Counter[str] = field(default_factory=Counter)
