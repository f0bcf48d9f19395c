import gc
import os
import pickle
import string
import threading
from contextlib import suppress

import hypothesis.strategies as st
import numpy as np
import pytest
from helpers.docs import NAMES
from hypothesis import given, settings
from safetensors.numpy import save_file

from spacy_genre import TitleSet
from spacy_genre.ragged import RowEdit
from spacy_genre.titles import titleset
from spacy_genre.titles.changes import PendingChanges
from spacy_genre.titles.compaction import compact_tables
from spacy_genre.titles.spellings import best_name_at
from spacy_genre.titles.strings import StringTable
from spacy_genre.titles.subset import NameSubset
from spacy_genre.tokenization import NameTokenizer

NAME = st.text(min_size=1, max_size=30).filter(lambda name: name.strip(string.whitespace))


def can_be_generated(name, tokenizer):
    """Whether its tokens say anything."""
    (ids,) = tokenizer.encode([name])
    return bool({*ids} - {*tokenizer.prefix, tokenizer.hf.unk_token_id})


def reachable(titles):
    """Every name that some path of the trie ends at."""
    view = titles.view
    found = []
    for node in walk(view.trie):
        found += [text for text, _ in view.spellings_at(node)]
    return found


def walk(trie):
    """All nodes at which something ends."""
    found, nodes = [], np.array([0])
    while len(nodes):
        found += nodes[trie.is_end(nodes)].tolist()
        nodes = trie.children(nodes)[1]
    return found


def test_what_a_set_knows(titles):
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


def test_without_priors_the_choice_is_fixed(tokenizer):
    titles = TitleSet.build(["us", "US", "Us"], tokenizer)
    (node,) = np.unique(titles.trie.entry_nodes)
    assert titles.view.name_at(best_name_at(titles.view, int(node), "U.S.")) == "US"


def test_a_word_in_small_letters_is_no_acronym(tokenizer):
    titles = TitleSet.build(["INTEGRAL", "Integral"], tokenizer)
    (node,) = set(titles.view.trie.entry_nodes.tolist())

    def chosen(surface):
        return titles.view.name_at(best_name_at(titles.view, node, surface))

    assert [chosen(s) for s in ("integrals", "INTEGRAL", "ESA's INTEGRAL", "")] == [
        *("Integral", "INTEGRAL", "INTEGRAL", "Integral")
    ]


@given(st.dictionaries(NAME, st.one_of(st.none(), st.just("Q1"), st.just("Q2")), max_size=20))
def test_every_name_is_reachable_and_nothing_else(tokenizer, ids):
    titles = TitleSet.build(ids, tokenizer, ids=list(ids.values()), on_invalid="skip")
    usable = sorted(name for name in ids if can_be_generated(name, tokenizer))
    assert sorted(reachable(titles)) == list(titles) == usable
    for name in usable:
        node = titles.trie.find(tokenizer.encode([name])[0])
        assert name in [text for text, _ in titles.view.spellings_at(node)]
        assert titles.id_of(name) == ids[name]
    assert titles.header["dropped"]["names"] == len(ids) - len(usable)


def test_ten_thousand_random_names(tokenizer):
    rng = np.random.default_rng(0)
    # Latin, digits and punctuation, Greek and Cyrillic, CJK, emoji, spaces and combining marks.
    ranges = [(0x20, 0x7F), (0xA1, 0x250), (0x391, 0x482), (0x4E00, 0x9FFF), (0x1F300, 0x1F650)]
    marks = [(0x300, 0x340), (0x2000, 0x2010)]  # nothing by themselves
    names = []
    for _ in range(10_000):
        low, high = ranges[rng.integers(len(ranges))]
        length = int(rng.integers(1, 201)) if rng.random() < 0.1 else int(rng.integers(1, 12))
        codes = rng.integers(low, high, length)
        if length > 1 and rng.random() < 0.3:
            codes[1:2] = rng.integers(*marks[rng.integers(2)])
        codes[0] = max(codes[0], low + 1)  # no name is a lone space
        names.append("".join(map(chr, codes)))
    names += [name.upper() for name in names[:500]]  # other names, the same tokens
    titles = TitleSet.build(names, tokenizer, on_invalid="skip")
    usable = {name for name in names if can_be_generated(name, tokenizer)}
    assert set(titles) == usable
    assert sorted(reachable(titles)) == sorted(usable)
    assert all(tokenizer.encode([*set(names)]))
    assert len(titles) > 3_000
    assert len(np.unique(titles.trie.entry_nodes)) < len(titles)


UNKNOWN = ["ខ្មែរ", "ភ្នំពេញ សៀមរាប", "😀"]  # to the embedded tokenizer


def test_names_of_unknown_tokens_only(tokenizer):
    """They are all written alike, so none of them can be meant."""
    names = ["Paris", "Paris 😀", "ខ្មែរ!", *UNKNOWN]
    with pytest.raises(
        ValueError, match=r"3 of 6 names .* 1 to \d+ tokens, not all of which are unk"
    ):
        TitleSet.build(names, tokenizer)
    aliases = {("Khmer", "ខ្មែរ"): 1}
    titles = TitleSet.build(names, tokenizer, aliases=aliases, on_invalid="skip")
    assert list(titles) == ["Paris", "Paris 😀", "ខ្មែរ!"]
    assert titles.header["dropped"] == {"names": 3, "redirects": 0, "aliases": 1}
    for name in UNKNOWN:
        with pytest.raises(ValueError, match="T005"):
            titles.add(name)
    titles.add("😀?")
    redirects = dict.fromkeys(UNKNOWN, "Paris")
    assert TitleSet.build(["Paris"], tokenizer, redirects=redirects).resolve("😀") == "Paris"
    with pytest.raises(ValueError, match=r"T009.*it has no tokens, only unknown ones, or too many"):
        TitleSet.build(["Paris"], tokenizer, redirects=redirects, trie="titles+redirects")


def test_only_what_is_required_must_be_usable(tokenizer):
    names, redirects = ["Paris", "😀"], {"Bonn": "Nowhere"}
    titles = TitleSet.build(names, tokenizer, redirects=redirects, required=["Paris"])
    assert list(titles) == ["Paris"]
    for required in ("😀", "Bonn"):
        with pytest.raises(ValueError, match=r"T005|T009"):
            TitleSet.build(names, tokenizer, redirects=redirects, required=[required])


# PendingChanges


# Words of which names share their beginnings, and some their tokens.
WORDS = ["new", "New", "york", "city", "x"]
FEW = ["new york", "New York", "new york city", "new x"]  # that come and go often
ANY = st.lists(st.sampled_from(WORDS), min_size=1, max_size=3).map(" ".join)
A_NAME = st.one_of(ANY, st.sampled_from(FEW))
A_CHANGE = st.tuples(
    st.sampled_from(["add", "add", "remove", "remove", "alias", "look", "compact", "save"]),
    A_NAME,
    st.sampled_from(["", "Q1", "Q2", "C-3"]),
)


class Plain:
    """What a title set knows, in plain dicts."""

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


def everything(titles, questions):
    """All answers of a title set to some questions, and its trie as plain sequences."""
    trie = titles.trie
    ends = {tuple(trie.path(node)): sorted(titles.view.spellings_at(node)) for node in walk(trie)}
    named = {
        path: [(text, titles.view.name_at(row)) for text, row in found]
        for path, found in ends.items()
    }
    return {
        "names": list(titles),
        "len": (len(titles), len(trie)),
        "ends": named,
        "in": [name in titles for name in questions],
        "resolve": [titles.resolve(name) for name in questions],
        "id_of": [titles.id_of(name) for name in questions],
        "names_of": [sorted(titles.names_of(kb_id)) for kb_id in ("", "Q1", "Q2", "C-3")],
        "candidates": [titles.get_candidates(name) for name in questions],
        "starting_with": [titles.starting_with(name[:3], 4) for name in questions],
        "has_ids": titles.has_ids,
    }


def standing_at(view):
    """A title set that answers from a view."""
    titles = TitleSet(view.base)
    titles._view = view
    return titles


@settings(max_examples=200)
@given(
    st.dictionaries(A_NAME, st.sampled_from(["", "Q1", "C-3"]), max_size=6),
    st.dictionaries(A_NAME, A_NAME, max_size=3),
    st.dictionaries(st.tuples(A_NAME, A_NAME), st.integers(1, 5), max_size=4),
    st.lists(A_CHANGE, max_size=20),
    st.sampled_from(["titles", "titles+redirects"]),
)
def test_changes_agree_with_plain_dicts(tokenizer, names, redirects, aliases, changes, trie):
    plain = Plain(names, redirects, aliases)
    titles = plain.build(tokenizer, trie)
    questions = sorted({*names, *redirects, *(name for _, name, _ in changes), "new", "NYC"})
    earlier = []
    for what, name, kb_id in changes:
        if what == "add" and plain.target(name) is None:
            titles.add(name, id=kb_id or None)
            plain.ids[name] = kb_id
        elif what == "remove" and plain.ids:
            name = name if name in plain.ids else [*plain.ids][-1]  # the latest
            titles.remove(name)
            plain.remove(name)
        elif what == "alias" and plain.target(name) is not None:
            titles.add_alias("NYC", name, count=2)
            plain.alias("NYC", name, 2)
        elif what == "compact":
            titles.compact()
        elif what == "save":
            titles = TitleSet.from_bytes(titles.to_bytes(), tokenizer=tokenizer)
        else:
            assert (name in titles) == (name in plain.ids)
            earlier.append((titles.view, everything(titles, questions)))
    for view, answers in earlier:
        assert everything(standing_at(view), questions) == answers
    fresh = plain.build(tokenizer, trie)
    assert everything(titles, questions) == everything(fresh, questions)
    assert titles.to_bytes() == fresh.to_bytes()
    assert list(titles) == sorted(plain.ids)
    assert [titles.resolve(q) for q in questions] == [plain.target(q) for q in questions]
    assert [titles.id_of(q) for q in questions] == [
        plain.ids.get(plain.target(q)) or None for q in questions
    ]
    assert [titles.get_candidates(q) for q in questions] == [
        plain.get_candidates(q) for q in questions
    ]


KNOWN = st.fixed_dictionaries(
    {
        "ids": st.sampled_from([None, None, "Q1", "Q2", "Q30", "P1", "x"]),
        "prior": st.sampled_from([0.0, 0.0, 1.5]),
        "descriptions": st.sampled_from([None, None, "", "a city"]),
    }
)
KNOWN_COLUMNS = ["ids", "prior", "descriptions"]


@settings(max_examples=300)
@given(
    st.dictionaries(A_NAME, KNOWN, max_size=8),
    st.dictionaries(A_NAME, KNOWN, max_size=5),
    st.lists(A_NAME, max_size=5),
)
def test_a_changed_set_is_the_file_of_one_built_from_scratch(tokenizer, names, more, gone):
    def build(names):
        columns = {key: [known[key] for known in names.values()] for key in KNOWN_COLUMNS}
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
def test_tables_of_strings_beyond_four_gigabytes_are_edited_too(strings, new):
    small = StringTable.build(strings)
    large = StringTable(small.data, small.offsets.astype(np.uint64))
    edit = RowEdit.between(np.ones(len(strings), bool), [0] * len(new))
    assert list(large.edited(edit, StringTable.build(new))) == new + strings


def test_a_view_stays_as_it_was(titles):
    before = titles.view
    titles.add("Paris Hilton")
    titles.remove("Paris")
    titles.add_alias("City of Light", "Chicago")
    assert before.find("Paris") >= 0
    assert before.find("Paris Hilton") == -1
    assert before.get_candidates("City of Light") == []
    assert len(before) == len(list(before)) == len(titles) == 8


def test_changes_make_no_view_until_it_is_asked_for(titles, monkeypatch):
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


def test_names_that_come_and_go_take_no_more_room(titles, tokenizer):
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
    assert list(titles) == sorted(reachable(titles)) == names
    fresh = TitleSet.build(names, tokenizer)
    assert everything(titles, [])["ends"] == everything(fresh, [])["ends"]


def test_aliases_of_a_removed_name_are_forgotten(titles):
    titles.add("Threads")
    titles.add_alias("the app", "Threads", count=5)
    titles.add_alias("the app", "Apple")
    titles.add_alias("the net", "Threads")
    titles.remove("Threads")
    assert titles.view.aliases == {"the app": {titles.view.find("Apple"): 1}}
    titles.add("Threads")
    assert titles.get_candidates("the app") == [("Apple", 1)]
    assert titles.get_candidates("the net") == []


class Unwalked(dict):
    """A dict in which one may look up, but not go through all there is."""

    def __iter__(self):
        raise AssertionError("all of it was gone through")

    keys = values = items = __iter__


def test_removing_a_name_does_not_look_at_all_aliases(titles):
    titles.add_alias("the app", "Apple", count=5)
    titles.add_alias("the app", "Paris")
    titles.add_alias("the city", "Paris")
    aliases = titles._changes.aliases
    titles._changes.aliases = Unwalked(aliases)
    titles.remove("Paris")
    assert dict.keys(titles._changes.aliases) == {"the app"}
    titles._changes.aliases = dict(dict.items(titles._changes.aliases))
    assert titles.get_candidates("the app") == [("Apple", 5)]


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
def test_counts_of_aliases_that_cannot_be_kept(titles, tokenizer, count):
    with pytest.raises(ValueError, match=r"T022.*'x'"):
        titles.add_alias("x", "Paris", count=count)
    with pytest.raises(ValueError, match=r"T022.*'x'"):
        TitleSet.build(["Paris"], tokenizer, aliases={("x", "Paris"): count})
    assert titles.get_candidates("x") == []


@pytest.mark.parametrize("alias", ["", "\ud800", "x\udfff", None, 5, b"x"])
def test_aliases_that_cannot_be_kept(titles, tokenizer, alias):
    with pytest.raises(ValueError, match="T022"):
        titles.add_alias(alias, "Paris")
    titles.to_bytes()


def test_aliases_in_what_is_built(tokenizer):
    aliases = {("\ud800", "a"): 1, ("", "a"): 1, ("x", "nowhere"): 1, ("x", "a"): 1}
    titles = TitleSet.build(["a"], tokenizer, aliases=aliases)
    assert titles.header["dropped"]["aliases"] == 3
    assert titles.get_candidates("x") == [("a", 1)]
    for alias in (5, b"x"):
        with pytest.raises(ValueError, match="T022"):
            TitleSet.build(["a"], tokenizer, aliases={(alias, "a"): 1})


@pytest.mark.parametrize("kind", [np.int64, np.uint32, np.uint8])
def test_counts_may_be_numpy_s(tokenizer, kind):
    titles = TitleSet.build(["a"], tokenizer, aliases={("x", "a"): kind(200)})
    titles.add_alias("x", "a", count=kind(200))
    titles.add_alias("x", "a", count=kind(200))
    assert titles.get_candidates("x") == [("a", 600)]
    assert TitleSet.from_bytes(titles.to_bytes()).get_candidates("x") == [("a", 600)]


def test_counts_end_where_they_can_be_saved(tokenizer):
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
def test_ids_with_digits_of_other_scripts_come_back_as_they_were(tokenizer, kb_id):
    titles = TitleSet.build(["a", "b"], tokenizer, ids=[kb_id, "Q12"])
    qids = TitleSet.build(["b"], tokenizer, ids=["Q12"])
    assert qids.names_of(kb_id) == []
    qids.add("a", id=kb_id)
    for known in (titles, TitleSet.from_bytes(titles.to_bytes()), qids):
        assert [known.id_of(name) for name in "ab"] == [kb_id, "Q12"]
        assert known.names_of(kb_id) == ["a"]
        assert known.names_of("Q12") == ["b"]
    assert titles.to_bytes() == qids.to_bytes()


def test_what_is_known_of_a_name_that_comes_twice(tokenizer):
    titles = TitleSet.build(
        ["a", "b", "a", "a"],
        tokenizer,
        prior=np.asarray([1, 2, 4, 3], np.float32),
        descriptions=[None, "another", "the first letter", "not this"],
    )
    assert [titles.view.prior_at(titles.view.find(name)) for name in "ab"] == [4, 2]
    assert titles.description_of("a") == "the first letter"
    assert titles.description_of("b") == "another"


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
        with pytest.raises(ValueError, match=r"'Threads' .* with the prior .* the prior 5\.0,"):
            known.add("Threads", prior=5)
        with pytest.raises(ValueError, match="prior of the name 'Threads' is 'x'"):
            known.add("Threads", prior="x")
        assert known.view.prior_at(known.view.find("Threads")) == np.float32(prior)


def test_names_that_are_not_there(titles):
    for change in (titles.remove, lambda name: titles.add_alias("it", name)):
        with pytest.raises(
            KeyError, match=r"'Nowhere' is not in the title set; nothing was changed"
        ):
            change("Nowhere")


def test_removing_a_name_takes_its_redirects_along(titles):
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


def test_a_reader_sees_whole_changes(titles):
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


# Files


def test_round_trips(titles, tmp_path, tokenizer):
    path = tmp_path / "new" / "set.titles"
    titles.save(path)
    content = path.read_bytes()
    for other in (
        TitleSet.open(path),
        TitleSet.open(str(path), tokenizer=tokenizer.hf),
        TitleSet.from_bytes(content),
        pickle.loads(pickle.dumps(titles)),
    ):
        assert other.to_bytes() == content
        assert other.id_of("Einstein") == "Q0"
    assert os.listdir(path.parent) == ["set.titles"]


def test_a_file_in_the_home_folder(titles, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    titles.save("~/sets/mine")
    assert (tmp_path / "sets" / "mine").is_file()
    assert list(TitleSet.open("~/sets/mine")) == NAMES


def test_a_symbolic_link_stays_one(titles, tmp_path):
    (tmp_path / "sets").mkdir()
    file, link = tmp_path / "sets" / "set", tmp_path / "link"
    link.symlink_to("sets/set")
    titles.save(link)  # before there is a file
    assert list(TitleSet.open(file)) == NAMES
    titles.remove("Paris")
    titles.save(link)
    assert link.is_symlink()
    assert "Paris" not in TitleSet.open(file)
    assert sorted(os.listdir(tmp_path)) == ["link", "sets"]
    assert os.listdir(file.parent) == ["set"]


def test_equal_sets_are_equal_files(tokenizer):
    one = TitleSet.build(["b", "a", "c"], tokenizer, ids=["2", "1", None])
    other = TitleSet.build(["c", "a", "a", "b"], tokenizer, ids=[None, "1", None, "2"])
    assert one.to_bytes() == other.to_bytes()


def test_an_empty_set_is_a_set(tokenizer, tmp_path):
    empty = TitleSet.build([], tokenizer)
    empty.save(tmp_path / "empty")
    again = TitleSet.open(tmp_path / "empty", tokenizer=tokenizer)
    assert list(again) == []
    assert "x" not in again
    again.add("x")
    assert list(again) == ["x"]
    again.remove("x")
    assert again.to_bytes() == empty.to_bytes()


def test_a_set_can_be_saved_over_the_file_that_it_reads(titles, tmp_path, tokenizer):
    path = tmp_path / "set"
    titles.save(path)
    again = TitleSet.open(path, tokenizer=tokenizer)
    again.add("Zebra")
    again.save(path)
    assert list(again) == list(TitleSet.open(path))
    del again
    gc.collect()
    assert "Zebra" in TitleSet.open(path)


def test_a_save_that_fails_leaves_the_old_file(titles, tmp_path, monkeypatch):
    path = tmp_path / "set"
    titles.save(path)
    before = path.read_bytes()

    def full_disk(*args):
        raise OSError(28, "No space left on device")

    titles.add("Zebra")
    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="No space"):
        titles.save(path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["set"]


def test_a_cut_file_is_refused_wherever_it_is_cut(titles, tmp_path):
    content = titles.to_bytes()
    path = tmp_path / "cut"
    for length in [*range(0, 64), *range(64, len(content), 97), len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match="T002"):
            TitleSet.open(path)
    path.write_bytes(content + b"x")
    with pytest.raises(ValueError, match="T002"):
        TitleSet.open(path)


def test_foreign_files_are_refused(titles, tmp_path):
    path = tmp_path / "foreign"
    save_file({"weight": np.zeros(4, np.float32)}, path)
    with pytest.raises(ValueError, match="another kind of safetensors file"):
        TitleSet.open(path)
    for content in (b"<!DOCTYPE html>" * 100, b"\x80\x04" * 50, b"PK\x03\x04" * 50):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="T002"):
            TitleSet.open(path)
    with pytest.raises(ValueError, match="folder"):
        TitleSet.open(tmp_path)
    with pytest.raises(FileNotFoundError, match="titles build"):
        TitleSet.open(tmp_path / "nothing")


def test_another_format_is_refused(titles, tmp_path):
    path = tmp_path / "new"
    path.write_bytes(titles.to_bytes().replace(b'\\"format\\": 1', b'\\"format\\": 9'))
    with pytest.raises(ValueError, match=r"format 9.*reads format 1"):
        TitleSet.open(path)


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_header_never_crashes(titles_bytes, data):
    content = bytearray(titles_bytes)
    size = int.from_bytes(content[:8], "little")
    position = data.draw(st.integers(0, 8 + size - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    with suppress(ValueError):  # nothing else may be raised
        TitleSet.from_bytes(bytes(content))


def ask(titles):
    """Ask about everything, as the search and the linker do."""
    view = titles.view
    answers = [list(view), len(view), titles.header, titles.names_of("Q1"), titles.has_ids]
    for name in ("Paris", "Lutetia", "Nothing"):
        answers += [titles.resolve(name), titles.id_of(name), titles.get_candidates(name)]
    for node in walk(view.trie):
        answers.append((view.trie.path(node), view.spellings_at(node)))
    return answers


def test_any_damage_is_found_or_harmless(titles_bytes, tmp_path):
    rng = np.random.default_rng(0)
    path = tmp_path / "set"
    path.write_bytes(titles_bytes)
    expected = ask(TitleSet.check(path))
    found = 0
    for _ in range(2000):
        content = bytearray(titles_bytes)
        position = int(rng.integers(len(content)))
        if rng.random() < 0.8:
            content[position] ^= int(rng.integers(1, 256))
        else:
            del content[position]
        path.write_bytes(content)
        try:
            titles = TitleSet.check(path)
        except ValueError as err:
            assert "T002" in str(err) or "T003" in str(err)  # noqa: PT017
            found += 1
        else:
            assert ask(titles) == expected
        # To open without the check must not crash the interpreter, whatever comes out.
        with suppress(Exception):
            damaged = TitleSet.open(path)
            damaged.view.trie.children(np.arange(3))
            list(damaged)
    assert found > 1900


@pytest.fixture(scope="module")
def titles_bytes(tokenizer):
    titles = TitleSet.build(
        ["Paris", "Chicago"],
        tokenizer,
        ids=["Q1", None],
        prior=[2, 1],
        descriptions=["a city", None],
        redirects={"Lutetia": "Paris"},
        aliases={("City of Light", "Paris"): 3},
    )
    return titles.to_bytes()


# Bad input


def test_names_that_cannot_be_used(tokenizer):
    names = ["Good", "", " ", "\u200b", "\ud800x", "word " * 2000]
    with pytest.raises(ValueError, match=r"5 of 6 names.*''.*on_invalid"):
        TitleSet.build(names, tokenizer)
    titles = TitleSet.build(names, tokenizer, on_invalid="skip")
    assert list(titles) == ["Good"]
    assert titles.header["dropped"]["names"] == 5
    with pytest.raises(ValueError, match="'raise' or 'skip'"):
        TitleSet.build(names, tokenizer, on_invalid="ignore")


def test_ids_and_priors_that_do_not_fit(tokenizer):
    with pytest.raises(ValueError, match="ids has 1 items where there are 2"):
        TitleSet.build(["a", "b"], tokenizer, ids=["Q1"])
    with pytest.raises(ValueError, match="prior has 3 items where there are 2"):
        TitleSet.build(["a", "b"], tokenizer, prior=[1, 2, 3])
    with pytest.raises(ValueError, match="'a' has two ids, 'Q1' and 'Q2'"):
        TitleSet.build(["a", "a"], tokenizer, ids=["Q1", "Q2"])


def test_values_of_the_wrong_kind(titles, tokenizer):
    priors = ({"prior": prior} for prior in ("high", float("nan"), float("inf"), 1e39, -1e39))
    for values in ({"id": 123}, {"id": "\ud800"}, *priors):
        with pytest.raises(ValueError, match=r"T023.*'Threads'"):
            titles.add("Threads", **values)
    assert "Threads" not in titles
    for values in ({"ids": [9]}, {"prior": [None]}, {"prior": [1e39]}, {"descriptions": [b"x"]}):
        with pytest.raises(ValueError, match=r"T023"):
            TitleSet.build(["Threads"], tokenizer, **values)
    for names in ([None], ["a", 1]):
        with pytest.raises(ValueError, match="T019"):
            TitleSet.build(names, tokenizer, on_invalid="skip")
    with pytest.raises(ValueError, match=r"\['Paris'\]"):
        TitleSet.build("Paris", tokenizer)
    skipped = TitleSet.build(["a"], tokenizer, redirects={"\ud800": "a"}, on_invalid="skip")
    assert len(skipped.header["dropped"]) == 3


def test_redirects(tokenizer):
    titles = TitleSet.build(["C"], tokenizer, redirects={"A": "B", "B": "C"})
    assert titles.resolve("A") == titles.resolve("B") == "C"
    bad = {"A": "B", "B": "A", "D": "nowhere", "C": "C", "E": "C"}
    with pytest.raises(ValueError, match=r"4 redirects can't be resolved.*leads to itself"):
        TitleSet.build(["C"], tokenizer, redirects=bad)
    titles = TitleSet.build(["C"], tokenizer, redirects=bad, on_invalid="skip")
    assert titles.resolve("E") == "C"
    assert titles.resolve("A") is None
    assert titles.header["dropped"]["redirects"] == 4


def test_another_tokenizer_is_refused(titles, hf_tokenizer):
    other = NameTokenizer(hf_tokenizer, bos=False)
    with pytest.raises(ValueError, match=r"T004.*--model"):
        titles.bind(other)


# Some of its names


def test_a_subset_answers_as_the_set_but_of_its_names_only(tokenizer):
    prior = [1, 5, 2, 0, 0]
    titles = TitleSet.build(
        ["US", "us", "Us", "Paris", "Rome"], tokenizer, prior=prior, redirects={"Roma": "Rome"}
    )
    titles.add("Zürich", id="Q72")
    view = titles.view
    rows = [view.target(name) for name in ("Zürich", "US", "Roma", "Us")]
    subset = NameSubset.of(view, rows, tokenizer)
    assert sorted(map(subset.name_at, subset.rows)) == ["Rome", "US", "Us", "Zürich"]
    ends = {tuple(subset.trie.path(node)): node for node in walk(subset.trie)}
    assert sorted(ends) == sorted(
        {tuple(ids) for ids in tokenizer.encode(["US", "Rome", "Zürich"])}
    )
    node = ends[tuple(tokenizer.encode(["us"])[0])]
    assert sorted(subset.spellings_at(node)) == [("US", rows[1]), ("Us", rows[3])]
    for surface, name in (("US", "US"), ("us", "Us")):  # the prior of "us" itself is higher
        assert subset.name_at(best_name_at(subset, node, surface)) == name
    assert subset.id_at(rows[0]) == "Q72"
    assert len(NameSubset.of(view, [], tokenizer).trie) == 0
