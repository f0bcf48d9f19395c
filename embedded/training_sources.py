"""The texts that the embedded model is trained on, source by source."""

import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, DefaultDict, Dict, Iterator, List, NamedTuple, Set, Tuple
from zlib import crc32

import srsly

from spacy_genre.corpora.articles import ArticleOptions
from spacy_genre.corpora.formats.rows import texts_of_row
from spacy_genre.corpora.texts import LINK

# Whole pages, whose own names and repeated names are mentions as well.
PAGES = {
    "wtq": "wiki",
    "gensim_enwiki": "wiki",
    "wtf": "wiki",
    "dbpedia_minidump": "wiki",
    "html_pages": "html",
}
PASSAGES = [f"ott_passages.{i}" for i in range(4)]
# Texts whose links are used as they are.
LINKED = {
    "ott_tables": "table",
    "onthisday": "day",
    "current_events": "events",
    "gum": "gum",
    "wikinews_2019_20": "news",
    "fewrel_val": "fewrel",
    "redocred": "redocred",
}
# What `embedded_data.py` writes.
MADE = {"vital": "vital", "described": "described", "everyday": "everyday", "more_bare": "bare"}
# Kinds of documents in GUM whose licence allows any use. The others have texts for which commercial
# use is forbidden.
GUM_GENRES = {"news", "interview", "bio", "voyage", "speech", "textbook", "conversation", "court"}
PAGE_OPTIONS = ArticleOptions(own_title=True, repeats=True, short_forms=True, lists=0.9)
# Groups whose documents stand alone: nothing of them is an opening.
SINGLE = {"day", "dayb", "events", "fewrel"}
OPENINGS = 0.75  # the share of the texts of other groups that get their document's opening
MAX_OPENING = 200  # characters
# Last names: how many texts of each group, and of each person.
N_SURNAMES = {"events": 900, "day": 500, "news": 100, "passage": 600}
MAX_PER_PERSON = 2
PERSON = re.compile(r"[^\W\d_][\w.'’-]*(?: [^\W\d_][\w.'’-]*){1,3}")
NO_SURNAME = re.compile(r"Jr\.?|Sr\.?|I{1,3}|IV|VI{0,3}|the|of|von|de")
LIFE = re.compile(
    r"^[^()]{0,80}\([^()]{0,80}?(?:born|\d{4}) ?[^()]{0,60}\) (?:is|was) (?:an?|the|one) "
)


class Link(NamedTuple):
    """A mention of a source. `kind` is "gold", the method of a weak link ("g"), or a kind of the
    package's corpora with underscores ("own_title")."""

    start: int
    end: int
    title: str
    kind: str = "gold"


@dataclass(frozen=True)
class SourceText:
    """A text of a source.

    group (str): The group of sources, the first part of its mentions' classes.
    page (str): The title of its page, or "".
    is_complete (bool): Whether all its named mentions are links.
    """

    group: str
    page: str
    text: str
    opening: str = ""
    links: List[Link] = field(default_factory=list)
    is_complete: bool = False


def fraction(text: str) -> float:
    """A number from 0 to 1 that depends on the text only: what is held out stays held out."""
    return crc32(text.encode("utf8", "surrogatepass")) / 2**32


def read_rows(path: Path) -> Iterator[Any]:
    """The rows of a file of JSON lines, compressed or not."""
    yield from (srsly.read_gzip_jsonl if path.suffix == ".gz" else srsly.read_jsonl)(path)


def read_sources(assets: Path, build: Path) -> Iterator[SourceText]:
    """Read all texts with mentions.

    assets (Path): The folder of the data.
    build (Path): What `embedded_data.py` and `bare_names.py` have written.
    """
    excluded = set((build / "excluded.txt").read_text("utf8").split("\n"))
    news = held_out_news(assets)
    for text in _all_texts(assets, build):
        is_held_out = len(text.text) > 25 and text.text[:40] in news and text.group in LINKED_GROUPS
        if text.page not in excluded or not text.page:
            if not is_held_out:
                yield text


LINKED_GROUPS = {*LINKED.values(), "dayb"}


def held_out_news(assets: Path) -> Set[str]:
    """The beginnings of the paragraphs of the news source that is held out."""
    rows = read_rows(assets / "wikinews_salience.jsonl.gz")
    return {paragraph["text"][:40] for row in rows for paragraph in row["paragraphs"]}


def _all_texts(assets: Path, build: Path) -> Iterator[SourceText]:
    for source, group in PAGES.items():
        for row in read_rows(assets / f"{source}.jsonl.gz"):
            yield from _derived(group, row, PAGE_OPTIONS)
    for source in PASSAGES:
        for row in read_rows(assets / f"{source}.jsonl.gz"):
            yield from _passages(row)
    for source, group in LINKED.items():
        for row in read_rows(assets / f"{source}.jsonl.gz"):
            if group != "gum" or row["genre"] in GUM_GENRES:
                yield from _linked(group, row)
    for source, group in MADE.items():
        for row in read_rows(build / f"{source}.jsonl"):
            yield from _derived(group, row, ArticleOptions(own_title=True))
    for row in read_rows(build / "famous.jsonl"):
        yield SourceText("famous", "", row["text"], links=_links_of(row["mentions"]))
    yield from _turns(list(read_rows(assets / "conel22_train.jsonl.gz")))


def _derived(group: str, row: Any, options: ArticleOptions) -> Iterator[SourceText]:
    for text in texts_of_row(row, options):
        links = [
            Link(m.start, m.end, m.title, "gold" if m.kind == LINK else m.kind.replace(" ", "_"))
            for m in text.mentions
        ]
        yield SourceText(group, text.page, text.text, text.opening, links, group in PAGES.values())


def _passages(row: Any) -> Iterator[SourceText]:
    """The opening of a page. Where its text may be that of another page, its own name is left out
    and the group has a name of its own. Some are for the evaluation of retrieval only."""
    if is_held_out_page(row["title"]):
        return
    is_sure = row.get("title_sure", True)
    for paragraph in row["paragraphs"]:
        links = [m for m in _links(paragraph) if is_sure or m.kind != "s"]
        group = "passage" if is_sure else "passage_"
        yield SourceText(group, row["title"], paragraph["text"], links=links)


def is_held_out_page(title: str) -> bool:
    """Whether a page's opening is for the evaluation of retrieval."""
    return fraction(f"r:{title}") < 0.0125


def _linked(group: str, row: Any) -> Iterator[SourceText]:
    if group == "day" and row.get("kind") != "events":
        group = "dayb"  # births and deaths
    opening = row.get("intro", "") if group == "table" else ""
    for i, paragraph in enumerate(row["paragraphs"]):
        text = paragraph["text"]
        has_opening = group not in SINGLE and fraction(f"o:{text}") <= OPENINGS
        shown = opening if has_opening else ""
        yield SourceText(group, row["title"], text, shown, _links(paragraph), group == "gum")
        opening = opening or (text[:MAX_OPENING] if i == 0 else "")


def _links(paragraph: Any) -> List[Link]:
    return _links_of(
        link for link in paragraph["links"] if paragraph["text"][link["start"] : link["end"]].strip()
    )


def _links_of(rows: Any) -> List[Link]:
    return [Link(m["start"], m["end"], m["title"], m.get("src", "gold")) for m in rows]


def _turns(turns: List[Any]) -> Iterator[SourceText]:
    """Turns of conversations, alone and after the turn before."""
    for previous, turn in zip([None, *turns], turns, strict=False):
        befores = [""]
        if previous and previous["id"].split("-")[0] == turn["id"].split("-")[0]:
            befores.append(f"{previous['text'].strip()} ")
        for before in befores:
            links = [
                Link(m["start"] + len(before), m["end"] + len(before), m["title"])
                for m in turn["mentions"]
            ]
            yield SourceText("conel", "", before + turn["text"], "", links, not before)


class Surnames:
    """Persons by their last name, where their full name stood: what news does from the second time
    on.

    persons (Set[str]): The names of persons.
    """

    def __init__(self, persons: Set[str], seed: int = 0) -> None:
        self._persons, self._rng = persons, Random(seed)
        self._found: DefaultDict[str, List[Tuple[SourceText, Link]]] = defaultdict(list)

    def add(self, text: SourceText, link: Link) -> None:
        """Remember a mention, if it is the full name of a person."""
        group, words = text.group.replace("dayb", "day"), text.text[link.start : link.end]
        if (
            group in N_SURNAMES
            and link.title in self._persons
            and words.lower() == link.title.lower()
            and PERSON.fullmatch(words)
            and not NO_SURNAME.fullmatch(words.split()[-1])
        ):
            self._found[group].append((text, link))

    def texts(self) -> Iterator[SourceText]:
        """Some of the texts, with the last name in place of the full name."""
        per_person: Counter[str] = Counter()
        for group, wanted in N_SURNAMES.items():
            found = self._found[group]
            self._rng.shuffle(found)
            for text, link in found:
                if wanted and per_person[link.title] < MAX_PER_PERSON:
                    wanted -= 1
                    per_person[link.title] += 1
                    yield _with_surname(text, link)


def _with_surname(text: SourceText, link: Link) -> SourceText:
    last = text.text[link.start : link.end].split()[-1]
    short = text.text[: link.start] + last + text.text[link.end :]
    opening = "" if link.title in text.opening else text.opening
    links = [Link(link.start, link.start + len(last), link.title)]
    return SourceText("surname", "", short, opening, links)


def read_persons(assets: Path) -> Set[str]:
    """The titles of pages about persons: vital articles on people, and pages that begin with a name
    and dates."""
    import gzip

    with gzip.open(assets / "vital_articles.json.gz", "rt", encoding="utf8") as file:
        vital: Dict[str, Any] = json.load(file)
    persons = {row["title"] for row in vital.values() if "People" in str(row.get("topic"))}
    for source in PASSAGES:
        for row in read_rows(assets / f"{source}.jsonl.gz"):
            if LIFE.match(row["paragraphs"][0]["text"]):
                persons.add(row["title"])
    return persons
