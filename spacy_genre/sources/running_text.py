"""The running text of an article and the links in it: wikitext as a reader sees it."""

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

# What these tags hold stands in the text; tables, footnotes, formulas and galleries do not.
SHOWN_TAGS = """
abbr b big blockquote center cite code dfn div em font i ins kbd nowiki p poem q s samp small span
strike strong sub sup tt u var
"""
FILES = ("namespace File", "namespace Image")
LIST_TAGS = frozenset(("dd", "dt", "li"))
MAGIC_WORDS = re.compile("__[A-Z]+__")
# What is left of markup that was not closed.
BROKEN = re.compile(r"^[|!]|\[\[|\]\]|\{\{|\}\}|\{\||<ref|</")
BROKEN_MARKUP = "paragraphs with broken markup"


def extract_text(title: str, text: str, wiki: Wiki) -> Page:
    """Read the wikitext of an article. Headings, tables, footnotes, templates, files and
    categories are left out, and paragraphs whose markup is broken."""
    # As in `extract_links`: wrongly closed bold and italics would hide links.
    code = mwparserfromhell.parse(text, skip_style_tags=True)
    writer = _TextBuilder(wiki)
    writer.write(code)
    page = Page(title, [], is_disambiguation(title, code), writer.dropped)
    for paragraph in writer.paragraphs():
        if BROKEN.search(paragraph.text):
            page.dropped[BROKEN_MARKUP] += 1
        else:
            page.paragraphs.append(paragraph)
    return page


class _TextBuilder:
    """Plain text that grows, and the links in it."""

    def __init__(self, wiki: Wiki) -> None:
        self.wiki = wiki
        self.parts: List[str] = []
        self.length = 0
        self.links: List[TextLink] = []
        self.list_items: Set[int] = set()
        self.dropped: Counter[str] = Counter()

    def write(self, code: Any) -> None:
        nodes = mwparserfromhell.nodes
        for node, after in zip_longest(code.nodes, code.nodes[1:]):
            if isinstance(node, nodes.Text):
                self._add(MAGIC_WORDS.sub("", QUOTES.sub("", str(node))))
            elif isinstance(node, nodes.Wikilink):
                trail = TRAIL.match(str(after)) if isinstance(after, nodes.Text) else None
                self._add_link(node, len(trail[0]) if trail else 0)
            elif isinstance(node, nodes.HTMLEntity):
                self._add(node.normalize())
            elif isinstance(node, nodes.ExternalLink) and node.title is not None:
                self.write(node.title)
            elif isinstance(node, nodes.Heading):
                self._add("\n")
            elif isinstance(node, nodes.Tag):
                self._add_tag(node)

    def _add(self, text: str) -> None:
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
            self._add(" ")
        elif name in SHOWN_TAGS.split() and tag.contents is not None:
            self.write(tag.contents)

    def _add_link(self, link: Any, n_trail: int) -> None:
        """Write a link's text; the first characters of what follows it belong to it as well."""
        shown = anchor_text(link, "")
        try:
            title = self.wiki.article_title(link_target(link))
        except NotAnArticle as reason:
            self.dropped[f"links: {reason}"] += 1
            # [[Category:X]] shows nothing, and neither does a file or a page of another wiki;
            # [[:Category:X]] and [[wikt:x|x]] do.
            target = str(link.title).strip()
            hidden = ":" in target.lstrip(":") and not target.startswith(":")
            if (link.text is None and hidden) or str(reason) in FILES:
                return
            title = ""
        start = self.length
        self._add(shown)
        if title and self.length > start:
            self.links.append(TextLink(start, self.length + n_trail, title))

    def paragraphs(self) -> Iterator[Paragraph]:
        """Each line of the text that has any, with its own links."""
        links = iter([*self.links, TextLink(self.length + 1, self.length + 1, "")])
        link = next(links)
        start = 0
        for line in "".join(self.parts).split("\n"):
            end = start + len(line)
            inside = []
            while link.start < end:
                if link.end <= end:
                    inside.append(TextLink(link.start - start, link.end - start, link.title))
                link = next(links)
            if line.strip():
                yield Paragraph(line.rstrip(), tuple(inside), start in self.list_items)
            start = end + 1
