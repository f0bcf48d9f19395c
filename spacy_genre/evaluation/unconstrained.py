"""Linking without the constraint, to see what it is worth (paper, table 1, "w/o constraints"): the
model writes whatever it likes."""

from typing import Any, Iterable, Iterator, List, Optional, Sequence

import numpy as np
import torch
from spacy.tokens import Doc
from spacy.util import minibatch

from ..decoding.devices import autocast, torch_dtype, without_cudnn_attention
from ..model.seq2seq import pad
from ..titles.overlay import AnyTrie
from ..titles.spellings import best_name_at
from ..titles.view import TitleView


def link_unconstrained(docs: Iterable[Doc], *, linker: Any, batch_size: int = 64) -> Iterator[Doc]:
    """Write to the entities of some docs what the model writes first: the title, if what it wrote
    is one, or else the text as it is. It is looked for by its tokens, so that case does not matter
    to a model that knows none.

    docs (Iterable[Doc]): The docs, with entities.
    linker (GenreLinker): Its model, title set and settings are used; it is not changed.
    batch_size (int): How many docs to take at a time.
    YIELDS (Doc): The docs.
    """
    for batch in minibatch(docs, batch_size):
        ents = [ent for doc in batch for ent in linker._linkable(doc)]
        written = generate(linker, linker._encode(ents)) if ents else []
        for ent, tokens in zip(ents, written, strict=True):
            title = "" if tokens is None else _title(linker, tokens, ent.text)
            for token in ent:
                token.ent_kb_id_ = title
        yield from batch


def generate(linker: Any, inputs: Sequence[Optional[List[int]]]) -> List[Optional[List[int]]]:
    """What transformers' `generate` gives first, with the linker's number of beams and length
    penalty, and no more tokens than its longest title has.

    inputs (Sequence[Optional[List[int]]]): Token ids, or None for what can't be read.
    RETURNS (List[Optional[List[int]]]): The tokens, as `NameTokenizer.encode` gives names; None for
        a None.
    """
    module = linker.shim.transformer.eval()
    pad_id, end = module.config.pad_token_id, module.config.eos_token_id
    device = linker.shim.device
    dtype = torch_dtype(linker.dtype, device)
    found: List[Optional[List[int]]] = [None] * len(inputs)
    for batch in linker.pack(inputs):
        ids, mask = pad([inputs[i] or [] for i in batch], pad_id, device)
        with torch.inference_mode(), autocast(dtype, device), without_cudnn_attention(device):
            output = module.generate(
                input_ids=ids,
                attention_mask=mask,
                num_beams=linker.num_beams,
                length_penalty=linker.length_penalty,
                early_stopping=linker.early_stopping,
                max_new_tokens=linker.titles.trie.depth + 1,
                do_sample=False,
            )
        for i, row in zip(batch, output.tolist(), strict=True):
            tokens = row[1:]  # the first one is the decoder's start
            found[i] = tokens[: tokens.index(end)] if end in tokens else tokens
    return found


def _title(linker: Any, tokens: List[int], surface: str) -> str:
    view: TitleView = linker.titles.view
    node = _node(view.trie, tokens)
    if node > 0 and view.trie.is_end(np.asarray([node]))[0]:
        return view.name_at(best_name_at(view, node, surface))
    text = linker.tokenizer.decode(tokens, skip_special_tokens=True).strip()
    return text or surface


def _node(trie: AnyTrie, tokens: Sequence[int]) -> int:
    """The node that some tokens lead to, or -1."""
    node = 0
    for token in tokens:
        _, children = trie.children(np.asarray([node]))
        (at,) = np.flatnonzero(trie.token_of(children) == token)[:1].tolist() or (-1,)
        if at < 0:
            return -1
        node = int(children[at])
    return node
