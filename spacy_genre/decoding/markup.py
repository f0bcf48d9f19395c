"""The constraint of end-to-end entity linking: the text again, with mentions and names marked in it
(paper, section 4.2)."""

from dataclasses import astuple, dataclass
from typing import Iterable, List, NamedTuple, Optional, Sequence, Tuple, Union

import numpy as np
from numpy.typing import NDArray

from ..errors import Errors
from ..ragged import IntArray
from ..titles.overlay import AnyTrie, OverlayTrie
from .constraint import Continuations

# The kinds of states.
OUTSIDE, MENTION, CLOSED, NAME = range(4)


@dataclass(frozen=True)
class Markers:
    """The tokens that mark a mention and its name: `{ Leonardo } [ Leonardo da Vinci ]`.

    open_mention, close_mention (int): The tokens around a mention.
    open_name, close_name (int): The tokens around a name.
    """

    open_mention: int
    close_mention: int
    open_name: int
    close_name: int


class MarkedMention(NamedTuple):
    """A mention in a sequence that a `MarkupConstraint` allows.

    start, end (int): The mention's tokens in the source.
    first (int): The index of its opening marker in the sequence.
    name (Tuple[int, ...]): The tokens of its name.
    node (int): The node of the trie at which the name ends.
    """

    start: int
    end: int
    first: int
    name: Tuple[int, ...]
    node: int

    @property
    def name_start(self) -> int:
        """The index of the name's first token in the sequence."""
        return self.first + (self.end - self.start) + 3

    @property
    def last(self) -> int:
        """The index of the name's closing marker in the sequence."""
        return self.name_start + len(self.name)


class MarkupConstraint:
    """Copies of texts in which mentions and their names are marked.

    Outside of a mention, the next token of the source follows, or the opening marker where a
    mention may begin; in a mention, the next token while a longer mention is allowed, or the
    closing marker where a mention may end. Then follow the tokens of a name and its closing marker.
    At the end of the source only the end token follows. A mention is only opened where the longest
    name fits, so that every state has a continuation.

    A state is the number of (position in the sources, tokens that are not copied, slot). The slot
    is the kind of state with the length of the mention so far, or the node of the trie.

    sources (Sequence[Sequence[int]]): [B], the tokens of each text, without special tokens.
    names (Sequence[IntArray]): For each text of S tokens: [S, L], the node of the trie from which
        the names of the mention with the tokens s to s + l descend; -1 if that is no mention. See
        `free_mentions`, `mentions_in_trie` and `given_mentions`.
    trie (AnyTrie): The names. No name may end at one of these nodes.
    markers (Markers): The markers.
    eos (int): The end token.
    max_length (int): The length of the longest sequence, with its end token.
    required (bool): Whether a mention must be opened where it may.
    RAISES (ValueError): If a text has more than `max_length` tokens or contains a marker, or the
        texts are too many for the numbers of states.
    """

    def __init__(
        self,
        sources: Sequence[Sequence[int]],
        names: Sequence[IntArray],
        trie: AnyTrie,
        markers: Markers,
        *,
        eos: int,
        max_length: int,
        required: bool = False,
    ) -> None:
        self.trie, self.markers, self.eos, self.required = trie, markers, eos, required
        self.max_length = max_length
        lengths = np.fromiter(map(len, sources), np.int64, len(sources))
        if (lengths >= max_length).any():
            raise ValueError(Errors.S007.format(found=lengths.max() + 1, limit=max_length))
        # All texts behind each other, each with its end token.
        self.first: IntArray = np.cumsum(lengths + 1) - (lengths + 1)
        self.tokens = np.asarray([t for ids in sources for t in (*ids, eos)], np.int64)
        self.is_end = np.zeros(len(self.tokens), bool)
        self.is_end[self.first + lengths] = True
        marked = np.isin(self.tokens, (*astuple(markers), eos)) & ~self.is_end
        if marked.any():
            raise ValueError(Errors.S008.format(token=self.tokens[marked][0]))
        self.names = _stack(names, lengths)
        _remove_empty(self.names, trie)
        self.width = self.names.shape[1]
        # The longest mention from each position, and how many tokens that are not copied may stand
        # before its opening marker: after it come three more markers and a name.
        index = np.arange(1, self.width + 1)
        self.longest = np.max(np.where(self.names >= 0, index, 0), axis=1, initial=0)
        self.room = max_length - 1 - np.repeat(lengths, lengths + 1) - 4 - trie.depth
        self.n_extra = int(max_length - 1 - lengths.min(initial=max_length - 1)) + 1
        self.first_node = 2 * self.width + 2
        self.n_slots = self.first_node + _n_nodes(trie)
        if len(self.tokens) * self.n_extra * self.n_slots >= 2**63:
            raise ValueError(Errors.S009.format(tokens=len(self.tokens)))
        self.max_token = int(max(self.tokens.max(initial=0), *astuple(markers), trie.max_token))
        self.start_states: IntArray = self._state(self.first, 0, 0)

    def _state(
        self, position: IntArray, extra: Union[IntArray, int], slot: Union[IntArray, int]
    ) -> IntArray:
        return (position * self.n_extra + extra) * self.n_slots + slot

    def _parts(self, states: IntArray) -> "_Parts":
        rest, slot = np.divmod(np.asarray(states, np.int64), self.n_slots)
        position, extra = np.divmod(rest, self.n_extra)
        return _Parts(position, extra, slot, np.searchsorted(self._kinds, slot, "right") - 1)

    @property
    def _kinds(self) -> List[int]:
        """The first slot of each kind of states."""
        return [0, 1, self.width + 2, self.first_node]

    # What may follow

    def n_continuations(self, states: IntArray) -> IntArray:
        """As `Constraint.n_continuations`."""
        at = self._parts(states)
        copies, opens = self._may_copy_and_mark(at)
        count = copies.astype(np.int64) + opens
        names = np.flatnonzero(at.kind == NAME)
        if len(names):
            count[names] += self.trie.n_children(at.slot[names] - self.first_node)
        return count

    def continuations(self, states: IntArray) -> Continuations:
        """As `Constraint.continuations`. The state of an end token is the one that it follows."""
        at = self._parts(states)
        copies, marks = self._may_copy_and_mark(at)
        parts = [self._copies(at, np.flatnonzero(copies)), self._marks(at, np.flatnonzero(marks))]
        if (at.kind == NAME).any():
            parts.append(self._name_tokens(at, np.flatnonzero(at.kind == NAME)))
        ends = np.flatnonzero((at.kind == OUTSIDE) & self.is_end[at.position])
        if len(ends):
            parts.append((ends, np.full(len(ends), self.eos), np.asarray(states)[ends]))
        return _join(parts, self.eos)

    def look_ahead(self, states: IntArray) -> Continuations:
        """As `Constraint.look_ahead`: outside of mentions only copies are likely."""
        at = self._parts(states)
        copies, marks = self._may_copy_and_mark(at)
        marks &= (at.kind != OUTSIDE) | ~copies
        parts = [self._copies(at, np.flatnonzero(copies)), self._marks(at, np.flatnonzero(marks))]
        names = np.flatnonzero(at.kind == NAME)
        if len(names):
            few = self.trie.n_children(at.slot[names] - self.first_node) + marks[names] <= 2
            marks[names[~few]] = False
            parts[1] = self._marks(at, np.flatnonzero(marks))
            parts.append(self._name_tokens(at, names[few]))
        return _join(parts, self.eos)

    def _may_copy_and_mark(self, at: "_Parts") -> Tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Whether each state may be followed by the next token of the source, and by a marker."""
        is_outside, is_mention = at.kind == OUTSIDE, at.kind == MENTION
        marks = is_outside & (self.longest[at.position] > 0)
        marks &= at.extra <= self.room[at.position]
        copies = is_outside & ~self.is_end[at.position]
        if self.required:
            copies &= ~marks
        rows = np.flatnonzero(is_mention)
        if len(rows):
            length = at.slot[rows] - 1
            start = at.position[rows] - length
            copies[rows] = length < self.longest[start]
            marks[rows] = (length > 0) & (self.names[start, np.maximum(length, 1) - 1] >= 0)
        marks |= at.kind == CLOSED
        rows = np.flatnonzero(at.kind == NAME)
        if len(rows):
            marks[rows] = self.trie.is_end(at.slot[rows] - self.first_node)
        return copies, marks

    def _copies(self, at: "_Parts", rows: IntArray) -> "_Columns":
        """The next token of the source after some states."""
        slot = at.slot[rows]
        slot = np.where(slot > 0, slot + 1, 0)  # a mention grows
        position = at.position[rows]
        return rows, self.tokens[position], self._state(position + 1, at.extra[rows], slot)

    def _marks(self, at: "_Parts", rows: IntArray) -> "_Columns":
        """The next marker after some states."""
        kind, slot, position = at.kind[rows], at.slot[rows], at.position[rows]
        token = np.asarray(astuple(self.markers))[kind]
        length = slot - 1 - self.width  # of a mention that is closed
        index = np.flatnonzero(kind == CLOSED)
        roots = np.zeros(len(rows), np.int64)
        roots[index] = self.names[position[index] - length[index], length[index] - 1]
        choices = [np.ones_like(slot), slot + self.width, self.first_node + roots, 0 * slot]
        return rows, token, self._state(position, at.extra[rows] + 1, np.choose(kind, choices))

    def _name_tokens(self, at: "_Parts", rows: IntArray) -> "_Columns":
        """The next tokens of names. Where a name may end, its closing marker is never a token of a
        longer name."""
        nodes = at.slot[rows] - self.first_node
        row, children = self.trie.children(nodes)
        token = self.trie.token_of(children).astype(np.int64)
        clash = token == self.markers.close_name
        if clash.any():
            keep = ~(clash & self.trie.is_end(nodes)[row])
            row, children, token = row[keep], children[keep], token[keep]
        row = rows[row]
        slot = children.astype(np.int64) + self.first_node
        return row, token, self._state(at.position[row], at.extra[row] + 1, slot)

    # Sequences to mentions

    def mentions(self, index: int, tokens: Sequence[int]) -> List[MarkedMention]:
        """The mentions in a sequence that this constraint allows, in order.

        index (int): The index of its input.
        tokens (Sequence[int]): The sequence, without the end token.
        """
        found, position, i = [], int(self.first[index]), 0
        while i < len(tokens):
            if tokens[i] != self.markers.open_mention:
                position, i = position + 1, i + 1
                continue
            length = tokens.index(self.markers.close_mention, i) - i - 1
            root = int(self.names[position, length - 1])
            start = position - int(self.first[index])
            name, node = self._name(root, tokens, i + length + 3)
            found.append(MarkedMention(start, start + length, i, name, node))
            position, i = position + length, found[-1].last + 1
        return found

    def _name(self, root: int, tokens: Sequence[int], start: int) -> Tuple[Tuple[int, ...], int]:
        """The name that begins at an index of a sequence, and the node at which it ends."""
        end, node = start, root
        while True:
            if tokens[end] == self.markers.close_name and self.trie.is_end(np.asarray([node]))[0]:
                return tuple(tokens[start:end]), node
            node = find_from(self.trie, node, tokens[end : end + 1])
            end += 1


class _Parts(NamedTuple):
    """The parts of states, [R] each."""

    position: IntArray
    extra: IntArray
    slot: IntArray
    kind: IntArray


# Rows, tokens and states of continuations, [C] each.
_Columns = Tuple[IntArray, IntArray, IntArray]


def _join(parts: Sequence[_Columns], eos: int) -> Continuations:
    row, token, state = (np.concatenate(column) for column in zip(*parts, strict=True))
    order = np.argsort(row, kind="stable")
    row, token, state = row[order], token[order], state[order]
    return Continuations(row, token, state, token == eos)


def _n_nodes(trie: AnyTrie) -> int:
    if isinstance(trie, OverlayTrie):
        return trie.base.n_nodes + len(trie.new_tokens)
    return trie.n_nodes


def _stack(names: Sequence[IntArray], lengths: IntArray) -> IntArray:
    """The tables of all texts, each with a row for its end token, at one width."""
    width = max([1, *(table.shape[1] for table in names)])
    stacked = np.full((int(lengths.sum()) + len(lengths), width), -1, np.int64)
    start = 0
    for table, length in zip(names, lengths.tolist(), strict=True):
        if len(table) != length:
            raise ValueError(Errors.S010.format(found=len(table), tokens=length))
        # A mention does not go beyond the text.
        inside = np.arange(length)[:, None] + np.arange(table.shape[1]) < length
        stacked[start : start + length, : table.shape[1]] = np.where(inside, table, -1)
        start += length + 1
    return stacked


def _remove_empty(names: IntArray, trie: AnyTrie) -> None:
    """Remove the mentions that have no names."""
    roots = np.unique(names)
    roots = roots[roots >= 0]
    if len(roots):
        empty = roots[trie.n_children(roots) == 0]
        if len(empty):
            names[np.isin(names, empty)] = -1


def find_from(trie: AnyTrie, node: int, tokens: Iterable[int]) -> int:
    """The node of a sequence of tokens below a node, or -1."""
    for token in tokens:
        _, children = trie.children(np.asarray([node]))
        matches = children[trie.token_of(children) == token]
        if not len(matches):
            return -1
        node = int(matches[0])
    return node


# Which mentions are allowed


def free_mentions(
    n_tokens: int,
    max_tokens: int,
    root: int = 0,
    *,
    starts: Optional[NDArray[np.bool_]] = None,
    ends: Optional[NDArray[np.bool_]] = None,
) -> IntArray:
    """Mentions of any tokens, up to a length. Returns a table for `MarkupConstraint`.

    n_tokens (int): S, the length of the text.
    max_tokens (int): L, the length of the longest mention.
    root (int): The node of the trie from which the names of all mentions descend.
    starts, ends (Optional[NDArray[np.bool_]]): [S], the tokens with which a mention may begin, and
        end; None for all.
    """
    last = np.arange(n_tokens)[:, None] + np.arange(max_tokens)
    allowed = last < n_tokens
    if starts is not None:
        allowed &= starts[:, None]
    if ends is not None:
        allowed &= ends[np.minimum(last, n_tokens - 1)]
    return np.where(allowed, root, -1)


def mentions_in_trie(source: Sequence[int], trie: AnyTrie, root: int = 0) -> IntArray:
    """Mentions that are the sequences of a trie. Returns a table for `MarkupConstraint`.

    source (Sequence[int]): The tokens of the text.
    trie (AnyTrie): The mentions.
    root (int): The node of the *names'* trie from which the names of all mentions descend.
    """
    tokens = np.asarray(source, np.int64)
    table = np.full((len(tokens), max(trie.depth, 1)), -1, np.int64)
    start, node = np.arange(len(tokens)), np.zeros(len(tokens), np.int64)
    for length in range(trie.depth):
        inside = start + length < len(tokens)
        start, node = start[inside], node[inside]
        # Equal pairs of a node and a token are looked up once: the root has many children.
        pairs = np.stack([node, tokens[start + length]])
        (nodes, wanted), which = np.unique(pairs, axis=1, return_inverse=True)
        each, which_node = np.unique(nodes, return_inverse=True)
        row, children = trie.children(each)
        keys = row * 2**32 + trie.token_of(children)  # ascending
        place = np.searchsorted(keys, which_node * 2**32 + wanted)
        place = np.minimum(place, len(keys) - 1)
        if not len(keys):
            break
        found = keys[place] == which_node * 2**32 + wanted
        node = np.where(found, children[place], -1)[which.reshape(-1)]
        start, node = start[node >= 0], node[node >= 0]
        table[start[trie.is_end(node)], length] = root
    return table


def given_mentions(n_tokens: int, spans: Iterable[Tuple[int, int, int]]) -> IntArray:
    """Certain spans. Returns a table for `MarkupConstraint`.

    n_tokens (int): S, the length of the text.
    spans (Iterable[Tuple[int, int, int]]): The first token of each mention, the one after its last,
        and the node of the trie from which its names descend.
    """
    spans = [span for span in spans if 0 <= span[0] < span[1] <= n_tokens and span[2] >= 0]
    width = max([1, *(end - start for start, end, _ in spans)])
    table = np.full((n_tokens, width), -1, np.int64)
    for start, end, node in spans:
        table[start, end - start - 1] = node
    return table
