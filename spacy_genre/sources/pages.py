"""Articles as plain text with links."""

from collections import Counter
from dataclasses import dataclass, field
from typing import List, Tuple


@dataclass(frozen=True)
class TextLink:
    """A link in a text.

    start, end (int): Character offsets of the link's text.
    title (str): The title of the linked article; redirects are not resolved.
    method (str): How the link was found, if it was not set by the authors of the article (a weak
        link), or "".
    """

    start: int
    end: int
    title: str
    method: str = ""


@dataclass(frozen=True)
class Paragraph:
    """A paragraph or list item as plain text.

    text (str): The text.
    links (Tuple[TextLink, ...]): The links in the order of the text. They do not overlap.
    is_list (bool): Whether it is a list item.
    """

    text: str
    links: Tuple[TextLink, ...] = ()
    is_list: bool = False


@dataclass
class Page:
    """An article as plain text.

    title (str): The title.
    paragraphs (List[Paragraph]): The paragraphs and list items.
    is_disambiguation (bool): Whether it is a disambiguation page.
    dropped (Counter[str]): The numbers of dropped links and paragraphs, by reason.
    complete (bool): Whether its links are all of its mentions.
    """

    title: str
    paragraphs: List[Paragraph]
    is_disambiguation: bool = False
    dropped: Counter[str] = field(default_factory=Counter)
    complete: bool = False
