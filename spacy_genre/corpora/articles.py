"""Gold mentions of Wikipedia articles: their links, and mentions derived from links and titles."""

import re
import textwrap
from collections import defaultdict
from dataclasses import dataclass, field, replace
from random import Random
from typing import DefaultDict, Dict, Iterator, List, Mapping, Optional, Set, Tuple

from ..sources.languages import FOREIGN_DATE, FOREIGN_LIST
from ..sources.pages import Page, Paragraph, TextLink
from .texts import (
    LEAD,
    LINK,
    OWN_TITLE,
    REPEAT,
    SHORT_FORM,
    WEAK_LINK,
    GoldMention,
    GoldText,
)

PARENTHESES = re.compile(r" \([^()]*\)$")
# 1984, 44 BC, 1990s, May 5, 5 May, May 2001, 19th century: such links carry little information.
MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
DATE_TITLE = re.compile(
    rf"(?:AD )?\d{{1,4}}s?(?: BCE?)?|(?:{MONTHS})(?: \d{{1,4}})?|\d{{1,2}} (?:{MONTHS})|"
    r"\d{1,2}(?:st|nd|rd|th) (?:century|millennium)(?: BCE?)?"
)
LIST_TITLE = re.compile("(?:Lists?|Index|Outline) of |Timeline of ")
# Unlinked mentions that are shorter or begin with a lower-case letter are too ambiguous.
MIN_UNLINKED_LENGTH = 4
# In characters.
MAX_OPENING = 200
CAPITALIZED_NAME = re.compile(r"[^\W\d_][\w.'’-]*(?: [\w.'’-]+){1,3}")
# For a surface form the title and the kind of the mentions that are found by it.
Surfaces = Dict[str, Tuple[str, str]]


@dataclass(frozen=True)
class ArticleOptions:
    """Which mentions of an article are kept, and which are added to its links.

    own_title (bool): Add unlinked occurrences of the page's own title.
    repeats (bool): Add unlinked occurrences of the texts of the page's links.
    short_forms (bool): Add unlinked last words of linked names ("Clinton" if the page links "Bill
        Clinton"), so that the model learns to use the longest form in the context.
    leads (bool): Add the first paragraph as a text whose gold page is its own page (document
        retrieval).
    lists (float): Share of links to keep, 0 to 1, if they are in list items or in pages that are
        lists, or point to such pages.
    years (float): Share of links to years, dates and centuries to keep, 0 to 1.
    copies (float): Share of mentions to keep, 0 to 1, if their text is their title.
    weak_links (Mapping[str, float]): Share of weak links to keep, 0 to 1, by their method
        (`TextLink.method`). Weak links of other methods are all kept.
    openings (float): Share of the paragraphs after the first that get the beginning of the page as
        their `opening`, 0 to 1.
    complete (bool): Whether the links of pages are all of their mentions, as in annotated
        documents. Then all links and all paragraphs are kept, and the other options about links do
        not apply.
    seed (int): The random seed. Random choices for a page depend on its title, not on other pages.
    """

    own_title: bool = False
    repeats: bool = False
    short_forms: bool = False
    leads: bool = False
    lists: float = 0.25
    years: float = 0.05
    copies: float = 1.0
    weak_links: Mapping[str, float] = field(default_factory=dict)
    openings: float = 0.75
    complete: bool = False
    seed: int = 0


def page_texts(page: Page, options: ArticleOptions) -> List[GoldText]:
    """RETURNS (List[GoldText]): The paragraphs of an article that have gold annotations or, if its
    annotation is complete, all."""
    if page.is_disambiguation:
        return []
    is_complete = page.complete or options.complete
    rng = Random(f"{options.seed}:{page.title}")
    opening_rng = Random(f"{options.seed}:opening:{page.title}")
    page_opening = ""
    surfaces = _surfaces_of(page, options)
    pattern = _pattern_of(surfaces)
    texts = []
    for i, paragraph in enumerate(page.paragraphs):
        mentions = [(_link_mention(link), link.method) for link in paragraph.links]
        if pattern is not None:
            mentions += [(m, "") for m in _unlinked_mentions(paragraph, pattern, surfaces)]
        kept = [
            mention
            for mention, method in mentions
            if is_complete or rng.random() < _keep_share(mention, method, paragraph, page, options)
        ]
        evidence = ((page.title,),) if options.leads and _is_lead(page, i) else ()
        if kept or evidence or is_complete:
            kept.sort(key=lambda m: m.start)
            kind = LEAD if evidence else LINK
            opening = page_opening if opening_rng.random() < options.openings else ""
            text = GoldText(paragraph.text, tuple(kept), page.title, evidence, kind, opening)
            texts.append(replace(text, complete=is_complete))
        if _is_lead(page, i):
            page_opening = textwrap.shorten(paragraph.text, MAX_OPENING, placeholder="")
    return texts


def _link_mention(link: TextLink) -> GoldMention:
    kind = WEAK_LINK if link.method else LINK
    return GoldMention(link.start, link.end, link.title, kind=kind)


def _is_lead(page: Page, i: int) -> bool:
    """Whether paragraph `i` is the first one that is not a list item."""
    return not page.paragraphs[i].is_list and all(p.is_list for p in page.paragraphs[:i])


def _keep_share(
    mention: GoldMention, method: str, paragraph: Paragraph, page: Page, options: ArticleOptions
) -> float:
    """The probability that a mention is kept."""
    share = options.weak_links.get(method, 1.0)
    titles = (mention.title, page.title)
    if paragraph.is_list or any(map(_is_list, titles)):
        share *= options.lists
    if DATE_TITLE.fullmatch(mention.title) or FOREIGN_DATE.fullmatch(mention.title):
        share *= options.years
    if paragraph.text[mention.start : mention.end] == mention.title:
        share *= options.copies
    return share


def _is_list(title: str) -> bool:
    return bool(LIST_TITLE.match(title) or FOREIGN_LIST.match(title))


def _surfaces_of(page: Page, options: ArticleOptions) -> Surfaces:
    """The surface forms whose unlinked occurrences on a page become mentions."""
    linked: DefaultDict[str, Set[str]] = defaultdict(set)
    for paragraph in page.paragraphs:
        for link in paragraph.links:
            linked[paragraph.text[link.start : link.end]].add(link.title)
    page_name = PARENTHESES.sub("", page.title)
    # A surface form with two titles on one page is ambiguous, so it is not used.
    unique = {surface: min(titles) for surface, titles in linked.items() if len(titles) == 1}
    surfaces: Surfaces = {}
    if options.short_forms:
        surfaces.update(_short_forms({**unique, page_name: page.title}))
    if options.repeats:
        surfaces.update({surface: (title, REPEAT) for surface, title in unique.items()})
    if options.own_title and linked.get(page_name, {page.title}) == {page.title}:
        surfaces[page_name] = (page.title, OWN_TITLE)
    ambiguous = {surface for surface, titles in linked.items() if len(titles) > 1}
    return {
        surface: title_and_kind
        for surface, title_and_kind in surfaces.items()
        if len(surface) >= MIN_UNLINKED_LENGTH and surface[0].isupper() and surface not in ambiguous
    }


def _short_forms(title_of: Dict[str, str]) -> Iterator[Tuple[str, Tuple[str, str]]]:
    """The last words of the names on a page that end one name only.

    title_of (Dict[str, str]): The title of each surface form.
    """
    titles_of_word: DefaultDict[str, Set[str]] = defaultdict(set)
    for surface, title in title_of.items():
        words = surface.split(" ")
        is_name = CAPITALIZED_NAME.fullmatch(surface) and all(word[:1].isupper() for word in words)
        if is_name and PARENTHESES.sub("", title) == surface:
            titles_of_word[words[-1]].add(title)
    for word, titles in titles_of_word.items():
        if len(titles) == 1 and word not in title_of:
            yield word, (min(titles), SHORT_FORM)


def _pattern_of(surfaces: Surfaces) -> Optional[re.Pattern[str]]:
    """A regular expression that finds the surface forms as whole words, the longest first."""
    if not surfaces:
        return None
    longest_first = sorted(surfaces, key=lambda surface: (-len(surface), surface))
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")


def _unlinked_mentions(
    paragraph: Paragraph, pattern: re.Pattern[str], surfaces: Surfaces
) -> Iterator[GoldMention]:
    """The occurrences of the surface forms outside of links."""
    for match in pattern.finditer(paragraph.text):
        start, end = match.span()
        title, kind = surfaces[match[0]]
        is_linked = any(link.start < end and start < link.end for link in paragraph.links)
        check_before = kind == SHORT_FORM
        if not is_linked and not _in_longer_name(paragraph.text, start, end, check_before):
            yield GoldMention(start, end, title, kind=kind)


def _in_longer_name(text: str, start: int, end: int, check_before: bool) -> bool:
    """Whether the next word is capitalized, or with `check_before` the previous one: "New York" in
    "New York Times" is not a mention of the city."""
    before = text[:start].removesuffix(" ").rpartition(" ")[2] if check_before else ""
    after = text[end : end + 2]
    return before[:1].isupper() or (after[:1] == " " and after[1:].isupper())
