"""Encoding of names as token ids, and the fingerprint of a tokenizer. Works with any tokenizer of
transformers, without importing transformers."""

import copy
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
from .errors import Errors
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

# Up to this number of names are tokenized by one thread.
MAX_SERIAL = 2000
# The number of names that are tokenized at a time, since the tokenizer's results are large objects.
CHUNK_SIZE = 100_000
# The attribute of a model's tokenizer that has the arguments of its `NameTokenizer`.
NAME_FORMAT = "genre_name_format"
Tokenize = Callable[[Sequence[str]], Iterable[List[int]]]
EncodeRagged = Callable[[Sequence[str]], Tuple[IntArray, IntArray]]


class NameTokenizer:
    """Encodes names as a model generates them: a prefix, then the name's own tokens.

    hf (transformers.PreTrainedTokenizerBase): The model's tokenizer. Its later changes have no
        effect on the encoding: other threads may use it, and each use may change its settings.
    bos (bool): Whether names begin with the tokenizer's start token. They do for BART
        (`</s> <s> name </s>`, where `</s>` is the decoder's start token), not for mGENRE.
    space (bool): Whether there is a space before names.
    before, after (List[int]): The special tokens that the tokenizer puts around a text.
    prefix (List[int]): The tokens before each generated name.
    max_tokens (int): The maximum number of tokens of a name.
    """

    def __init__(self, hf: Any, *, bos: bool = True, space: bool = False) -> None:
        self.hf = hf
        self.bos, self.space = bos, space
        self._backend = _configured_copy(hf) if hf.is_fast else None
        self.before, self.after = self._special_tokens()
        self.prefix: List[int] = self.before if bos else []
        # A name must also fit the encoder. Some tokenizers set no limit.
        n_special = len(self.before) + len(self.after)
        self.max_tokens = min(int(hf.model_max_length), 1024) - n_special

    def __getstate__(self) -> Dict[str, Any]:
        return {**self.__dict__, "_backend": None}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        # A pickled or copied backend loses its setting of special tokens.
        self.__dict__.update(state)
        self._backend = _configured_copy(self.hf) if self.hf.is_fast else None

    def _special_tokens(self) -> Tuple[List[int], List[int]]:
        """The special tokens before and after a text. They are found by encoding a text, since not
        every kind of tokenizer lists them."""
        (plain,) = self.pieces(["a"])
        (with_special,) = self._tokenize(["a"], special=True)
        start = find_subsequence(with_special, plain)
        if start >= 0:
            return with_special[:start], with_special[start + len(plain) :]
        special = list(self.hf.build_inputs_with_special_tokens([]))
        return special[:-1], special[-1:]

    @classmethod
    def of(cls, tokenizer: Any) -> "NameTokenizer":
        """Wrap a tokenizer, unless it is wrapped already.

        tokenizer (Union[NameTokenizer, transformers.PreTrainedTokenizerBase]): The tokenizer. That
            of a loaded model (`linker.tokenizer`) has the model's format of names.
        """
        if isinstance(tokenizer, cls):
            return tokenizer
        return cls(tokenizer, **getattr(tokenizer, NAME_FORMAT, {}))

    @classmethod
    def of_model(cls, hf: Any, *, bos: bool, space: bool) -> "NameTokenizer":
        """Wrap the tokenizer of a model, and note the model's format of names on it for `of`."""
        setattr(hf, NAME_FORMAT, {"bos": bos, "space": space})
        return cls(hf, bos=bos, space=space)

    def pieces(self, texts: Sequence[str]) -> List[List[int]]:
        """The token ids of texts, without special tokens. Text that looks like a special token
        ("[SEP]") is split like other text."""
        return list(self._tokenize(texts))

    def delimiter(self, text: str, before: str = " ") -> List[int]:
        """The token ids of a delimiter: its own token, if the tokenizer has one, else those of its
        text.

        text (str): The delimiter, such as "[START_ENT]".
        before (str): What stands before it, if it is plain text: some tokenizers write a word
            differently at the beginning of a text.
        """
        token = self.hf.convert_tokens_to_ids(text)
        if token is not None and self.hf.convert_ids_to_tokens(token) == text:
            return [token]
        return self.pieces([before + text])[0]

    def _tokenize(
        self, texts: Sequence[str], *, special: bool = False, threads: bool = False
    ) -> Iterator[List[int]]:
        if self._backend is None:
            options = {"add_special_tokens": special, "split_special_tokens": True}
            return (self.hf(text, **options)["input_ids"] for text in texts)
        # The backend is called directly, since transformers' wrapper objects are slow. It is never
        # changed, which would fail with "Already borrowed" while another thread encodes.
        backend = self._backend
        if threads:
            encoded = backend.encode_batch_fast(list(texts), add_special_tokens=special)
            return (encoding.ids for encoding in encoded)
        # One text at a time: a batch, even of one, starts threads, and a process with threads can't
        # be forked safely, as `nlp.pipe` with n_process does.
        return (backend.encode(text, add_special_tokens=special).ids for text in texts)

    def pieces_with_offsets(self, text: str) -> Tuple[List[int], List[Tuple[int, int]]]:
        """As `pieces`, for one text, with the characters of each token: the first, and the one
        after the last.

        RAISES (ValueError): If the tokenizer is a slow one.
        """
        if self._backend is None:
            raise ValueError(Errors.M011.format(tokenizer=type(self.hf).__name__))
        encoding = self._backend.encode(text, add_special_tokens=False)
        return encoding.ids, encoding.offsets

    def token_id(self, text: str) -> Optional[int]:
        """The id of a text that is one token: a token of the vocabulary by its name, or plain text.
        None if it is several tokens."""
        token = self.hf.convert_tokens_to_ids(text)
        if token is not None and self.hf.convert_ids_to_tokens(token) == text:
            return token
        (ids,) = self.pieces([text])
        return ids[0] if len(ids) == 1 else None

    def encode(self, names: Sequence[str]) -> List[List[int]]:
        """The token ids of names, with the prefix and without the end token.

        names (Sequence[str]): N names.
        RETURNS (List[List[int]]): N lists; a name without tokens has an empty list.
        """
        return [[*self.prefix, *ids] if ids else [] for ids in self._tokenize(self._spaced(names))]

    def _spaced(self, names: Sequence[str]) -> Sequence[str]:
        return [f" {name}" for name in names] if self.space else names

    def encode_ragged(
        self, names: Sequence[str], *, progress: bool = False
    ) -> Tuple[IntArray, IntArray]:
        """Like `encode`, but fast for millions of names.

        names (Sequence[str]): N names.
        progress (bool): Whether to show a progress bar.
        RETURNS (Tuple[IntArray, IntArray]): The concatenated token ids, and the lengths, [N].
        """
        separator = word_separator(self.hf)
        tokenize = partial(self._tokenize, threads=len(names) > MAX_SERIAL)
        # A cache of words is of no use for few names.
        by_words = separator is not None and len(names) > MAX_SERIAL
        encode: EncodeRagged = (
            WordCache(tokenize, separator or "") if by_words else _encode_each(tokenize)
        )
        flats, lengths = [], []
        with tqdm(total=len(names), desc="tokenize", unit=" names", disable=not progress) as bar:
            for start in range(0, len(names), CHUNK_SIZE):
                chunk = self._spaced(names[start : start + CHUNK_SIZE])
                flat, length = self._add_prefix(*encode(chunk))
                flats.append(flat)
                lengths.append(length)
                bar.update(len(length))
        flat = np.concatenate([np.zeros(0, np.uint32), *flats])
        return flat, np.concatenate([np.zeros(0, np.int64), *lengths])

    def _add_prefix(self, flat: IntArray, lengths: IntArray) -> Tuple[IntArray, IntArray]:
        """Insert the prefix before each name that has any tokens."""
        has_tokens = lengths > 0
        new_lengths = lengths + len(self.prefix) * has_tokens
        starts = (np.cumsum(new_lengths) - new_lengths)[has_tokens]
        result = np.empty(int(new_lengths.sum()), np.uint32)
        is_name = np.ones(len(result), bool)
        for i, token in enumerate(self.prefix):
            result[starts + i], is_name[starts + i] = token, False
        result[is_name] = flat
        return result, new_lengths

    @cached_property
    def unknown_ids(self) -> Tuple[int, ...]:
        """The ids of the unknown token and of SentencePiece's lone space, which stands before an
        unknown word; empty if the tokenizer has no unknown token."""
        unknown = self.hf.unk_token_id
        if unknown is None:
            return ()
        return unknown, self.hf.convert_tokens_to_ids("\u2581")

    def only_unknown(self, flat: IntArray, lengths: IntArray) -> NDArray[np.bool_]:
        """Which names have only unknown tokens. Such names can't be distinguished.

        flat, lengths (IntArray): The result of `encode_ragged` for N names.
        RETURNS (bool): [N].
        """
        if not self.unknown_ids or not (unknown := flat == self.unknown_ids[0]).any():
            return np.zeros(len(lengths), bool)
        ends = np.cumsum(lengths)

        def count(tokens: NDArray[np.bool_]) -> IntArray:
            names = np.searchsorted(ends, np.flatnonzero(tokens), side="right")
            return np.bincount(names, minlength=len(lengths))

        n_unknown = count(np.isin(flat, self.unknown_ids))
        return (count(unknown) > 0) & (n_unknown + len(self.prefix) == lengths)

    @cached_property
    def fingerprint(self) -> str:
        """A hash that is equal for two tokenizers if, and only if, they encode names with equal
        ids. It covers the vocabulary and the ids of some texts, not files, which change with
        versions of transformers."""
        pieces = self.pieces(self._spaced(FINGERPRINT_TEXTS))
        state = [sorted(self.hf.get_vocab().items()), self.prefix, pieces]
        return hashlib.sha256(json.dumps(state).encode("utf8")).hexdigest()[:16]


def _configured_copy(hf: Any) -> Any:
    """A copy of a tokenizer's backend that neither truncates nor pads, and that splits text that
    looks like a special token."""
    backend = copy.deepcopy(hf.backend_tokenizer)
    backend.no_truncation()
    backend.no_padding()
    backend.encode_special_tokens = True
    return backend


def _encode_each(tokenize: Tokenize) -> EncodeRagged:
    """Encodes names one by one, without a cache."""
    return lambda names: ragged.flatten(tokenize(names))


def find_subsequence(tokens: Sequence[int], part: Sequence[int]) -> int:
    """The index at which a contiguous part begins in a sequence, or -1."""
    starts = range(len(tokens) - len(part) + 1)
    return next((i for i in starts if tokens[i : i + len(part)] == part), -1)


def word_separator(hf: Any) -> Optional[str]:
    """Whether the words of a name can be tokenized separately. They can if the tokenizer splits
    text at each space before it looks for tokens, so that no token crosses a space.

    hf (transformers.PreTrainedTokenizerBase): A tokenizer.
    RETURNS (Optional[str]): The string to put before each word but the first: "" if the tokenizer
        drops spaces (BERT), " " if a space belongs to the next word (byte-level BPE). None if words
        can't be tokenized separately.
    """
    if not hf.is_fast:
        return None
    backend = hf.backend_tokenizer
    if not all(token.special for token in backend.get_added_tokens_decoder().values()):
        return None  # added tokens are matched first, across spaces
    kinds = type(backend.normalizer).__name__, type(backend.pre_tokenizer).__name__
    if kinds in (("BertNormalizer", "BertPreTokenizer"), ("NoneType", "BertPreTokenizer")):
        return ""
    if kinds == ("NoneType", "ByteLevel") and backend.pre_tokenizer.use_regex:
        return " "
    return None


class WordCache:
    """Encodes names with a cache of words, so that each unique word is tokenized once. (Six million
    names have two million unique words.)

    tokenize (Tokenize): Gives the token ids of texts.
    separator (str): The result of `word_separator`.
    """

    def __init__(self, tokenize: Tokenize, separator: str) -> None:
        self.tokenize = tokenize
        self.separator = separator
        self.index: Dict[str, int] = defaultdict(count().__next__)  # word -> row of the cache
        self.flat: IntArray = np.zeros(0, np.uint32)
        self.lengths: IntArray = np.zeros(0, np.int64)

    def __call__(self, names: Sequence[str]) -> Tuple[IntArray, IntArray]:
        """Encode names.

        names (Sequence[str]): N names.
        RETURNS (Tuple[IntArray, IntArray]): The concatenated token ids, without prefix, and the
            lengths, [N].
        """
        n_cached, n_words = len(self.index), array("q")
        rows = np.fromiter(self._rows(names, n_words), np.int64)
        new, new_lengths = ragged.flatten(self.tokenize(list(islice(self.index, n_cached, None))))
        self.flat = np.concatenate([self.flat, new])
        self.lengths = np.concatenate([self.lengths, new_lengths])
        flat, lengths = ragged.take_rows(self.flat, self.lengths, rows)
        per_name = np.asarray(n_words, np.int64)
        return flat, np.add.reduceat(lengths, np.cumsum(per_name) - per_name)

    def _rows(self, names: Sequence[str], n_words: "array[int]") -> Iterator[int]:
        """The cache rows of the words of all names. The number of words of each name is appended to
        `n_words`."""
        for name in names:
            words = name.split(" ")
            if words != name.split():  # other white space: the whole name is cached
                words = [name]
            elif self.separator:
                words[1:] = [self.separator + word for word in words[1:]]
            n_words.append(len(words))
            yield from map(self.index.__getitem__, words)
