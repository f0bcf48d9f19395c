"""Aliases and their counts."""

import numpy as np
import pytest

from spacy_genre import TitleSet


def test_aliases_and_descriptions(tokenizer):
    titles = TitleSet.build(
        ["Paris", "Paris, Texas"],
        tokenizer,
        descriptions=["capital of France", None],
        redirects={"Lutetia": "Paris"},
        aliases={("Paris", "Paris"): 90, ("Paris", "Paris, Texas"): 2, ("Lutèce", "Lutetia"): 1},
    )
    assert titles.get_candidates("Paris") == [("Paris", 90), ("Paris, Texas", 2)]
    assert titles.get_candidates("Lutetia") == [("Paris", 0)]
    assert titles.get_candidates("Lutèce") == [("Paris", 1)]
    assert titles.get_candidates("Berlin") == []
    assert titles.description_of("Lutetia") == "capital of France"
    assert titles.description_of("Paris, Texas") is None
    titles.add_alias("the city", "Lutetia", count=3)
    assert titles.get_candidates("the city") == [("Paris", 3)]
    with pytest.raises(KeyError, match="Nowhere"):
        titles.add_alias("the city", "Nowhere")


@pytest.mark.parametrize("count", [0, -1, 1.5, 1.0, "3", None, 2**32])
def test_invalid_counts(titles, tokenizer, count):
    with pytest.raises(ValueError, match=r"T022.*'x'"):
        titles.add_alias("x", "Paris", count=count)
    with pytest.raises(ValueError, match=r"T022.*'x'"):
        TitleSet.build(["Paris"], tokenizer, aliases={("x", "Paris"): count})
    assert titles.get_candidates("x") == []


@pytest.mark.parametrize("alias", ["", "\ud800", "x\udfff", None, 5, b"x"])
def test_invalid_aliases(titles, tokenizer, alias):
    with pytest.raises(ValueError, match="T022"):
        titles.add_alias(alias, "Paris")
    titles.to_bytes()


def test_invalid_aliases_of_a_build(tokenizer):
    aliases = {("\ud800", "a"): 1, ("", "a"): 1, ("x", "nowhere"): 1, ("x", "a"): 1}
    titles = TitleSet.build(["a"], tokenizer, aliases=aliases)
    assert titles.header["dropped"]["aliases"] == 3
    assert titles.get_candidates("x") == [("a", 1)]
    for alias in (5, b"x"):
        with pytest.raises(ValueError, match="T022"):
            TitleSet.build(["a"], tokenizer, aliases={(alias, "a"): 1})


@pytest.mark.parametrize("kind", [np.int64, np.uint32, np.uint8])
def test_counts_may_be_numpy_integers(tokenizer, kind):
    titles = TitleSet.build(["a"], tokenizer, aliases={("x", "a"): kind(200)})
    titles.add_alias("x", "a", count=kind(200))
    titles.add_alias("x", "a", count=kind(200))
    assert titles.get_candidates("x") == [("a", 600)]
    assert TitleSet.from_bytes(titles.to_bytes()).get_candidates("x") == [("a", 600)]


def test_counts_are_clipped_to_the_maximum(tokenizer):
    most = 2**32 - 1
    titles = TitleSet.build(
        ["a", "b"],
        tokenizer,
        redirects={"A": "a"},
        aliases={("x", "a"): most, ("x", "A"): 1, ("y", "a"): most - 1},
    )
    assert titles.get_candidates("x") == [("a", most)]
    titles.add_alias("x", "a")
    titles.add_alias("y", "A", count=most)
    titles.add_alias("z", "b", count=most)
    titles.add_alias("z", "b", count=2)
    for known in (titles, TitleSet.from_bytes(titles.to_bytes())):
        assert [known.get_candidates(alias) for alias in "xyz"] == [
            [("a", most)], [("a", most)], [("b", most)]
        ]  # fmt: skip
