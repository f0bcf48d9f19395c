"""KILT's scores: cases computed by hand, and a direct computation."""

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from spacy_genre.tasks.retriever.metrics import mean_scores, retrieval_scores


def scores(ranked, *outputs, ks=(1, 2, 5)):
    return retrieval_scores(list(ranked), [list(output) for output in outputs], ks)


@pytest.mark.parametrize(
    ("ranked", "outputs", "r_precision", "recall"),
    [
        ("abc", ["a"], 1, [1, 1, 1]),
        ("bac", ["a"], 0, [0, 1, 1]),
        ("bac", ["c", "a"], 0, [0, 0.5, 1]),
        # A set has one place, that of its last page; an incomplete one keeps a place.
        ("abc", ["ab"], 1, [1, 1, 1]),
        ("axb", ["ab"], 0.5, [0, 1, 1]),
        ("axyz", ["ab", "x"], 0.5, [0, 0.5, 0.5]),
        # One page in two sets.
        ("ab", ["a", "ab"], 1, [0.5, 1, 1]),
        # Equal sets count once, whatever the order and the repetitions.
        ("xab", ["ab", "baa"], 0.5, [0, 1, 1]),
        # Repeated guesses are left out before the cut.
        ("xxxa", ["a", "xa"], 1, [0.5, 1, 1]),
        # An empty provenance is a set that is never found.
        ("a", ["a", ""], 1, [0.5, 0.5, 0.5]),
        ("a", [""], 0, [0, 0, 0]),
        ("", ["a"], 0, [0, 0, 0]),
        ("a", [], 0, [0, 0, 0]),
    ],
)
def test_by_hand(ranked, outputs, r_precision, recall):
    found = scores(ranked, *outputs)
    assert found["r_precision"] == r_precision
    assert [found[f"recall_at_{k}"] for k in (1, 2, 5)] == recall


def test_precision_success_and_space():
    found = scores([" a", "b ", "a"], ["a"], ["b "])
    assert (found["precision_at_2"], found["precision_at_5"], found["success_at_1"]) == (1, 0.4, 1)


def test_mean():
    assert mean_scores([{"x": 1.0}, {"x": 0.0}]) == {"texts": 2, "x": 0.5}
    assert mean_scores([]) == {"texts": 0}


def direct(ranked, outputs, k):
    """Of the final ranking: each page of no set has a place, and each set that of the last of its
    pages that were found."""
    pages = [page for i, page in enumerate(ranked) if page not in ranked[:i]]
    sets = []
    for output in outputs:
        if set(output) not in sets:
            sets.append(set(output))
    places = [(i, -1, False) for i, p in enumerate(pages) if not any(p in s for s in sets)]
    for number, needed in enumerate(sets):
        found = [i for i, page in enumerate(pages) if page in needed]
        if found:
            places.append((found[-1], number, len(found) == len(needed)))
    n_found = sum(is_complete for _, _, is_complete in sorted(places)[:k])
    precisions = [0.0]
    for output in outputs:
        gold = set(output)
        precisions.append(len(gold & set(pages[: len(gold)])) / max(len(gold), 1))
    return max(precisions), n_found / max(len(sets), 1), n_found / k


PAGES = st.sampled_from("abcdefg")


@hypothesis_settings(max_examples=200)
@given(
    st.lists(PAGES, max_size=10),
    st.lists(st.lists(PAGES, max_size=4), max_size=4),
    st.integers(1, 6),
)
def test_against_a_direct_computation(ranked, outputs, k):
    found = retrieval_scores(ranked, outputs, [k])
    keys = ("r_precision", f"recall_at_{k}", f"precision_at_{k}")
    assert tuple(found[key] for key in keys) == pytest.approx(direct(ranked, outputs, k))
