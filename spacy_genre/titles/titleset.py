"""The set of names that a model may generate."""

import threading
import warnings
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
from ..tokenization import NameTokenizer
from . import storage
from .building import check_alias, check_values, encode_name, make_rows
from .changes import PendingChanges
from .compaction import compact_tables
from .normal_form import normal_form
from .overlay import AnyTrie
from .tables import Tables
from .unusual_names import describe_unusual_names
from .view import AddedName, TitleView


class TitleSet:
    """The names that may be generated, with a prefix tree, ids, priors, redirects and aliases.

    A set is built with `TitleSet.build` and stored in one file (`save`, `open`). It can be changed
    while it is in use. Changes are kept in memory on top of the file until the set is saved. Each
    change is atomic: a reader sees all of it or nothing.
    """

    def __init__(self, tables: Tables, tokenizer: Optional[NameTokenizer] = None) -> None:
        """Use `build`, `open` or `from_bytes` instead."""
        self._tokenizer = tokenizer
        self._lock = threading.RLock()
        self._reset(tables)

    def _reset(self, tables: Tables) -> None:
        self._changes = PendingChanges(tables)
        self._view: Optional[TitleView] = self._changes.view()  # None after a change

    # Building and serialization

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
        """Build a set of names. Names, redirects and aliases are stored and looked up in Unicode's
        form NFC, without invisible characters such as zero-width spaces.

        names (Iterable[str]): The N names. Duplicates are merged.
        tokenizer (Union[NameTokenizer, transformers.PreTrainedTokenizerBase]): The tokenizer of
            the model that shall generate the names.
        ids (Optional[Sequence[Optional[str]]]): [N], the id of each name, None for no id.
        prior (Optional[Sequence[float]]): [N], how common each name is, for instance a count. Of
            names with the same tokens the one with the highest prior is chosen, unless another is
            spelled like the mention.
        descriptions (Optional[Sequence[Optional[str]]]): [N], a short description of each name.
        redirects (Optional[Mapping[str, str]]): Redirect -> name or other redirect; see `resolve`.
        aliases (Optional[Mapping[Tuple[str, str], int]]): The count of each (alias, name or
            redirect); see `get_candidates`.
        trie (str): "titles", or "titles+redirects" to generate redirects too. A generated redirect
            stands for its name.
        on_invalid (str): "raise", or "skip" to drop invalid names and redirects.
        required (Optional[Container[str]]): The names and redirects for which "raise" raises;
            other invalid ones are dropped. None for all.
        where (Optional[Callable[[str], str]]): Gives the origin of a name, for instance file and
            line, for error messages.
        header (Optional[Mapping[str, Any]]): More items for the header of the file, as JSON.
        progress (bool): Whether to show a progress bar.
        RETURNS (TitleSet): The set. `header["dropped"]` has the numbers of dropped items.
        RAISES (ValueError): If a name is invalid (no tokens, only unknown tokens, too many tokens,
            not valid Unicode, two ids), if a redirect can't be resolved, or if the count of an
            alias is not an integer of at least 1.
        """
        if isinstance(names, str):
            raise ValueError(Errors.T024.format(names=names))
        tokenizer = NameTokenizer.of(tokenizer)
        names = names if isinstance(names, list) else list(names)
        if on_invalid == "raise" and required is None:
            for message in describe_unusual_names([n for n in names if isinstance(n, str)]):
                warnings.warn(message, stacklevel=2)
        rows, dropped = make_rows(
            names,
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
        build_info = {
            "tokenizer": tokenizer.fingerprint,
            "trie": trie,
            "dropped": dropped,
            "version": version("spacy_genre"),
        }
        return cls(Tables.build(rows, {**(header or {}), **build_info}), tokenizer)

    @classmethod
    def open(cls, path: Union[str, Path], *, tokenizer: Any = None) -> "TitleSet":
        """Open a file. A file of more than 8 MB is opened by memory map, without reading it into
        memory. It may be replaced while it is in use, but not overwritten in place.

        path (Union[str, Path]): A file written by `save`.
        tokenizer (Optional[Any]): The model's tokenizer. It is only needed to add names.
        RETURNS (TitleSet): The set.
        RAISES (FileNotFoundError, ValueError): If the file does not exist; if it is truncated, not
            a title set or of another format version; or if it was built with another tokenizer.
        """
        with storage.open_arrays(Path(path).expanduser()) as parts:
            titles = cls(Tables.from_arrays(*parts, where=str(path)))
        if tokenizer is not None:
            titles.bind(tokenizer)
        return titles

    @classmethod
    def check(cls, path: Union[str, Path]) -> "TitleSet":
        """Read a whole file, verify its checksum, and open it.

        path (Union[str, Path]): A file written by `save`.
        RETURNS (TitleSet): The set.
        RAISES (FileNotFoundError, ValueError): As `open`, and if the checksum is wrong.
        """
        with storage.open_arrays(Path(path).expanduser(), check=True) as parts:
            return cls(Tables.from_arrays(*parts, where=str(path)))

    def save(self, path: Union[str, Path]) -> None:
        """Write the set to a file atomically. An existing file is replaced."""
        write_atomically(Path(path).expanduser(), self.to_bytes())

    def to_bytes(self) -> bytes:
        """Serialize the set, with all changes, as `save` does."""
        view = self.view
        try:
            tables = compact_tables(view)
            return storage.dump(tables.to_arrays(), tables.header)
        finally:
            view.base.check_file()

    def compact(self) -> None:
        """Merge all pending changes into new tables, in memory. Results of queries stay equal."""
        with self._lock:
            view = self.view
            try:
                tables = compact_tables(view)
            finally:
                view.base.check_file()
            self._reset(tables)

    @classmethod
    def from_bytes(cls, data: bytes, *, tokenizer: Any = None) -> "TitleSet":
        """Load the set from the result of `to_bytes`. RAISES (ValueError): As `open`."""
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
        """Use a tokenizer to add names, after a check that the set was built with it.

        tokenizer (Union[NameTokenizer, transformers.PreTrainedTokenizerBase]): The tokenizer.
        RAISES (ValueError): If the set was built with another tokenizer.
        """
        tokenizer = NameTokenizer.of(tokenizer)
        if tokenizer.fingerprint != self.fingerprint:
            raise ValueError(
                Errors.T004.format(found=self.fingerprint, expected=tokenizer.fingerprint)
            )
        self._tokenizer = tokenizer

    # Queries

    @property
    def view(self) -> TitleView:
        """An immutable snapshot with all changes so far. Use one view for queries that must be
        consistent with each other.

        RAISES (ValueError): If the set's file was overwritten in place.
        """
        self._changes.base.check_file()
        view = self._view
        if view is None:
            with self._lock:
                view = self._view = self._changes.view()
        return view

    @property
    def _live_view(self) -> TitleView:
        """A view that changes with the set, for queries under the lock."""
        self._changes.base.check_file()
        return self._changes.live_view

    @property
    def trie(self) -> AnyTrie:
        """The prefix tree of the names' token ids."""
        return self.view.trie

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the tokenizer that the set was built with."""
        return str(self.header.get("tokenizer", ""))

    @property
    def header(self) -> Dict[str, Any]:
        """How the set was built: sources, options, counts, tokenizer, version."""
        return dict(self._changes.base.header)

    @property
    def has_ids(self) -> bool:
        """Whether any name has an id."""
        return self.view.has_ids

    def __len__(self) -> int:
        """The number of names, without redirects."""
        return len(self.view)

    def __contains__(self, name: object) -> bool:
        """Whether a string is a name. A redirect is not; see `resolve`."""
        return isinstance(name, str) and self.view.find(name) >= 0

    def __iter__(self) -> Iterator[str]:
        """The names, sorted."""
        return iter(self.view)

    def __repr__(self) -> str:
        n_redirects = self.view.n_redirects
        return f"<TitleSet of {len(self):,} names and {n_redirects:,} redirects>"

    def resolve(self, name: str) -> Optional[str]:
        """The name itself if it is in the set, the target of a redirect, or None."""
        view = self.view
        row = view.target(name)
        return view.name_at(row) if row >= 0 else None

    def id_of(self, name: str) -> Optional[str]:
        """The id of a name or redirect, or None if it has no id or is not in the set."""
        view = self.view
        row = view.target(name)
        return (view.id_at(row) or None) if row >= 0 else None

    def description_of(self, name: str) -> Optional[str]:
        """The description of a name or redirect, or None."""
        view = self.view
        row = view.target(name)
        return (view.description_at(row) or None) if row >= 0 else None

    def names_of(self, kb_id: str) -> List[str]:
        """All names that have an id."""
        view = self.view
        return [view.name_at(row) for row in view.rows_of_id(kb_id)]

    def get_candidates(self, mention: str, *, relaxed: bool = False) -> List[Tuple[str, int]]:
        """The candidates of a mention that is an alias, a redirect or a name.

        mention (str): The mention's text.
        relaxed (bool): Whether to look for other forms of a mention that has no candidates: case,
            accents, possessive and plural ending, points of initials, and the article "the" are
            ignored, in this order, until there are candidates.
        RETURNS (List[Tuple[str, int]]): The name and count of each candidate (0 if the pair was
            never counted), sorted by count, then by prior, both descending.
        """
        view = self.view
        found = view.look_up(mention)[1] if relaxed else view.get_candidates(mention)
        return [(view.name_at(row), count) for row, count in found]

    def starting_with(self, prefix: str, limit: Optional[int] = None) -> List[str]:
        """The first `limit` names in sorted order that start with a prefix (None for all)."""
        return self.view.starting_with(prefix, limit)

    # Changes

    def add(self, name: str, *, id: Optional[str] = None, prior: Optional[float] = None) -> None:
        """Add a name, so that it can be generated.

        name (str): The name. If it is already in the set with the same id and prior, nothing
            is changed.
        id (Optional[str]): Its id, for components with kb_id = "id".
        prior (Optional[float]): How common it is, in the unit of the other priors. None for 0, or
            for the prior that it already has.
        RAISES (ValueError): If it is in the set with another id or prior, is a redirect, or is
            invalid; or if the set has no tokenizer (see `bind`).
        """
        if not isinstance(name, str) or not name:
            raise ValueError(Errors.T019.format(found=name))
        name = normal_form(name)
        if self._tokenizer is None:
            raise ValueError(Errors.T011)
        check_values(name, id, 0.0 if prior is None else prior)
        if prior is not None:
            prior = float(np.float32(prior))  # as it is stored
        with self._lock:
            view = self._live_view
            if (row := view.find(name)) >= 0:
                _check_same(name, "id", view.id_at(row) or None, id)
                _check_same(name, "prior", view.prior_at(row), prior)
                return
            if (row := view.target(name)) >= 0:
                raise ValueError(Errors.T020.format(name=name, target=view.name_at(row)))
            tokens = encode_name(name, self._tokenizer)
            self._changes.add(AddedName(name, id or "", prior or 0.0, tokens))
            self._view = None

    def add_alias(self, alias: str, name: str, *, count: int = 1) -> None:
        """Add an alias of a name; see `get_candidates`.

        alias (str): The alias.
        name (str): The name, or a redirect to it.
        count (int): How often the alias refers to the name. It is added to the present count.
        RAISES (KeyError, ValueError): If the name is not in the set; if the alias is empty or not
            valid Unicode; or if the count is not an integer from 1 to 4,294,967,295.
        """
        count = check_alias(alias, count)
        with self._lock:
            row = self._live_view.target(name)
            if row < 0:
                raise KeyError(Errors.T010.format(name=name))
            self._changes.add_alias(normal_form(alias), row, count)
            self._view = None

    def remove(self, name: str) -> None:
        """Remove a name with its redirects and aliases, so that it can't be generated any more.

        name (str): The name.
        RAISES (KeyError): If it is not in the set.
        """
        with self._lock:
            row = self._live_view.find(name)
            if row < 0:
                raise KeyError(Errors.T010.format(name=name))
            self._changes.remove(row)
            self._view = None


def _check_same(name: str, what: str, found: Any, new: Any) -> None:
    """RAISES (ValueError): If a value is given that differs from the stored one."""
    if new is not None and new != found:
        raise ValueError(Errors.T014.format(name=name, what=what, found=found, new=new))
