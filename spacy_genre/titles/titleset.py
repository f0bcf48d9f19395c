"""The names that can come out of the model, and what each of them leads to."""

import threading
from pathlib import Path
from typing import Any, Dict, Iterable, Iterator, List, Mapping, Optional, Sequence, Tuple, Union

import numpy as np

from ..errors import Errors
from ..files import write_whole
from ..tokenization import NameTokenizer
from . import storage
from .redirects import resolve_redirects
from .tables import Tables
from .trie import TokenTrie


class TitleSet:
    """The names that exist: their prefix tree, ids, priors and redirects.

    A set is made with `TitleSet.build` and kept in one file (`save`, `open`). It can be changed
    while it is in use: a change takes effect as a whole, at the next look at the set.
    """

    def __init__(self, tables: Tables, tokenizer: Optional[NameTokenizer] = None) -> None:
        """Not called directly: see `build`, `open` and `from_bytes`."""
        self._tables = tables
        self._tokenizer = tokenizer
        # Changes wait here until somebody looks: id and prior of a new name, None for a name
        # that is gone.
        self._changes: Dict[str, Optional[Tuple[str, float]]] = {}
        self._lock = threading.RLock()

    # Making a set

    @classmethod
    def build(
        cls,
        names: Iterable[str],
        tokenizer: Any,
        *,
        ids: Optional[Sequence[Optional[str]]] = None,
        prior: Optional[Sequence[float]] = None,
        redirects: Optional[Mapping[str, str]] = None,
        on_invalid: str = "raise",
    ) -> "TitleSet":
        """Make a set of names.

        names (Iterable[str]): The names. One that comes more than once is kept once.
        tokenizer (Union[NameTokenizer, transformers.PreTrainedTokenizerBase]): The tokenizer of
            the model that shall generate the names.
        ids (Optional[Sequence[Optional[str]]]): The id of each name, if it has one.
        prior (Optional[Sequence[float]]): How common each name is (a count, say). Of names that
            become the same tokens the most common wins, unless one is written like the mention.
        redirects (Optional[Mapping[str, str]]): Other names, and the name that each stands for
            (or another redirect). They are not generated, but looked up: see `resolve`.
        on_invalid (str): "raise", or "skip" to leave out names and redirects that can't be used.
        RETURNS (TitleSet): The set; `header["dropped"]` counts what was left out.
        RAISES (ValueError): If a name can't be used: it has no tokens or too many, is not valid
            Unicode, or has two ids; or if a redirect leads to no name.
        """
        if on_invalid not in ("raise", "skip"):
            raise ValueError(Errors.T006.format(value=on_invalid))
        tokenizer = NameTokenizer.of(tokenizer)
        rows = _collect(list(names), ids, prior)
        kept, tokens, bad = _tokenize(rows, tokenizer)
        targets, lost = resolve_redirects(redirects or {}, kept)
        if on_invalid == "raise":
            _complain(bad, len(rows), lost, tokenizer)
        header = {
            "tokenizer": tokenizer.fingerprint,
            "dropped": {"names": len(bad), "redirects": len(lost)},
        }
        return cls(Tables.build(kept, tokens, targets, header), tokenizer)

    @classmethod
    def open(cls, path: Union[str, Path], *, tokenizer: Any = None) -> "TitleSet":
        """Open a file that `save` wrote, by memory map: it is not read into memory.

        path (Union[str, Path]): The file.
        tokenizer (Optional[Any]): The model's tokenizer, needed only to add names.
        RAISES (FileNotFoundError, ValueError): If there is no such file; if it is cut, not a
            title set or of another format; or if it was made with another tokenizer.
        """
        titles = cls(Tables.from_arrays(*storage.read(Path(path)), where=str(path)))
        if tokenizer is not None:
            titles.bind(tokenizer)
        return titles

    def save(self, path: Union[str, Path]) -> None:
        """Write the set to a file, whole or not at all. A file that is there is replaced."""
        write_whole(Path(path), self.to_bytes())

    def to_bytes(self) -> bytes:
        """The content of the file that `save` would write."""
        tables = self.tables
        return storage.dump(tables.to_arrays(), tables.header)

    @classmethod
    def from_bytes(cls, data: bytes, *, tokenizer: Any = None) -> "TitleSet":
        """The set whose `to_bytes` gave the data. RAISES (ValueError): As `open`."""
        titles = cls(Tables.from_arrays(*storage.parse(data, "the data"), where="the data"))
        if tokenizer is not None:
            titles.bind(tokenizer)
        return titles

    def __getstate__(self) -> Dict[str, Any]:
        return {"data": self.to_bytes(), "tokenizer": self._tokenizer}

    def __setstate__(self, state: Dict[str, Any]) -> None:
        tables = Tables.from_arrays(*storage.parse(state["data"], "the data"), where="the data")
        TitleSet.__init__(self, tables, state["tokenizer"])

    def bind(self, tokenizer: Any) -> None:
        """Check that the set was made with this tokenizer, and use it for names to be added.

        RAISES (ValueError): If the set was made with another tokenizer.
        """
        tokenizer = NameTokenizer.of(tokenizer)
        if tokenizer.fingerprint != self.fingerprint:
            raise ValueError(
                Errors.T004.format(found=self.fingerprint, expected=tokenizer.fingerprint)
            )
        self._tokenizer = tokenizer

    # Asking it

    @property
    def tables(self) -> Tables:
        """All arrays, as they are after every change so far. Look at it once for things that
        must agree with each other: a change makes new tables and leaves these as they are."""
        if self._changes:
            with self._lock:
                self._settle()
        return self._tables

    @property
    def trie(self) -> TokenTrie:
        """The prefix tree of the names' tokens."""
        return self.tables.trie

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the tokenizer that the set was made with."""
        return str(self._tables.header.get("tokenizer", ""))

    @property
    def header(self) -> Dict[str, Any]:
        """How the set was made."""
        return dict(self._tables.header)

    @property
    def has_ids(self) -> bool:
        return self.tables.ids is not None

    def __len__(self) -> int:
        """The number of names, redirects not counted."""
        return len(self.tables.names)

    def __contains__(self, name: object) -> bool:
        """Whether the name can be generated. A redirect can't: see `resolve`."""
        return isinstance(name, str) and self.tables.names.find(name) >= 0

    def __iter__(self) -> Iterator[str]:
        """The names, sorted."""
        return iter(self.tables.names)

    def __repr__(self) -> str:
        n_redirects = len(self.tables.redirects)
        return f"<TitleSet of {len(self):,} names and {n_redirects:,} redirects>"

    def resolve(self, name: str) -> Optional[str]:
        """The name itself if it is in the set, the name it leads to if it is a redirect, or
        None."""
        tables = self.tables
        if tables.names.find(name) >= 0:
            return name
        row = tables.redirects.find(name)
        return tables.names[int(tables.targets[row])] if row >= 0 else None

    def id_of(self, name: str) -> Optional[str]:
        """The id of a name or redirect, or None if it has none or is not in the set."""
        target = self.resolve(name)
        tables = self.tables
        return (tables.id_at(tables.names.find(target)) or None) if target is not None else None

    def names_of(self, kb_id: str) -> List[str]:
        """All names that have the id."""
        tables = self.tables
        if tables.ids is None or not kb_id:
            return []
        # A scan: nothing in linking asks for it.
        return [tables.names[i] for i, other in enumerate(tables.ids) if other == kb_id]

    # Changing it

    def add(self, name: str, *, id: Optional[str] = None, prior: float = 0.0) -> None:
        """Add a name: from now on it can be generated.

        name (str): The name. Nothing happens if it is in the set with the same id.
        id (Optional[str]): What it leads to, for components with kb_id = "id".
        prior (float): How common it is, in the unit of the other names' priors.
        RAISES (ValueError): If it is in the set with another id, is a redirect, or can't be
            used; and if the set knows no tokenizer (see `bind`).
        """
        if not isinstance(name, str) or not name:
            raise ValueError(Errors.T019.format(found=name))
        if self._tokenizer is None:
            raise ValueError(Errors.T011)
        with self._lock:
            if (found := self._find(name)) is not None:
                if id is not None and found[0] != id:
                    raise ValueError(Errors.T014.format(name=name, found=found[0], new=id))
                return
            if (row := self._tables.redirects.find(name)) >= 0:
                target = self._tables.names[int(self._tables.targets[row])]
                raise ValueError(Errors.T020.format(name=name, target=target))
            _, _, bad = _tokenize({name: ("", 0.0)}, self._tokenizer)
            _complain(bad, 1, {}, self._tokenizer)
            self._changes[name] = (id or "", prior)

    def remove(self, name: str) -> None:
        """Remove a name, and the redirects that lead to it: it can't be generated any more.

        RAISES (KeyError): If it is not in the set.
        """
        with self._lock:
            if self._find(name) is None:
                raise KeyError(Errors.T010.format(name=name))
            self._changes[name] = None

    def _find(self, name: str) -> Optional[Tuple[str, float]]:
        """The id and prior of a name, changes included, without making new tables."""
        if name in self._changes:
            return self._changes[name]
        row = self._tables.names.find(name)
        return (self._tables.id_at(row), self._tables.prior_at(row)) if row >= 0 else None

    def _settle(self) -> None:
        """Make new tables with the changes that wait."""
        old, changes = self._tables, self._changes
        rows = {name: row for name, row in old.rows().items() if name not in changes}
        flat, lengths = old.tokens()
        pieces = dict(zip(old.names, np.split(flat, np.cumsum(lengths)[:-1]), strict=False))
        new = {name: row for name, row in changes.items() if row is not None}
        if new:
            assert self._tokenizer is not None  # `add` has seen to it
            new, (flat, lengths), _ = _tokenize(new, self._tokenizer)
            pieces |= zip(new, np.split(flat, np.cumsum(lengths)[:-1]), strict=True)
        rows = dict(sorted({**rows, **new}.items()))
        redirects = {r: t for r, t in old.redirect_map().items() if t in rows}
        tokens = _ragged([pieces[name] for name in rows])
        self._tables = Tables.build(rows, tokens, redirects, old.header)
        self._changes = {}


def _collect(
    names: List[str],
    ids: Optional[Sequence[Optional[str]]],
    prior: Optional[Sequence[float]],
) -> Dict[str, Tuple[str, float]]:
    """Each name once, in sorted order, with its id and prior."""
    for what, values in (("ids", ids), ("prior", prior)):
        if values is not None and len(values) != len(names):
            raise ValueError(Errors.T012.format(what=what, found=len(values), expected=len(names)))
    rows: Dict[str, Tuple[str, float]] = {}
    for i, name in enumerate(names):
        kb_id = (ids[i] if ids is not None else None) or ""
        common = float(prior[i]) if prior is not None else 0.0
        if name in rows:
            other, before = rows[name]
            if kb_id and other and kb_id != other:
                raise ValueError(Errors.T008.format(name=name, first=other, second=kb_id))
            kb_id, common = kb_id or other, max(common, before)
        rows[name] = (kb_id, common)
    return dict(sorted(rows.items()))


def _tokenize(
    rows: Dict[str, Tuple[str, float]], tokenizer: NameTokenizer
) -> Tuple[Dict[str, Tuple[str, float]], Tuple[np.ndarray, np.ndarray], List[str]]:
    """Sort out the names that can be used; their tokens; and those that can't be."""
    valid = [name for name in rows if _is_unicode(name)]
    kept: Dict[str, Tuple[str, float]] = {}
    tokens = []
    for start in range(0, len(valid), 50_000):  # the tokenizer's objects are large
        names = valid[start : start + 50_000]
        for name, ids in zip(names, tokenizer.encode(names), strict=True):
            if 0 < len(ids) <= tokenizer.max_tokens:
                kept[name] = rows[name]
                tokens.append(np.asarray(ids, np.uint32))
    return kept, _ragged(tokens), [name for name in rows if name not in kept]


def _ragged(tokens: List[np.ndarray]) -> Tuple[np.ndarray, np.ndarray]:
    lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
    return np.concatenate([np.zeros(0, np.int64), *tokens]), lengths


def _is_unicode(name: str) -> bool:
    try:
        name.encode("utf8")
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _complain(
    bad: Sequence[str], total: int, lost: Mapping[str, str], tokenizer: NameTokenizer
) -> None:
    if bad:
        examples = ", ".join(ascii(name[:60]) for name in bad[:5])
        raise ValueError(
            Errors.T005.format(
                count=len(bad), total=total, examples=examples, limit=tokenizer.max_tokens
            )
        )
    if lost:
        examples = "; ".join(f"{name!r}: {why}" for name, why in list(lost.items())[:5])
        raise ValueError(Errors.T009.format(count=len(lost), examples=examples))
