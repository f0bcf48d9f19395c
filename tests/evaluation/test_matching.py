"""Counts of annotations: cases computed by hand, and a slow reference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_genre.evaluation.matching import AnnotationScores, Counts

A, B = (0, 5, "Paris"), (10, 14, "Rome")


def metrics(*texts):
    scores = AnnotationScores()
    for text in texts:
        scores.add(*map(frozenset, text))
    return scores.metrics()


def prf(found, key="micro"):
    return tuple(round(found[f"{key}_{k}"], 6) for k in "prf")


@pytest.mark.parametrize(
    ("gold", "found", "optional", "links", "mentions"),
    [
        ([A, B], [A, B], [], (1, 1, 1), (1, 1, 1)),
        ([A, B], [A], [], (1, 0.5, 2 / 3), (1, 0.5, 2 / 3)),
        # Another entity, and other borders.
        ([A], [(0, 5, "Paris, Texas")], [], (0, 0, 0), (1, 1, 1)),
        ([A], [(0, 6, "Paris")], [], (0, 0, 0), (0, 0, 0)),
        # Nothing to find.
        ([], [], [], (1, 1, 1), (1, 1, 1)),
        ([], [A], [], (0, 0, 0), (0, 0, 0)),
        ([A], [], [], (0, 0, 0), (0, 0, 0)),
        # Gold is NIL: a link is wrong, NIL is not counted.
        ([A, (10, 14, "")], [A, B], [], (0.5, 1, 2 / 3), (0.5, 1, 2 / 3)),
        ([A, (10, 14, "")], [A, (10, 14, "")], [], (1, 1, 1), (1, 1, 1)),
        ([(10, 14, "")], [], [], (1, 1, 1), (1, 1, 1)),
        # Optional: found or not; with another entity; a NIL.
        ([A], [A, B], [B], (1, 1, 1), (1, 1, 1)),
        ([A], [A], [B], (1, 1, 1), (1, 1, 1)),
        ([A], [A, (10, 14, "Milan")], [B], (0.5, 1, 2 / 3), (1, 1, 1)),
        ([A], [A, B], [(10, 14, "")], (0.5, 1, 2 / 3), (0.5, 1, 2 / 3)),
        # Two gold entities of one mention, of which one is optional.
        ([A], [(0, 5, "Paris (city)")], [(0, 5, "Paris (city)")], (0, 0, 0), (1, 1, 1)),
    ],
)
def test_one_text(gold, found, optional, links, mentions):
    found = metrics((gold, found, optional))
    expected = tuple(round(value, 6) for value in links)
    assert prf(found) == prf(found, "macro") == expected
    assert prf(found, "detection_micro") == tuple(round(value, 6) for value in mentions)


def test_micro_and_macro():
    found = metrics(([A, B], [A, B], []), ([A], [B], []), ([], [], []))
    assert (found["texts"], found["mentions"]) == (3, 3)
    assert prf(found) == (round(2 / 3, 6),) * 3
    assert prf(found, "macro") == (round(2 / 3, 6),) * 3  # 1, 0 and 1 for nothing at all
    assert found["linking_accuracy"] == 1
    wrong = metrics(([A, B], [A, (10, 14, "Milan")], []))
    assert wrong["linking_accuracy"] == 0.5
    assert prf(metrics()) == prf(metrics(), "macro") == (1, 1, 1)


LINKS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(3, 4), st.sampled_from(["", "x", "y", "z"])),
    max_size=5,
)


def slow_counts(gold, found, optional):
    """Pairs each annotation with one of the other side, one by one."""
    gold, found = dict.fromkeys(gold), dict.fromkeys(found)
    right = wrong = 0
    for link in found:
        if link in gold:
            right += 1
        elif link not in optional:
            wrong += 1
    return Counts(right, wrong, sum(link not in found for link in gold))


@given(st.lists(st.tuples(LINKS, LINKS, LINKS), min_size=1, max_size=4))
def test_slow_reference(texts):
    found = metrics(*texts)
    in_kb = [[[link for link in side if link[2]] for side in text] for text in texts]
    borders = [[[link[:2] for link in side] for side in text] for text in in_kb]
    for prefix, rows in (("", in_kb), ("detection_", borders)):
        counts = [slow_counts(*row) for row in rows]
        total = [sum(column) for column in zip(*counts, strict=True)]
        n_found, n_gold = total[0] + total[1], total[0] + total[2]
        precision = total[0] / n_found if total[0] else float(n_found == n_gold == 0)
        recall = total[0] / n_gold if total[0] else precision
        f1 = 2 * precision * recall / (precision + recall) if precision else 0.0
        assert prf(found, f"{prefix}micro") == tuple(round(v, 6) for v in (precision, recall, f1))
        macro = [
            sum(column) / len(rows) for column in zip(*(c.scores for c in counts), strict=True)
        ]
        assert prf(found, f"{prefix}macro") == tuple(round(v, 6) for v in macro)
    assert found["mentions"] == sum(len({*gold}) for gold, _, _ in in_kb)
    assert found["linking_accuracy"] <= 1
