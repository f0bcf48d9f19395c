"""Title sets from the files of the official GENRE code."""

import warnings
from itertools import islice
from typing import Dict, Iterator, List, NamedTuple, Optional, Sequence, Tuple

from ..errors import Warnings
from ..titles import TitleSet
from ..titles.multilingual import multilingual_name
from ..tokenization import NameTokenizer
from .tries import GenreData

CHUNK_SIZE = 100_000  # of names that are decoded at a time


class Names(NamedTuple):
    """The names of a prefix tree.

    names (List[str]): N names, decoded.
    n_with_bos (int): How many begin with the tokenizer's start token.
    n_other (int): How many are encoded differently by the tokenizer than in the tree.
    example (str): One of the latter.
    """

    names: List[str]
    n_with_bos: int
    n_other: int
    example: str


def titles_from_genre(
    data: GenreData, tokenizer: NameTokenizer, *, progress: bool = False
) -> TitleSet:
    """Build a title set from files of the official GENRE code.

    data (GenreData): The content of the files. Names come from prefix trees, else from tables of
        languages ("Title >> language"), else from tables of mentions. Tables of languages give
        ids, and tables of mentions give aliases.
    tokenizer (NameTokenizer): The tokenizer of the model that shall generate the names.
    progress (bool): Whether to show a progress bar.
    RETURNS (TitleSet): The set. Names that the model can't generate are left out; the header has
        their number.
    """
    ids = {multilingual_name(t, language): qid for (language, t), qid in data.languages.items()}
    if data.sequences:
        decoded = decode_names(data.sequences, tokenizer)
        _warn_of_other_tokens(decoded, tokenizer)
        names = decoded.names
    else:
        names = list(ids) or sorted({name for counts in data.mentions.values() for name in counts})
    kb_ids: List[Optional[str]] = [ids.get(name) for name in names]
    return TitleSet.build(
        names,
        tokenizer,
        ids=kb_ids if any(kb_ids) else None,
        aliases=_aliases(data.mentions, names, kb_ids),
        on_invalid="skip",
        progress=progress,
    )


def _aliases(
    mentions: Dict[str, Dict[str, int]], names: Sequence[str], ids: Sequence[Optional[str]]
) -> Dict[Tuple[str, str], int]:
    """The count of each (mention, name). A mention of a QID is an alias of all its names."""
    if not mentions:
        return {}
    names_of: Dict[str, List[str]] = {}
    for name, kb_id in zip(names, ids, strict=True):
        if kb_id:
            names_of.setdefault(kb_id, []).append(name)
    return {
        (mention, name): count
        for mention, counts in mentions.items()
        for target, count in counts.items()
        for name in names_of.get(target, [target])
    }


def decode_names(sequences: Sequence[Sequence[int]], tokenizer: NameTokenizer) -> Names:
    """Decode the names of a prefix tree, and compare them with what the tokenizer makes of them.

    sequences (Sequence[Sequence[int]]): N token sequences, with special tokens at their ends.
    tokenizer (NameTokenizer): The model's tokenizer.
    RETURNS (Names): The names.
    """
    names: List[str] = []
    n_with_bos = n_other = 0
    example = ""
    special = frozenset(tokenizer.hf.all_special_ids) - {tokenizer.hf.unk_token_id}
    for chunk in _chunks(sequences):
        bodies = [_without_special(sequence, special) for sequence in chunk]
        texts = tokenizer.hf.batch_decode(bodies, clean_up_tokenization_spaces=False)
        pieces = tokenizer.pieces([" " + text for text in texts] if tokenizer.space else texts)
        bos = tokenizer.hf.bos_token_id
        n_with_bos += sum(_has_bos(sequence, bos, special) for sequence in chunk)
        for text, body, piece in zip(texts, bodies, pieces, strict=True):
            if body != piece:
                n_other, example = n_other + 1, example or text
        names += texts
    return Names(names, n_with_bos, n_other, example)


def _chunks(sequences: Sequence[Sequence[int]]) -> Iterator[List[Sequence[int]]]:
    rest = iter(sequences)
    while chunk := list(islice(rest, CHUNK_SIZE)):
        yield chunk


def _without_special(sequence: Sequence[int], special: frozenset) -> List[int]:
    """The tokens of a name, without the special ones before and after it."""
    start, end = 0, len(sequence)
    while start < end and sequence[start] in special:
        start += 1
    while end > start and sequence[end - 1] in special:
        end -= 1
    return list(sequence[start:end])


def _has_bos(sequence: Sequence[int], bos: Optional[int], special: frozenset) -> bool:
    """Whether the start token is among the special tokens before a name."""
    for token in sequence:
        if token == bos:
            return True
        if token not in special:
            return False
    return False


def _warn_of_other_tokens(decoded: Names, tokenizer: NameTokenizer) -> None:
    n_names = len(decoded.names)
    if decoded.n_other:
        warnings.warn(
            Warnings.W050.format(n=decoded.n_other, total=n_names, example=decoded.example),
            stacklevel=3,
        )
    has_bos = decoded.n_with_bos > n_names / 2
    if has_bos != bool(tokenizer.prefix):
        found, expected = ("true", "false") if has_bos else ("false", "true")
        warnings.warn(Warnings.W051.format(found=found, expected=expected), stacklevel=3)
