import io
import sys

import pytest
import wasabi.util
from typer.testing import CliRunner

from spacy_genre import TitleSet
from spacy_genre.atomic import write_atomically
from spacy_genre.cli import genre_cli
from spacy_genre.cli.output import reason_of


def fails(*args):
    """The output of a call that fails, on one line."""
    result = CliRunner().invoke(genre_cli, ["corpus", "build", *map(str, args)])
    assert result.exit_code == 1, result.output
    return " ".join(result.output.split())


def test_errors_name_the_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # short paths are not broken over lines
    (tmp_path / "x.jsonl").write_text('{"text": "A"}\n')
    command = ["x.jsonl", "out", "--exclude-pages"]
    assert "nope.txt: No such file or directory" in fails(*command, "nope.txt")
    assert ".: Is a directory" in fails(*command, ".")
    (tmp_path / "latin1.txt").write_bytes("Zürich\n".encode("latin1"))
    assert "latin1.txt can't be read: 'utf-8' codec" in fails(*command, "latin1.txt")
    (tmp_path / "folder").mkdir()
    assert "folder can't be read: it is a folder; give the files in it" in fails("folder", "out")
    assert not (tmp_path / "out").exists()


def test_errors_name_the_file_once(tmp_path):
    folder = tmp_path / "file" / "below"
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="F011") as caught:
        write_atomically(folder, b"")
    assert reason_of(caught.value).count(str(folder)) == 1
    ours = FileNotFoundError("[F001] Can't read x: there is no such file.")
    assert reason_of(ours) == str(ours)


def test_errors_keep_the_lines_of_a_table(tmp_path):
    (tmp_path / "odd.csv").write_text("Company;Seat\nAcme;Kiel\nBlau;Trier\n")
    command = ["titles", "build", str(tmp_path / "odd.csv"), str(tmp_path / "out")]
    result = CliRunner().invoke(genre_cli, command)
    assert result.exit_code == 1
    assert "\n  Company;Seat\n  Acme;Kiel\n  Blau;Trier\nName its columns:" in result.output


@pytest.mark.parametrize("encoding", ["ascii", "latin1", "utf8"])
def test_output_that_can_t_show_all_characters(tmp_path, monkeypatch, tokenizer, encoding):
    one, other = tmp_path / "one", tmp_path / "other"
    TitleSet.build(["Zürich", "東京"], tokenizer).save(one)
    TitleSet.build(["Bern"], tokenizer).save(other)

    def printed(*args):
        output = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(output, encoding))
        monkeypatch.setattr(wasabi.util, "ENCODING", encoding)  # as it is set at the start
        with pytest.raises(SystemExit):
            genre_cli(["titles", *map(str, args)])
        sys.stdout.flush()
        return output.getvalue().decode(encoding)

    zurich, tokyo = (
        name.encode(encoding, "backslashreplace").decode(encoding) for name in ("Zürich", "東京")
    )
    assert zurich in printed("search", one, "Z")
    assert tokyo in printed("search", one, "東")
    for missing, shown in (("Zürich", zurich), ("東京", tokyo)):
        assert f"No name starts with '{shown}'" in printed("search", other, missing)
    assert printed("diff", one, other).splitlines() == ["+ Bern", f"- {zurich}", f"- {tokyo}"]
