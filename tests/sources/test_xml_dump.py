"""Article dumps in XML."""

import bz2
import importlib.util
import re
from collections import Counter
from pathlib import Path

from helpers.wiki_pages import ANARCHISM, PAGES
from helpers.wikimedia import articles_xml, write_table

from spacy_genre.sources import Options, build_from_sources
from spacy_genre.sources.build import read_sources
from spacy_genre.sources.source_data import SourceData


def test_articles(tmp_path):
    path = tmp_path / "pages-articles.xml.bz2"
    # In many streams, as the files for random access are.
    xml = articles_xml(PAGES)
    path.write_bytes(bz2.compress(xml[:3000]) + bz2.compress(xml[3000:]))
    data = SourceData()
    read_sources([path], data, Options(), n_process=1, progress=False)
    assert list(data.titles) == ["Anarchism", "Ada"]
    assert data.disambiguations == {"Ada"}
    assert data.redirects == {
        "AccessibleComputing": "Computer accessibility",
        "CircleA": "CircleB",
        "CircleB": "CircleA",
        "WP about": "",
        "Afghanistan/People": "Demographics of Afghanistan",
    }
    assert set(data.counts) == {
        *("AccessibleComputing", "Ada", "Ada, Ohio", "Anarchism", "CircleA"),
        *("Computer accessibility", "Max Stirner", "Mercury (disambiguation)"),
        *("Mutual Aid: A Factor of Evolution", "Nadar", "Peter Kropotkin"),
        *("Pierre-Joseph Proudhon", "Political philosophy", "WP about"),
    }
    assert data.aliases["Kropotkin", "Peter Kropotkin"] == 1
    assert data.aliases["Accessible", "AccessibleComputing"] == 1
    assert data.dropped == {
        "links: another wiki": 2,
        "links: namespace Category": 1,
        "links: namespace File": 1,
        "links: section of the same page": 1,
        "pages that are no articles (of another namespace)": 1,
    }


def test_linked_titles(tmp_path, tokenizer):
    path = tmp_path / "pages-articles.xml"
    path.write_bytes(articles_xml(PAGES))
    assert list(build_from_sources([path], tokenizer)) == ["Ada", "Anarchism"]
    titles = build_from_sources(
        [path], tokenizer, Options(linked=True, exclude_disambiguation=True)
    )
    assert list(titles) == [
        *("Ada, Ohio", "Anarchism", "Computer accessibility", "Demographics of Afghanistan"),
        *("Max Stirner", "Mutual Aid: A Factor of Evolution", "Nadar", "Peter Kropotkin"),
        *("Pierre-Joseph Proudhon", "Political philosophy"),
    ]
    assert titles.resolve("AccessibleComputing") == "Computer accessibility"
    # Links to the redirect count for the article.
    row = titles.view.find("Computer accessibility")
    assert titles.view.prior_at(row) == 2
    assert titles.get_candidates("Kropotkin") == [("Peter Kropotkin", 1)]
    assert titles.get_candidates("Accessible") == [("Computer accessibility", 1)]
    without = Options(linked=True, anchors=False)
    assert build_from_sources([path], tokenizer, without).get_candidates("Kropotkin") == []
    without = Options(links=False)
    assert list(build_from_sources([path], tokenizer, without)) == ["Ada", "Anarchism"]


def test_articles_in_processes(tmp_path):
    path = tmp_path / "pages-articles.xml"
    pages = [(f"Page {i}", 0, None, f"[[Page {i + 1}|next]] {ANARCHISM}") for i in range(120)]
    path.write_bytes(articles_xml(pages))
    results = [SourceData(), SourceData()]
    for n_process, data in enumerate(results, start=1):
        read_sources([path], data, Options(), n_process=n_process, progress=False)
    assert results[0] == results[1]


def test_articles_with_properties(tmp_path, tokenizer):
    """The XML has page ids, too, so Wikidata ids need no table of pages."""
    articles, props = tmp_path / "pages-articles.xml", tmp_path / "page_props.sql.gz"
    articles.write_bytes(articles_xml(PAGES))
    write_table(props, "page_props", [(11, b"wikibase_item", b"Q6199", None)])
    titles = build_from_sources([props, articles], tokenizer)
    assert titles.id_of("Anarchism") == "Q6199"


def test_real_dump():
    """The sample in gensim, against an independent reading of it with regular expressions."""
    package = Path(importlib.util.find_spec("gensim").origin).parent
    (path,) = (package / "test" / "test_data").glob("enwiki-latest-pages-articles1*.bz2")
    data = SourceData()
    read_sources([path], data, Options(), n_process=2, progress=False)
    xml = bz2.decompress(path.read_bytes()).decode()
    pages = re.findall(r"<page>.*?</page>", xml, re.DOTALL)
    titles, redirects, links = [], {}, Counter()
    for page in pages:
        title = re.search("<title>(.*)</title>", page)[1].replace("&quot;", '"')
        title = title.replace("&amp;", "&")
        target = re.search('<redirect title="(.*)" />', page)
        if "<ns>0</ns>" not in page:
            continue
        if target:
            redirects[title] = target[1].replace("&amp;", "&").replace("&quot;", '"')
        else:
            titles.append(title)
            text = re.search("<text[^>]*>(.*)</text>", page, re.DOTALL)[1]
            links.update(re.findall(r"\[\[([A-Z][\w ,'-]*)(?:\||\]\])", text))
    assert list(data.titles) == titles
    assert data.redirects == redirects
    assert (len(titles), len(redirects)) == (106, 99)
    assert len(data.disambiguations) == 8
    assert data.counts.total() == 30205
    # Of the links that are plain enough for an expression, all but those in comments and the like.
    same = sum(data.counts[title] >= count for title, count in links.items())
    assert same > 0.99 * len(links)
    assert not any("template" in reason or "valid" in reason for reason in data.dropped)
