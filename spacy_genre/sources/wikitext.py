"""Extraction of the links of an article from wikitext, and detection of disambiguation pages."""

import re
from collections import Counter
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, Iterator, Tuple

from ..errors import Errors
from .languages import DISAMBIGUATION_SUFFIXES
from .mediawiki import SPACES, NotAnArticle, Wiki, clean_title

try:
    import mwparserfromhell
except ImportError as err:
    raise ImportError(Errors.F012.format(package=err.name)) from err

# mwparserfromhell does not parse the contents of these tags, but MediaWiki does.
TAGS_WITH_LINKS = {"gallery", "imagemap"}
# Disambiguation pages have one of these templates or one of the wiki's language. Links to them are
# mostly in hatnotes, and their titles end with the suffix. ({{disambiguation needed}} marks a
# single link of an article.)
DISAMBIGUATION_TEMPLATE = re.compile(
    r"(?i)(?:disambig(?:uation)?|dab|disamb?|"
    r"(?:airport|callsign|geo|hn|hospital|letter|math|number|road|school|station)dis|"
    r"(?:airport|genus|hospital|human name|mathematical|number|place name|road|school|station)"
    r" disambiguation)(?:[ -](?:page|cleanup))?"
)
# As the template's effect, it can be in the text, too.
DISAMBIGUATION_WORDS = re.compile("__(?:DISAMBIG|DISAMBIGUACION|消除歧义)__", re.IGNORECASE)
QUOTES = re.compile("'{2,}")
# Longer anchors are ignored.
MAX_ANCHOR = 255
# The letters before and after a link that belong to its text.
Affixes = Tuple[str, str]
NO_AFFIXES = ("", "")
ENGLISH_WIKI = Wiki()


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
    code = mwparserfromhell.parse(wiki.language.convert(text), skip_style_tags=True)
    links = ArticleLinks(is_disambiguation(title, code, wiki))
    for link, affixes in wikilinks(code, wiki):
        try:
            target = wiki.article_title(link_target(link))
        except NotAnArticle as reason:
            links.dropped[f"links: {reason}"] += 1
        else:
            links.anchors[anchor_text(link, affixes), target] += 1
    return links


def wikilinks(code: Any, wiki: Wiki = ENGLISH_WIKI) -> Iterator[Tuple[Any, Affixes]]:
    """All links in parsed wikitext, also in arguments of templates, captions and footnotes. Links
    that a template makes, as {{main|Algebra}} does, are not known.

    code (mwparserfromhell.wikicode.Wikicode): The parsed wikitext.
    wiki (Wiki): The wiki.
    YIELDS (Tuple[Any, Affixes]): The link, and the letters around it that belong to its text.
    """
    nodes = mwparserfromhell.nodes
    for node, affixes in with_affixes(code, wiki):
        if isinstance(node, nodes.Wikilink):
            yield node, affixes
        for child in node.__children__():
            yield from wikilinks(child, wiki)
        if isinstance(node, nodes.Tag) and str(node.tag).strip().lower() in TAGS_WITH_LINKS:
            contents = mwparserfromhell.parse(str(node.contents), skip_style_tags=True)
            yield from wikilinks(contents, wiki)


def with_affixes(code: Any, wiki: Wiki) -> Iterator[Tuple[Any, Affixes]]:
    """The nodes of parsed wikitext.

    YIELDS (Tuple[Any, Affixes]): The node. If it is a link, the letters around it that belong to
        its text.
    """
    nodes = mwparserfromhell.nodes
    before, n_trail = "", 0
    for node, next_node in zip_longest(code.nodes, code.nodes[1:]):
        affixes = NO_AFFIXES
        if isinstance(node, nodes.Wikilink):
            after = str(next_node) if isinstance(next_node, nodes.Text) else ""
            affixes = wiki.language.affixes(before, after)
            before, n_trail = "", len(affixes[1])
        else:
            # The trail of a link is not the prefix of the next one.
            before = str(node)[n_trail:][-MAX_ANCHOR:] if isinstance(node, nodes.Text) else ""
            n_trail = 0
        yield node, affixes


def link_target(link: Any) -> str:
    """The target of a parsed link.

    RAISES (NotAnArticle): If a part of it comes from a template.
    """
    nodes = mwparserfromhell.nodes
    if any(isinstance(node, (nodes.Template, nodes.Argument)) for node in link.title.nodes):
        raise NotAnArticle("template in the target")
    return "".join(str(n) for n in link.title.nodes if not isinstance(n, nodes.Comment))


def anchor_text(link: Any, affixes: Affixes) -> str:
    """The anchor of a parsed link, or "" if it is not plain text of one line.

    link (mwparserfromhell.nodes.Wikilink): The link.
    affixes (Affixes): The letters around the link that belong to its text.
    """
    code = link.title if link.text is None else link.text
    prefix, trail = affixes
    text = QUOTES.sub("", str(code.strip_code())) + trail
    text = SPACES.sub(" ", text).strip().lstrip(":")
    text = prefix + text if text else ""
    return text if "\n" not in text and len(text) <= MAX_ANCHOR else ""


def is_disambiguation(title: str, code: Any, wiki: Wiki = ENGLISH_WIKI) -> bool:
    """Whether a page is a disambiguation page."""
    if title.endswith(DISAMBIGUATION_SUFFIXES):
        return True
    templates = wiki.language.disambiguation_templates
    for template in code.filter_templates(recursive=False):
        name = clean_title(str(template.name))
        if DISAMBIGUATION_TEMPLATE.fullmatch(name) or name.lower() in templates:
            return True
    texts = code.filter_text(recursive=False)
    return any(DISAMBIGUATION_WORDS.search(str(text)) for text in texts)
