"""The setting `cache_size`: what was found for an entity is kept for later batches."""

import copy
import pickle
import threading
from functools import partial

import pytest
import spacy
import torch
from helpers.docs import NAMES, make_doc

from spacy_genre import TitleSet
from spacy_genre.decoding import Path
from spacy_genre.tasks import base
from spacy_genre.tasks.cache import SearchCache

PATHS = [Path(1, 2, -1.0, -0.5)]


@pytest.fixture
def linker(nlp):
    linker = nlp.get_pipe("genre_linker")
    linker.cache_size = 100
    return linker


@pytest.fixture
def searched(monkeypatch):
    """How many inputs each search had."""
    sizes = []
    for name in ("constrained_search", "exact_search", "score_sets"):
        monkeypatch.setattr(base, name, partial(count, getattr(base, name), sizes))
    return sizes


def count(search, sizes, module, inputs, *rest, **options):
    sizes.append(len(inputs))
    return search(module, inputs, *rest, **options)


def found(doc):
    return [ent._.genre_candidates for ent in doc.ents]


def names_of(titles, ent, names):
    return names.get(ent.text)


# The component


def test_a_hit_is_as_a_miss(nlp, linker, searched):
    first = found(nlp(make_doc(nlp)))
    assert found(nlp(make_doc(nlp))) == first
    assert searched == [3]
    linker.cache_size = 0
    assert found(nlp(make_doc(nlp))) == first
    assert found(nlp(make_doc(nlp))) == first
    assert searched == [3, 3, 3]


def test_it_is_off_unless_asked_for(nlp, searched):
    linker = nlp.get_pipe("genre_linker")
    assert linker.cache_size == 0
    list(nlp.pipe([make_doc(nlp)] * 3, batch_size=1))
    assert searched == [3] * 3
    assert len(linker._cache) == 0


def test_other_contexts_and_other_candidates_are_other_inputs(nlp, linker, searched):
    nlp(make_doc(nlp))
    nlp(make_doc(nlp, "Einstein was born in Chicago.", [(0, 1, "PERSON"), (4, 5, "GPE")]))
    assert searched == [3, 2]
    for names in (["Paris"], ["Paris", "Apple"], ["Apple", "Paris"], []):
        linker.candidates = partial(names_of, names={"Einstein": names})
        doc = nlp(make_doc(nlp))
        assert sorted(c.title for c in doc.ents[0]._.genre_candidates) == sorted(names)
    assert searched == [3, 2, 1, 1, 1]


def test_the_bound_holds(nlp, linker, searched):
    linker.cache_size = 2
    nlp(make_doc(nlp))
    assert len(linker._cache) == 2
    nlp(make_doc(nlp))
    assert searched == [3, 1]
    linker.cache_size = 1
    nlp(make_doc(nlp))
    assert len(linker._cache) == 1
    linker.cache_size = 0
    nlp(make_doc(nlp))
    assert len(linker._cache) == 0


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("num_beams", 3),
        ("length_penalty", 0.5),
        ("search", "exact"),
        ("early_stopping", "never"),
        ("dtype", "bfloat16"),
    ],
)
def test_settings_of_the_search_drop_it(nlp, linker, searched, key, value):
    linker.dtype = "float32"
    nlp(make_doc(nlp))
    setattr(linker, key, value)
    changed = found(nlp(make_doc(nlp)))
    assert searched == [3, 3]
    linker.cache_size = 0
    assert found(nlp(make_doc(nlp))) == changed


def test_other_settings_take_effect_and_drop_nothing(nlp, linker, searched):
    nlp(make_doc(nlp))
    linker.kb_id, linker.threshold, linker.top_k = "id", 0.0, 2
    doc = nlp(make_doc(nlp))
    assert [ent.kb_id_ for ent in doc.ents] == ["Q0", "Q4", "Q5"]
    assert len(found(doc)[0]) == 2
    assert searched == [3]


def test_changes_of_the_title_set_take_effect_at_once(nlp, linker, tokenizer):
    threads = make_doc(nlp, "Everybody is on Threads now.", [(3, 4, "PRODUCT")])
    assert nlp(threads).ents[0].kb_id_ in NAMES
    linker.titles.add("Threads (social network)", id="Q1")
    assert nlp(threads).ents[0].kb_id_ == "Threads (social network)"
    linker.titles.remove("Threads (social network)")
    assert nlp(threads).ents[0].kb_id_ in NAMES
    linker.titles = TitleSet.build(["Threads"], tokenizer)
    assert nlp(threads).ents[0].kb_id_ == "Threads"


def test_changes_of_the_weights_take_effect_at_once(nlp, linker):
    before = found(nlp(make_doc(nlp)))
    weights = [*linker.shim.transformer.parameters()]
    for optimizer in (torch.optim.SGD(weights, lr=1.0), torch.optim.AdamW(weights, fused=True)):
        for weight in weights:
            weight.grad = torch.full_like(weight, 1e-3)
        optimizer.step()
        after = found(nlp(make_doc(nlp)))
        assert after != before
        before = after


def test_another_model_takes_effect_at_once(nlp, linker):
    before = found(nlp(make_doc(nlp)))
    other = spacy.blank("en").add_pipe("genre_linker")
    with torch.no_grad():
        other.shim.transformer.final_logits_bias[0, ::2] += 1.0
    linker.shim.set_hf(other.shim._hfmodel)
    assert found(nlp(make_doc(nlp))) != before


@pytest.mark.parametrize("way", ["disk", "bytes", "pickle", "deepcopy"])
def test_it_is_not_saved(nlp, linker, tmp_path, way):
    expected = found(nlp(make_doc(nlp)))
    assert len(linker._cache) == 3
    if way == "disk":
        nlp.to_disk(tmp_path / "nlp")
        again = spacy.load(tmp_path / "nlp")
    elif way == "bytes":
        again = spacy.blank("en")
        again.add_pipe("genre_linker")
        again.from_bytes(nlp.to_bytes())
    else:
        again = pickle.loads(pickle.dumps(nlp)) if way == "pickle" else copy.deepcopy(nlp)
    other = again.get_pipe("genre_linker")
    assert other.cache_size == 100
    assert len(other._cache) == 0
    assert found(again(make_doc(again))) == expected
    assert (len(other._cache), len(linker._cache)) == (3, 3)


def test_with_two_processes(nlp, linker):
    expected = found(nlp(make_doc(nlp)))
    docs = nlp.pipe([make_doc(nlp) for _ in range(6)], n_process=2, batch_size=1)
    assert [found(doc) for doc in docs] == [expected] * 6


@pytest.mark.parametrize("value", [-1, 1.5, True, None])
def test_bad_sizes(value):
    with pytest.raises(ValueError, match="cache_size"):
        spacy.blank("en").add_pipe("genre_linker", config={"cache_size": value})


# The cache itself


def test_the_least_recently_used_go_first():
    cache = SearchCache()
    cache.look_up("state", [])
    cache.remember("state", dict.fromkeys("abc", PATHS), 3)
    assert list(cache.look_up("state", "ax")) == ["a"]
    cache.remember("state", {"d": PATHS}, 3)
    assert sorted(cache.look_up("state", "abcd")) == ["a", "c", "d"]
    assert cache.look_up("other", "abcd") == {}
    assert len(cache) == 0


def test_what_comes_too_late_is_not_kept():
    cache = SearchCache()
    cache.look_up("before", "a")
    cache.look_up("after", "a")
    cache.remember("before", {"a": PATHS}, 10)
    assert cache.look_up("after", "a") == {}


def test_many_threads():
    cache = SearchCache()

    def use(seed):
        for i in range(500):
            state, key = (seed + i) % 2, i % 7
            known = cache.look_up(state, [key])
            assert known.get(key, [state]) == [state]
            cache.remember(state, {key: [state]}, 5)

    threads = [threading.Thread(target=use, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(cache) <= 5
