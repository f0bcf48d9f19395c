"""Queries of title sets for tests."""

import numpy as np


def can_be_generated(name, tokenizer):
    """Whether any token of a name is known to the tokenizer."""
    (ids,) = tokenizer.encode([name])
    return bool({*ids} - {*tokenizer.prefix, tokenizer.hf.unk_token_id})


def end_nodes(trie):
    """All nodes of a trie at which a sequence ends."""
    ends, nodes = [], np.array([0])
    while len(nodes):
        ends += nodes[trie.is_end(nodes)].tolist()
        nodes = trie.children(nodes)[1]
    return ends


def spellings(titles):
    """All names and redirects that can be generated, by a walk through the trie."""
    view = titles.view
    return [text for node in end_nodes(view.trie) for text, _ in view.spellings_at(node)]
