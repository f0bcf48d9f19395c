"""From articles to texts with mentions: their links, and what can be derived from them."""

import re
import textwrap
from collections import defaultdict
from dataclasses import dataclass
from random import Random
from typing import DefaultDict, Dict, Iterator, List, Set, Tuple

from ..sources.pages import Page, Paragraph
from .texts import LEAD, LINK, OWN_TITLE, REPEAT, SHORT_FORM, GoldMention, GoldText

PARENTHESES = re.compile(r" \([^()]*\)$")
# 1984, 44 BC, 1990s, May 5, 5 May, May 2001, 19th century: links that tell nothing of a mention.
MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
YEAR = re.compile(
    rf"(?:AD )?\d{{1,4}}s?(?: BCE?)?|(?:{MONTHS})(?: \d{{1,4}})?|\d{{1,2}} (?:{MONTHS})|"
    r"\d{1,2}(?:st|nd|rd|th) (?:century|millennium)(?: BCE?)?"
)
LIST_TITLE = re.compile("(?:Lists?|Index|Outline) of |Timeline of ")
# A shorter text, or one that is not written large, may mean anything where it is no link.
MIN_REPEATED = 4
# Of how a page begins, in characters.
MAX_OPENING = 200
NAME = re.compile(r"[^\W\d_][\w.'’-]*(?: [\w.'’-]+){1,3}")


@dataclass(frozen=True)
class ArticleOptions:
    """What becomes of an article.

    own_title (bool): Whether places that are no links but read as the page's title are mentions.
    repeats (bool): Whether places that read as a link elsewhere on the page are mentions.
    short_forms (bool): Whether the last word of a name that is linked on the page ("Clinton" where
        "Bill Clinton" is linked) is a mention of it. So the model learns to expect the longest
        form in the context.
    leads (bool): Whether the first paragraph as a whole leads to the page (document retrieval).
    lists (float): The share of links to keep that stand in list items, in pages that are lists, or
        lead to such, 0 to 1.
    years (float): The share to keep of links to years, dates and centuries.
    copies (float): The share to keep of mentions that read exactly as their title.
    openings (float): The share of the later paragraphs that know how the page begins.
    seed (int): What chance starts from. For one page it is the same whatever comes before.
    """

    own_title: bool = False
    repeats: bool = False
    short_forms: bool = False
    leads: bool = False
    lists: float = 0.25
    years: float = 0.05
    copies: float = 1.0
    openings: float = 0.75
    seed: int = 0


def page_texts(page: Page, options: ArticleOptions) -> List[GoldText]:
    """The paragraphs of an article that have mentions, or are to lead to it."""
    if page.is_disambiguation:
        return []
    chance = Random(f"{options.seed}:{page.title}")
    opening_chance = Random(f"{options.seed}:opening:{page.title}")
    opening = ""
    surfaces = _surfaces(page, options)
    pattern = _pattern(surfaces)
    texts = []
    for i, paragraph in enumerate(page.paragraphs):
        mentions = [GoldMention(k.start, k.end, k.title) for k in paragraph.links]
        if pattern is not None:
            mentions += _unlinked(paragraph, pattern, surfaces)
        kept = [m for m in mentions if chance.random() < _share(m, paragraph, page, options)]
        about = page.title if options.leads and _is_lead(page, i) else ""
        if kept or about:
            kept.sort(key=lambda m: m.start)
            kind = LEAD if about else LINK
            known = opening if opening_chance.random() < options.openings else ""
            texts.append(GoldText(paragraph.text, tuple(kept), page.title, about, kind, known))
        if _is_lead(page, i):
            opening = textwrap.shorten(paragraph.text, MAX_OPENING, placeholder="")
    return texts


def _is_lead(page: Page, i: int) -> bool:
    """Whether it is the first paragraph that is none of a list."""
    return not page.paragraphs[i].is_list and all(p.is_list for p in page.paragraphs[:i])


def _share(
    mention: GoldMention, paragraph: Paragraph, page: Page, options: ArticleOptions
) -> float:
    """The chance that a mention is kept."""
    share = 1.0
    titles = (mention.title, page.title)
    if paragraph.is_list or any(LIST_TITLE.match(title) for title in titles):
        share *= options.lists
    if YEAR.fullmatch(mention.title):
        share *= options.years
    if paragraph.text[mention.start : mention.end] == mention.title:
        share *= options.copies
    return share


def _surfaces(page: Page, options: ArticleOptions) -> Dict[str, Tuple[str, str]]:
    """The texts that stand for a title and its kind wherever they are found on the page."""
    linked: DefaultDict[str, Set[str]] = defaultdict(set)
    for paragraph in page.paragraphs:
        for link in paragraph.links:
            linked[paragraph.text[link.start : link.end]].add(link.title)
    plain = PARENTHESES.sub("", page.title)
    # A text that means two things on one page means neither.
    known = {surface: min(titles) for surface, titles in linked.items() if len(titles) == 1}
    found: Dict[str, Tuple[str, str]] = {}
    if options.short_forms:
        found.update(_short_forms({**known, plain: page.title}))
    if options.repeats:
        found.update({surface: (title, REPEAT) for surface, title in known.items()})
    if options.own_title and linked.get(plain, {page.title}) == {page.title}:
        found[plain] = (page.title, OWN_TITLE)
    ambiguous = {surface for surface, titles in linked.items() if len(titles) > 1}
    return {
        surface: meaning
        for surface, meaning in found.items()
        if len(surface) >= MIN_REPEATED and surface[0].isupper() and surface not in ambiguous
    }


def _short_forms(known: Dict[str, str]) -> Iterator[Tuple[str, Tuple[str, str]]]:
    """Last words of the names of a page that are the last word of one name only."""
    names: DefaultDict[str, Set[str]] = defaultdict(set)
    for surface, title in known.items():
        words = surface.split(" ")
        is_name = NAME.fullmatch(surface) and all(word[:1].isupper() for word in words)
        if is_name and PARENTHESES.sub("", title) == surface:
            names[words[-1]].add(title)
    for word, titles in names.items():
        if len(titles) == 1 and word not in known:
            yield word, (min(titles), SHORT_FORM)


def _pattern(surfaces: Dict[str, Tuple[str, str]]) -> "re.Pattern[str] | None":
    if not surfaces:
        return None
    longest_first = sorted(surfaces, key=lambda surface: (-len(surface), surface))
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")


def _unlinked(
    paragraph: Paragraph, pattern: "re.Pattern[str]", surfaces: Dict[str, Tuple[str, str]]
) -> Iterator[GoldMention]:
    """Where the surfaces stand in a paragraph outside of links."""
    for match in pattern.finditer(paragraph.text):
        start, end = match.span()
        title, kind = surfaces[match[0]]
        links = any(link.start < end and start < link.end for link in paragraph.links)
        if not links and not _in_longer_name(paragraph.text, start, end, kind == SHORT_FORM):
            yield GoldMention(start, end, title, kind=kind)


def _in_longer_name(text: str, start: int, end: int, check_before: bool) -> bool:
    """Whether a word that is written large stands right beside it: the "New York" in "New York
    Times" is no mention of the city, and the "Clinton" in "Hillary Clinton" none of Bill."""
    before = text[:start].removesuffix(" ").rpartition(" ")[2] if check_before else ""
    after = text[end : end + 2]
    return before[:1].isupper() or (after[:1] == " " and after[1:].isupper())
