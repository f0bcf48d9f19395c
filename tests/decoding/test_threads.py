"""The number of torch's threads in a search."""

import threading
from unittest import mock

import numpy as np
import pytest
import torch
from helpers.models import make_bart
from helpers.search import V, assert_same_hypotheses, search_few_names, search_trie

from spacy_genre import TokenTrie
from spacy_genre.decoding import threads
from spacy_genre.decoding.threads import PassTimes, adaptive_threads

CPU = torch.device("cpu")
rng = np.random.default_rng(0)
TRIE, _ = TokenTrie.build([tuple(rng.integers(3, 9, n)) for n in rng.integers(1, 6, 200)])
INPUTS = [rng.integers(3, V, n).tolist() for n in rng.integers(1, 12, 48)]


@pytest.fixture(autouse=True)
def _enabled(monkeypatch):
    monkeypatch.setattr("spacy_genre.decoding.threads.ENABLED", True)


@pytest.fixture
def host_threads():
    """The caller's number of threads is 4."""
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield 4
    torch.set_num_threads(before)


def run_passes(times, cost, n):
    """Run passes that take a time that depends on the number of threads.

    cost (Callable): The seconds of a pass with some threads.
    RETURNS (Tuple[List[int], float]): The threads of each pass, and the seconds of all.
    """
    used, now = [], 0.0
    with mock.patch.object(threads.time, "perf_counter", side_effect=lambda: now):
        for _ in range(n):
            with times.measure("decoder", 8):
                used.append(torch.get_num_threads())
                now += cost(used[-1])
    return used, now


@pytest.mark.parametrize(
    "cost", [{1: 4, 2: 2, 4: 1}, {1: 1, 2: 30, 4: 30}, {1: 3, 2: 1, 4: 10}], ids=str
)
def test_the_fastest_number_is_used(host_threads, cost):
    times = PassTimes()
    with adaptive_threads(CPU):
        run_passes(times, cost.get, 10)
        used, seconds = run_passes(times, cost.get, 500)
    assert seconds * 0.7 <= 500 * min(cost.values())
    assert np.median(used) == min(cost, key=cost.get)


def test_a_load_that_comes_and_goes(host_threads):
    idle, busy = {1: 4, 2: 2, 4: 1}, {1: 5, 2: 40, 4: 60}
    times, rng = PassTimes(), np.random.default_rng(0)
    with adaptive_threads(CPU):
        for cost in (idle, busy, idle, busy):
            run_passes(times, lambda n, cost=cost: cost[n] * rng.uniform(0.5, 1.5), 1000)
            _, seconds = run_passes(
                times, lambda n, cost=cost: cost[n] * rng.uniform(0.5, 1.5), 1000
            )
            assert seconds * 0.7 <= 1000 * min(cost.values())


def test_the_callers_number_is_restored(host_threads):
    model, used = make_bart(V, 0, bos=0, eos=2, pad=1), set()

    def choose(self, most):
        used.add(torch.get_num_threads())
        return 1

    with mock.patch.object(threads._KindOfPass, "choose", choose):
        for search in (search_few_names, lambda m, i: search_trie(m, i, TRIE)):
            search(model, INPUTS)
            assert torch.get_num_threads() == host_threads
        broken = mock.patch.object(threads.time, "perf_counter", side_effect=RuntimeError)
        with broken, pytest.raises(RuntimeError):
            search_few_names(model, INPUTS)
    assert torch.get_num_threads() == host_threads
    assert 1 in used  # it stays at 1 from pass to pass


def test_threads_that_start_during_a_search_have_the_callers_number(host_threads):
    found = []
    with adaptive_threads(CPU):
        threads._use_threads(1, host_threads)
        other = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
        other.start()
        other.join()
        assert torch.get_num_threads() == 1
    assert found == [host_threads]
    assert torch.get_num_threads() == host_threads


def test_one_thread_and_other_devices_are_left_alone(host_threads):
    with adaptive_threads(torch.device("cuda")):
        used, _ = run_passes(PassTimes(), {4: 10, 2: 1, 1: 1}.get, 20)
    assert set(used) == {host_threads}
    torch.set_num_threads(1)
    with adaptive_threads(CPU):
        used, _ = run_passes(PassTimes(), {1: 1}.get, 20)
    assert set(used) == {1}


def test_answers_do_not_depend_on_the_number(host_threads):
    model = make_bart(V, 0, bos=0, eos=2, pad=1)
    expected = search_trie(model, INPUTS, TRIE)
    for n in (1, 2, 4):
        with mock.patch.object(threads._KindOfPass, "choose", lambda self, most, n=n: n):
            assert_same_hypotheses(search_trie(model, INPUTS, TRIE), expected)
