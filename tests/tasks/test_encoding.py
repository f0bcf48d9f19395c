import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st
from spacy.tokens import Doc, Span
from tokenizers import ByteLevelBPETokenizer
from transformers import BartTokenizerFast, PreTrainedTokenizerFast

from spacy_genre import Mention
from spacy_genre.model.settings import GenreSettings
from spacy_genre.tasks.linker.encoding import (
    ARTICLES,
    MAX_CHARS_PER_TOKEN,
    MentionEncoder,
    span_mention,
)
from spacy_genre.tokenization import MAX_SERIAL, NameTokenizer

NLP = spacy.blank("en")


def make_encoder(tokenizer, context_tokens=32, max_length=512, settings=None):
    return MentionEncoder(
        tokenizer,
        settings or GenreSettings(),
        max_length=max_length,
        context_tokens=context_tokens,
    )


def encode(tokenizer, mention, **options):
    (ids,) = make_encoder(tokenizer, **options).encode([mention])
    return ids if ids is None else tokenizer.hf.decode(ids, clean_up_tokenization_spaces=False)


@pytest.fixture(scope="module")
def bpe(tmp_path_factory):
    """A byte-level tokenizer like that of the published BART checkpoints, trained on a line."""
    folder = tmp_path_factory.mktemp("bpe")
    trained = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    text = ["Einstein was a German physicist. German Germany [START_ENT] [END_ENT]"] * 3
    trained.train_from_iterator(text, vocab_size=400, special_tokens=special)
    trained.save_model(str(folder))
    return NameTokenizer(BartTokenizerFast(str(folder / "vocab.json"), str(folder / "merges.txt")))


# Mentions


def test_the_window_is_around_the_mention():
    doc = NLP("one two three four, five six")
    assert span_mention(doc[2:3], 1) == Mention("two ", "three", " four")
    assert span_mention(doc[2:4], 2) == Mention("one two ", "three four", ", five")
    assert span_mention(doc[0:1], 50) == Mention("", "one", " two three four, five six")
    assert span_mention(doc[6:7], 1) == Mention("five ", "six", "")
    assert span_mention(doc[2:3], 0) == Mention("", "three", "")


def test_white_space_does_not_use_up_the_window():
    doc = NLP("one\n\n\n   two \t\t mention \n\n three\n four")
    span = next(doc[t.i : t.i + 1] for t in doc if t.text == "mention")
    mention = span_mention(span, 2)
    assert mention.left.split() == ["one", "two"]
    assert mention.right.split() == ["three", "four"]


def test_a_huge_token_does_not_make_a_huge_window():
    doc = Doc(NLP.vocab, words=["x" * 100_000, "mention", "y" * 100_000])
    mention = span_mention(doc[1:2], 4)
    assert len(mention.left) == len(mention.right) == 4 * MAX_CHARS_PER_TOKEN


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=12), st.data())
def test_the_mention_is_the_span_whatever_the_text(words, data):
    doc = Doc(NLP.vocab, words=words)
    start = data.draw(st.integers(0, len(words) - 1))
    end = data.draw(st.integers(start + 1, len(words)))
    mention = span_mention(Span(doc, start, end), 30)
    if words[start] in ARTICLES:
        return  # of these another test tells
    assert mention.text == doc[start:end].text
    whole = doc.text_with_ws
    at = doc[start].idx
    assert whole[:at].endswith(mention.left)
    assert whole[at + len(mention.text) :].startswith(mention.right)


# Token ids


def test_the_mention_is_marked(tokenizer):
    mention = Mention("Einstein was a ", "German", " physicist.")
    assert encode(tokenizer, mention) == (
        "[CLS] einstein was a [START_ENT] german [END_ENT] physicist. [SEP]"
    )


@pytest.mark.parametrize(
    ("mention", "expected"),
    [
        (Mention("", "Paris", ""), "[START_ENT] paris [END_ENT]"),
        (Mention("(", "Paris", ")"), "( [START_ENT] paris [END_ENT] )"),
        (Mention('the "', "São Paulo", '"\n'), 'the " [START_ENT] sao paulo [END_ENT] "'),
        (Mention("in\n\n", "New\nYork", "\n\ncity"), "in [START_ENT] new york [END_ENT] city"),
        (Mention("a [SEP] b ", "C", ""), "a [ sep ] b [START_ENT] c [END_ENT]"),
        (Mention("", "[END_ENT]", ""), "[START_ENT] [ end _ ent ] [END_ENT]"),
        (Mention("", "東京", "で"), "[START_ENT] 東 京 [END_ENT] て"),
    ],
)
def test_text_around_and_in_the_mention(tokenizer, mention, expected):
    assert encode(tokenizer, mention) == f"[CLS] {expected} [SEP]"


def test_context_is_cut_in_tokens_next_to_the_mention(tokenizer):
    mention = Mention("one two three ", "four five", " six seven eight")
    assert encode(tokenizer, mention, context_tokens=2) == (
        "[CLS] two three [START_ENT] four five [END_ENT] six seven [SEP]"
    )
    assert encode(tokenizer, mention, context_tokens=0) == (
        "[CLS] [START_ENT] four five [END_ENT] [SEP]"
    )


def test_an_article_is_none_of_the_mention():
    doc = NLP("Einstein got the Nobel Prize. The Beatles did not. the")
    assert span_mention(doc[2:5], 2) == Mention("got the ", "Nobel Prize", ". The")
    assert span_mention(doc[6:8], 1) == Mention(". ", "The Beatles", " did")
    assert span_mention(doc[-1:], 1) == Mention(". ", "the", "")


def test_the_opening_is_how_the_document_begins():
    doc = NLP("one two three four five six seven")
    assert span_mention(doc[5:6], 2, 3) == Mention("four five ", "six", " seven", "one two three")
    # Only what is not in the window.
    assert span_mention(doc[3:4], 2, 3) == Mention("two three ", "four", " five six", "one")
    assert span_mention(doc[1:2], 2, 3) == Mention("one ", "two", " three four", "")
    # Of a paragraph, the document's beginning is what the user says.
    doc._.genre_opening = "The  title\n"
    assert span_mention(doc[1:2], 2, 3) == Mention("one ", "two", " three four", "The title")
    assert span_mention(doc[1:2], 2) == Mention("one ", "two", " three four", "")
    for opening, read in ((5, "5"), (["a", "b"], "['a', 'b']"), (None, "")):
        doc._.genre_opening = opening
        assert span_mention(doc[1:2], 2, 3).opening == read


def test_the_opening_stands_before_the_context(tokenizer):
    mention = Mention("left ", "word", " right", "one two three")
    settings = GenreSettings(opening_tokens=2)
    assert encode(tokenizer, mention, settings=settings) == (
        "[CLS] one two | left [START_ENT] word [END_ENT] right [SEP]"
    )
    # Models that were trained without one do not see it.
    assert encode(tokenizer, mention) == "[CLS] left [START_ENT] word [END_ENT] right [SEP]"
    for max_length in range(5, 12):
        text = encode(tokenizer, mention, settings=settings, max_length=max_length)
        assert "[START_ENT] word [END_ENT]" in text
        assert len(text.split()) <= max_length


@given(st.integers(0, 12), st.integers(1, 12), st.integers(0, 12), st.integers(4, 30))
def test_the_mention_is_never_cut(tokenizer, n_left, n_mention, n_right, max_length):
    mention = Mention("left " * n_left, "word " * n_mention, " right" * n_right)
    text = encode(tokenizer, mention, max_length=max_length)
    if n_mention + 4 > max_length:
        assert text is None
    else:
        words = text.split()
        assert words.count("word") == n_mention
        context = words.count("left") + words.count("right")
        assert context == min(n_left + n_right, max_length - 4 - n_mention)
        assert abs(words.count("left") - words.count("right")) <= 1 or context >= min(
            n_left, n_right
        )


def test_a_mention_without_tokens_is_none(tokenizer):
    encoded = make_encoder(tokenizer).encode([Mention("a", "\u200b", "b"), Mention("", "c", "")])
    assert encoded[0] is None
    assert encoded[1] is not None
    assert make_encoder(tokenizer).encode([]) == []


def test_byte_level_tokenizers_see_the_spaces_of_running_text(bpe):
    mention = Mention("Einstein was a ", "German", " physicist.")
    (ids,) = make_encoder(bpe).encode([mention])
    text = "Einstein was a [START_ENT] German [END_ENT] physicist."
    assert ids == bpe.hf(text)["input_ids"]
    (ids,) = make_encoder(bpe).encode([Mention("", "Einstein", " was\n")])
    assert ids == bpe.hf("[START_ENT] Einstein [END_ENT] was\n")["input_ids"]


def test_delimiters_are_those_of_the_model(bpe):
    settings = GenreSettings(start_delimiter="[START]", end_delimiter="[END]")
    (ids,) = make_encoder(bpe, settings=settings).encode([Mention("a ", "b", " c")])
    assert bpe.hf.decode(ids) == "<s>a [START] b [END] c</s>"


def test_special_tokens_around_a_text_are_found_by_encoding(tokenizer, tmp_path):
    tokenizer.hf.save_pretrained(tmp_path)
    generic = NameTokenizer(PreTrainedTokenizerFast.from_pretrained(tmp_path))
    assert (generic.before, generic.after) == (tokenizer.before, tokenizer.after) == ([101], [102])
    assert generic.fingerprint == tokenizer.fingerprint


# Names


def test_names_are_what_the_tokenizer_writes(tokenizer, bpe):
    assert tokenizer.hf.decode(tokenizer.encode(["Paris, Texas"])[0]) == "[CLS] paris, texas"
    assert bpe.encode(["German"])[0] == bpe.hf("German")["input_ids"][:-1]
    without = NameTokenizer(bpe.hf, bos=False)
    assert without.encode(["German"])[0] == bpe.hf("German")["input_ids"][1:-1]
    assert tokenizer.encode(["", "\u200b"]) == [[], []]


def test_texts_are_tokenized_without_threads(tokenizer, monkeypatch):
    """A process in which tokenizers has started threads complains when it is forked."""

    class WithoutBatches:
        def __getattr__(self, key):
            assert not key.startswith("encode_batch")
            return getattr(backend, key)

    backend = tokenizer._backend
    texts = [f"Name {i} [SEP] São" for i in range(MAX_SERIAL + 1)]
    expected = [tokenizer.pieces([text])[0] for text in texts]
    monkeypatch.setattr(tokenizer, "_backend", WithoutBatches())
    assert tokenizer.pieces(texts) == expected
    with pytest.raises(AssertionError):
        tokenizer.encode_ragged(texts)  # this would be too slow without


def test_fingerprints_tell_tokenizers_apart(tokenizer, bpe, tmp_path):
    assert tokenizer.fingerprint != bpe.fingerprint
    assert NameTokenizer(bpe.hf, bos=False).fingerprint != bpe.fingerprint
    bpe.hf.save_pretrained(tmp_path)
    again = BartTokenizerFast.from_pretrained(tmp_path)
    again("something long", truncation=True, max_length=2)  # leaves its mark in the tokenizer
    assert NameTokenizer(again).fingerprint == bpe.fingerprint
