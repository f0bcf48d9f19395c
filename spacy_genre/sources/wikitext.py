"""Extraction of the links of an article from wikitext, and detection of disambiguation pages."""

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Iterator, Tuple

from ..errors import Errors
from .mediawiki import DISAMBIGUATION_SUFFIX, SPACES, NotAnArticle, Wiki, clean_title

try:
    import mwparserfromhell
except ImportError as err:
    raise ImportError(Errors.F012.format(package=err.name)) from err

# mwparserfromhell does not parse the contents of these tags, but MediaWiki does.
TAGS_WITH_LINKS = {"gallery", "imagemap"}
# Disambiguation pages have one of these templates. Links to them are mostly in hatnotes, and their
# titles end with the suffix. ({{disambiguation needed}} marks a single link of an article.)
DISAMBIGUATION_TEMPLATE = re.compile(
    r"(?i)(?:disambig(?:uation)?|dab|disamb?|"
    r"(?:airport|callsign|geo|hn|hospital|letter|math|number|road|school|station)dis|"
    r"(?:airport|genus|hospital|human name|mathematical|number|place name|road|school|station)"
    r" disambiguation)(?:[ -](?:page|cleanup))?"
)
# Letters after a link that MediaWiki adds to the link's text: [[apple]]s is shown as "apples".
TRAIL = re.compile("[a-z\u00df-\u00f6\u00f8-\u00ff]+")
QUOTES = re.compile("'{2,}")
# Longer anchors are ignored.
MAX_ANCHOR = 255


@dataclass
class ArticleLinks:
    """The links of an article.

    is_disambiguation (bool): Whether the article is a disambiguation page.
    anchors (Counter[Tuple[str, str]]): The count of each (anchor, title). The anchor is "" if it is
        not plain text. Redirects are not resolved.
    dropped (Counter[str]): The numbers of links that do not point to an article, by reason.
    """

    is_disambiguation: bool
    anchors: Counter[Tuple[str, str]] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)


def extract_links(title: str, text: str, wiki: Wiki) -> ArticleLinks:
    """Extract the links of an article.

    title (str): The title of the article.
    text (str): Its wikitext.
    wiki (Wiki): The wiki.
    RETURNS (ArticleLinks): The links, counted.
    """
    # Without bold and italics, since unbalanced ones would hide links.
    code = mwparserfromhell.parse(text, skip_style_tags=True)
    links = ArticleLinks(is_disambiguation(title, code))
    for link, trail in wikilinks(code):
        try:
            target = wiki.article_title(link_target(link))
        except NotAnArticle as reason:
            links.dropped[f"links: {reason}"] += 1
        else:
            links.anchors[anchor_text(link, trail), target] += 1
    return links


def wikilinks(code: Any) -> Iterator[Tuple[Any, str]]:
    """All links in parsed wikitext, also in arguments of templates, captions and footnotes. Links
    that a template makes, as {{main|Algebra}} does, are not known.

    code (mwparserfromhell.wikicode.Wikicode): The parsed wikitext.
    YIELDS (Tuple[Any, str]): The link, and the letters after it that belong to its text.
    """
    nodes = mwparserfromhell.nodes
    for node, next_node in zip_longest(code.nodes, code.nodes[1:]):
        if isinstance(node, nodes.Wikilink):
            trail = TRAIL.match(str(next_node)) if isinstance(next_node, nodes.Text) else None
            yield node, trail[0] if trail else ""
        for child in node.__children__():
            yield from wikilinks(child)
        if isinstance(node, nodes.Tag) and str(node.tag).strip().lower() in TAGS_WITH_LINKS:
            yield from wikilinks(mwparserfromhell.parse(str(node.contents), skip_style_tags=True))


def link_target(link: Any) -> str:
    """The target of a parsed link.

    RAISES (NotAnArticle): If a part of it comes from a template.
    """
    nodes = mwparserfromhell.nodes
    if any(isinstance(node, (nodes.Template, nodes.Argument)) for node in link.title.nodes):
        raise NotAnArticle("template in the target")
    return "".join(str(n) for n in link.title.nodes if not isinstance(n, nodes.Comment))


def anchor_text(link: Any, trail: str) -> str:
    """The anchor of a parsed link, or "" if it is not plain text of one line.

    link (mwparserfromhell.nodes.Wikilink): The link.
    trail (str): The letters after the link that belong to its text.
    """
    code = link.title if link.text is None else link.text
    text = QUOTES.sub("", str(code.strip_code())) + trail
    text = SPACES.sub(" ", text).strip().lstrip(":")
    return text if "\n" not in text and len(text) <= MAX_ANCHOR else ""


def is_disambiguation(title: str, code: Any) -> bool:
    """Whether a page is a disambiguation page."""
    names = (clean_title(str(template.name)) for template in code.filter_templates(recursive=False))
    return title.endswith(DISAMBIGUATION_SUFFIX) or any(
        DISAMBIGUATION_TEMPLATE.fullmatch(name) for name in names
    )
