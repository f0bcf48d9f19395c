"""`genre_annotator` with a random model: what it writes and where, and wrong input."""

import json
import shutil
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import spacy
from helpers.docs import NAMES, TEXT, make_doc
from helpers.tokenizers import byte_level
from hypothesis import given, settings
from hypothesis import strategies as st
from spacy.tokens import Span
from spacy.training import Example

from spacy_genre import TitleSet
from spacy_genre.decoding.markup import MarkupConstraint
from spacy_genre.model.loading import load_pretrained
from spacy_genre.model.settings import AnnotationSettings
from spacy_genre.tasks.annotator.encoding import BRACKETS, WindowEncoder
from spacy_genre.tasks.annotator.mentions import mention_tables
from spacy_genre.tasks.annotator.windows import make_windows, merge_windows
from spacy_genre.tokenization import NameTokenizer
from spacy_genre.types import Candidate, LinkedSpan

BLANK, BYTE_LEVEL = spacy.blank("en"), NameTokenizer(byte_level())
ANNOTATION = {
    "marker": "[unused1]",
    "open_mention": "[unused3]",
    "close_mention": "[unused4]",
    "open_name": "[unused5]",
    "close_name": "[unused6]",
}
ODD_TEXTS = [
    "",
    " ",
    "{}[]",
    "{ Paris } [ Paris ] and ] } [ {",
    "a [unused3] b [SEP] c [CLS]",
    "😀 Ünïcödé e\u0301tat \u200b zero\u200dwidth",
    "ירושלים היא עיר",
    "東京は日本の首都です。",
    "no_spaces_at_all" * 20,
    "\n\n\tParis\r\n\n",
    "Dr. O'Neil's co-op... (Paris)!? \u00a0 end",
    "x" * 300,
    "\x00\x01\x07",
]


@pytest.fixture(scope="module")
def folder(tiny_folder, tmp_path_factory):
    """A random model that counts as trained to annotate texts."""
    path = shutil.copytree(tiny_folder, tmp_path_factory.mktemp("model") / "tiny")
    set_genre_block(path, {"tasks": ["annotation"], "annotation": ANNOTATION})
    loaded = load_pretrained(str(path))  # while it is in memory, pipelines load no weights
    yield path
    del loaded


def set_genre_block(folder, block):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "genre": block}))


def make_nlp(folder, tokenizer, **config):
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy_genre.Seq2Seq.v1", "name": str(folder)}
    config = {"model": model, "dtype": "float32", "num_beams": 2, **config}
    pipe: Any = nlp.add_pipe("genre_annotator", config=config)
    ids = [f"Q{i}" for i in range(len(NAMES))]
    pipe.titles = TitleSet.build(NAMES, tokenizer, ids=ids, redirects={"Einstein": NAMES[0]})
    return nlp


@pytest.fixture
def make(folder, tokenizer):
    return lambda **config: make_nlp(folder, tokenizer, **config)


def links(doc):
    return [(ent.start_char, ent.end_char, ent.label_, ent.kb_id_) for ent in doc.ents]


def check_doc(doc, text):
    assert doc.text == text
    for ent in doc.ents:
        assert ent.kb_id_ in NAMES
        assert ent.text.strip() == ent.text != ""
        first, *others = ent._.genre_candidates
        assert first.kb_id == ent.kb_id_
        assert all(0 <= c.probability <= 1 and c.logprob <= 0 for c in (first, *others))


def test_entities_of_any_text(make):
    nlp = make()
    docs = [*nlp.pipe([TEXT, *ODD_TEXTS])]
    for doc, text in zip(docs, [TEXT, *ODD_TEXTS], strict=True):
        check_doc(doc, text)
        assert links(nlp(text)) == links(doc)  # whatever else is in the batch
    assert docs[0].ents
    assert {ent.label_ for doc in docs for ent in doc.ents} == {"ENTITY"}


CHARACTERS = st.sampled_from(
    [
        *"abcXYZ019 \n.,;'-{}[]()",
        "é",
        "e\u0301",
        "\u200b",
        "\u200f",
        "😀",
        "👩‍👧",
        "ß",
        "中",
        "ש",
        "ำ",
        "\x00",
    ]
)


def texts(n, length):
    one = st.lists(CHARACTERS, max_size=length).map("".join)
    return st.lists(one, min_size=n, max_size=n)


@settings(max_examples=5)
@given(texts(12, 30), st.randoms())
def test_fuzz(folder, tokenizer, texts, random):
    check_fuzzed(folder, tokenizer, texts, random)


@pytest.mark.slow
@settings(max_examples=100)
@given(texts(100, 60), st.randoms())
def test_fuzz_long(folder, tokenizer, texts, random):
    check_fuzzed(folder, tokenizer, texts, random)


def check_fuzzed(folder, tokenizer, texts, random):
    window = random.choice([1, 3, 20, 100])
    nlp = make_nlp(
        folder,
        tokenizer,
        num_beams=random.choice([1, 2, 3]),
        window_tokens=window,
        overlap_tokens=random.choice([0, window // 2]),
        mentions=random.choice(["free", "aliases"]),
    )
    for doc, text in zip(nlp.pipe(texts), texts, strict=True):
        check_doc(doc, text)


@pytest.mark.slow
def test_two_megabytes_in_a_line(make):
    text = "Paris and Chicago are, like Apple, names; " * 50_000
    nlp = make(num_beams=1, mentions="aliases", window_tokens=100)
    nlp.max_length = 3_000_000
    doc = nlp(text)
    assert len(text) > 2_000_000
    check_doc(doc, text)


def test_plain_brackets_as_markers(folder, tokenizer, tmp_path):
    path = shutil.copytree(folder, tmp_path / "plain")
    set_genre_block(path, {"tasks": ["annotation"]})
    nlp = make_nlp(path, tokenizer)
    for text in ODD_TEXTS:
        check_doc(nlp(text), text)
    encoder = nlp.get_pipe("genre_annotator")._encoder()
    assert encoder.has_brackets
    (window,) = encoder.encode([nlp.make_doc("a {b} [c]")[:]])
    assert nlp.get_pipe("genre_annotator").tokenizer.decode(window.source) == "a ( b ) ( c )"


def test_entities_are_linked_together(make):
    nlp = make(mentions="ents")
    doc = make_doc(nlp)
    before = [(ent.start, ent.end, ent.label_) for ent in doc.ents]
    nlp.get_pipe("genre_annotator")(doc)
    assert [(ent.start, ent.end, ent.label_) for ent in doc.ents] == before
    check_doc(doc, TEXT)
    assert links(nlp("No entities.")) == []


def test_mentions_and_names_from_aliases(make):
    text = "Einstein left Paris, Texas, for Germany or Nowhere."
    for names, mentions in (("all", "aliases"), ("aliases", "free"), ("aliases", "aliases")):
        doc = make(mentions=mentions, names=names)(text)
        assert {ent.text for ent in doc.ents} <= {"Einstein", "Paris", "Paris, Texas", "Germany"}
        if names == "aliases":
            assert all(ent.kb_id_ in (ent.text, "Albert Einstein") for ent in doc.ents)
    assert not make(mentions="aliases")("nothing that any title is like").ents


def test_where_entities_are_written(make):
    text = TEXT
    free = make()(text)
    assert free.ents
    spans = make(spans_key="genre", label="X")(text)
    assert not spans.ents
    assert [(s.start, s.kb_id_, s.label_) for s in spans.spans["genre"]] == [
        (e.start, e.kb_id_, "X") for e in free.ents
    ]
    assert not make(threshold=1.0)(text).ents
    ids = make(kb_id="id")(text)
    assert [NAMES[int(ent.kb_id_[1:])] for ent in ids.ents] == [e.kb_id_ for e in free.ents]


def test_entities_that_are_there(make):
    first = make()(TEXT).ents[0]

    def annotated(overwrite, start, end, kb_id=""):
        nlp = make(overwrite_ents=overwrite)
        doc = nlp.make_doc(TEXT)
        doc.ents = [Span(doc, start, end, label="OLD", kb_id=kb_id)]
        return nlp.get_pipe("genre_annotator")(doc)

    same = annotated(False, first.start, first.end)
    assert (same.ents[0].label_, same.ents[0].kb_id_) == ("OLD", first.kb_id_)
    kept = annotated(False, first.start, first.end, kb_id="Q1")
    assert kept.ents[0].kb_id_ == "Q1"
    longer = annotated(False, 0, len(make().make_doc(TEXT)))
    assert [(ent.label_, ent.kb_id_) for ent in longer.ents] == [("OLD", "")]
    replaced = annotated(True, 0, len(make().make_doc(TEXT)))
    assert "OLD" not in {ent.label_ for ent in replaced.ents}


def test_saved_and_loaded(make, tmp_path):
    nlp = make()
    expected = links(nlp(TEXT))
    nlp.to_disk(tmp_path / "pipeline")
    assert links(spacy.load(tmp_path / "pipeline")(TEXT)) == expected
    other = make()
    other.get_pipe("genre_annotator").from_bytes(nlp.get_pipe("genre_annotator").to_bytes())
    assert links(other(TEXT)) == expected


def test_several_processes(make):
    nlp = make(num_beams=1)
    expected = [links(doc) for doc in nlp.pipe([TEXT] * 4)]
    assert [links(doc) for doc in nlp.pipe([TEXT] * 4, n_process=2, batch_size=2)] == expected


def test_scores(make):
    nlp = make()
    doc = nlp(TEXT)
    gold = nlp.make_doc(TEXT)
    gold.ents = doc.ents[1:]
    scores = nlp.evaluate([Example(nlp.make_doc(TEXT), gold)])
    n = len(doc.ents)
    assert scores["nel_micro_r"] == 1
    assert np.isclose(scores["nel_micro_p"], (n - 1) / n)
    assert np.isclose(scores["mentions_p"], (n - 1) / n)
    assert nlp.evaluate([])["nel_micro_f"] is None


def test_what_the_model_learns_to_write(make):
    nlp = make()
    pipe = nlp.get_pipe("genre_annotator")
    doc = nlp.make_doc(TEXT)
    ents = [(0, 1, "Albert Einstein"), (8, 10, "Nobel Prize"), (3, 4, "Not in the title set")]
    doc.ents = [Span(doc, s, e, label="X", kb_id=name) for s, e, name in ents]
    (pair,) = pipe.make_pairs([Example(nlp.make_doc(TEXT), doc)])
    assert pipe.tokenizer.decode(pair.name) == (
        "[unused3] einstein [unused4] [unused5] albert einstein [unused6] was a german physicist "
        "who received the [unused3] nobel prize [unused4] [unused5] nobel prize [unused6]."
    )
    # The constraint allows it, and reads the same mentions from it.
    (window,) = pipe._encoder().encode([doc[:]])
    tables, trie = mention_tables(
        [window], pipe.settings, pipe.get_view(), pipe.shim.name_tokenizer
    )
    constraint = MarkupConstraint(
        [window.source], tables, trie, pipe._encoder().markers, eos=102, max_length=256
    )
    found = [(m.start, m.end) for m in constraint.mentions(0, tuple(pair.name))]
    assert found == [(0, 1), (8, 10)]
    losses = nlp.update([Example(nlp.make_doc(TEXT), doc)], sgd=nlp.initialize())
    assert 0 < losses["genre_annotator"] < np.inf


def test_a_model_for_linking_only(tiny_folder, tokenizer):
    nlp = make_nlp(tiny_folder, tokenizer)
    with pytest.raises(ValueError, match=r"trained for linking.*genre_linker"):
        nlp("Paris")


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"mentions": "ents", "spans_key": "x"}, "C008.*spans_key"),
        ({"window_tokens": 20, "overlap_tokens": 15}, "C006.*overlap_tokens"),
        ({"window_tokens": 5000}, "C007.*window_tokens"),
        ({"kb_id": "id"}, "C002"),
        ({"mentions": "nouns"}, "C001.*mentions"),
        ({"window_tokens": 0}, "C001.*window_tokens"),
    ],
)
def test_settings_that_contradict(make, config, message, tokenizer):
    def run():
        nlp = make(**config)
        nlp.get_pipe("genre_annotator").titles = TitleSet.build(NAMES, tokenizer)  # no ids
        nlp("Paris")

    with pytest.raises(ValueError, match=message):
        run()


@pytest.mark.parametrize("marker", ["two words", "a", "[unused99999]"])
def test_markers_that_texts_contain(folder, tokenizer, tmp_path, marker):
    path = shutil.copytree(folder, tmp_path / "wrong")
    block = {"tasks": ["annotation"], "annotation": {**ANNOTATION, "open_name": marker}}
    set_genre_block(path, block)
    with pytest.raises(ValueError, match=r"M012.*open_name"):
        make_nlp(path, tokenizer)("Paris")


@given(st.lists(CHARACTERS, max_size=40).map("".join))
def test_tokens_of_a_byte_level_tokenizer(text):
    tokenizer = BYTE_LEVEL
    brackets = AnnotationSettings(None, "{", "}", "[", "]")
    encoder = WindowEncoder(tokenizer, brackets, max_length=256)
    doc = BLANK.make_doc(text)
    (window,) = encoder.encode([doc[:]]) if len(doc) else (None,)
    if window is None:
        return
    assert encoder.n_pieces(doc).sum() == len(window.source)
    for i, token in enumerate(doc):
        starts, ends = np.flatnonzero(window.starts == i), np.flatnonzero(window.ends == i + 1)
        assert len(starts) <= 1
        assert len(ends) <= 1
        if len(starts) and len(ends):  # what is copied from there to there is the token
            copied = tokenizer.hf.decode(window.source[starts[0] : ends[0] + 1])
            assert copied.strip() == token.text.translate(BRACKETS).strip()


# Windows

PIECES = st.lists(st.tuples(st.integers(0, 9), st.booleans()), max_size=60)


@given(PIECES, st.integers(1, 25), st.integers(0, 12))
def test_windows_cover_everything(tokens, size, overlap):
    overlap = min(overlap, size // 2)
    n_pieces = np.asarray([n for n, _ in tokens], np.int64)
    is_start = np.asarray([start for _, start in tokens], bool)
    windows = make_windows(n_pieces, is_start, size, overlap)
    assert {i for start, end in windows for i in range(start, end)} == {*range(len(tokens))}
    for start, end in windows:
        assert start < end
        assert n_pieces[start:end].sum() <= size or end - start == 1
    for (start, end), (next_start, next_end) in pairwise(windows):
        assert start < next_start <= end < next_end
        assert n_pieces[next_start:end].sum() <= overlap
        inside = np.flatnonzero(is_start[start + 1 : end + 1]) + start + 1
        assert is_start[end] or len(inside) == 0 or inside.max() < next_start + overlap + 1


def test_what_two_windows_say():
    def link(start, end, probability):
        return LinkedSpan(start, end, "x", (Candidate("x", "x", 0, 0, probability),))

    windows = [(0, 10), (6, 16)]
    first, second = link(6, 7, 0.5), link(8, 9, 0.5)
    # Each is found by both, and counts in the window where it is farther from the border.
    found = [[first, link(8, 9, 0.9)], [link(6, 7, 0.9), second]]
    assert merge_windows(windows, found) == [first, second]
    # A mention across the middle of what they share, and a more probable one.
    assert merge_windows(windows, [[link(7, 9, 0.4)], [second]]) == [second]
    assert merge_windows([], []) == []
