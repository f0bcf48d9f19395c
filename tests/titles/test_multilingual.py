import pytest
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_genre.cli  # noqa: F401  (adds its commands to the app)
from spacy_genre import TitleSet
from spacy_genre.titles.multilingual import join_languages


@pytest.fixture
def sets(tokenizer):
    german = TitleSet.build(
        ["Berlin", "München"],
        tokenizer,
        ids=["Q64", "Q1726"],
        prior=[5, 4],
        descriptions=["Hauptstadt", None],
        redirects={"Munich": "München"},
        aliases={("Hauptstadt", "Berlin"): 7, ("München", "München"): 30},
    )
    french = TitleSet.build(["Berlin", "Munich"], tokenizer, ids=["Q64", "Q1726"])
    return {"de": german, "fr": french}


def test_names_with_their_language(sets, tokenizer):
    sets["fr"].add("Ulm", id="Q3012")  # pending changes count, too
    sets["fr"].add_alias("la ville", "Ulm")
    titles = join_languages(sets, tokenizer)
    expected = ["Berlin >> de", "Berlin >> fr", "Munich >> fr", "München >> de", "Ulm >> fr"]
    assert list(titles) == expected
    assert titles.names_of("Q1726") == ["Munich >> fr", "München >> de"]
    assert titles.description_of("Berlin >> de") == "Hauptstadt"
    assert titles.header["languages"] == ["de", "fr"]
    # Titles, redirects and aliases are aliases without the language.
    assert titles.get_candidates("Hauptstadt") == [("Berlin >> de", 7)]
    assert dict(titles.get_candidates("Berlin")) == {"Berlin >> de": 1, "Berlin >> fr": 1}
    assert dict(titles.get_candidates("Munich")) == {"Munich >> fr": 1, "München >> de": 1}
    assert titles.get_candidates("München") == [("München >> de", 30)]
    assert titles.get_candidates("la ville") == [("Ulm >> fr", 1)]


def test_wrong_languages(sets, tokenizer):
    with pytest.raises(ValueError, match="T051"):
        join_languages({}, tokenizer)
    for language in ("", "DE", "de.titles", "d", ">> de"):
        with pytest.raises(ValueError, match="T050"):
            join_languages({language: sets["de"]}, tokenizer)


def test_the_command(sets, tmp_path):
    for language, titles in sets.items():
        titles.save(tmp_path / language)

    def run(*args):
        return CliRunner().invoke(app, ["genre", "titles", "languages", *map(str, args)])

    parts = [f"{language}={tmp_path / language}" for language in sets]
    result = run(*parts, tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "4 names in 2 languages" in result.output
    assert len(TitleSet.open(tmp_path / "out")) == 4
    assert run(*parts, tmp_path / "out").exit_code == 1
    assert run(tmp_path / "de", tmp_path / "other").exit_code == 2
    result = run(f"d={tmp_path / 'de'}", tmp_path / "other")
    assert result.exit_code == 1
    assert "T050" in result.output
