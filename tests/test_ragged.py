import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from spacy_genre.ragged import RowEdit, flatten, take_rows

SEQUENCES = st.lists(st.lists(st.integers(0, 9), max_size=3), max_size=8)


def split(flat, lengths):
    return [part.tolist() for part in np.split(flat, np.cumsum(lengths))[:-1]]


@given(SEQUENCES, st.lists(st.integers(0, 100), max_size=9))
def test_sequences_come_back(sequences, picks):
    rows = [pick % len(sequences) for pick in picks] if sequences else []
    assert split(*flatten(sequences)) == sequences
    taken = take_rows(*flatten(sequences), np.asarray(rows, np.int64))
    assert split(*taken) == [sequences[row] for row in rows]


@given(
    st.lists(st.tuples(st.lists(st.integers(0, 9), max_size=3), st.booleans()), max_size=8),
    st.lists(st.tuples(st.integers(0, 100), st.lists(st.integers(0, 9), max_size=3)), max_size=8),
)
def test_an_edit_is_that_of_a_list(old, new):
    new = sorted(((at % (len(old) + 1), seq) for at, seq in new), key=lambda pair: pair[0])
    expected, rows, new_rows = [], {}, []
    for i in range(len(old) + 1):
        for at, sequence in new:
            if at == i:
                new_rows.append(len(expected))
                expected.append(sequence)
        if i < len(old) and old[i][1]:
            rows[i] = len(expected)
            expected.append(old[i][0])
    edit = RowEdit.between(np.asarray([keep for _, keep in old], bool), [at for at, _ in new])
    olds, news = [seq for seq, _ in old], [seq for _, seq in new]
    assert split(*edit.apply_ragged(flatten(olds), flatten(news))) == expected
    lengths = [np.asarray([len(seq) for seq in part], np.int64) for part in (olds, news)]
    assert edit.apply(*lengths).tolist() == [len(seq) for seq in expected]
    assert {i: int(edit.row_map[i]) for i in rows} == rows
    assert edit.inserted_rows.tolist() == new_rows
