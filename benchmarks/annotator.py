"""The speed of end-to-end linking: the package's search against transformers' `generate` with a
function that reads the whole prefix at each step, as the paper's code has it, and long texts."""

import json
import statistics
import time
from pathlib import Path
from typing import Annotated, Any, Callable, List, Sequence
from unittest import mock

import numpy as np
import spacy
import torch
import typer
from search_systems import DictTrie

from spacy_genre.batching import pad
from spacy_genre.decoding import constrained_search
from spacy_genre.decoding.bart.kv_cache import BartDecoder
from spacy_genre.decoding.markup import MarkupConstraint
from spacy_genre.tasks.annotator.encoding import Window
from spacy_genre.tasks.annotator.mentions import mention_tables

FOLDER = Path(__file__).parent


def read_sentences() -> List[str]:
    """200 sentences with a name each."""
    files = (FOLDER / "plain.jsonl", FOLDER / "ambiguous.jsonl")
    return [json.loads(line)["text"] for file in files for line in file.open(encoding="utf8")]


def make_paragraphs(annotator: Any, nlp: Any, n: int, n_tokens: int) -> List[Window]:
    """Paragraphs of sentences, of at most some tokens."""
    rng, sentences, windows = np.random.default_rng(0), read_sentences(), []
    for _ in range(n):
        text = ""
        for index in rng.permutation(len(sentences)):
            longer = f"{text} {sentences[index]}".strip()
            if len(annotator.tokenizer.tokenize(longer)) > n_tokens:
                break
            text = longer
        windows += annotator._encoder().encode([nlp.make_doc(text)[:]])
    return windows


class PrefixFunction:
    """What may follow, for `generate`: the whole prefix is read at each step."""

    def __init__(self, annotator: Any, windows: Sequence[Window]) -> None:
        config, view = annotator.shim.transformer.config, annotator.titles.view
        flat, lengths = view.trie.sequences()
        n_prefix = len(annotator.shim.name_tokenizer.prefix)
        names = [s[n_prefix:].tolist() for s in np.split(flat, np.cumsum(lengths)[:-1])]
        self.markers, self.eos = annotator._encoder().markers, config.eos_token_id
        self.pad = config.pad_token_id
        self.names = DictTrie(names, self.markers.close_name)
        self.sources = [[*window.source, self.eos] for window in windows]
        depth = view.trie.depth
        self.room = [annotator.max_length - 5 - len(window.source) - depth for window in windows]
        self.longest = annotator.settings.max_mention_tokens
        self.starts = [window.starts >= 0 for window in windows]
        self.ends = [window.ends >= 0 for window in windows]

    def __call__(self, batch: int, sent: torch.Tensor) -> List[int]:
        tokens, source, m = sent.tolist()[1:], self.sources[batch], self.markers
        ends, n = self.ends[batch], len(source) - 1
        position = i = extra = 0
        while i < len(tokens):
            if tokens[i] != m.open_mention:
                if tokens[i] == self.eos:
                    return [self.pad]
                position, i = position + 1, i + 1
                continue
            start, i = position, i + 1
            while i < len(tokens) and tokens[i] != m.close_mention:
                position, i = position + 1, i + 1
            if i == len(tokens):
                stop = min(start + self.longest, n)
                copy = [source[position]] if any(ends[position:stop]) else []
                close = [m.close_mention] if position > start and ends[position - 1] else []
                return copy + close
            if i + 1 == len(tokens):
                return [m.open_name]
            first = i + 2
            i = first
            while i < len(tokens) and tokens[i] != m.close_name:
                i += 1
            if i == len(tokens):
                return self.names.allowed(torch.tensor([0, *tokens[first:]]))
            i += 1
            extra = i - position
        can_open = position < n and self.starts[batch][position] and extra <= self.room[batch]
        can_open = can_open and any(ends[position : position + self.longest])
        return [source[position], *([m.open_mention] if can_open else [])]


def run_generate(annotator: Any, windows: Sequence[Window], beams: int) -> List[List[int]]:
    """The best text of each window by `generate`."""
    module = annotator.shim.transformer
    ids, mask = pad([window.input for window in windows], module.config.pad_token_id)
    with torch.inference_mode():
        found = module.generate(
            input_ids=torch.from_numpy(ids),
            attention_mask=torch.from_numpy(mask.astype(np.int64)),
            num_beams=beams,
            max_new_tokens=annotator.max_length - 1,
            prefix_allowed_tokens_fn=PrefixFunction(annotator, windows),
        )
    eos = module.config.eos_token_id
    return [row[1 : row.index(eos, 1)] for row in found.tolist()]


def run_search(
    annotator: Any, windows: Sequence[Window], beams: int, dtype: torch.dtype
) -> List[List[int]]:
    """The best text of each window by this package."""
    shim, view = annotator.shim, annotator.titles.view
    tables, trie = mention_tables(windows, annotator.settings, view, shim.name_tokenizer)
    constraint = MarkupConstraint(
        [window.source for window in windows],
        tables,
        trie,
        annotator._encoder().markers,
        eos=shim.transformer.config.eos_token_id,
        max_length=annotator.max_length,
    )
    inputs = [window.input for window in windows]
    found = constrained_search(shim.transformer, inputs, constraint, num_beams=beams, dtype=dtype)
    return [[*hypotheses[0].tokens] for hypotheses in found]


def seconds(run: Callable[[], Any], repeat: int) -> float:
    """The median time of a call."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main(
    model: Annotated[str, typer.Argument(help="A model that was trained to annotate texts.")],
    tokens: Annotated[int, typer.Option(help="The length of a paragraph.")] = 100,
    beams: int = 5,
    repeat: int = 3,
    batches: Annotated[str, typer.Option(help="Sizes of batches.")] = "1,16",
    lengths: Annotated[str, typer.Option(help="Lengths of long texts.")] = "1000,5000,20000",
) -> None:
    """Print the speed of both systems, the passes of the decoder, and the time of long texts."""
    nlp = spacy.blank("en")
    config = {"model": {"@architectures": "spacy_genre.Seq2Seq.v1", "name": model}}
    annotator: Any = nlp.add_pipe("genre_annotator", config={**config, "window_tokens": tokens})
    annotator.num_beams = beams
    nlp("A first text.")
    marker = annotator._encoder().markers.open_mention
    for n in map(int, batches.split(",")):
        windows = make_paragraphs(annotator, nlp, n, tokens)
        passes = _count_passes(annotator, windows, beams)
        texts = run_search(annotator, windows, beams, torch.float32)
        n_mentions = sum(text.count(marker) for text in texts)
        reference = run_generate(annotator, windows, beams)
        same = sum(a == b for a, b in zip(texts, reference, strict=True))
        slow = seconds(lambda w=windows: run_generate(annotator, w, beams), 1)  # type: ignore[misc]
        print(f"{n} paragraphs: {n_mentions} mentions, {len(passes)} passes of {sum(passes)} rows;")
        print(f"  {same} of {n} texts equal; generate {n / slow:.2f} paragraphs/s")
        for dtype in (torch.float32, torch.bfloat16):
            fast = seconds(
                lambda w=windows, d=dtype: run_search(annotator, w, beams, d),  # type: ignore[misc]
                repeat,
            )
            print(f"  {dtype}: {n / fast:.2f} paragraphs/s, {slow / fast:.1f} times")
    sentences = read_sentences()
    for length in map(int, lengths.split(",") if lengths else ()):
        doc = nlp.make_doc(" ".join(sentences * (length // 1500 + 1)))[:length].as_doc()
        spent = seconds(lambda d=doc: annotator.predict([d]), 1)  # type: ignore[misc]
        print(f"{length} tokens: {spent:.1f} s, {1000 * spent / length:.2f} ms a token")


def _count_passes(annotator: Any, windows: Sequence[Window], beams: int) -> List[int]:
    """The rows of each pass of the decoder."""
    passes: List[int] = []
    decode = BartDecoder.decode

    def counting(self: BartDecoder, rows: Any) -> Any:
        passes.append(len(rows.tokens))
        return decode(self, rows)

    with mock.patch.object(BartDecoder, "decode", counting):
        run_search(annotator, windows, beams, torch.float32)
    return passes


if __name__ == "__main__":
    typer.run(main)
