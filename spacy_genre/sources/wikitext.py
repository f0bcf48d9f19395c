"""The links in an article's wikitext, and whether it is an article."""

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

# The parser does not look into these tags, but MediaWiki makes links of what they hold.
TAGS_WITH_LINKS = {"gallery", "imagemap"}
# A page that only lists what its name may mean is nothing that a mention can be linked to. Such a
# page carries one of these templates; links to it mostly stand in hatnotes and end in the suffix.
# ({{disambiguation needed}} is not among them: it is a note on a single link of an article.)
DISAMBIGUATION_TEMPLATE = re.compile(
    r"(?i)(?:disambig(?:uation)?|dab|disamb?|"
    r"(?:airport|callsign|geo|hn|hospital|letter|math|number|road|school|station)dis|"
    r"(?:airport|genus|hospital|human name|mathematical|number|place name|road|school|station)"
    r" disambiguation)(?:[ -](?:page|cleanup))?"
)
# What MediaWiki takes as the end of a link's text: [[apple]]s reads "apples".
TRAIL = re.compile("[a-z\u00df-\u00f6\u00f8-\u00ff]+")
QUOTES = re.compile("'{2,}")
# Longer texts of links are no mentions.
MAX_ANCHOR = 255


@dataclass
class ArticleLinks:
    """What an article's text tells.

    is_disambiguation (bool): Whether it only lists what its name may mean.
    anchors (Counter[Tuple[str, str]]): How often a link's text ("" if it is none) stands for a
        title (redirects not resolved).
    dropped (Counter[str]): Links that name no article, by reason.
    """

    is_disambiguation: bool
    anchors: Counter[Tuple[str, str]] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)


def extract_links(title: str, text: str, wiki: Wiki) -> ArticleLinks:
    """Read the wikitext of an article."""
    # Bold and italics do not matter here, and wrongly closed ones would hide links.
    code = mwparserfromhell.parse(text, skip_style_tags=True)
    article = ArticleLinks(is_disambiguation(title, code))
    for link, trail in wikilinks(code):
        try:
            target = wiki.article_title(link_target(link))
        except NotAnArticle as reason:
            article.dropped[f"links: {reason}"] += 1
        else:
            article.anchors[anchor_text(link, trail), target] += 1
    return article


def wikilinks(code: Any) -> Iterator[Tuple[Any, str]]:
    """All links in parsed wikitext, those in templates, captions, and footnotes too, each with the
    letters that follow it and belong to its text. (What a template makes into a link, as
    {{main|Algebra}} does, cannot be known from the page alone.)
    """
    nodes = mwparserfromhell.nodes
    for node, after in zip_longest(code.nodes, code.nodes[1:]):
        if isinstance(node, nodes.Wikilink):
            trail = TRAIL.match(str(after)) if isinstance(after, nodes.Text) else None
            yield node, trail[0] if trail else ""
        for child in node.__children__():
            yield from wikilinks(child)
        if isinstance(node, nodes.Tag) and str(node.tag).strip().lower() in TAGS_WITH_LINKS:
            yield from wikilinks(mwparserfromhell.parse(str(node.contents), skip_style_tags=True))


def link_target(link: Any) -> str:
    """The target of a parsed link as text.

    RAISES (NotAnArticle): If a template makes a part of it.
    """
    nodes = mwparserfromhell.nodes
    if any(isinstance(node, (nodes.Template, nodes.Argument)) for node in link.title.nodes):
        raise NotAnArticle("template in the target")
    return "".join(str(n) for n in link.title.nodes if not isinstance(n, nodes.Comment))


def anchor_text(link: Any, trail: str) -> str:
    """What a reader sees of a parsed link, or "" if it is no plain text."""
    shown = link.title if link.text is None else link.text
    text = QUOTES.sub("", str(shown.strip_code())) + trail
    text = SPACES.sub(" ", text).strip().lstrip(":")
    return text if "\n" not in text and len(text) <= MAX_ANCHOR else ""


def is_disambiguation(title: str, code: Any) -> bool:
    """Whether a page only lists what its name may mean."""
    names = (clean_title(str(template.name)) for template in code.filter_templates(recursive=False))
    return title.endswith(DISAMBIGUATION_SUFFIX) or any(
        DISAMBIGUATION_TEMPLATE.fullmatch(name) for name in names
    )
