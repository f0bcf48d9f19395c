import os
import re
import subprocess
import sys
import threading

import pytest
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_genre.cli  # noqa: F401  (adds its commands to the app)
from spacy_genre import TitleSet
from spacy_genre.atomic import locked


def run(*args):
    return CliRunner().invoke(app, ["genre", "titles", *map(str, args)])


@pytest.fixture
def names(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("\ufeffParis\n  Chicago \r\n\nSão Paulo\nParis\n", encoding="utf8")
    return path


def test_build(names, tmp_path, tokenizer):
    result = run("build", names, tmp_path / "out" / "set.titles")
    assert result.exit_code == 0, result.output
    assert "Wrote 3 names" in result.output
    titles = TitleSet.open(tmp_path / "out" / "set.titles", tokenizer=tokenizer)
    assert list(titles) == ["Chicago", "Paris", "São Paulo"]


def test_build_for_another_model(names, tmp_path, tiny_folder):
    assert run("build", names, tmp_path / "set", "--model", tiny_folder).exit_code == 0
    result = run("build", names, tmp_path / "other", "--model", tmp_path / "nothing")
    assert result.exit_code == 1
    assert "no config.json" in result.output
    assert not (tmp_path / "other").exists()


def test_an_existing_file_is_kept(names, tmp_path):
    out = tmp_path / "set"
    out.write_text("mine")
    assert run("build", names, out).exit_code == 1
    assert out.read_text() == "mine"
    assert run("build", names, out, "--force").exit_code == 0
    assert len(TitleSet.open(out)) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no names that can be used"),
        (b"\n \n\t\n", "has no names that can be used"),
        (b"Paris\nM\xfcnchen\n", "line 2: byte 1 of the line is not UTF-8"),
        (b"Paris\n\x00\x01", "line 2: it has a zero byte"),
        ("Paris\n\u200b\n".encode(), "1 of 2 names can't be used"),
        (None, "there is no such file"),
    ],
)
def test_bad_lists(tmp_path, content, message):
    path = tmp_path / "names.txt"
    if content is not None:
        path.write_bytes(content)
    result = run("build", path, tmp_path / "out")
    assert result.exit_code == 1
    assert message in " ".join(result.output.split())
    assert os.listdir(tmp_path) == ([] if content is None else ["names.txt"])


def test_skip_invalid(tmp_path):
    path = tmp_path / "names.txt"
    path.write_text("Paris\n\u200b\n")
    result = run("build", path, tmp_path / "out", "--skip-invalid")
    assert result.exit_code == 0
    assert "Left out 1 invalid name" in result.output
    assert list(TitleSet.open(tmp_path / "out")) == ["Paris"]


@pytest.fixture
def sets(tmp_path, tokenizer):
    """Two title sets that differ."""
    paths = [tmp_path / "one", tmp_path / "two"]
    ids = {"Paris": "Q90", "Paris, Texas": "Q1", "Chicago": ""}
    one = TitleSet.build(ids, tokenizer, ids=list(ids.values()), redirects={"Lutetia": "Paris"})
    one.save(paths[0])
    ids = {"Paris": "Q91", "Lutetia": "Q2", "Chicago": "Q1297"}
    aliases = {("the city", "Paris"): 3}
    TitleSet.build(ids, tokenizer, ids=list(ids.values()), aliases=aliases).save(paths[1])
    return paths


def test_info(sets):
    result = run("info", sets[0])
    assert result.exit_code == 0
    for line in (r"names +3", r"with an id +2", r"redirects +1", r"tokenizer +\w{16}"):
        assert re.search(line, result.output), line


def test_build_prints_and_stores_counts(tmp_path):
    path = tmp_path / "own.tsv"
    path.write_text("name\tid\taliases\nAcme Corporation\tC1\tAcme|ACME\nAcme Inn\t\t\n")
    result = run("build", path, tmp_path / "out", "--trie", "titles+redirects")
    assert result.exit_code == 0, result.output
    for line in (r"names +2", r"with an id +1", r"Wrote 2 names"):
        assert re.search(line, result.output), line
    shown = run("info", tmp_path / "out").output
    for line in (r"source +own\.tsv \(tsv, \d+ bytes\)", r"sha256 \w{64}", r"aliases +2"):
        assert re.search(line, shown), line
    assert re.search(r"trie +titles\+redirects", shown)
    assert run("build", path, tmp_path / "other", "--trie", "names").exit_code == 2


@pytest.mark.parametrize("sources", [["x"], [5], [{"sha256": "x"}], {"x": 1.5}, "sha256", None])
def test_info_shows_whatever_a_header_holds(tmp_path, tokenizer, sources):
    header = {"note": {"by": "me", "in": 2026}, "sources": sources}
    TitleSet.build(["Paris"], tokenizer, header=header).save(tmp_path / "set")
    result = run("info", tmp_path / "set")
    assert result.exit_code == 0, result.output
    for line in (r"note +by: me", r"in: 2,026", r"sources +\S"):
        assert re.search(line, result.output), line


def test_search(sets):
    result = run("search", sets[0], "Par", "--limit", 5)
    assert result.exit_code == 0
    assert re.search(r"Paris, Texas +Q1\b", result.output)
    assert "Chicago" not in result.output
    assert re.search(r"Paris +3", run("search", sets[1], "the city").output)
    assert run("search", sets[0], "Nowhere").exit_code == 1


def test_search_ignores_case(sets):
    assert re.search(r"Paris, Texas +Q1\b", run("search", sets[0], "pARIS, t").output)
    assert re.search(r"Paris +3", run("search", sets[1], "The City").output)
    assert re.search(r"Paris +0", run("search", sets[0], "lutetia").output)


def test_search_in_the_package():
    result = run("search", "albert einst")
    assert result.exit_code == 0
    assert "Albert Einstein" in result.output
    assert run("search", "a", "b", "c").exit_code == 2


def test_search_without_a_prefix(sets):
    result = run("search", sets[0])
    assert result.exit_code == 2
    assert "is a file" in result.output


def test_warnings_of_a_build_are_shown(tmp_path):
    path = tmp_path / "own.csv"
    path.write_text("title,qid,country\nNew_York,Q60,US\nS%C3%A3o Paulo,Q174,BR\n")
    result = run("build", path, tmp_path / "out")
    assert result.exit_code == 0
    output = " ".join(result.output.split())
    assert "1 of 2 names look like titles with underscores" in output
    assert "are not used: 'country'" in output
    result = run(
        "build", path, tmp_path / "out", "-F", "--name-column", "qid", "--id-column", "title"
    )
    assert result.exit_code == 0
    assert TitleSet.open(tmp_path / "out").id_of("Q60") == "New_York"


def test_add(sets, tokenizer):
    args = ("add", sets[0], "Threads (social network)", "--id", "Q7", "--alias", "Threads")
    assert run(*args, "--alias", "threads.net").exit_code == 0
    titles = TitleSet.open(sets[0], tokenizer=tokenizer)
    assert titles.id_of("Threads (social network)") == "Q7"
    assert titles.get_candidates("threads.net") == [("Threads (social network)", 1)]
    assert run("add", sets[0], " Spaced ", "--alias", "Space").exit_code == 0
    titles = TitleSet.open(sets[0], tokenizer=tokenizer)
    assert list(titles)[-2:] == ["Spaced", "Threads (social network)"]
    assert titles.get_candidates("Space") == [("Spaced", 1)]
    before = sets[0].read_bytes()
    assert run("add", sets[0], " ").exit_code == 1
    result = run("add", sets[0], "Paris", "--id", "Q1000")
    assert result.exit_code == 1
    assert "with the id 'Q90'; nothing was changed" in " ".join(result.output.split())
    assert run("add", sets[0], "\u200b").exit_code == 1
    assert sets[0].read_bytes() == before


def test_surrounding_spaces_are_removed(sets):
    assert run("add", sets[0], " Threads ", "--id", " Q7 ", "--alias", " the app ").exit_code == 0
    titles = TitleSet.open(sets[0])
    assert titles.id_of("Threads") == "Q7"
    assert titles.get_candidates("the app") == [("Threads", 1)]
    before = sets[0].read_bytes()
    for bad in (["Rome", "--alias", " "], ["Ro\nme"]):
        assert run("add", sets[0], *bad).exit_code == 1
    assert sets[0].read_bytes() == before


def test_adding_an_existing_name(sets):
    before = sets[0].read_bytes()
    result = run("add", sets[0], "Paris", "--id", "Q90")
    assert result.exit_code == 0
    assert "has 'Paris' already, so nothing was changed" in " ".join(result.output.split())
    for option, value in (("--prior", 5), ("--id", "Q1000")):
        result = run("add", sets[0], "Paris", option, value)
        assert result.exit_code == 1
        message = " ".join(result.output.split())
        assert f"already in the title set, with the {option[2:]} " in message
        assert "merge NEW TITLES OUT" in message
    assert sets[0].read_bytes() == before
    assert run("add", sets[0], "Paris", "--prior", 0, "--alias", "there").exit_code == 0
    assert TitleSet.open(sets[0]).get_candidates("there") == [("Paris", 1)]


def test_concurrent_changes_are_not_lost(sets, tmp_path, tokenizer, monkeypatch):
    link, save = tmp_path / "link", TitleSet.save
    link.symlink_to(sets[0])

    def add():
        with locked(sets[0]):
            titles = TitleSet.open(sets[0], tokenizer=tokenizer)
            titles.add("Rome")
            save(titles, sets[0])

    other = threading.Thread(target=add)

    def saved(titles, path):
        """Save after another thread has tried to add a name."""
        other.start()
        other.join(1)
        save(titles, path)

    monkeypatch.setattr(TitleSet, "save", saved)
    assert run("add", link, "Bonn").exit_code == 0
    other.join()
    assert {"Bonn", "Rome"} < {*TitleSet.check(sets[0])}
    assert link.is_symlink()
    assert sorted(tmp_path.iterdir()) == sorted([*sets, link, tmp_path / ".one.lock"])


def test_merge(sets, tmp_path, tokenizer):
    out = tmp_path / "both"
    assert run("merge", *sets, out).exit_code == 0
    titles = TitleSet.open(out, tokenizer=tokenizer)
    assert list(titles) == ["Chicago", "Lutetia", "Paris", "Paris, Texas"]
    assert [titles.id_of(name) for name in titles] == ["Q1297", "Q2", "Q90", "Q1"]
    assert titles.get_candidates("the city") == [("Paris", 3)]
    assert run("merge", *sets, out).exit_code == 1
    assert run("merge", *sets, out, "--force").exit_code == 0


def test_header_of_a_merged_set(tmp_path, tokenizer):
    """It has the sources of both, equal items, and the items of only one set."""
    names = ["one", "two"]
    for name in names:
        (tmp_path / f"{name}.txt").write_text(f"{name}\n")
        assert run("build", tmp_path / f"{name}.txt", tmp_path / name).exit_code == 0
    own = {"language": "en", "date": "2026-01", "counts": {"names": 1}, "by": {"me": True}}
    TitleSet.build(["own"], tokenizer, header=own).save(tmp_path / "own")
    own = {"language": "en", "date": "2026-02", "counts": {"names": 1}, "sources": "mine"}
    TitleSet.build(["other"], tokenizer, header=own).save(tmp_path / "other")
    made = ["tokenizer", "trie", "dropped", "version"]

    def merged(*sets):
        out = tmp_path / "out"
        assert run("merge", *(tmp_path / name for name in sets), out, "--force").exit_code == 0
        header = TitleSet.open(out).header
        for key in made:
            assert header.pop(key) == TitleSet.open(tmp_path / "own").header[key]
        return header

    header = merged(*names)
    assert [source["file"] for source in header.pop("sources")] == ["one.txt", "two.txt"]
    assert header == {"options": TitleSet.open(tmp_path / "one").header["options"]}
    assert merged("own", "other") == {
        "language": "en",
        "first_set": {"date": "2026-01", "by": {"me": True}},
        "second_set": {"date": "2026-02", "sources": "mine"},
    }
    shown = run("info", tmp_path / "out").output
    for line in (
        r"first set +date: 2026-01 *\n",
        r"\n +by: me *\n",
        r"second set +date: 2026-02 *\n",
    ):
        assert re.search(line, shown), line
    header = merged("one", "out")
    assert [source["file"] for source in header["sources"]] == ["one.txt"]
    assert header["second_set"]["second_set"] == {"date": "2026-02", "sources": "mine"}
    assert re.search(
        r"second_set: date: 2026-02, sources: mine", run("info", tmp_path / "out").output
    )


def test_merged_counts_are_clipped_to_the_maximum(sets, tmp_path):
    for path in sets:
        titles = TitleSet.open(path)
        titles.add_alias("the city", "Paris", count=2**32 - 1)
        titles.save(path)
    assert run("merge", *sets, tmp_path / "both").exit_code == 0
    both = TitleSet.open(tmp_path / "both")
    assert both.get_candidates("the city") == [("Paris", 2**32 - 1)]


def test_diff(sets):
    result = run("diff", *sets)
    assert result.exit_code == 1
    assert result.output.splitlines() == [
        "~ Chicago: no id -> Q1297",
        "+ Lutetia",
        "~ Paris: Q90 -> Q91",
        "- Paris, Texas",
    ]
    assert run("diff", sets[0], sets[0]).exit_code == 0


def test_check(sets):
    assert run("check", sets[0]).exit_code == 0
    content = bytearray(sets[0].read_bytes())
    content[-1] ^= 1
    sets[0].write_bytes(content)
    result = run("check", sets[0])
    assert result.exit_code == 1
    assert "checksum is wrong" in result.output


@pytest.mark.parametrize("command", ["info", "search", "add", "merge", "diff", "check"])
def test_invalid_files(command, tmp_path, names):
    more = {"search": ["x"], "add": ["x"], "merge": [names, tmp_path / "out"], "diff": [names]}
    for path in (names, tmp_path / "missing"):
        result = run(command, path, *more.get(command, []))
        assert result.exit_code == 1
        assert "[T00" in result.output


def test_the_command_is_registered_with_spacy():
    result = subprocess.run(
        [sys.executable, "-m", "spacy", "genre", "titles", "build", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "one name per line" in result.stdout
