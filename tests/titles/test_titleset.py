"""Queries of title sets."""

import numpy as np
import pytest
from helpers.titles import end_nodes

from spacy_genre import TitleSet
from spacy_genre.titles.spellings import best_name_at
from spacy_genre.titles.subset import NameSubset


def test_queries(titles):
    assert len(titles) == 8
    assert "Paris" in titles
    assert "paris" not in titles
    assert "Einstein" not in titles  # a redirect can't be generated
    assert 7 not in titles
    assert list(titles) == sorted(titles)
    assert titles.resolve("Einstein") == titles.resolve("Albert Einstein") == "Albert Einstein"
    assert titles.resolve("Nobody") is None
    assert titles.id_of("Einstein") == "Q0"
    assert titles.id_of("Nobody") is None
    assert titles.names_of("Q6") == ["Paris"]
    assert titles.names_of("") == titles.names_of("Q99") == []
    assert repr(titles) == "<TitleSet of 8 names and 1 redirects>"


def test_names_with_the_same_tokens_share_an_end(tokenizer):
    titles = TitleSet.build(["US", "us", "Us"], tokenizer, prior=[5, 1, 7])
    (node,) = np.unique(titles.trie.entry_nodes)
    chosen = {
        s: titles.view.name_at(best_name_at(titles.view, int(node), s))
        for s in ["US", "us", "U.S."]
    }
    assert chosen == {"US": "US", "us": "us", "U.S.": "Us"}


def test_without_priors_the_choice_is_deterministic(tokenizer):
    titles = TitleSet.build(["us", "US", "Us"], tokenizer)
    (node,) = np.unique(titles.trie.entry_nodes)
    assert titles.view.name_at(best_name_at(titles.view, int(node), "U.S.")) == "US"


def test_a_lowercase_mention_is_not_an_acronym(tokenizer):
    titles = TitleSet.build(["INTEGRAL", "Integral"], tokenizer)
    (node,) = set(titles.view.trie.entry_nodes.tolist())

    def chosen(surface):
        return titles.view.name_at(best_name_at(titles.view, node, surface))

    assert [chosen(s) for s in ("integrals", "INTEGRAL", "ESA's INTEGRAL", "")] == [
        *("Integral", "INTEGRAL", "INTEGRAL", "Integral")
    ]


def test_redirects_can_be_generated(tokenizer):
    names, redirects = ["European Union", "EU (film)"], {"EU": "European Union"}
    titles = TitleSet.build(names, tokenizer, redirects=redirects, trie="titles+redirects")
    node = titles.trie.find(tokenizer.encode(["EU"])[0])
    assert titles.view.name_at(best_name_at(titles.view, node, "EU")) == "European Union"
    assert len(titles.trie) == 3
    assert len(titles) == 2
    with pytest.raises(ValueError, match="'titles' or 'titles\\+redirects'"):
        TitleSet.build(names, tokenizer, trie="all")


def test_ids_that_are_qids_take_four_bytes(tokenizer):
    names = [f"name {i}" for i in range(100)]
    qids = TitleSet.build(names, tokenizer, ids=[f"Q{10**8 + i}" for i in range(100)])
    other = TitleSet.build(names, tokenizer, ids=[f"X{10**8 + i}" for i in range(100)])
    assert len(other.to_bytes()) - len(qids.to_bytes()) >= 100 * 10
    assert qids.names_of("Q100000007") == other.names_of("X100000007") == ["name 7"]
    assert qids.names_of("X1") == other.names_of("X1") == []


@pytest.mark.parametrize("kb_id", ["Q1\u0662", "Q\u0661", "Q\uff11"])
def test_ids_with_digits_of_other_scripts_are_kept(tokenizer, kb_id):
    titles = TitleSet.build(["a", "b"], tokenizer, ids=[kb_id, "Q12"])
    qids = TitleSet.build(["b"], tokenizer, ids=["Q12"])
    assert qids.names_of(kb_id) == []
    qids.add("a", id=kb_id)
    for known in (titles, TitleSet.from_bytes(titles.to_bytes()), qids):
        assert [known.id_of(name) for name in "ab"] == [kb_id, "Q12"]
        assert known.names_of(kb_id) == ["a"]
        assert known.names_of("Q12") == ["b"]
    assert titles.to_bytes() == qids.to_bytes()


def test_a_subset_has_the_queries_of_a_set(tokenizer):
    prior = [1, 5, 2, 0, 0]
    titles = TitleSet.build(
        ["US", "us", "Us", "Paris", "Rome"], tokenizer, prior=prior, redirects={"Roma": "Rome"}
    )
    titles.add("Zürich", id="Q72")
    view = titles.view
    rows = [view.target(name) for name in ("Zürich", "US", "Roma", "Us")]
    subset = NameSubset.of(view, rows, tokenizer)
    assert sorted(map(subset.name_at, subset.rows)) == ["Rome", "US", "Us", "Zürich"]
    ends = {tuple(subset.trie.path(node)): node for node in end_nodes(subset.trie)}
    assert sorted(ends) == sorted(
        {tuple(ids) for ids in tokenizer.encode(["US", "Rome", "Zürich"])}
    )
    node = ends[tuple(tokenizer.encode(["us"])[0])]
    assert sorted(subset.spellings_at(node)) == [("US", rows[1]), ("Us", rows[3])]
    for surface, name in (("US", "US"), ("us", "Us")):  # the prior of "us" itself is higher
        assert subset.name_at(best_name_at(subset, node, surface)) == name
    assert subset.id_at(rows[0]) == "Q72"
    assert len(NameSubset.of(view, [], tokenizer).trie) == 0
