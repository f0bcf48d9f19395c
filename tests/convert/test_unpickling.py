import collections
import io
import os
import pickle
import pickletools
import struct
import sys
import tracemalloc
from contextlib import suppress

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from spacy_genre.convert.unpickling import Record, read_pickle

KEYS = st.integers() | st.text() | st.tuples(st.text(), st.integers()) | st.none()
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(KEYS, inner) | st.tuples(inner, inner),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("pickles") / "file.pkl"


def read(path, data, classes=frozenset()):
    path.write_bytes(data)
    return read_pickle(path, classes).value


@settings(max_examples=40)
@given(value=VALUES, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_data_is_read_as_python_does(path, value, protocol):
    assert read(path, pickle.dumps(value, protocol)) == value


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_other_containers_are_read(path, protocol):
    shared = ["x"]
    value = {
        "set": {"Q1", "Q2"},
        "frozenset": frozenset(["a"]),
        "ordered": collections.OrderedDict(a=1, b=2),
        "counter": collections.Counter("aab"),
        "default": collections.defaultdict(list, {"a": [1]}),
        "bytes": b"\x00\xff" * 200,
        "long": 2**70,
        "shared": (shared, shared),
    }
    assert read(path, pickle.dumps(value, protocol)) == value
    assert read(path, pickletools.optimize(pickle.dumps(value, protocol))) == value


class Bomb:
    """What a hostile file has: unpickled by Python, it runs a command."""

    def __init__(self, function, *arguments):
        self.function, self.arguments = function, arguments

    def __reduce__(self):
        return self.function, self.arguments


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    ("function", "arguments", "name"),
    [
        (os.system, ["touch {}"], r"(posix|nt)\.system"),
        (eval, ["open('{}', 'w')"], r"(builtins|__builtin__)\.eval"),
        (getattr, [os, "system"], r"getattr|import_module|posix|nt"),
        (io.open, ["{}", "w"], r"io\.open|_io"),
    ],
)
def test_nothing_is_executed(path, tmp_path, function, arguments, name, protocol):
    target = tmp_path / "executed"
    filled = [a.format(target) if isinstance(a, str) else "x" for a in arguments]
    data = pickle.dumps({1: {2: Bomb(function, *filled)}}, protocol)
    with pytest.raises(ValueError, match=f"X050.*{name}.*may run code.*Nothing of it was executed"):
        read(path, data)
    assert not target.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'touch x'\ntR.",  # GLOBAL, REDUCE
        b"(S'touch x'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nS'touch x'\no.",  # OBJ
        b"Psomething\n.",  # PERSID
        b"\x80\x02\x82\x01.",  # EXT1
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x01x\x85R.",  # STACK_GLOBAL
        b"\x80\x04\x8c\x08builtins\x8c\x04list\x93]\x85R.",  # a class that is only a factory
        b"\x80\x02cgenre.trie\nTrie\n)\x81}b.",  # a class that the caller did not allow
        b"\x80\x05\x97.",  # NEXT_BUFFER
    ],
)
def test_each_way_to_run_code_is_refused(path, data):
    with pytest.raises(ValueError, match="X050"):
        read(path, data)


def test_a_known_class_is_read_as_its_state_only(path):
    data = b"\x80\x02cgenre.trie\nTrie\n)\x81}X\x01\x00\x00\x00aK\x01sb."
    assert read(path, data, frozenset(["genre.trie.Trie"])) == Record("genre.trie.Trie", {"a": 1})
    assert "genre.trie" not in sys.modules


@given(size=st.integers(0, 200))
def test_a_truncated_file_is_an_error(path, size):
    data = pickle.dumps({i: {"name": str(i)} for i in range(50)}, 2)
    with pytest.raises(ValueError, match="X050"):
        read(path, data[:size])


@given(data=st.binary(max_size=60))
def test_other_bytes_are_an_error_or_plain_data(path, data):
    with suppress(ValueError):  # any other error fails
        read(path, data)


@pytest.mark.parametrize(
    "data",
    [
        b"]r\xff\xff\xff\x7f.",  # LONG_BINPUT: a memo with two billion places
        b"X\xff\xff\xff\x7fabc.",  # a string that claims two gigabytes
        b"\x80\x04\x8d" + struct.pack("<Q", 2**60) + b"abc.",
        b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"]",  # a frame of an exabyte
        b"\x80\x05\x8e" + struct.pack("<Q", 2**62) + b"abc.",
    ],
)
def test_sizes_that_the_file_does_not_have_allocate_nothing(path, data):
    tracemalloc.start()
    with pytest.raises(ValueError, match="X050"):
        read(path, data)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5_000_000


def test_deep_nesting_needs_no_recursion(path):
    depth = 20_000
    value = read(path, b"]" * depth + b"a" * (depth - 1) + b".")
    assert isinstance(value, list)
    # A tuple as a key is hashed, which would overflow Python's stack.
    with pytest.raises(ValueError, match="flat tuple"):
        read(path, b"}(K\x01" + b"\x85" * depth + b"K\x01u.")


def test_missing_and_empty_files(path, tmp_path):
    with pytest.raises(FileNotFoundError, match="F001"):
        read_pickle(tmp_path / "nothing.pkl")
    with pytest.raises(ValueError, match="it is empty"):
        read(path, b"")
