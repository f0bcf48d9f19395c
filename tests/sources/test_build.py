"""From files of the true formats to title sets."""

import bz2
import gzip
import hashlib
import importlib.util
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from helpers.wikimedia import articles_xml, page_row, redirect_row, write_table, write_title_list
from hypothesis import given
from hypothesis import strategies as st

from spacy_genre import TitleSet
from spacy_genre.sources import Options, build_from_sources
from spacy_genre.sources.build import read_sources, select_names
from spacy_genre.sources.files import open_source
from spacy_genre.sources.source_data import SourceData
from spacy_genre.sources.sql import SqlTable, unquote_value
from spacy_genre.titles.loaders import EMBEDDED

# Titles that break readers that are not careful.
TITLES = [
    "Albert Einstein",
    "Ain't Misbehavin'",
    '"Weird Al" Yankovic',
    "Backslash \\",
    "F(x),(1,0,'G')",
    "NULL",
    "Semicolon; INSERT INTO `page` VALUES (1,0,'X',0)",
    "São Paulo",
    "東京",
    "😀!",
    "C++",
    "''",
]

ANARCHISM = """{{About|the philosophy|other uses|Anarchism (disambiguation)}}
'''Anarchism''' is a [[political philosophy]], see [[Anarchism#History|above]] and [[#Notes]].
[[File:Kropotkin.jpg|thumb|[[Peter Kropotkin|Kropotkin]], by [[Nadar]]]]
{{Infobox|influences=[[Max_Stirner]]}}<ref>In [[Mutual Aid: A Factor of Evolution]].</ref>
<gallery>
File:Proudhon.jpg|[[Pierre-Joseph Proudhon]]
</gallery>
<!-- [[Not a link]] --> <nowiki>[[Not a link either]]</nowiki>
[[AccessibleComputing|Accessible]] [[computer accessibility]] [[CircleA]] [[WP about]]
[[wikt:anarchy]] [[Mercury (disambiguation)]] [[Ada]]{{disambiguation needed|date=May 2016}}
[[Category:Anarchism]]
[[fr:Anarchisme]]"""

PAGES = [
    ("AccessibleComputing", 0, "Computer accessibility", "#REDIRECT [[Computer accessibility]]"),
    ("Anarchism", 0, None, ANARCHISM),
    ("Ada", 0, None, "'''Ada''' may refer to:\n* [[Ada, Ohio]]\n\n{{Disambiguation}}"),
    ("CircleA", 0, "CircleB", "#REDIRECT [[CircleB]]"),
    ("CircleB", 0, "CircleA", "#REDIRECT [[CircleA]]"),
    ("WP about", 0, "Wikipedia:About", "#REDIRECT [[Wikipedia:About]]"),
    ("Wikipedia:About", 4, None, "[[Not read, for it is no article]]"),
    ("Afghanistan/People", 0, "Demographics of Afghanistan", "#REDIRECT [[…]]"),
]


@pytest.fixture
def tables(tmp_path):
    """A small wiki as its three tables: pages 1 and up, with redirects among them."""
    rows = [page_row(number, title) for number, title in enumerate(TITLES, start=1)]
    rows += [
        page_row(50, "Talk page", namespace=1),
        page_row(51, "Einstein", redirect=True),
        page_row(52, "A. Einstein", redirect=True),
        page_row(53, "To another wiki", redirect=True),
        page_row(54, "To a category", redirect=True),
        page_row(55, "Circle", redirect=True),
        page_row(56, "To nowhere", redirect=True),
        page_row(60, "Mercury"),
        page_row(61, "List of physicists"),
    ]
    write_table(tmp_path / "x-page.sql.gz", "page", rows, statement_bytes=500)
    redirects = [
        redirect_row(50, "Albert Einstein"),
        redirect_row(51, "Albert Einstein", fragment=b"Life\xff"),
        redirect_row(52, "Einstein", interwiki=None),
        redirect_row(53, "Albert Einstein", interwiki=b"fr"),
        redirect_row(54, "Physicists", namespace=14),
        redirect_row(55, "Circle"),
        redirect_row(56, "Nowhere"),
    ]
    write_table(tmp_path / "x-redirect.sql.gz", "redirect", redirects)
    props = [
        (1, b"defaultsort", b"Einstein, Albert", 12.5),
        (1, b"wikibase_item", b"Q937", None),
        (1, b"wikibase-shortdesc", "German-born physicist (1879\N{EN DASH}1955)".encode(), None),
        (2, b"graph_specs", b"\x1f\x8b\x00\xff'),(9,'wikibase_item','Q9\x1a\n", None),
        (8, b"wikibase_item", b"Q174", None),
        (51, b"wikibase_item", b"Q937", None),
        (60, b"disambiguation", b"", None),
        (999, b"wikibase_item", b"Q999", None),
    ]
    write_table(tmp_path / "x-page_props.sql.gz", "page_props", props)
    return [tmp_path / f"x-{table}.sql.gz" for table in ("page", "redirect", "page_props")]


def test_tables(tables, tokenizer):
    titles = build_from_sources(tables, tokenizer)
    assert set(titles) == {*TITLES, "Mercury", "List of physicists"}
    assert titles.id_of("Albert Einstein") == "Q937"
    assert titles.names_of("Q937") == ["Albert Einstein"]
    assert titles.id_of("São Paulo") == "Q174"
    assert titles.id_of("C++") is None
    assert titles.description_of("Albert Einstein") == "German-born physicist (1879–1955)"
    assert titles.resolve("A. Einstein") == titles.resolve("Einstein") == "Albert Einstein"
    assert titles.id_of("Einstein") == "Q937"
    for gone in ("To another wiki", "To a category", "Circle", "To nowhere", "Talk page"):
        assert titles.resolve(gone) is None
    assert titles.header["left_out"] == {
        "pages that are no articles (of another namespace)": 1,
        "redirects in a circle": 1,
        "redirects of pages that are no articles": 1,
        "redirects to no name of the set": 3,
    }


def test_the_order_of_the_files_does_not_matter(tables, tokenizer):
    one, other = (build_from_sources(paths, tokenizer) for paths in (tables, tables[::-1]))
    headers = [titles.header for titles in (one, other)]
    assert headers[0].pop("sources") == headers[1].pop("sources")[::-1]
    assert headers[0] == headers[1]
    assert [(n, one.id_of(n)) for n in one] == [(n, other.id_of(n)) for n in other]


def test_options(tables, tokenizer):
    options = Options(exclude_disambiguation=True, exclude_lists=True)
    titles = build_from_sources(tables, tokenizer, options)
    assert "Mercury" not in titles
    assert "List of physicists" not in titles
    assert titles.header["left_out"]["disambiguation pages"] == 1
    assert titles.header["left_out"]["lists"] == 1
    assert titles.header["options"]["exclude_lists"] is True
    options = Options(exclude_without_id=True)
    assert list(build_from_sources(tables, tokenizer, options)) == ["Albert Einstein", "São Paulo"]


def test_redirects_that_are_generated(tables, tokenizer):
    titles = build_from_sources(tables, tokenizer, trie="titles+redirects")
    node = titles.trie.find(tokenizer.encode(["A. Einstein"])[0])
    row = titles.view.find("Albert Einstein")
    assert titles.view.spellings_at(node) == [("A. Einstein", row)]
    assert titles.header["trie"] == "titles+redirects"
    assert len(titles.trie) == len(titles) + 2


def test_header_tells_how_it_was_made(tables, tokenizer):
    header = build_from_sources(tables, tokenizer).header
    assert [source["kind"] for source in header["sources"]] == ["page", "redirect", "page_props"]
    for source, path in zip(header["sources"], tables, strict=True):
        assert source["file"] == path.name
        assert source["bytes"] == path.stat().st_size
        assert source["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert header["counts"]["names"] == len(TITLES) + 2
    assert header["counts"]["with an id"] == 2
    assert header["version"]
    json.dumps(header)


def test_page_table_alone_leaves_redirects_out(tables, tokenizer):
    titles = build_from_sources(tables[:1], tokenizer)
    assert "Einstein" not in titles
    assert titles.resolve("Einstein") is None
    assert titles.header["left_out"]["redirects to no name of the set"] == 6


@pytest.mark.parametrize("between", [b"", b"\n"])
@pytest.mark.parametrize("statement_bytes", [1, 300, 10**6])
def test_statements_of_every_length(tmp_path, between, statement_bytes):
    rows = [page_row(number, title) for number, title in enumerate(TITLES * 50)]
    path = tmp_path / "page.sql.gz"
    write_table(path, "page", rows, between=between, statement_bytes=statement_bytes)
    with open_source(path) as source:
        read = [unquote_value(key).decode() for (key,) in SqlTable(source, ["page_title"])]
    assert read == [title.replace(" ", "_") for title in TITLES * 50]


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2**31),
            st.binary(max_size=20) | st.sampled_from([b"');\n", b"\\'", b"),(", b"\0\x1a\r\n"]),
            st.binary(max_size=40),
            st.none() | st.floats(allow_nan=False, allow_infinity=False),
        ),
        max_size=20,
    ),
    st.sampled_from([1, 60, 10**6]),
)
def test_any_bytes_come_back(tmp_path_factory, rows, statement_bytes):
    path = tmp_path_factory.mktemp("sql") / "page_props.sql.gz"
    write_table(path, "page_props", rows, statement_bytes=statement_bytes)
    columns = ["pp_value", "pp_page", "pp_sortkey"]
    with open_source(path) as source:
        read = [
            (unquote_value(value), int(page), None if sort == b"NULL" else float(sort))
            for value, page, sort in SqlTable(source, columns)
        ]
    assert read == [(value, page, sort) for page, _, value, sort in rows]


def test_titles_of_a_wiki_that_cannot_be_used_are_left_out(tmp_path, tables, tokenizer):
    """Beside an own list as well, whose names must be usable."""
    wiki, own = tmp_path / "x-all-titles-in-ns0.gz", tmp_path / "own.txt"
    write_title_list(wiki, ["Paris", "😀"])
    own.write_text("Rome\n")
    titles = build_from_sources([wiki, own], tokenizer)
    assert list(titles) == ["Paris", "Rome"]
    assert titles.header["dropped"]["names"] == 1
    own.write_text("Rome\n\n😀\n", encoding="utf8")
    with pytest.raises(ValueError, match=r"1 of 3 names .* \(.*own\.txt, line 3\)"):
        build_from_sources([wiki, own], tokenizer)
    assert list(build_from_sources([wiki, own], tokenizer, skip_invalid=True)) == ["Paris", "Rome"]


def test_list_of_titles(tmp_path, tokenizer):
    path = tmp_path / "x-all-titles-in-ns0.gz"
    write_title_list(path, TITLES)
    titles = build_from_sources([path], tokenizer)
    assert set(titles) == {*TITLES}
    assert titles.header["sources"][0]["kind"] == "titles"


def test_list_of_titles_of_all_namespaces(tmp_path, tokenizer):
    path = tmp_path / "x-all-titles.gz"
    content = "page_namespace\tpage_title\n0\tSão_Paulo\n1\tTalk\n0\tC++\n"
    path.write_bytes(gzip.compress(content.encode()))
    assert list(build_from_sources([path], tokenizer)) == ["C++", "São Paulo"]


def test_articles(tmp_path):
    path = tmp_path / "pages-articles.xml.bz2"
    # In many streams, as the files for random access are.
    xml = articles_xml(PAGES)
    path.write_bytes(bz2.compress(xml[:3000]) + bz2.compress(xml[3000:]))
    found = SourceData()
    read_sources([path], found, Options(), n_process=1, progress=False)
    assert list(found.titles) == ["Anarchism", "Ada"]
    assert found.disambiguations == {"Ada"}
    assert found.redirects == {
        "AccessibleComputing": "Computer accessibility",
        "CircleA": "CircleB",
        "CircleB": "CircleA",
        "WP about": "",
        "Afghanistan/People": "Demographics of Afghanistan",
    }
    assert set(found.counts) == {
        *("AccessibleComputing", "Ada", "Ada, Ohio", "Anarchism", "CircleA"),
        *("Computer accessibility", "Max Stirner", "Mercury (disambiguation)"),
        *("Mutual Aid: A Factor of Evolution", "Nadar", "Peter Kropotkin"),
        *("Pierre-Joseph Proudhon", "Political philosophy", "WP about"),
    }
    assert found.aliases["Kropotkin", "Peter Kropotkin"] == 1
    assert found.aliases["Accessible", "AccessibleComputing"] == 1
    assert found.dropped == {
        "links: another wiki": 2,
        "links: namespace Category": 1,
        "links: namespace File": 1,
        "links: section of the same page": 1,
        "pages that are no articles (of another namespace)": 1,
    }


def test_linked_titles_are_names_if_wanted(tmp_path, tokenizer):
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
    founds = [SourceData(), SourceData()]
    for n_process, found in enumerate(founds, start=1):
        read_sources([path], found, Options(), n_process=n_process, progress=False)
    assert founds[0] == founds[1]


def test_articles_with_properties(tmp_path, tokenizer):
    """The XML numbers pages as well, so Wikidata's ids can come without the table of pages."""
    articles, props = tmp_path / "pages-articles.xml", tmp_path / "page_props.sql.gz"
    articles.write_bytes(articles_xml(PAGES))
    write_table(props, "page_props", [(11, b"wikibase_item", b"Q6199", None)])
    titles = build_from_sources([props, articles], tokenizer)
    assert titles.id_of("Anarchism") == "Q6199"


def test_own_lists(tmp_path, tables, tokenizer):
    jsonl, tsv, plain = (tmp_path / name for name in ("own.jsonl", "own.tsv", "own.txt"))
    rows = [
        {
            "name": "Acme Corporation",
            "id": "C1",
            "aliases": ["Acme", "ACME"],
            "redirects": ["Acme Corp."],
            "description": "Maker of anvils",
            "count": 7,
            "something else": None,
        },
        {"name": "Einstein", "id": "C2"},
    ]
    jsonl.write_text("".join(json.dumps(row) + "\n" for row in rows))
    tsv.write_text(
        "\ufeffid\tname\taliases\tcount\r\nC3\tAcme Hotels\tAcme|Hotels\t2.5\r\n\tAcme Ltd\r\n",
        encoding="utf8",
    )
    plain.write_text("  Acme Inn \n\nAcme Corporation\n")
    titles = build_from_sources([*tables, jsonl, tsv, plain], tokenizer, skip_invalid=True)
    assert titles.id_of("Acme Corporation") == "C1"
    assert titles.description_of("Acme Corporation") == "Maker of anvils"
    assert titles.resolve("Acme Corp.") == "Acme Corporation"
    assert titles.get_candidates("Acme") == [("Acme Corporation", 1), ("Acme Hotels", 1)]
    assert titles.id_of("Acme Hotels") == "C3"
    assert titles.id_of("Acme Ltd") is None
    assert "Acme Inn" in titles
    # The user's own name wins over Wikipedia's redirect.
    assert titles.id_of("Einstein") == "C2"
    assert titles.id_of("A. Einstein") in ("C2", "Q937")
    assert titles.id_of("Albert Einstein") == "Q937"


def test_a_redirect_of_an_own_list_wins_over_a_wiki_s_title(tmp_path, tables, tokenizer):
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps({"name": "Einstein, Albert", "redirects": ["Albert Einstein"]}))
    titles = build_from_sources([*tables, path], tokenizer)
    assert "Albert Einstein" not in titles
    for redirect in ("Albert Einstein", "Einstein", "A. Einstein"):
        assert titles.resolve(redirect) == "Einstein, Albert"
    assert titles.header["left_out"]["redirects of own lists"] == 1
    assert titles.header["left_out"]["redirects to no name of the set"] == 3  # as without the list


def test_a_table_of_names_alone(tmp_path, tokenizer):
    path = tmp_path / "own.tsv"
    path.write_text("name\nParis\nChicago\n")
    titles = build_from_sources([path], tokenizer)
    assert list(titles) == ["Chicago", "Paris"]
    assert titles.header["sources"][0]["kind"] == "tsv"


@pytest.mark.parametrize(
    "content",
    [
        'id,name,aliases\nQ1,"Paris, Texas",The \'Texas Paris\'|P;T\nQ2,"""X"" (film)"\n',
        '\ufeff"id", "name", "aliases"\r\n\r\nQ1, "Paris, Texas",\r\nQ2, """X"" (film)"\r\n,\r\n',
        'id;name;aliases\nQ1;Paris, Texas;\nQ2;"""X"" (film)";\n',
        '"aliases";"name";"id"\n"";Paris, Texas;Q1\n;"""X"" (film)";Q2',
    ],
)
def test_csv(tmp_path, tokenizer, content):
    path = tmp_path / "own.csv"
    path.write_text(content, encoding="utf8", newline="")
    titles = build_from_sources([path], tokenizer)
    assert {name: titles.id_of(name) for name in titles} == {
        "Paris, Texas": "Q1",
        '"X" (film)': "Q2",
    }
    if "P;T" in content:
        assert titles.get_candidates("P;T") == [("Paris, Texas", 1)]
    assert titles.header["sources"][0]["kind"] == "csv"


def test_a_quoted_column_of_names(tmp_path, tokenizer):
    path = tmp_path / "own.csv"
    path.write_text('"name"\n"Paris, Texas"\nRome\n')
    assert list(build_from_sources([path], tokenizer)) == ["Paris, Texas", "Rome"]


def test_where_a_name_of_a_csv_stands(tmp_path, tokenizer):
    path = tmp_path / "own.csv"
    path.write_text(f'name,id\nRome,\n"""{"x " * 2000}""",\n')
    with pytest.raises(ValueError, match=r"own\.csv, line 3"):
        build_from_sources([path], tokenizer)


@pytest.mark.parametrize(
    "first",
    [
        *(
            "Paris, Texas",
            '"Weird Al" Yankovic',
            '"Heroes", live',
            "Steins;Gate",
            '"name',
            "names,id",
        ),
        *("<3 (album)", "<Love Is>: Live", "{{citation}}", "{Awayland}", '{"Heroes"}', "[{x}]"),
        *(
            '["Pop" album]',
            "[untitled]",
            "<",
            "{",
            "[",
            "{}",
            "[]",
            "<Love>",
            "<!>",
            "<html is no name",
        ),
        *("Name, image and likeness", "What's in a name, Romeo?", "id;aliases", "Name", '"Name"'),
    ],
)
def test_a_plain_list_may_begin_with_any_name(tmp_path, tokenizer, first):
    path = tmp_path / "own.txt"
    path.write_text(f'{first}\nParis\n"Rome", open city\nname,id\n')
    expected = {first, "Paris", '"Rome", open city', "name,id"}
    assert set(build_from_sources([path], tokenizer)) == expected


def test_spaces_around_what_a_list_says_are_left_out(tmp_path, tokenizer):
    path = tmp_path / "own.jsonl"
    row = {"name": " Paris ", "redirects": [" Lutetia\n"], "aliases": ["\tCity of Light "]}
    path.write_text(json.dumps(row))
    titles = build_from_sources([path], tokenizer)
    assert list(titles) == ["Paris"]
    assert titles.resolve("Lutetia") == "Paris"
    assert titles.get_candidates("City of Light") == [("Paris", 1)]


def test_keys_that_mean_nothing_here_are_passed_over(tmp_path, tokenizer):
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps({"name": "Paris", "country": "France", "identity": 5}))
    assert list(build_from_sources([path], tokenizer)) == ["Paris"]


def test_shared_ids(tmp_path, tokenizer):
    path = tmp_path / "own.tsv"
    path.write_text("name\tid\nAcme\tC1\nAcme Corporation\tC1\n")
    titles = build_from_sources([path], tokenizer, Options(shared_ids=True))
    assert titles.names_of("C1") == ["Acme", "Acme Corporation"]


def test_real_dump():
    """The sample in gensim, against an independent reading of it with regular expressions."""
    package = Path(importlib.util.find_spec("gensim").origin).parent
    (path,) = (package / "test" / "test_data").glob("enwiki-latest-pages-articles1*.bz2")
    found = SourceData()
    read_sources([path], found, Options(), n_process=2, progress=False)
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
    assert list(found.titles) == titles
    assert found.redirects == redirects
    assert (len(titles), len(redirects)) == (106, 99)
    assert len(found.disambiguations) == 8
    assert found.counts.total() == 30205
    # Of the links that are plain enough for an expression, all but those in comments and the like.
    same = sum(found.counts[title] >= count for title, count in links.items())
    assert same > 0.99 * len(links)
    assert not any("template" in reason or "valid" in reason for reason in found.dropped)


def test_select_names_adds_the_counts_of_redirects():
    found = SourceData(
        titles={"B": None},
        redirects={"A": "B", "C": "A", "X": ""},
        counts=Counter({"A": 2, "B": 3, "C": 1, "D": 4}),
    )
    assert select_names(found, Options()) == (["B"], {"A": "B", "C": "B"})
    assert found.counts["B"] == 6
    assert found.dropped == {"redirects to no name of the set": 1}


def test_select_names_prefers_redirects_of_own_lists_for_what_a_wiki_says():
    found = SourceData(
        listed={"N": None},
        listed_redirects={"T": "N"},
        titles={"T": None, "B": None},
        redirects={"R": "T", "T": "B"},
        counts=Counter({"N": 3, "T": 2, "R": 1}),
    )
    names, redirects = select_names(found, Options())
    assert names == ["N", "B"]
    assert redirects == {"R": "N", "T": "N"}
    assert found.counts == {"N": 6}
    assert found.dropped == {"redirects of own lists": 1}


def test_the_set_inside_the_package():
    titles = TitleSet.check(EMBEDDED)
    assert len(titles) > 28_000
    # An abbreviation does not stand beside the article that it is short for.
    assert "European Union" in titles
    assert "EU" not in titles
    for redirect, name in titles.view.base.redirect_items():
        assert redirect not in titles
        assert titles.resolve(redirect) == name
    assert not any(name.endswith(" (disambiguation)") for name in titles)
    kinds = [source["kind"] for source in titles.header["sources"]]
    assert kinds == ["articles", "jsonl", "jsonl"]
