"""Names to token ids, and what identifies a tokenizer. Works on any tokenizer of transformers,
without importing it."""

import hashlib
import json
from array import array
from collections import defaultdict
from functools import cached_property, partial
from itertools import count, islice
from typing import Any, Callable, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from . import ragged
from .ragged import IntArray

# Text that tokenizers treat differently: case, accents, punctuation, scripts, spaces, emoji.
FINGERPRINT_TEXTS = (
    "Albert Einstein",
    "  São Paulo–Guarulhos (airport), 2nd ed.",
    "AC/DC & the “Ångström”: 3.14 %",
    "東京 Київ القاهرة 😀",
    "naïve\u00a0co-operation's\u200b E\u0301tat",
    "[SEP] </s> <pad>",
)

# The names of a title set are tokenized by many threads if they are more than this.
MAX_SERIAL = 2000
# So many names are tokenized at a time: the tokenizer's objects are large.
CHUNK_SIZE = 100_000
Pieces = Callable[[Sequence[str]], Iterable[List[int]]]
Write = Callable[[Sequence[str]], Tuple[IntArray, IntArray]]


class NameTokenizer:
    """How a model writes a name: what the tokenizer puts in front, then the name's own tokens.

    hf (transformers.PreTrainedTokenizerBase): The model's tokenizer.
    bos (bool): Whether names begin with the tokenizer's start token. They do for BART
        (`</s> <s> name </s>`, with the decoder's start token in front), not for mGENRE.
    """

    def __init__(self, hf: Any, *, bos: bool = True) -> None:
        self.hf = hf
        self.bos = bos
        self.before, self.after = self._special_tokens()
        self.prefix: List[int] = self.before if bos else []
        # What a model can't read, it can't generate either; some tokenizers set no limit.
        n_special = len(self.before) + len(self.after)
        self.max_tokens = min(int(hf.model_max_length), 1024) - n_special

    def _special_tokens(self) -> Tuple[List[int], List[int]]:
        """What the tokenizer puts before and behind a text. Seen by what it does: not every kind
        of tokenizer can tell."""
        (plain,) = self.pieces(["a"])
        (whole,) = self._tokenize(["a"], special=True)
        start = find_subsequence(whole, plain)
        if start >= 0:
            return whole[:start], whole[start + len(plain) :]
        special = list(self.hf.build_inputs_with_special_tokens([]))
        return special[:-1], special[-1:]

    @classmethod
    def of(cls, tokenizer: Any) -> "NameTokenizer":
        """tokenizer (Union[NameTokenizer, transformers.PreTrainedTokenizerBase])."""
        return tokenizer if isinstance(tokenizer, cls) else cls(tokenizer)

    def pieces(self, texts: Sequence[str]) -> List[List[int]]:
        """The token ids of texts, without special tokens.

        Text that looks like a special token ("[SEP]") is split like any other text.
        """
        return list(self._tokenize(texts))

    def _tokenize(
        self, texts: Sequence[str], *, special: bool = False, threads: bool = False
    ) -> Iterator[List[int]]:
        if not self.hf.is_fast:
            options = {"add_special_tokens": special, "split_special_tokens": True}
            return (self.hf(text, **options)["input_ids"] for text in texts)
        # Not the tokenizer's own call, which wraps each text in objects that nobody looks at.
        backend = self.hf.backend_tokenizer
        backend.no_truncation()
        backend.no_padding()
        backend.encode_special_tokens = True
        if threads:
            encoded = backend.encode_batch_fast(list(texts), add_special_tokens=special)
            return (encoding.ids for encoding in encoded)
        # One by one, since a batch (even of one) would start threads, and a process with threads
        # can't be forked in safety (`nlp.pipe` with n_process does).
        return (backend.encode(text, add_special_tokens=special).ids for text in texts)

    def encode(self, names: Sequence[str]) -> List[List[int]]:
        """The token ids that generate each name, without the end token. A name that becomes no
        tokens is an empty list."""
        return [[*self.prefix, *ids] if ids else [] for ids in self._tokenize(names)]

    def encode_ragged(
        self, names: Sequence[str], progress: bool = False
    ) -> Tuple[IntArray, IntArray]:
        """Like `encode`, for millions of names: all ids laid end to end, and the length of each."""
        space = word_separator(self.hf)
        pieces = partial(self._tokenize, threads=len(names) > MAX_SERIAL)
        # Few names have too few words in common.
        by_words = space is not None and len(names) > MAX_SERIAL
        write: Write = WordCache(pieces, space or "") if by_words else _flat(pieces)
        flats, lengths = [], []
        with tqdm(total=len(names), desc="tokenize", unit=" names", disable=not progress) as bar:
            for start in range(0, len(names), CHUNK_SIZE):
                flat, length = self._with_prefix(*write(names[start : start + CHUNK_SIZE]))
                flats.append(flat)
                lengths.append(length)
                bar.update(len(length))
        flat = np.concatenate([np.zeros(0, np.uint32), *flats])
        return flat, np.concatenate([np.zeros(0, np.int64), *lengths])

    def _with_prefix(self, flat: IntArray, lengths: IntArray) -> Tuple[IntArray, IntArray]:
        """Put the prefix in front of each name that has any ids."""
        named = lengths > 0
        whole = lengths + len(self.prefix) * named
        starts = (np.cumsum(whole) - whole)[named]
        result = np.empty(int(whole.sum()), np.uint32)
        own = np.ones(len(result), bool)
        for i, token in enumerate(self.prefix):
            result[starts + i], own[starts + i] = token, False
        result[own] = flat
        return result, whole

    @cached_property
    def unknown_ids(self) -> Tuple[int, ...]:
        """The ids of the unknown token, if there is one, and of a lone space beside it, which
        SentencePiece has."""
        unknown = self.hf.unk_token_id
        if unknown is None:
            return ()
        return unknown, self.hf.convert_tokens_to_ids("\u2581")

    def only_unknown(self, flat: IntArray, lengths: IntArray) -> NDArray[np.bool_]:
        """Which names are only unknown tokens: all of these are written alike.

        flat, lengths (Tuple[IntArray, IntArray]): What `encode_ragged` gave for N names.
        RETURNS (bool): [N].
        """
        if not self.unknown_ids or not (unknown := flat == self.unknown_ids[0]).any():
            return np.zeros(len(lengths), bool)
        ends = np.cumsum(lengths)

        def count(tokens: NDArray[np.bool_]) -> IntArray:
            names = np.searchsorted(ends, np.flatnonzero(tokens), side="right")
            return np.bincount(names, minlength=len(lengths))

        n_silent = count(np.isin(flat, self.unknown_ids))
        return (count(unknown) > 0) & (n_silent + len(self.prefix) == lengths)

    @cached_property
    def fingerprint(self) -> str:
        """What two tokenizers share if, and only if, they write names with the same ids: a hash
        of the vocabulary and of some telling texts (not of files, which change with versions)."""
        state = [sorted(self.hf.get_vocab().items()), self.prefix, self.pieces(FINGERPRINT_TEXTS)]
        return hashlib.sha256(json.dumps(state).encode("utf8")).hexdigest()[:16]


def _flat(pieces: Pieces) -> Write:
    """Writes the token ids of names one behind the other."""
    return lambda names: ragged.flatten(pieces(names))


def find_subsequence(tokens: Sequence[int], part: Sequence[int]) -> int:
    """Where a part begins in some tokens; -1 if it does not."""
    places = range(len(tokens) - len(part) + 1)
    return next((i for i in places if tokens[i : i + len(part)] == part), -1)


def word_separator(hf: Any) -> Optional[str]:
    """Whether a name's ids are those of its words laid end to end, because the tokenizer splits
    text at each space before it looks for tokens; no token then reaches across one.

    RETURNS (Optional[str]): What the words of a name, but for the first, are to begin with: ""
        if spaces are dropped (BERT), " " if they belong to the word behind (byte-level BPE).
        None if the words of this kind of tokenizer may not be told apart.
    """
    if not hf.is_fast:
        return None
    backend = hf.backend_tokenizer
    if not all(token.special for token in backend.get_added_tokens_decoder().values()):
        return None  # they are looked for first, across spaces
    kinds = type(backend.normalizer).__name__, type(backend.pre_tokenizer).__name__
    if kinds in (("BertNormalizer", "BertPreTokenizer"), ("NoneType", "BertPreTokenizer")):
        return ""
    if kinds == ("NoneType", "ByteLevel") and backend.pre_tokenizer.use_regex:
        return " "
    return None


class WordCache:
    """The token ids of names, of which each different word is tokenized once: six million names
    have two million words.

    pieces (Callable[[Sequence[str]], Iterable[List[int]]]): The token ids of texts.
    space (str): See `word_separator`.
    """

    def __init__(self, pieces: Pieces, space: str) -> None:
        self.pieces = pieces
        self.space = space
        self.numbers: Dict[str, int] = defaultdict(count().__next__)  # numbered as they come
        self.flat: IntArray = np.zeros(0, np.uint32)
        self.lengths: IntArray = np.zeros(0, np.int64)

    def __call__(self, names: Sequence[str]) -> Tuple[IntArray, IntArray]:
        """The ids of all names laid end to end, without prefix, and the length of each."""
        known, n_words = len(self.numbers), array("q")
        numbers = np.fromiter(self._numbers(names, n_words), np.int64)
        new, new_lengths = ragged.flatten(self.pieces(list(islice(self.numbers, known, None))))
        self.flat = np.concatenate([self.flat, new])
        self.lengths = np.concatenate([self.lengths, new_lengths])
        flat, lengths = ragged.take_rows(self.flat, self.lengths, numbers)
        per_name = np.asarray(n_words, np.int64)
        return flat, np.add.reduceat(lengths, np.cumsum(per_name) - per_name)

    def _numbers(self, names: Sequence[str], n_words: "array[int]") -> Iterator[int]:
        """The numbers of the words of all names; how many words each name has goes to `n_words`."""
        for name in names:
            words = name.split(" ")
            if words != name.split():  # there is other white space: the name is one word
                words = [name]
            elif self.space:
                words[1:] = [self.space + word for word in words[1:]]
            n_words.append(len(words))
            yield from map(self.numbers.__getitem__, words)
