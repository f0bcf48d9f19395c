"""The page, run by Streamlit's own test driver."""

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from spacy_genre.serve import analysis, page

BOX = "genre candidates"


@pytest.fixture
def start(monkeypatch):
    """Starts the page with a pipeline that finds no entities."""
    monkeypatch.setattr(analysis, "find_pipeline", lambda: None)

    def run():
        app = AppTest.from_file(str(Path(page.__file__)), default_timeout=100).run()
        assert not app.exception
        return app

    return run


def shown(app, kind):
    """The last HTML of a kind."""
    return [element.value for element in app.html if f'class="genre {kind}"' in element.value][-1]


def test_first_visit_and_changes(start, tmp_path):
    app = start()
    assert not app.error
    assert app.selectbox(key="title of 0").value == "Albert Einstein"
    path = shown(app, "path")
    assert "allowed" in path
    assert "end of name" in path
    # another text, another entity, and another of its candidates
    app.text_area(key="text").set_value("[[Einstein]] lived in [[Berlin]].").run()
    app.pills(key="entity").set_value(1).run()
    assert app.selectbox(key="title of 1").value == "Berlin"
    other = app.selectbox(key="title of 1").options[1]
    app.selectbox(key="title of 1").set_value(other).run()
    assert other in app.subheader[-1].value
    # settings
    app.slider(key="beams").set_value(2).run()
    assert shown(app, "candidates").count('class="row') == 2 + 1
    app.slider(key="threshold").set_value(1.0).run()
    assert "linked" not in shown(app, "candidates").split("</style>")[1]
    assert not app.exception


def test_a_name_is_added_and_linked(start):
    app = start()
    app.text_area(key="text").set_value("She works for [[Quxoria <b>]] in <i>").run()
    app.text_input(key="new_name").set_value("Quxoria <b>")
    app.button[1].click().run()
    assert "can be generated" in app.success[0].value
    assert app.selectbox(key="title of 0").value == "Quxoria <b>"
    assert "Quxoria &lt;b&gt;" in shown(app, "candidates")
    app.text_input(key="new_name").set_value(" ")
    app.button[1].click().run()
    assert "T019" in app.error[0].value


def test_own_names(start):
    app = start()
    app.text_area(key="text").set_value("[[Einstein]] slept.").run()
    app.text_area(key="own_names").set_value("Einstein Bros.\n\n  Einstein Hospital \n")
    app.button(key="build").click().run()
    assert app.selectbox(key="titles").value == page.OWN
    assert set(app.selectbox(key="title of 0").options) == {"Einstein Bros.", "Einstein Hospital"}
    app.text_area(key="own_names").set_value("\n")
    app.button(key="build").click().run()
    assert "at least one name" in app.error[0].value


def test_texts_without_mentions(start):
    app = start()
    app.text_area(key="text").set_value("").run()
    assert "double brackets" in app.error[0].value
    app.text_area(key="text").set_value("[[ ]] [[]]").run()
    assert "double brackets" in app.error[0].value
    assert not app.exception


@pytest.mark.parametrize(
    ("text", "plain", "mentions"),
    [
        ("", "", []),
        ("[[Paris]]", "Paris", ["Paris"]),
        ("In [[ Paris ]] and [[東京]]!", "In Paris and 東京!", ["Paris", "東京"]),
        ("[[a]][[b]] [c] ]] [[", "ab [c] ]] [[", ["a", "b"]),
    ],
)
def test_marked_mentions(text, plain, mentions):
    found, spans = analysis.parse_marked(text)
    assert found == plain
    assert [found[start:end] for start, end, _ in spans] == mentions
