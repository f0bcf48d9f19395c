"""Extraction of an article's plain text, with its links, from wikitext."""

import re
from collections import Counter
from itertools import zip_longest
from typing import Any, Iterator, List, Set

from ..errors import Errors
from .mediawiki import SPACES, NotAnArticle, Wiki
from .pages import Page, Paragraph, TextLink
from .wikitext import QUOTES, TRAIL, anchor_text, is_disambiguation, link_target

try:
    import mwparserfromhell
except ImportError as err:
    raise ImportError(Errors.F012.format(package=err.name)) from err

# The contents of these tags are text. Tables, footnotes, formulas and galleries are dropped.
SHOWN_TAGS = """
abbr b big blockquote center cite code dfn div em font i ins kbd nowiki p poem q s samp small span
strike strong sub sup tt u var
"""
FILES = ("namespace File", "namespace Image")
LIST_TAGS = frozenset(("dd", "dt", "li"))
MAGIC_WORDS = re.compile("__[A-Z]+__")
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
    code = mwparserfromhell.parse(text, skip_style_tags=True)
    builder = _TextBuilder(wiki)
    builder.add(code)
    page = Page(title, [], is_disambiguation(title, code), builder.dropped)
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
        for node, next_node in zip_longest(code.nodes, code.nodes[1:]):
            if isinstance(node, nodes.Text):
                self._add_text(MAGIC_WORDS.sub("", QUOTES.sub("", str(node))))
            elif isinstance(node, nodes.Wikilink):
                is_text = isinstance(next_node, nodes.Text)
                trail = TRAIL.match(str(next_node)) if is_text else None
                self._add_link(node, len(trail[0]) if trail else 0)
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

    def _add_link(self, link: Any, n_trail: int) -> None:
        """Add a link's text. The first `n_trail` characters after the link belong to its text."""
        text = anchor_text(link, "")
        try:
            title = self.wiki.article_title(link_target(link))
        except NotAnArticle as reason:
            self.dropped[f"links: {reason}"] += 1
            # [[Category:X]], files and pages of other wikis have no text in the article;
            # [[:Category:X]] and [[wikt:x|x]] have.
            target = str(link.title).strip()
            hidden = ":" in target.lstrip(":") and not target.startswith(":")
            if (link.text is None and hidden) or str(reason) in FILES:
                return
            title = ""
        start = self.length
        self._add_text(text)
        if title and self.length > start:
            self.links.append(TextLink(start, self.length + n_trail, title))

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
