"""What benchmarks/search.py compares: transformers' `generate` with a dict of prefixes, as the
paper's code has it, and this package's searches; and what they are to do."""

import copy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Callable, Dict, List, Sequence, Tuple

import numpy as np
import torch
from datasets import make_linker, read_gold
from transformers import BartConfig, BartForConditionalGeneration

from spacy_genre import TokenTrie
from spacy_genre.batching import pad
from spacy_genre.decoding import TrieConstraint, constrained_search, search_candidates

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
SIZES = {"base": (768, 6, 12, 3072), "large": (1024, 12, 16, 4096)}
# Sequences and their scores, best first.
Answers = List[Tuple[List[int], float]]
System = Callable[[List[List[int]]], List[Answers]]
N_TITLES, VOCABULARY = 100_000, 50_265


@dataclass(frozen=True)
class Task:
    """A model, the sequences it may generate, and inputs to choose from."""

    model: Any
    trie: TokenTrie
    sequences: List[List[int]]
    inputs: List[List[int]]

    def draw(self, n: int, rng: np.random.Generator) -> List[List[int]]:
        """n of the inputs."""
        return [self.inputs[i] for i in rng.choice(len(self.inputs), n, replace=False)]


class DictTrie:
    """Nested dicts, as in the paper's code; the end token is in them."""

    def __init__(self, sequences: Sequence[Sequence[int]], eos: int) -> None:
        self.depth = max(map(len, sequences)) + 1
        self.root: Dict[int, Any] = {}
        for sequence in sequences:
            node = self.root
            for token in (*sequence, eos):
                node = node.setdefault(token, {})

    def allowed(self, sent: torch.Tensor) -> List[int]:
        """What may follow the start token and some tokens; never nothing, which would raise."""
        node = self.root
        for token in sent.tolist()[1:]:
            node = node.get(token, {})
        return list(node) or [1]


def mini_task(data: Path, n_tokens: int) -> Task:
    """The package's model with real titles and mentions."""
    nlp, linker = make_linker(data / "titles" / "titles.tsv.gz")
    docs = [gold.doc for gold in read_gold(data / "benchmarks" / "wned_wiki.jsonl.gz", nlp.vocab)]
    linker.context_tokens = n_tokens // 2
    inputs = linker.encode([ent for doc in docs for ent in doc.ents])
    trie = linker.titles.view.trie
    flat, lengths = trie.sequences()
    sequences = [part.tolist() for part in np.split(flat, np.cumsum(lengths)[:-1])]
    return Task(linker.shim.transformer, trie, sequences, [i[:510] for i in inputs if i])


def random_task(shape: str, n_tokens: int) -> Task:
    """A BART with random weights, sharp enough that its beams differ, and made-up titles."""
    d, layers, heads, ffn = SIZES[shape]
    model = random_bart(VOCABULARY, d, layers=layers, heads=heads, ffn=ffn, seed=0)
    rng = np.random.default_rng(0)
    # Frequent first tokens and rare ones, as names have them.
    words = 4 + (rng.pareto(0.6, (N_TITLES, 12)) * 50).astype(int) % (VOCABULARY - 4)
    lengths = rng.integers(2, 12, N_TITLES)
    sequences = [[0, *row[:n].tolist()] for row, n in zip(words, lengths, strict=True)]
    trie, _ = TokenTrie.build(sequences)
    return Task(model, trie, sequences, rng.integers(4, VOCABULARY, (512, n_tokens)).tolist())


def random_bart(vocabulary: int, d: int, *, layers: int, heads: int, ffn: int, seed: int) -> Any:
    """A BART with random weights."""
    half = {f"{side}_{key}": value for side in ("encoder", "decoder") for key, value in
            (("layers", layers), ("attention_heads", heads), ("ffn_dim", ffn))}  # fmt: skip
    torch.manual_seed(seed)
    config = BartConfig(vocab_size=vocabulary, d_model=d, **half, forced_eos_token_id=None)
    model = BartForConditionalGeneration(config).eval()
    with torch.no_grad():
        norm: Any = model.model.decoder.layers[-1].final_layer_norm
        norm.weight.mul_(8)
    return model


def by_generate(
    model: Any, tries: Sequence[DictTrie], beams: int, inputs: List[List[int]]
) -> List[Answers]:
    """The answers of `generate`, called as in the paper's code.

    tries (Sequence[DictTrie]): One for each input, or one for all.
    """
    config = model.config
    ids, mask = map(torch.from_numpy, pad(inputs, config.pad_token_id))
    with torch.inference_mode():
        output = model.generate(
            input_ids=ids.to(model.device),
            attention_mask=mask.long().to(model.device),
            num_beams=beams,
            num_return_sequences=beams,
            min_length=0,
            max_new_tokens=max(trie.depth for trie in tries),
            prefix_allowed_tokens_fn=lambda i, sent: tries[i % len(tries)].allowed(sent),
            output_scores=True,
            return_dict_in_generate=True,
        )
    eos = config.eos_token_id
    rows = [row[1 : row.index(eos, 1)] if eos in row[1:] else row for row in output[0].tolist()]
    if beams == 1:  # greedy search has no scores
        scores = [path_score(model, ids, row) for ids, row in zip(inputs, rows, strict=True)]
    else:
        scores = output.sequences_scores.tolist()
    pairs = [*zip(rows, scores, strict=True)]
    # Those far below are beams that nothing could follow.
    return [
        [pair for pair in pairs[i : i + beams] if pair[1] > -1e6]
        for i in range(0, len(pairs), beams)
    ]


def path_score(model: Any, ids: List[int], tokens: List[int]) -> float:
    """The score of one sequence, by reading it at once."""
    config = model.config
    read, start, labels = (
        torch.tensor(row, device=model.device)
        for row in (ids, [config.decoder_start_token_id, *tokens], [*tokens, config.eos_token_id])
    )
    with torch.inference_mode():
        logits = model(input_ids=read[None], decoder_input_ids=start[None]).logits[0]
    return float(logits.float().log_softmax(-1).gather(1, labels[:, None]).mean())


def by_search(task: Task, dtype: str, beams: int, inputs: List[List[int]]) -> List[Answers]:
    """The answers of this package's beam search."""
    constraint = TrieConstraint(task.trie, len(inputs), task.model.config.eos_token_id)
    options: Any = {"num_beams": beams, "dtype": DTYPES[dtype]}
    found = constrained_search(task.model, inputs, constraint, **options)
    return [[([*h.tokens], h.score) for h in hypotheses] for hypotheses in found]


def by_candidates(
    task: Task, tries: List[TokenTrie], dtype: str, beams: int, inputs: List[List[int]]
) -> List[Answers]:
    """The answers of this package where each input has a few candidates."""
    options: Any = {"num_beams": beams, "dtype": DTYPES[dtype]}
    found = search_candidates(task.model, inputs, tries[: len(inputs)], **options)
    return [[([*h.tokens], h.score) for h in hypotheses[:beams]] for hypotheses in found]


def make_systems(
    task: Task, dtypes: List[str], beams: int, n_candidates: int, batch: int, device: str
) -> Dict[str, System]:
    """What is compared, by name.

    n_candidates (int): Each input of a batch has so many names of its own; 0: all have all.
    """
    eos = task.model.config.eos_token_id
    groups = [task.sequences]
    if n_candidates:
        rng = np.random.default_rng(1)
        rows = [rng.choice(len(task.sequences), n_candidates, replace=False) for _ in range(batch)]
        groups = [[task.sequences[i] for i in row] for row in rows]
    dict_tries = [DictTrie(group, eos) for group in groups]
    tries = [TokenTrie.build(group)[0] for group in groups] if n_candidates else []
    systems: Dict[str, System] = {}
    for name in dtypes:
        model = copy.deepcopy(task.model).to(device, DTYPES[name])
        systems[f"generate {name}"] = partial(by_generate, model, dict_tries, beams)
        # A module's weights are packed for one dtype at a time.
        own = replace(task, model=copy.deepcopy(task.model).to(device))
        if n_candidates:
            systems[f"candidates {name}"] = partial(by_candidates, own, tries, name, beams)
        else:
            systems[f"search {name}"] = partial(by_search, own, name, beams)
    return systems
