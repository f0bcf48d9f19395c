"""Names to token ids, and what identifies a tokenizer. Works on any tokenizer of transformers,
without importing it."""

import hashlib
import json
from functools import cached_property
from itertools import chain
from typing import Any, List, Sequence, Tuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

# Text that tokenizers treat differently: case, accents, punctuation, scripts, spaces, emoji.
PROBE = (
    "Albert Einstein",
    "  São Paulo–Guarulhos (airport), 2nd ed.",
    "AC/DC & the “Ångström”: 3.14 %",
    "東京 Київ القاهرة 😀",
    "naïve\u00a0co-operation's\u200b E\u0301tat",
    "[SEP] </s> <pad>",
)

# More texts than this are tokenized by many threads.
SERIAL = 2000
# So many names are tokenized at a time: the tokenizer's objects are large.
CHUNK = 100_000


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
        whole = list(self.hf("a", split_special_tokens=True)["input_ids"])
        for start in range(len(whole) - len(plain) + 1):
            if whole[start : start + len(plain)] == plain:
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
        if not self.hf.is_fast:
            return [
                self.hf(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
                for text in texts
            ]
        # Not the tokenizer's own call, which wraps each text in objects that nobody looks at.
        backend = self.hf.backend_tokenizer
        backend.no_truncation()
        backend.no_padding()
        backend.encode_special_tokens = True
        if len(texts) > SERIAL:
            encoded = backend.encode_batch_fast(list(texts), add_special_tokens=False)
            return [encoding.ids for encoding in encoded]
        # One by one, since a batch would start threads, and a process with threads can't be
        # forked in safety (`nlp.pipe` with n_process does).
        return [backend.encode(text, add_special_tokens=False).ids for text in texts]

    def encode(self, names: Sequence[str]) -> List[List[int]]:
        """The token ids that generate each name, without the end token. A name that becomes no
        tokens is an empty list."""
        return [[*self.prefix, *ids] if ids else [] for ids in self.pieces(names)]

    def encode_ragged(
        self, names: Sequence[str], progress: bool = False
    ) -> Tuple[NDArray[np.uint32], NDArray[np.int64]]:
        """Like `encode`, for millions of names: all ids laid end to end, and the length of each."""
        flats, lengths = [], []
        with tqdm(total=len(names), desc="tokenize", unit=" names", disable=not progress) as bar:
            for start in range(0, len(names), CHUNK):
                encoded = self.encode(names[start : start + CHUNK])
                length = np.fromiter(map(len, encoded), np.int64, len(encoded))
                ids = chain.from_iterable(encoded)
                flats.append(np.fromiter(ids, np.uint32, int(length.sum())))
                lengths.append(length)
                bar.update(len(encoded))
        flat = np.concatenate([np.zeros(0, np.uint32), *flats])
        return flat, np.concatenate([np.zeros(0, np.int64), *lengths])

    @cached_property
    def fingerprint(self) -> str:
        """What two tokenizers share if, and only if, they write names with the same ids: a hash
        of the vocabulary and of some telling texts (not of files, which change with versions)."""
        state = [sorted(self.hf.get_vocab().items()), self.prefix, self.pieces(PROBE)]
        return hashlib.sha256(json.dumps(state).encode("utf8")).hexdigest()[:16]
