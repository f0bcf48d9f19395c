"""Reading of pickles without executing anything.

Python's own unpickler calls the functions that a file names. This reader has no call at all: it
knows the opcodes of plain data (numbers, strings, lists, tuples, dicts, sets), and turns the few
classes that the official GENRE code stores into a `Record` of their state. The opcodes are parsed
by `pickletools` of the standard library, from a memory map: a file can't claim more bytes than it
has. The memo is a list that grows by one object at a time.
"""

import gc
import mmap
import pickletools
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Callable, Dict, FrozenSet, Iterator, List, NamedTuple, Tuple

from ..errors import Errors

# Classes whose objects are read as the plain value that they are made of.
PLAIN: Dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("builtins.set", "__builtin__.set"), set),
    **dict.fromkeys(("builtins.frozenset", "__builtin__.frozenset"), frozenset),
    "collections.OrderedDict": dict,
    "collections.Counter": dict,
    "collections.defaultdict": dict,
}
# The default factories of a defaultdict. They are never called.
FACTORIES = frozenset(
    f"{module}.{name}"
    for module in ("builtins", "__builtin__")
    for name in ("list", "set", "dict", "int")
)
# What protocols 0 to 2 make bytes with: (text, "latin1").
ENCODE = "_codecs.encode"
# What protocols 0 and 1 make an object with: (class, object, None).
RECONSTRUCTOR = ("copyreg._reconstructor", "copy_reg._reconstructor")
OBJECT = ("builtins.object", "__builtin__.object")


class Class(NamedTuple):
    """The name of a class in a pickle."""

    name: str


@dataclass
class Record:
    """An object of a class that a pickle may have: its class and its state.

    name (str): The class, with its module.
    state (Any): The attributes as a dict, or what else the class gives as its state.
    """

    name: str
    state: Any = field(default_factory=dict)


class Pickled(NamedTuple):
    """The content of a pickle.

    value (Any): Its value.
    n_dicts (int): The number of dicts in it, each counted once.
    """

    value: Any
    n_dicts: int


class _InvalidError(ValueError):
    """The pickle can't be read. The message is the reason."""


def read_pickle(path: Path, classes: FrozenSet[str] = frozenset()) -> Pickled:
    """Read a pickle of plain data.

    path (Path): The file.
    classes (FrozenSet[str]): Classes whose objects are read as `Record`, such as
        "genre.trie.Trie".
    RETURNS (Pickled): Its value. Dicts of other kinds (`defaultdict`, `Counter`) are plain dicts.
    RAISES (FileNotFoundError, ValueError): If the file does not exist, is truncated or not a
        pickle, or needs any other class or function, which is named.
    """
    if not path.is_file():
        raise FileNotFoundError(Errors.F001.format(path=path))
    position = 0
    try:
        if path.stat().st_size == 0:
            raise _InvalidError("it is empty")
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
            _without_gc(),
        ):
            machine = _Machine(classes)
            for opcode, argument, at in pickletools.genops(data):  # type: ignore[arg-type]
                position = at or 0
                machine.step(opcode.name, argument)
            return Pickled(machine.result(), machine.n_dicts)
    # Of pickletools: of a wrong or truncated file; of the machine: of operations that do not fit.
    except (ValueError, IndexError, KeyError, TypeError, AttributeError, OverflowError) as err:
        reason = str(err) if isinstance(err, (_InvalidError, ValueError)) else "it is damaged"
        where = f"{reason} (at byte {position:,})"
        raise ValueError(Errors.X050.format(path=path, reason=where)) from err


@contextmanager
def _without_gc() -> Iterator[None]:
    """Within this context, Python does not search for cycles: with millions of new dicts that takes
    most of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Machine:
    """The stack machine of the pickle format, for plain data only."""

    def __init__(self, classes: FrozenSet[str]) -> None:
        self.classes = classes
        self.stack: List[Any] = []
        self.marks: List[List[Any]] = []
        self.memo: List[Any] = []
        self.n_dicts = 0
        self.is_done = False

    def step(self, name: str, argument: Any) -> None:
        """Execute one opcode."""
        if name in CONSTANTS:
            self.stack.append(CONSTANTS[name])
        elif name in VALUES:
            self.stack.append(argument)
        else:
            operation = OPERATIONS.get(name)
            if operation is None:
                raise _InvalidError(f"its opcode {name} is not allowed, since it can run code")
            operation(self, argument)

    def result(self) -> Any:
        if not self.is_done or len(self.stack) != 1 or self.marks:
            raise _InvalidError("it is truncated or damaged")
        return self.stack[0]

    def stop(self, _: None) -> None:
        self.is_done = True

    # The stack

    def mark(self, _: None) -> None:
        self.marks.append(self.stack)
        self.stack = []

    def pop_mark(self) -> List[Any]:
        items, self.stack = self.stack, self.marks.pop()
        return items

    def drop_mark(self, _: None) -> None:
        self.pop_mark()

    def pop(self, _: None) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self.pop_mark()

    def duplicate(self, _: None) -> None:
        self.stack.append(self.stack[-1])

    def put(self, index: int) -> None:
        # Python numbers the objects in their order.
        if index > len(self.memo):
            raise _InvalidError(f"its memo index {index:,} is too large")
        self.memo[index : index + 1] = [self.stack[-1]]

    def memoize(self, _: None) -> None:
        self.memo.append(self.stack[-1])

    def get(self, index: int) -> None:
        self.stack.append(self.memo[index])

    # Containers

    def empty_dict(self, _: None) -> None:
        self.n_dicts += 1
        self.stack.append({})

    def empty_list(self, _: None) -> None:
        self.stack.append([])

    def empty_set(self, _: None) -> None:
        self.stack.append(set())

    def make_dict(self, _: None) -> None:
        items = self.pop_mark()
        self.empty_dict(None)
        self.stack.append(items)
        self._set_items(self.stack.pop())

    def make_list(self, _: None) -> None:
        items = self.pop_mark()
        self.stack.append(items)

    def make_frozenset(self, _: None) -> None:
        items = self.pop_mark()
        self.stack.append(frozenset(map(_hashable, items)))

    def make_tuple(self, _: None) -> None:
        items = self.pop_mark()
        self.stack.append(tuple(items))

    def make_short_tuple(self, _: None, *, size: int) -> None:
        items = [self.stack.pop() for _ in range(size)]
        self.stack.append(tuple(reversed(items)))

    def append(self, _: None) -> None:
        item = self.stack.pop()
        _of_type(self.stack[-1], list).append(item)

    def extend(self, _: None) -> None:
        items = self.pop_mark()
        _of_type(self.stack[-1], list).extend(items)

    def set_item(self, _: None) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set_items([key, value])

    def set_items(self, _: None) -> None:
        self._set_items(self.pop_mark())

    def _set_items(self, items: List[Any]) -> None:
        target = _of_type(self.stack[-1], dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            target[_hashable(key)] = value

    def add_items(self, _: None) -> None:
        items = self.pop_mark()
        _of_type(self.stack[-1], set).update(map(_hashable, items))

    # Classes: looked up in our lists, never imported

    def push_global(self, argument: str) -> None:
        module, _, name = argument.partition(" ")
        self._push_class(f"{module}.{name}")

    def push_stack_global(self, _: None) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self._push_class(f"{module}.{name}"[:200])

    def _push_class(self, name: str) -> None:
        known = {*PLAIN, *FACTORIES, *RECONSTRUCTOR, *OBJECT, ENCODE, *self.classes}
        if name not in known:
            raise _InvalidError(f"it needs {name!r}, which is not plain data and may run code")
        self.stack.append(Class(name))

    def make_object(self, _: None) -> None:
        arguments, of = self.stack.pop(), self.stack.pop()
        self.stack.append(self._object(_of_type(of, Class).name, _of_type(arguments, tuple)))

    def _object(self, name: str, arguments: Tuple[Any, ...]) -> Any:
        if name in self.classes:
            return Record(name)
        if name in RECONSTRUCTOR and isinstance(arguments[0], Class):
            return self._object(arguments[0].name, ())
        if name == ENCODE and arguments[1:] == ("latin1",):
            return _of_type(arguments[0], str).encode("latin1")
        if name not in PLAIN:
            raise _InvalidError(f"it calls {name!r}")
        data = [item for item in arguments if not isinstance(item, Class)]
        if PLAIN[name] in (set, frozenset):
            items = _of_type(data[0], (list, tuple, set)) if data else ()
            return PLAIN[name](map(_hashable, items))
        self.n_dicts += 1
        return dict(_of_type(data[0], dict)) if data else {}

    def build(self, _: None) -> None:
        state = self.stack.pop()
        _of_type(self.stack[-1], Record).state = state


def _of_type(value: Any, kind: Any) -> Any:
    if not isinstance(value, kind):
        raise _InvalidError("it is damaged")
    return value


def _hashable(value: Any) -> Any:
    """A key of a dict or an item of a set: a number, a string, or a flat tuple of these."""
    if type(value) in (int, str):
        return value
    items = value if type(value) is tuple else (value,)
    if not all(isinstance(item, (str, bytes, int, float, type(None))) for item in items):
        raise _InvalidError("a key is neither a number nor a string nor a flat tuple of these")
    return value


# Opcodes that push a constant, those that push their argument, and all others.
CONSTANTS: Dict[str, Any] = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
VALUES = frozenset((
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "STRING",
    "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8",
    "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
))  # fmt: skip


def _ignore(machine: _Machine, argument: Any) -> None:
    """For opcodes that say how the file is laid out."""


def _make_pair(machine: _Machine, _: None) -> None:
    machine.make_short_tuple(None, size=2)


def _make_single(machine: _Machine, _: None) -> None:
    machine.make_short_tuple(None, size=1)


def _make_triple(machine: _Machine, _: None) -> None:
    machine.make_short_tuple(None, size=3)


OPERATIONS: Dict[str, Callable[[_Machine, Any], None]] = {
    "PROTO": _ignore,
    "FRAME": _ignore,
    "STOP": _Machine.stop,
    "MARK": _Machine.mark,
    "POP": _Machine.pop,
    "POP_MARK": _Machine.drop_mark,
    "DUP": _Machine.duplicate,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine.put),
    "MEMOIZE": _Machine.memoize,
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
    "EMPTY_DICT": _Machine.empty_dict,
    "EMPTY_LIST": _Machine.empty_list,
    "EMPTY_SET": _Machine.empty_set,
    "DICT": _Machine.make_dict,
    "LIST": _Machine.make_list,
    "TUPLE": _Machine.make_tuple,
    "TUPLE1": _make_single,
    "TUPLE2": _make_pair,
    "TUPLE3": _make_triple,
    "FROZENSET": _Machine.make_frozenset,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.extend,
    "SETITEM": _Machine.set_item,
    "SETITEMS": _Machine.set_items,
    "ADDITEMS": _Machine.add_items,
    "GLOBAL": _Machine.push_global,
    "STACK_GLOBAL": _Machine.push_stack_global,
    "NEWOBJ": _Machine.make_object,
    "REDUCE": _Machine.make_object,
    "BUILD": _Machine.build,
}
