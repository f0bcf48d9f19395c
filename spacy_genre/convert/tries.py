"""The files of the official GENRE code (facebookresearch/GENRE): prefix trees and tables of names.

| file | content |
| --- | --- |
| `kilt_titles_trie_dict.pkl` | nested dicts: token -> dict of the tokens that may follow |
| `mention_trie.pkl` and other tries | an object of the class `genre.trie.Trie` |
| `titles_lang_all105_marisa_trie_with_redirect.pkl` | an object of `genre.trie.MarisaTrie` |
| `lang_title2wikidataID-normalized_with_redirect.pkl` | (language, title) -> set of QIDs |
| `mention_to_candidates_dict.pkl` | mention -> list of titles |
| `mention2wikidataID_with_titles_label_alias_redirect.pkl` | mention -> QID -> count |
"""

from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Tuple

from ..errors import Errors
from .unpickling import Pickled, Record, read_pickle

# The classes of the repository, and of the same file in the folders on the hub.
TRIES = frozenset(("genre.trie.Trie", "trie.Trie"))
MARISA_TRIES = frozenset(("genre.trie.MarisaTrie", "trie.MarisaTrie"))
MARISA = "marisa_trie.Trie"
CLASSES = TRIES | MARISA_TRIES | {MARISA}
# A name has fewer tokens in every model: a deeper dict has a cycle.
MAX_DEPTH = 1024
MAX_COUNT = 2**31  # of a mention; a table with more is damaged
# What a MarisaTrie leaves out of the characters that stand for tokens (surrogates, mainly).
GAP = range(55_000, 65_000)


@dataclass
class GenreData:
    """The content of files of the official GENRE code.

    sequences (List[List[int]]): The token ids of names, with special tokens.
    languages (Dict[Tuple[str, str], str]): (language, title) -> QID.
    mentions (Dict[str, Dict[str, int]]): Mention -> title or QID -> count.
    """

    sequences: List[List[int]] = field(default_factory=list)
    languages: Dict[Tuple[str, str], str] = field(default_factory=dict)
    mentions: Dict[str, Dict[str, int]] = field(default_factory=dict)


def read_genre_files(paths: Iterable[Path], languages: Optional[Iterable[str]] = None) -> GenreData:
    """Read pickles of the official GENRE code. Their kind is detected by their content.

    paths (Iterable[Path]): The files.
    languages (Optional[Iterable[str]]): The languages to keep of tables of languages; None for all.
    RETURNS (GenreData): Their content.
    RAISES (FileNotFoundError, ValueError): If a file does not exist, is damaged, is of another
        kind, or needs a class or function that is not known.
    """
    data = GenreData()
    keep = None if languages is None else frozenset(languages)
    for path in paths:
        content = read_pickle(path, CLASSES)
        if not _add(content, data, keep):
            raise ValueError(Errors.X051.format(path=path))
        if not (data.sequences or data.languages or data.mentions):
            raise ValueError(Errors.X052.format(path=path))
    return data


def _add(content: Pickled, data: GenreData, keep: Optional[frozenset]) -> bool:
    """Add a file's content. RETURNS (bool): Whether its kind is known."""
    value = content.value
    if isinstance(value, Record):
        if value.name in MARISA_TRIES:
            data.sequences += _marisa_sequences(value)
            return True
        state = value.state if isinstance(value.state, dict) else {}
        value = state.get("trie_dict", state.get("_leaves"))
    if not isinstance(value, dict) or not value:
        return False
    key, item = next(iter(value.items()))
    if isinstance(key, int):
        data.sequences += _sequences(value, content.n_dicts)
    elif isinstance(key, tuple):
        data.languages.update(_qids(value, keep))
    elif isinstance(key, str) and isinstance(item, (list, tuple, dict)):
        data.mentions.update(_mentions(value))
    else:
        return False
    return True


def _sequences(root: Dict[int, Any], limit: int) -> Iterator[List[int]]:
    """All paths from the root of nested dicts to a leaf.

    limit (int): The number of dicts in the file: a tree has no more leaves. (Dicts that are shared
        could have billions of paths.)
    RAISES (ValueError): If it is not a tree of tokens.
    """
    n_found = 0
    prefix: List[int] = []
    levels = [iter(root.items())]
    while levels:
        if (item := next(levels[-1], None)) is None:
            levels.pop()
            prefix = prefix[:-1]
            continue
        token, children = item
        children = _children(children)
        if type(token) is not int or children is None or len(levels) > MAX_DEPTH:
            raise ValueError(Errors.X053.format(token=token))
        if children:
            prefix = [*prefix, token]
            levels.append(iter(children.items()))
            continue
        n_found += 1
        if n_found > limit:
            raise ValueError(Errors.X053.format(token=token))
        yield [*prefix, token]


def _children(node: Any) -> Optional[Dict[int, Any]]:
    """The children of a node: a dict, or a Trie of the oldest version."""
    if isinstance(node, Record) and isinstance(node.state, dict):
        node = node.state.get("_leaves")
    return node if isinstance(node, dict) else None


def _marisa_sequences(trie: Record) -> List[List[int]]:
    """The token sequences of a MarisaTrie: each token is one character of a key."""
    try:
        from marisa_trie import Trie
    except ImportError as err:
        raise ImportError(Errors.X054) from err
    inner = trie.state.get("trie") if isinstance(trie.state, dict) else None
    if not isinstance(inner, Record) or inner.name != MARISA or not isinstance(inner.state, bytes):
        raise ValueError(Errors.X053.format(token="of the MarisaTrie"))
    keys = Trie()
    try:
        keys.frombytes(inner.state)
        found = list(islice(keys.iterkeys(), len(keys) + 1))
    # The library checks some of its format only; the rest may decode to anything.
    except (RuntimeError, UnicodeDecodeError, MemoryError) as err:
        raise ValueError(Errors.X053.format(token="of the MarisaTrie")) from err
    if len(found) > len(keys):
        raise ValueError(Errors.X053.format(token="of the MarisaTrie"))
    return [[_token_of(character) for character in key] for key in found]


def _token_of(character: str) -> int:
    """The token that a character stands for in a MarisaTrie."""
    code = ord(character)
    return code if code < GAP.start else code - len(GAP)


def _qids(
    table: Mapping[Any, Any], keep: Optional[frozenset]
) -> Iterator[Tuple[Tuple[str, str], str]]:
    """The QID of each (language, title). Of several, the one with the highest number, as in the
    paper's code."""
    for key, qids in table.items():
        is_pair = isinstance(key, tuple) and len(key) == 2 and all(isinstance(k, str) for k in key)
        found = [qids] if isinstance(qids, str) else qids
        is_list = isinstance(found, (list, tuple, set, frozenset))
        if not is_pair or not is_list or not all(map(_is_qid, found)):
            raise ValueError(Errors.X055.format(key=key, value=qids))
        if found and (keep is None or key[0] in keep):
            yield key, max(found, key=lambda qid: int(qid[1:]))


def _is_qid(value: Any) -> bool:
    return isinstance(value, str) and value[:1] == "Q" and value[1:].isdecimal() and len(value) < 20


def _mentions(table: Mapping[Any, Any]) -> Iterator[Tuple[str, Dict[str, int]]]:
    """The candidates of each mention, with their counts; 1 if the table has no counts."""
    for mention, names in table.items():
        if isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names):
            names = dict.fromkeys(names, 1)
        is_table = isinstance(mention, str) and isinstance(names, dict)
        if not is_table or not all(map(_is_count, names.items())):
            raise ValueError(Errors.X055.format(key=mention, value=names))
        yield mention, {name: max(1, round(count)) for name, count in names.items()}


def _is_count(item: Tuple[Any, Any]) -> bool:
    name, count = item
    return isinstance(name, str) and isinstance(count, (int, float)) and 0 <= count <= MAX_COUNT
