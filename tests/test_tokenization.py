import hypothesis.strategies as st
import numpy as np
import pytest
from helpers.tokenizers import byte_level
from hypothesis import given, settings
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from spacy_genre import tokenization
from spacy_genre.tokenization import NameTokenizer, WordCache, word_separator

# Difficult text for tokenizers: marks behind a space, final sigmas, case that grows or depends on
# the language, CJK, controls, all kinds of white space, apostrophes, text of special tokens.
NASTY = st.sampled_from(
    [
        *" \u0301\u0345\u200b\u200d\u00ad\ufeff\ufffd\x00",
        *"\u00a0\u2003\u3000\u1680\u180e\x1c\x85\t\n\r",
        *"aZßİıΣσςǅﬁÅÅ中のกำक्षि🏳️🌈👩🏽0٣½'’.-_#▁Ġ",
        *["'s", "'ll", "##a", "[SEP]", "[UNK]", "</s>", "<mask>", "ΟΔΟΣ", "x" * 101, "the", "The"],
    ]
)
WORD = st.lists(NASTY | st.characters(codec="utf-8"), max_size=6).map("".join)
NAMES = st.lists(st.lists(WORD, max_size=5).map(" ".join), max_size=8)


def bert(**options):
    """A tokenizer like BERT's."""
    alphabet = [chr(c) for c in range(0x21, 0x400)]
    pieces = ["[UNK]", "[SEP]", "the", *alphabet, *(f"##{c}" for c in alphabet), "中", "##ll"]
    vocab = {piece: i for i, piece in enumerate(dict.fromkeys(pieces))}
    backend = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    backend.normalizer = normalizers.BertNormalizer(**options)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, unk_token="[UNK]", sep_token="[SEP]", eos_token="[SEP]"
    )


KINDS = {
    "bert, lower case": bert(lowercase=True),
    "bert": bert(lowercase=False, strip_accents=True, clean_text=False),
    "bert, all as it is": bert(lowercase=False, strip_accents=False, handle_chinese_chars=False),
    "bart": byte_level(add_prefix_space=False),
    "bart with a space": byte_level(add_prefix_space=True),
}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60)
@given(first=NAMES, second=NAMES)
def test_cached_words_give_equal_ids(kind, first, second):
    tokenizer = NameTokenizer(KINDS[kind])
    write = WordCache(tokenizer.pieces, word_separator(KINDS[kind]))
    for names in (first, second):  # the second time, some words are known
        flat, lengths = write(names)
        ids = [part.tolist() for part in np.split(flat, np.cumsum(lengths))[:-1]]
        assert ids == tokenizer.pieces(names)


@settings(max_examples=60)
@given(first=NAMES, second=NAMES)
def test_cached_words_of_the_embedded_tokenizer(tokenizer, first, second):
    write = WordCache(tokenizer.pieces, word_separator(tokenizer.hf))
    for names in (first, second):
        flat, lengths = write(names)
        ids = [part.tolist() for part in np.split(flat, np.cumsum(lengths))[:-1]]
        assert ids == tokenizer.pieces(names)


@pytest.mark.parametrize("bos", [True, False])
@pytest.mark.parametrize("n_repeats", [1, 1000])
def test_encode_ragged_equals_encode(monkeypatch, hf_tokenizer, bos, n_repeats):
    monkeypatch.setattr(tokenization, "CHUNK_SIZE", 700)  # not a multiple of the number of names
    names = ["São Paulo", "", "\u200b", "a\u00a0b", " São", "Paulo "] * n_repeats
    tokenizer = NameTokenizer(hf_tokenizer, bos=bos)
    flat, lengths = tokenizer.encode_ragged(names)
    encoded = tokenizer.encode(names)
    assert lengths.tolist() == [len(ids) for ids in encoded]
    assert flat.tolist() == [token for ids in encoded for token in ids]


def test_word_separator(hf_tokenizer):
    assert word_separator(hf_tokenizer) == ""
    assert word_separator(KINDS["bart"]) == " "
    assert word_separator(byte_level(use_regex=False)) is None
    composed = byte_level()
    composed.backend_tokenizer.normalizer = normalizers.NFC()
    assert word_separator(composed) is None
    joined = byte_level()
    joined.add_tokens([AddedToken("New York")])
    assert word_separator(joined) is None
    pieces = Tokenizer(models.Unigram([("a", 0.0), ("▁", 0.0)]))
    pieces.pre_tokenizer = pre_tokenizers.Metaspace()
    assert word_separator(PreTrainedTokenizerFast(tokenizer_object=pieces)) is None


def test_only_unknown_tokens_of_sentencepiece():
    """SentencePiece puts a lone space before an unknown word."""
    pieces = [("<unk>", 0.0), ("\u2581", -1.0), ("a", -1.0), ("\u2581a", -1.0)]
    backend = Tokenizer(models.Unigram(pieces, unk_id=0))
    backend.pre_tokenizer = pre_tokenizers.Metaspace()
    hf = PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>", eos_token="a")
    names = ["x", "x y", "", "a", "xa", "x a", "\u2581", "a x"]
    tokenizer = NameTokenizer(hf, bos=False)
    assert tokenizer.encode(["x y"]) == [[1, 0, 1, 0]]
    only_unknown = tokenizer.only_unknown(*tokenizer.encode_ragged(names))
    assert only_unknown.tolist() == [True, True, *[False] * 6]


@pytest.mark.parametrize("kind", ["bart", "bert"])
def test_a_space_before_names(kind):
    tokenizer = NameTokenizer(KINDS[kind], bos=False, space=True)
    names = ["the fox", "Ångström", "x"] * 1000  # many are tokenized word by word
    encoded = tokenizer.encode(names)
    assert encoded == tokenizer.pieces([f" {name}" for name in names])
    flat, lengths = tokenizer.encode_ragged(names)
    assert np.split(flat, np.cumsum(lengths)[:-1])[-3].tolist() == encoded[-3]
    assert len(flat) == sum(map(len, encoded))
    plain = NameTokenizer(KINDS[kind], bos=False)
    assert (plain.fingerprint != tokenizer.fingerprint) == (kind == "bart")


@given(st.lists(WORD, max_size=8).map(" ".join))
def test_characters_of_tokens(text):
    for hf in KINDS.values():
        tokenizer = NameTokenizer(hf)
        ids, offsets = tokenizer.pieces_with_offsets(text)
        assert ids == tokenizer.pieces([text])[0]
        assert len(ids) == len(offsets)
        assert all(0 <= start <= end <= len(text) for start, end in offsets)
