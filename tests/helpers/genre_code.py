"""Files as the official GENRE code writes them: its classes, made anew, under their names."""

import pickle
import sys
from contextlib import contextmanager
from types import ModuleType

import marisa_trie


class Trie:
    """Nested dicts, with the attributes that the official class has."""

    def __init__(self, sequences):
        self.trie_dict = nested(sequences)
        self.len = len(sequences)
        self.append_trie = self.bos_token_id = None


class MarisaTrie:
    """A marisa trie in which each token is a character, as in the official class."""

    def __init__(self, sequences, max_token_id=256001):
        self.int2char = [chr(i) for i in range(min(max_token_id, 55000))]
        self.int2char += [chr(i) for i in range(65000, max_token_id + 10000)]
        self.char2int = {self.int2char[i]: i for i in range(max_token_id)}
        self.cache_fist_branch = True
        self.zero_iter = list({sequence[0] for sequence in sequences})
        self.first_iter = list({sequence[1] for sequence in sequences})
        keys = ("".join(self.int2char[i] for i in sequence) for sequence in sequences)
        self.trie = marisa_trie.Trie(keys)


def nested(sequences):
    root = {}
    for sequence in sequences:
        node = root
        for token in sequence:
            node = node.setdefault(token, {})
    return root


@contextmanager
def _as_module(name):
    """Within this context, the classes are those of another module."""
    module = ModuleType(name)
    for kind in (Trie, MarisaTrie):
        setattr(module, kind.__name__, kind)
        kind.__module__ = name
    added = {name.partition(".")[0]: ModuleType("genre"), name: module}
    sys.modules.update(added)
    try:
        yield
    finally:
        for name in added:
            del sys.modules[name]
        for kind in (Trie, MarisaTrie):
            kind.__module__ = __name__


def dump(value, protocol=4, module="genre.trie"):
    with _as_module(module):
        return pickle.dumps(value, protocol)
