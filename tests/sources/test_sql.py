"""MediaWiki's database tables and its list of titles."""

import gzip

import pytest
from helpers.wiki_pages import TITLES
from helpers.wikimedia import page_row, write_table, write_title_list
from hypothesis import given
from hypothesis import strategies as st

from spacy_genre.sources import build_from_sources
from spacy_genre.sources.files import open_source
from spacy_genre.sources.sql import SqlTable, unquote_value


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
