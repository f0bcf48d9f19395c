"""Entity linking without the constraint, for comparison (paper, table 1, "w/o constraints")."""

from typing import Iterable, Iterator, List, Optional, Sequence

import numpy as np
import torch
from spacy.tokens import Doc
from spacy.util import minibatch

from ..batching import pad, token_batches
from ..decoding.devices import autocast, to_device, torch_dtype, without_cudnn_attention
from ..tasks.linker.component import LinkingComponent
from ..titles.spellings import best_name_at


def link_unconstrained(
    docs: Iterable[Doc], *, linker: LinkingComponent, batch_size: int = 64
) -> Iterator[Doc]:
    """Link the entities of Docs with the text that the model generates without the constraint. If
    the generated tokens are those of a title, its name is written, otherwise the generated text.

    docs (Iterable[Doc]): The Docs, with entities.
    linker (LinkingComponent): The linker whose model, title set and settings are used.
    batch_size (int): Number of Docs per batch.
    YIELDS (Doc): The Docs.
    """
    for batch in minibatch(docs, batch_size):
        ents = [ent for doc in batch for ent in linker.ents_to_link(doc)]
        outputs = generate(linker, linker.encode(ents)) if ents else []
        for ent, tokens in zip(ents, outputs, strict=True):
            kb_id = "" if tokens is None else _title_or_text(linker, tokens, ent.text)
            for token in ent:
                token.ent_kb_id_ = kb_id
        yield from batch


def generate(
    linker: LinkingComponent, inputs: Sequence[Optional[List[int]]]
) -> List[Optional[List[int]]]:
    """Generate the best sequence of each input with transformers' `generate`, with the linker's
    search settings and at most as many tokens as the longest title.

    inputs (Sequence[Optional[List[int]]]): Token ids; None for an input that the model can't read.
    RETURNS (List[Optional[List[int]]]): Token ids in the format of `NameTokenizer.encode`; None
        for inputs that are None.
    """
    module = linker.shim.transformer.eval()
    config, settings, device = module.config, linker.settings, linker.shim.device
    dtype = torch_dtype(settings.dtype, device)
    outputs: List[Optional[List[int]]] = [None] * len(inputs)
    readable = [(i, ids) for i, ids in enumerate(inputs) if ids]
    lengths = np.array([len(ids) for _, ids in readable], np.int64)
    for batch in token_batches(lengths, settings.batch_tokens):
        ids, mask = pad([readable[i][1] for i in batch], config.pad_token_id)
        with torch.inference_mode(), autocast(dtype, device), without_cudnn_attention(device):
            generated = module.generate(
                input_ids=to_device(ids, device),
                attention_mask=to_device(mask, device).long(),
                num_beams=settings.num_beams,
                length_penalty=settings.length_penalty,
                early_stopping=settings.early_stopping,
                max_new_tokens=linker.titles.trie.depth + 1,
                do_sample=False,
            )
        end = config.eos_token_id
        for i, row in zip(batch, generated.tolist(), strict=True):
            tokens = row[1:]  # without the decoder's start token
            outputs[readable[i][0]] = tokens[: tokens.index(end)] if end in tokens else tokens
    return outputs


def _title_or_text(linker: LinkingComponent, tokens: List[int], surface: str) -> str:
    """The name whose tokens were generated, or else the generated text.

    surface (str): The mention's text, which decides between names with the same tokens.
    """
    view = linker.titles.view
    node = view.trie.find(tokens)
    if node > 0 and view.trie.is_end(np.asarray([node]))[0]:
        return view.name_at(best_name_at(view, node, surface))
    text = linker.shim.tokenizer.decode(tokens, skip_special_tokens=True).strip()
    return text or surface
