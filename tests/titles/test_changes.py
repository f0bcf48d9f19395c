"""Changes of title sets while they are in use."""

import threading

import hypothesis.strategies as st
import numpy as np
import pytest
from helpers.docs import NAMES
from helpers.titles import end_nodes, spellings
from hypothesis import given, settings

from spacy_genre import TitleSet
from spacy_genre.ragged import RowEdit
from spacy_genre.titles import titleset
from spacy_genre.titles.changes import PendingChanges
from spacy_genre.titles.compaction import compact_tables
from spacy_genre.titles.strings import StringTable

# Words that give names with common prefixes, and names with the same tokens.
WORDS = ["new", "New", "york", "city", "x"]
FREQUENT = ["new york", "New York", "new york city", "new x"]  # added and removed often
RANDOM_NAME = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
A_NAME = st.one_of(RANDOM_NAME, st.sampled_from(FREQUENT))
A_CHANGE = st.tuples(
    st.sampled_from(["add", "add", "remove", "remove", "alias", "look", "compact", "save"]),
    A_NAME,
    st.sampled_from(["", "Q1", "Q2", "C-3"]),
)


class ReferenceTitles:
    """A reference implementation of a title set with dicts."""

    def __init__(self, names, redirects, aliases):
        self.ids = dict(names)
        self.redirects = {r: t for r, t in redirects.items() if t in names and r not in names}
        self.aliases = {}
        for (alias, name), count in aliases.items():
            self.alias(alias, name, count)

    def target(self, name):
        return name if name in self.ids else self.redirects.get(name)

    def alias(self, alias, name, count):
        target = self.target(name)
        if target is not None:
            key = alias, target
            self.aliases[key] = self.aliases.get(key, 0) + count

    def remove(self, name):
        del self.ids[name]
        self.redirects = {r: t for r, t in self.redirects.items() if t != name}
        self.aliases = {pair: n for pair, n in self.aliases.items() if pair[1] != name}

    def get_candidates(self, mention):
        counts = {name: n for (alias, name), n in self.aliases.items() if alias == mention}
        if self.target(mention) is not None:
            counts.setdefault(self.target(mention), 0)
        return sorted(counts.items(), key=lambda item: (-item[1], item[0]))

    def build(self, tokenizer, trie):
        return TitleSet.build(
            self.ids,
            tokenizer,
            ids=list(self.ids.values()),
            redirects=self.redirects,
            aliases=self.aliases,
            trie=trie,
        )


def query_all(titles, queries):
    """The results of all queries of a title set for some strings, and the sequences of its trie."""
    trie = titles.trie
    view = titles.view
    ends = {
        tuple(trie.path(node)): [
            (text, view.name_at(row)) for text, row in sorted(view.spellings_at(node))
        ]
        for node in end_nodes(trie)
    }
    return {
        "names": list(titles),
        "len": (len(titles), len(trie)),
        "ends": ends,
        "in": [name in titles for name in queries],
        "resolve": [titles.resolve(name) for name in queries],
        "id_of": [titles.id_of(name) for name in queries],
        "names_of": [sorted(titles.names_of(kb_id)) for kb_id in ("", "Q1", "Q2", "C-3")],
        "candidates": [titles.get_candidates(name) for name in queries],
        "starting_with": [titles.starting_with(name[:3], 4) for name in queries],
        "has_ids": titles.has_ids,
    }


def with_view(view):
    """A title set with a given view."""
    titles = TitleSet(view.base)
    titles._view = view
    return titles


@settings(max_examples=60)
@given(
    st.dictionaries(A_NAME, st.sampled_from(["", "Q1", "C-3"]), max_size=6),
    st.dictionaries(A_NAME, A_NAME, max_size=3),
    st.dictionaries(st.tuples(A_NAME, A_NAME), st.integers(1, 5), max_size=4),
    st.lists(A_CHANGE, max_size=20),
    st.sampled_from(["titles", "titles+redirects"]),
)
def test_changes_agree_with_dicts(tokenizer, names, redirects, aliases, changes, trie):
    reference = ReferenceTitles(names, redirects, aliases)
    titles = reference.build(tokenizer, trie)
    queries = sorted({*names, *redirects, *(name for _, name, _ in changes), "new", "NYC"})
    earlier = []
    for what, name, kb_id in changes:
        if what == "add" and reference.target(name) is None:
            titles.add(name, id=kb_id or None)
            reference.ids[name] = kb_id
        elif what == "remove" and reference.ids:
            name = name if name in reference.ids else [*reference.ids][-1]  # the latest
            titles.remove(name)
            reference.remove(name)
        elif what == "alias" and reference.target(name) is not None:
            titles.add_alias("NYC", name, count=2)
            reference.alias("NYC", name, 2)
        elif what == "compact":
            titles.compact()
        elif what == "save":
            titles = TitleSet.from_bytes(titles.to_bytes(), tokenizer=tokenizer)
        else:
            assert (name in titles) == (name in reference.ids)
            earlier.append((titles.view, query_all(titles, queries)))
    for view, answers in earlier:
        assert query_all(with_view(view), queries) == answers
    fresh = reference.build(tokenizer, trie)
    assert query_all(titles, queries) == query_all(fresh, queries)
    assert titles.to_bytes() == fresh.to_bytes()
    assert list(titles) == sorted(reference.ids)
    assert [titles.resolve(q) for q in queries] == [reference.target(q) for q in queries]
    assert [titles.id_of(q) for q in queries] == [
        reference.ids.get(reference.target(q)) or None for q in queries
    ]
    assert [titles.get_candidates(q) for q in queries] == [
        reference.get_candidates(q) for q in queries
    ]


VALUES = st.fixed_dictionaries(
    {
        "ids": st.sampled_from([None, None, "Q1", "Q2", "Q30", "P1", "x"]),
        "prior": st.sampled_from([0.0, 0.0, 1.5]),
        "descriptions": st.sampled_from([None, None, "", "a city"]),
    }
)
COLUMNS = ["ids", "prior", "descriptions"]


@settings(max_examples=80)
@given(
    st.dictionaries(A_NAME, VALUES, max_size=8),
    st.dictionaries(A_NAME, VALUES, max_size=5),
    st.lists(A_NAME, max_size=5),
)
def test_a_changed_set_equals_a_new_one(tokenizer, names, more, gone):
    def build(names):
        columns = {key: [known[key] for known in names.values()] for key in COLUMNS}
        return TitleSet.build(names, tokenizer, **columns)

    titles = build(names)
    for name in gone:
        if name in titles:
            titles.remove(name)
            del names[name]
    for name, known in more.items():
        if name not in titles:
            titles.add(name, id=known["ids"], prior=known["prior"])
            names[name] = {**known, "descriptions": None}
    assert titles.to_bytes() == build(names).to_bytes()
    titles.compact()
    assert titles.to_bytes() == build(names).to_bytes()


@given(st.lists(A_NAME, max_size=5), st.lists(A_NAME, max_size=5))
def test_string_tables_with_64_bit_offsets_are_edited(strings, new):
    small = StringTable.build(strings)
    large = StringTable(small.data, small.offsets.astype(np.uint64))
    edit = RowEdit.between(np.ones(len(strings), bool), [0] * len(new))
    assert list(large.edited(edit, StringTable.build(new))) == new + strings


def test_a_view_is_immutable(titles):
    before = titles.view
    titles.add("Paris Hilton")
    titles.remove("Paris")
    titles.add_alias("City of Light", "Chicago")
    assert before.find("Paris") >= 0
    assert before.find("Paris Hilton") == -1
    assert before.get_candidates("City of Light") == []
    assert len(before) == len(list(before)) == len(titles) == 8


def test_views_are_made_lazily(titles, monkeypatch):
    made, view = [], PendingChanges.view
    monkeypatch.setattr(PendingChanges, "view", lambda changes: made.append(1) or view(changes))
    for i in range(20):
        titles.add(f"Name {i}", id="Q11")
        titles.add(f"Name {i}", id="Q11")
        titles.add_alias("name", f"Name {i}")
        titles.add_alias("he", "Einstein")
    titles.remove("Name 0")
    titles.remove("Paris")
    for refused in (lambda: titles.add("Einstein"), lambda: titles.add("Apple", id="Q99")):
        with pytest.raises(ValueError, match=r"T014|T020"):
            refused()
    for refused in (titles.remove, lambda name: titles.add_alias("it", name)):
        with pytest.raises(KeyError, match="Paris"):
            refused("Paris")
    assert not made
    assert len(titles) == len(NAMES) + 18
    assert len(titles.get_candidates("name")) == 19
    assert titles.get_candidates("he") == [("Albert Einstein", 20)]
    assert len(made) == 1


def test_repeated_changes_do_not_grow_the_trie(titles, tokenizer):
    def size():
        editor = titles._changes.editor
        return [*map(len, (editor.tokens, editor.parents, editor.children, editor.spellings))]

    sizes = []
    for name in ["Paris Hilton", "Zebra crossing", "Chicago"] * 10:
        if name in titles:
            titles.remove(name)
        titles.add(name)
        sizes.append(size())
        titles.remove(name)
    assert sizes[3:6] == sizes[-3:]
    names = sorted({*NAMES, "Zebra"} - {"Chicago"})
    titles.add("Zebra")
    assert list(titles) == sorted(spellings(titles)) == names
    fresh = TitleSet.build(names, tokenizer)
    assert query_all(titles, [])["ends"] == query_all(fresh, [])["ends"]


def test_aliases_of_a_removed_name_are_removed(titles):
    titles.add("Threads")
    titles.add_alias("the app", "Threads", count=5)
    titles.add_alias("the app", "Apple")
    titles.add_alias("the net", "Threads")
    titles.remove("Threads")
    assert titles.view.aliases == {"the app": {titles.view.find("Apple"): 1}}
    titles.add("Threads")
    assert titles.get_candidates("the app") == [("Apple", 1)]
    assert titles.get_candidates("the net") == []


class NoIteration(dict):
    """A dict that allows lookups but no iteration."""

    def __iter__(self):
        raise AssertionError("the dict was iterated")

    keys = values = items = __iter__


def test_removing_a_name_does_not_iterate_all_aliases(titles):
    titles.add_alias("the app", "Apple", count=5)
    titles.add_alias("the app", "Paris")
    titles.add_alias("the city", "Paris")
    aliases = titles._changes.aliases
    titles._changes.aliases = NoIteration(aliases)
    titles.remove("Paris")
    assert dict.keys(titles._changes.aliases) == {"the app"}
    titles._changes.aliases = dict(dict.items(titles._changes.aliases))
    assert titles.get_candidates("the app") == [("Apple", 5)]


def test_add(titles):
    titles.add("Threads (social network)", id="Q11", prior=2.0)
    titles.add("Threads (social network)", id="Q11")  # again: nothing happens
    assert "Threads (social network)" in titles
    assert titles.id_of("Threads (social network)") == "Q11"
    with pytest.raises(ValueError, match=r"'Q11'.*'Q12'"):
        titles.add("Threads (social network)", id="Q12")
    with pytest.raises(ValueError, match="redirect to 'Albert Einstein'"):
        titles.add("Einstein")
    for bad in ("", "\u200b", "\ud800", "x " * 2000):
        with pytest.raises(ValueError, match=r"T005|T019"):
            titles.add(bad)
    assert len(titles) == 9


@pytest.mark.parametrize("prior", [0.0, 0.1, 2])
def test_adding_a_name_with_another_prior(titles, tokenizer, prior):
    titles.add("Threads", prior=prior)
    titles.add("Paris", prior=0)
    for known in (titles, TitleSet.from_bytes(titles.to_bytes(), tokenizer=tokenizer)):
        known.add("Threads")
        known.add("Threads", prior=prior)
        with pytest.raises(ValueError, match=r"'Threads' .* with the prior .* the prior to 5\.0,"):
            known.add("Threads", prior=5)
        with pytest.raises(ValueError, match="prior of the name 'Threads' is 'x'"):
            known.add("Threads", prior="x")
        assert known.view.prior_at(known.view.find("Threads")) == np.float32(prior)


def test_unknown_names(titles):
    for change in (titles.remove, lambda name: titles.add_alias("it", name)):
        with pytest.raises(
            KeyError, match=r"'Nowhere' is not in the title set; nothing was changed"
        ):
            change("Nowhere")


def test_removing_a_name_removes_its_redirects(titles):
    titles.remove("Albert Einstein")
    assert titles.resolve("Einstein") is None
    assert repr(titles) == "<TitleSet of 7 names and 0 redirects>"
    titles.add("Einstein")
    assert "Einstein" in titles
    titles.compact()
    assert repr(titles) == "<TitleSet of 8 names and 0 redirects>"


def test_removing_the_only_name_with_an_id(tokenizer):
    titles = TitleSet.build(["a", "b"], tokenizer, ids=["Q1", None])
    titles.remove("a")
    assert not titles.has_ids
    titles.add("a", id="Q1")
    assert titles.has_ids


def test_adding_needs_the_tokenizer(titles):
    copy = TitleSet.from_bytes(titles.to_bytes())
    with pytest.raises(ValueError, match="needs the model's tokenizer"):
        copy.add("Threads")
    copy.remove("Paris")  # removing doesn't
    assert len(copy) == 7


def test_changes_are_atomic(titles):
    errors = []

    def read():
        try:
            for _ in range(200):
                view = titles.view
                assert len(view.trie) == len(view) == len(list(view))
        except Exception as err:
            errors.append(err)

    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for i in range(50):
        titles.add(f"Name {i}")
    for thread in threads:
        thread.join()
    assert not errors
    assert len(titles) == 58


def test_a_set_can_be_changed_while_it_is_saved(titles, monkeypatch):
    def add_and_compact(view):
        thread = threading.Thread(target=titles.add, args=("Zebra",))
        thread.start()
        thread.join(60)
        return compact_tables(view)

    monkeypatch.setattr(titleset, "compact_tables", add_and_compact)
    titles.remove("Paris")
    saved = TitleSet.from_bytes(titles.to_bytes())
    assert "Zebra" in titles
    assert "Zebra" not in saved
    assert "Paris" not in saved
