import pytest
from helpers.wiki_pages import TITLES
from helpers.wikimedia import page_row, redirect_row, write_table


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
