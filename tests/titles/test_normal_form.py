"""Names, redirects, aliases and mentions in any Unicode form."""

import unicodedata

import hypothesis.strategies as st
import pytest
from helpers.docs import kb_ids, make_doc
from hypothesis import given

from spacy_genre import TitleSet
from spacy_genre.corpora.names import find_name
from spacy_genre.titles import building
from spacy_genre.titles.merging import merge_titles
from spacy_genre.titles.normal_form import normal_form

NFC, NFD = (unicodedata.normalize(form, "Café Müller") for form in ("NFC", "NFD"))
FORMS = [NFC, NFD, "\ufeff" + NFC, NFD + "\u200b", "Ca\u00adfé \u2060Müller\u200d"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("stored", FORMS)
def test_a_name_is_found_in_any_form(tokenizer, stored, form):
    titles = TitleSet.build(
        ["Zürich", stored],
        tokenizer,
        ids=["Q72", "Q1"],
        redirects={f"Alias {stored}": stored},
        aliases={(f"The {stored}", stored): 3},
    )
    assert list(titles) == [NFC, "Zürich"]
    assert form in titles
    assert titles.resolve(form) == titles.resolve(f"Alias {form}") == find_name(titles, form) == NFC
    assert titles.id_of(form) == "Q1"
    assert titles.get_candidates(f"The {form}") == [(NFC, 3)]
    assert titles.get_candidates(form) == [(NFC, 0)]
    assert titles.starting_with(form) == [NFC]


@pytest.mark.parametrize("form", FORMS)
def test_changes_in_any_form(tokenizer, form):
    titles = TitleSet.build(["Zürich"], tokenizer)
    titles.add(form, id="Q1")
    titles.add(NFD, id="Q1")
    assert list(titles) == [NFC, "Zürich"]
    titles.add_alias(f"The {form}", form)
    assert titles.get_candidates(f"The {NFC}") == titles.get_candidates(f"The {NFD}") == [(NFC, 1)]
    with pytest.raises(ValueError, match="T014"):
        titles.add(form, id="Q2")
    titles.remove(form)
    assert list(titles) == ["Zürich"]


def test_two_forms_with_two_ids_are_an_error(tokenizer):
    with pytest.raises(ValueError, match=r"T008.*Unicode normalization form"):
        TitleSet.build([NFC, NFD], tokenizer, ids=["A", "B"])
    assert len(TitleSet.build(FORMS, tokenizer, ids=["A"] * len(FORMS))) == 1


def test_a_redirect_from_another_form_is_no_redirect(tokenizer):
    assert TitleSet.build([NFC], tokenizer, redirects={NFD: NFC}).view.n_redirects == 0


@pytest.fixture
def old_titles(tokenizer, monkeypatch):
    """A title set of an earlier version, which kept names as they were given."""
    with monkeypatch.context() as patch:
        patch.setattr(building, "normal_form", str)
        patch.setattr(building, "_is_normal", bool)
        patch.setattr(building, "_normalize_names", list)
        return TitleSet.build(
            [NFD, "Zürich"],
            tokenizer,
            ids=["Q1", "Q72"],
            redirects={f"Alias {NFD}": NFD},
            aliases={(f"The {NFD}", NFD): 3},
        )


@pytest.mark.parametrize("form", [NFC, NFD])
def test_old_files(old_titles, tokenizer, tmp_path, form):
    old_titles.save(tmp_path / "set")
    titles = TitleSet.open(tmp_path / "set", tokenizer=tokenizer)
    assert list(titles) == [NFD, "Zürich"]
    assert titles.id_of(form) == titles.id_of(f"Alias {form}") == "Q1"
    assert titles.get_candidates(f"The {form}") == [(NFD, 3)]
    new = TitleSet.build([NFC], tokenizer, ids=["Q1000"])
    merged = merge_titles(titles, new, tokenizer)
    assert {name: merged.id_of(name) for name in merged} == {NFC: "Q1", "Zürich": "Q72"}
    titles.remove(form)
    assert list(titles) == ["Zürich"]


def test_joiners_that_are_spelling_are_kept():
    for text in ("می\u200cخواهم", "क्\u200dष", "👩\u200d🔬"):
        assert normal_form(text) == text
        assert normal_form(text + "\u200d") == text
    assert normal_form("Auf\u200clage") == "Auflage"
    assert normal_form("\u200b") == "\u200b"  # it can't be a name, and stays as it is


@given(
    st.text(st.sampled_from("ae\u0301\u0308\u200b\u200c\u200d\ufeff\u00ad\u2126ک한\u1100\u1161"))
)
def test_the_normal_form_is_normal(text):
    form = normal_form(text)
    assert normal_form(form) == form
    assert normal_form(unicodedata.normalize("NFD", text)) in (form, normal_form(text))


def test_a_mention_in_another_form(nlp, tokenizer):
    """Of two names with the same tokens, the one that is spelled like the mention is right."""
    linker = nlp.get_pipe("genre_linker")
    linker.titles = TitleSet.build(["Café", "Cafe"], tokenizer, prior=[1, 2])
    for mention in ("Cafe\u0301", "Café"):
        doc = make_doc(nlp, f"We met at the {mention} in town.", [(4, 5, "ORG")])
        assert kb_ids([nlp(doc)]) == [["Café"]]
