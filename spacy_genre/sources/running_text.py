"""Extraction of an article's plain text, with its links, from wikitext."""

import re
from collections import Counter
from typing import Any, Iterator, List, Set

from ..errors import Errors
from .interwiki import LANGUAGES
from .languages import ENGLISH
from .mediawiki import SPACES, NotAnArticle, Wiki
from .pages import Page, Paragraph, TextLink
from .wikitext import (
    NO_AFFIXES,
    QUOTES,
    Affixes,
    anchor_text,
    is_disambiguation,
    link_target,
    with_affixes,
)

try:
    import mwparserfromhell
except ImportError as err:
    raise ImportError(Errors.F012.format(package=err.name)) from err

# The contents of these tags are text. Tables, footnotes, formulas and galleries are dropped.
SHOWN_TAGS = """
abbr b big blockquote center cite code dfn div em font i ins kbd nowiki p poem q s samp small span
strike strong sub sup tt u var
"""
LIST_TAGS = frozenset(("dd", "dt", "li"))
# __NOTOC__, __БЕЗ_ОГЛ__, ＿＿目次＿＿: in the letters of the wiki, and no lowercase Latin ones.
MAGIC_WORDS = re.compile("(?:__|＿＿)(?:(?![a-z_])\\w)+(?:_(?:(?![a-z_])\\w)+)*(?:__|＿＿)")
# Remains of markup that was not closed.
BROKEN = re.compile(r"^[|!]|\[\[|\]\]|\{\{|\}\}|\{\||<ref|</")
BROKEN_MARKUP = "paragraphs with broken markup"


def extract_text(title: str, text: str, wiki: Wiki) -> Page:
    """Extract the plain text of an article, with its links. Headings, tables, footnotes,
    templates, files, categories, and paragraphs with broken markup are dropped.

    title (str): The title of the article.
    text (str): Its wikitext.
    wiki (Wiki): The wiki.
    RETURNS (Page): The paragraphs with their links.
    """
    # As in `extract_links`: unbalanced bold and italics would hide links.
    code = mwparserfromhell.parse(wiki.language.convert(text), skip_style_tags=True)
    builder = _TextBuilder(wiki)
    builder.add(code)
    page = Page(title, [], is_disambiguation(title, code, wiki), builder.dropped)
    for paragraph in builder.paragraphs():
        if BROKEN.search(paragraph.text):
            page.dropped[BROKEN_MARKUP] += 1
        else:
            page.paragraphs.append(paragraph)
    return page


class _TextBuilder:
    """Builds plain text and its links from parsed wikitext."""

    def __init__(self, wiki: Wiki) -> None:
        self.wiki = wiki
        self.parts: List[str] = []
        self.length = 0
        self.links: List[TextLink] = []
        self.list_items: Set[int] = set()
        self.dropped: Counter[str] = Counter()

    def add(self, code: Any) -> None:
        nodes = mwparserfromhell.nodes
        for node, affixes in with_affixes(code, self.wiki):
            if isinstance(node, nodes.Text):
                self._add_text(MAGIC_WORDS.sub("", QUOTES.sub("", str(node))))
            elif isinstance(node, nodes.Wikilink):
                self._add_link(node, affixes)
            elif isinstance(node, nodes.HTMLEntity):
                self._add_text(node.normalize())
            elif isinstance(node, nodes.ExternalLink) and node.title is not None:
                self.add(node.title)
            elif isinstance(node, nodes.Heading):
                self._add_text("\n")
            elif isinstance(node, nodes.Tag):
                self._add_tag(node)

    def _add_text(self, text: str) -> None:
        text = SPACES.sub(" ", text)
        if not self.parts or self.parts[-1][-1] in " \n":
            text = text.lstrip(" ")
        if text:
            self.parts.append(text)
            self.length += len(text)

    def _add_tag(self, tag: Any) -> None:
        name = str(tag.tag).strip().lower()
        if name in LIST_TAGS and tag.wiki_markup:
            self.list_items.add(self.length)
        elif name == "br":
            self._add_text(" ")
        elif name in SHOWN_TAGS.split() and tag.contents is not None:
            self.add(tag.contents)

    def _add_link(self, link: Any, affixes: Affixes) -> None:
        """Add a link's text. The letters around it are added with the text before and after it."""
        text = anchor_text(link, NO_AFFIXES)
        try:
            title = self.wiki.article_title(link_target(link))
        except NotAnArticle as reason:
            self.dropped[f"links: {reason}"] += 1
            if self._is_hidden(link, str(reason)):
                return
            title = ""
        start = self.length
        self._add_text(text)
        if title and self.length > start:
            prefix, trail = map(len, affixes)
            self.links.append(TextLink(start - prefix, self.length + trail, title))

    def _is_hidden(self, link: Any, reason: str) -> bool:
        """Whether a link (not to an article) adds no text to the article: [[Category:X|y]], files,
        and the same article in another language, unlike [[:Category:X]] and [[wikt:x|x]]."""
        prefix, colon, _ = str(link.title).strip().partition(":")
        if not prefix or not colon:
            return False
        hidden = [self.wiki.file_namespace]
        # Corpora of English Wikipedia keep the sort keys of categories, so that corpora that were
        # built before can be built again.
        if self.wiki.language.code != ENGLISH.code:
            hidden.append(self.wiki.category_namespace)
        return (
            link.text is None
            or prefix.strip().lower() in LANGUAGES
            or reason in [f"namespace {name}" for name in hidden]
        )

    def paragraphs(self) -> Iterator[Paragraph]:
        """Each line of the text that is not blank, with its links."""
        links = iter([*self.links, TextLink(self.length + 1, self.length + 1, "")])
        link = next(links)
        start = 0
        for line in "".join(self.parts).split("\n"):
            end = start + len(line)
            line_links = []
            while link.start < end:
                if link.end <= end:
                    line_links.append(TextLink(link.start - start, link.end - start, link.title))
                link = next(links)
            if line.strip():
                yield Paragraph(line.rstrip(), tuple(line_links), start in self.list_items)
            start = end + 1
