"""The names that can come out of the model, and what each of them leads to."""

import threading
from importlib.metadata import version
from pathlib import Path
from typing import (
    Any,
    Callable,
    Container,
    Dict,
    Iterable,
    Iterator,
    List,
    Mapping,
    Optional,
    Sequence,
    Tuple,
    Union,
)

import numpy as np

from ..atomic import write_atomically
from ..errors import Errors
from ..titles import storage
from ..tokenization import NameTokenizer
from .building import check_alias, check_values, make_rows, encode_name
from .changes import PendingChanges
from .compaction import compact_tables
from .overlay import AnyTrie
from .tables import Tables
from .view import AddedName, TitleView


class TitleSet:
    """The names that exist: their prefix tree, ids, priors, redirects and aliases.

    A set is made with `TitleSet.build` and kept in one file (`save`, `open`). It can be changed
    while it is in use: changes lie on top of the file, which is not rewritten, and take effect as
    a whole at the next look at the set.
    """

    def __init__(self, tables: Tables, tokenizer: Optional[NameTokenizer] = None) -> None:
        """Not called directly: see `build`, `open` and `from_bytes`."""
        self._tokenizer = tokenizer
        self._lock = threading.RLock()
        self._start_from(tables)

    def _start_from(self, tables: Tables) -> None:
        self._changes = PendingChanges(tables)
        self._view: Optional[TitleView] = self._changes.view()  # None after a change

    # Making a set

    @classmethod
    def build(
        cls,
        names: Iterable[str],
        tokenizer: Any,
        *,
        ids: Optional[Sequence[Optional[str]]] = None,
        prior: Optional[Sequence[float]] = None,
        descriptions: Optional[Sequence[Optional[str]]] = None,
        redirects: Optional[Mapping[str, str]] = None,
        aliases: Optional[Mapping[Tuple[str, str], int]] = None,
        trie: str = "titles",
        on_invalid: str = "raise",
        required: Optional[Container[str]] = None,
        where: Optional[Callable[[str], str]] = None,
        header: Optional[Mapping[str, Any]] = None,
        progress: bool = False,
    ) -> "TitleSet":
        """Make a set of names.

        names (Iterable[str]): The names. One that comes more than once is kept once.
        tokenizer (Union[NameTokenizer, transformers.PreTrainedTokenizerBase]): The tokenizer of
            the model that shall generate the names.
        ids (Optional[Sequence[Optional[str]]]): The id of each name, if it has one.
        prior (Optional[Sequence[float]]): How common each name is (a count, say). Of names that
            become the same tokens the most common wins, unless one is written like the mention.
        descriptions (Optional[Sequence[Optional[str]]]): A line about each name, if there is one.
        redirects (Optional[Mapping[str, str]]): Other names, and the name that each stands for
            (or another redirect): see `resolve`.
        aliases (Optional[Mapping[Tuple[str, str], int]]): How often a mention (first) was seen to
            stand for a name or redirect (second): see `candidates`.
        trie (str): "titles", or "titles+redirects" if redirects are to be generated as well; a
            generated redirect counts as the name that it leads to.
        on_invalid (str): "raise", or "skip" to leave out names and redirects that can't be used.
        required (Optional[Container[str]]): The names and redirects that "raise" is about; all
            others are left out. None for all of them.
        where (Optional[Callable[[str], str]]): Tells where a name comes from (a file and line,
            say), for errors.
        header (Optional[Mapping[str, Any]]): What else is to be noted of how the set was made.
        progress (bool): Whether to show a progress bar.
        RETURNS (TitleSet): The set; `header["dropped"]` counts what was left out.
        RAISES (ValueError): If a name can't be used: it has no tokens, only unknown ones, or too
            many, is not valid Unicode, or has two ids; if a redirect leads to no name; or if the
            count of an alias is no whole number, 1 or more.
        """
        if isinstance(names, str):
            raise ValueError(Errors.T024.format(names=names))
        tokenizer = NameTokenizer.of(tokenizer)
        rows, dropped = make_rows(
            names if isinstance(names, list) else list(names),
            tokenizer,
            ids=ids,
            prior=prior,
            descriptions=descriptions,
            redirects=redirects or {},
            aliases=aliases or {},
            trie=trie,
            on_invalid=on_invalid,
            required=required,
            where=where,
            progress=progress,
        )
        made = {
            "tokenizer": tokenizer.fingerprint,
            "trie": trie,
            "dropped": dropped,
            "version": version("spacy_genre"),
        }
        return cls(Tables.build(rows, {**(header or {}), **made}), tokenizer)

    @classmethod
    def open(cls, path: Union[str, Path], *, tokenizer: Any = None) -> "TitleSet":
        """Open a file that `save` wrote, by memory map: it is not read into memory.

        path (Union[str, Path]): The file.
        tokenizer (Optional[Any]): The model's tokenizer, needed only to add names.
        RAISES (FileNotFoundError, ValueError): If there is no such file; if it is cut, not a
            title set or of another format; or if it was made with another tokenizer.
        """
        with storage.open_arrays(Path(path).expanduser()) as parts:
            titles = cls(Tables.from_arrays(*parts, where=str(path)))
        if tokenizer is not None:
            titles.bind(tokenizer)
        return titles

    @classmethod
    def check(cls, path: Union[str, Path]) -> "TitleSet":
        """Open a file after reading all of it, to see whether it is as it was written.

        RAISES (FileNotFoundError, ValueError): As `open`; and if any of it has changed.
        """
        with storage.open_arrays(Path(path).expanduser(), check=True) as parts:
            return cls(Tables.from_arrays(*parts, where=str(path)))

    def save(self, path: Union[str, Path]) -> None:
        """Write the set to a file, whole or not at all. A file that is there is replaced."""
        write_atomically(Path(path).expanduser(), self.to_bytes())

    def to_bytes(self) -> bytes:
        """The content of the file that `save` would write; changes are folded in."""
        tables = compact_tables(self.view)
        return storage.dump(tables.to_arrays(), tables.header)

    def compact(self) -> None:
        """Fold all changes into new tables, in memory. Nothing that can be asked changes."""
        with self._lock:
            self._start_from(compact_tables(self.view))

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
    def view(self) -> TitleView:
        """The set as it is after every change so far. Take it once for things that must agree
        with each other: a change makes another view and leaves this one as it is."""
        view = self._view
        if view is None:
            with self._lock:
                view = self._view = self._changes.view()
        return view

    @property
    def trie(self) -> AnyTrie:
        """The prefix tree of the names' tokens."""
        return self.view.trie

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the tokenizer that the set was made with."""
        return str(self.header.get("tokenizer", ""))

    @property
    def header(self) -> Dict[str, Any]:
        """How the set was made."""
        return dict(self._changes.base.header)

    @property
    def has_ids(self) -> bool:
        return self.view.has_ids

    def __len__(self) -> int:
        """The number of names, redirects not counted."""
        return len(self.view)

    def __contains__(self, name: object) -> bool:
        """Whether it is a name. A redirect is none: see `resolve`."""
        return isinstance(name, str) and self.view.find(name) >= 0

    def __iter__(self) -> Iterator[str]:
        """The names, sorted."""
        return iter(self.view)

    def __repr__(self) -> str:
        n_redirects = self.view.n_redirects
        return f"<TitleSet of {len(self):,} names and {n_redirects:,} redirects>"

    def resolve(self, name: str) -> Optional[str]:
        """The name itself if it is in the set, the name it leads to if it is a redirect, or
        None."""
        view = self.view
        row = view.target(name)
        return view.name_at(row) if row >= 0 else None

    def id_of(self, name: str) -> Optional[str]:
        """The id of a name or redirect, or None if it has none or is not in the set."""
        view = self.view
        row = view.target(name)
        return (view.id_at(row) or None) if row >= 0 else None

    def description_of(self, name: str) -> Optional[str]:
        """The description of a name or redirect, or None."""
        view = self.view
        row = view.target(name)
        return (view.description_at(row) or None) if row >= 0 else None

    def names_of(self, kb_id: str) -> List[str]:
        """All names that have the id."""
        view = self.view
        return [view.name_at(row) for row in view.rows_of_id(kb_id)]

    def get_candidates(self, mention: str) -> List[Tuple[str, int]]:
        """The names that a mention may stand for, and how often it was seen to, as an alias, a
        redirect or a name; the most frequent first, then the one with the highest prior."""
        view = self.view
        return [(view.name_at(row), count) for row, count in view.get_candidates(mention)]

    def starting_with(self, prefix: str, limit: Optional[int] = None) -> List[str]:
        """The names that start with a prefix, sorted; at most `limit` of them."""
        return self.view.starting_with(prefix, limit)

    # Changing it

    def add(self, name: str, *, id: Optional[str] = None, prior: Optional[float] = None) -> None:
        """Add a name: from now on it can be generated.

        name (str): The name. Nothing happens if it is in the set with the same id and prior.
        id (Optional[str]): What it leads to, for components with kb_id = "id".
        prior (Optional[float]): How common it is, in the unit of the other names' priors; None for
            0, or for what it has.
        RAISES (ValueError): If it is in the set with another id or prior, is a redirect, or can't
            be used; and if the set knows no tokenizer (see `bind`).
        """
        if not isinstance(name, str) or not name:
            raise ValueError(Errors.T019.format(found=name))
        if self._tokenizer is None:
            raise ValueError(Errors.T011)
        check_values(name, id, 0.0 if prior is None else prior)
        if prior is not None:
            prior = float(np.float32(prior))  # as it is kept
        with self._lock:
            now = self._changes.live_view
            if (row := now.find(name)) >= 0:
                _check_same(name, "id", now.id_at(row) or None, id)
                _check_same(name, "prior", now.prior_at(row), prior)
                return
            if (row := now.target(name)) >= 0:
                raise ValueError(Errors.T020.format(name=name, target=now.name_at(row)))
            tokens = encode_name(name, self._tokenizer)
            self._changes.add(AddedName(name, id or "", prior or 0.0, tokens))
            self._view = None

    def add_alias(self, alias: str, name: str, *, count: int = 1) -> None:
        """Note that a mention may stand for a name: see `candidates`.

        alias (str): The mention.
        name (str): The name, or a redirect to it.
        count (int): How often it was seen to; added to what was known.
        RAISES (KeyError, ValueError): If the name is not in the set; if the alias is no text that
            can be kept, or the count no whole number from 1 to 4,294,967,295.
        """
        count = check_alias(alias, count)
        with self._lock:
            row = self._changes.live_view.target(name)
            if row < 0:
                raise KeyError(Errors.T010.format(name=name))
            self._changes.add_alias(alias, row, count)
            self._view = None

    def remove(self, name: str) -> None:
        """Remove a name, and the redirects and aliases that lead to it: it can't be generated any
        more.

        RAISES (KeyError): If it is not in the set.
        """
        with self._lock:
            row = self._changes.live_view.find(name)
            if row < 0:
                raise KeyError(Errors.T010.format(name=name))
            self._changes.remove(row)
            self._view = None


def _check_same(name: str, what: str, found: Any, new: Any) -> None:
    """RAISES (ValueError): If a name that is there is to have something else than it has."""
    if new is not None and new != found:
        raise ValueError(Errors.T014.format(name=name, what=what, found=found, new=new))
