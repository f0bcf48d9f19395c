import sqlite3

import pytest
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_genre.cli  # noqa: F401  (adds its commands to the app)
from spacy_genre import TitleSet
from spacy_genre.convert.wikidb import titles_from_wikidb

# The tables and columns of wikidb_filtered.db.
SCHEMA = """
CREATE TABLE joined (item_id INTEGER, en_label TEXT, en_description TEXT, views INTEGER,
                     inlinks INTEGER);
CREATE TABLE aliases (item_id INTEGER, en_alias TEXT, en_alias_lowercase TEXT);
CREATE TABLE statements (source_item_id INTEGER, edge_property_id INTEGER, target_item_id INTEGER);
"""
ITEMS = [
    (830149, "Paris", "city in Texas", 20, 1),
    (90, "Paris", "capital of France", 900, 50),
    (64, "Berlin", None, None, 3),
    (5, None, "has no label", 1, 1),
    (6, "", "neither", 1, 1),
]
ALIASES = [(90, "City of Light"), (90, "Paris"), (830149, "Paris"), (5, "x"), (64, None), (9, "y")]


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "wikidb filtered?#.db"
    with sqlite3.connect(path) as connection:
        connection.executescript(SCHEMA)
        connection.executemany("INSERT INTO joined VALUES (?, ?, ?, ?, ?)", ITEMS)
        rows = [(item, alias, alias and alias.lower()) for item, alias in ALIASES]
        connection.executemany("INSERT INTO aliases VALUES (?, ?, ?)", rows)
    connection.close()
    return path


def test_the_database_of_spacy_entity_linker(database, tokenizer):
    titles = titles_from_wikidb(database, tokenizer)
    assert list(titles) == ["Berlin", "Paris", "Paris (Q830149)"]
    assert [titles.id_of(name) for name in titles] == ["Q64", "Q90", "Q830149"]
    assert titles.description_of("Paris") == "capital of France"
    assert titles.description_of("Berlin") is None
    assert titles.get_candidates("City of Light") == [("Paris", 1)]
    assert {name for name, _ in titles.get_candidates("Paris")} == {"Paris", "Paris (Q830149)"}
    view = titles.view
    assert view.prior_at(view.find("Paris")) == 900


@pytest.mark.parametrize("content", [b"", b"text", b"SQLite format 3\x00" + b"x" * 2000])
def test_other_files(tmp_path, tokenizer, content):
    path = tmp_path / "file.db"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="X058"):
        titles_from_wikidb(path, tokenizer)
    with pytest.raises(FileNotFoundError, match="F001"):
        titles_from_wikidb(tmp_path / "nothing.db", tokenizer)
    assert path.read_bytes() == content


def test_a_database_without_items(database, tokenizer):
    with sqlite3.connect(database) as connection:
        connection.execute("DELETE FROM joined")
    connection.close()
    with pytest.raises(ValueError, match=r"X058.*no items"):
        titles_from_wikidb(database, tokenizer)


def test_the_command(database, tmp_path):
    out = tmp_path / "out.titles"
    args = ["genre", "convert", "wikidb", str(database), str(out)]
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0, result.output
    assert len(TitleSet.open(out)) == 3
