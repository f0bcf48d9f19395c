import demo
import spacy
from rich.console import Console
from spacy.tokens import Span
from typer import Typer
from typer.testing import CliRunner

from spacy_genre import TitleSet


def run(*args):
    app = Typer()
    app.command()(demo.main)
    return CliRunner().invoke(app, list(args), env={"COLUMNS": "200"})


def test_page_of_sentences(tmp_path):
    result = run("--html", str(tmp_path / "demo.html"))
    assert result.exit_code == 0, result.output
    page = (tmp_path / "demo.html").read_text()
    expected = {
        "Einstein": "Albert_Einstein",
        "the Nobel Prize": "Nobel_Prize",
        "Europe": "Europe",
        "Chicago": "Chicago",
        "Microsoft": "Microsoft",
        "Shakespeare": "William_Shakespeare",
        "the Soviet Union": "Soviet_Union",
        "Beatles": "The_Beatles",
    }
    for mention, title in expected.items():
        assert f"│ {mention} " in result.output
        assert f'href="https://en.wikipedia.org/wiki/{title}"' in page


def test_own_text(tmp_path):
    page = tmp_path / "mine.html"
    result = run('Angela Merkel left Berlin, "the $HOME of <b>techno</b>".', "--html", str(page))
    assert result.exit_code == 0, result.output
    assert "Berlin" in result.output
    assert "&lt;b&gt;techno" in page.read_text()


def test_text_without_entities(tmp_path):
    result = run("nothing to see", "--html", str(tmp_path / "page.html"))
    assert result.exit_code == 0, result.output
    assert "No entities to link were found" in result.output


def test_titles_are_escaped(tmp_path):
    nlp = spacy.blank("en")
    linker = nlp.add_pipe("genre_linker")
    linker.titles = TitleSet.build(['Zog <i>"& [red]Co'], linker.tokenizer)
    doc = nlp.make_doc("We met Zog there")
    doc.ents = [Span(doc, 2, 3, "ORG")]
    doc = nlp(doc)
    console = Console(record=True, width=200)
    demo.print_links(console, [doc])
    demo.write_page(tmp_path / "page.html", [doc])
    page = (tmp_path / "page.html").read_text()
    assert doc.ents[0].kb_id_ == 'Zog <i>"& [red]Co'
    assert 'Zog <i>"& [red]Co' in console.export_text()
    assert "<i>" not in page
    assert "wiki/Zog_%3Ci%3E%22%26_%5Bred%5DCo" in page
