"""The accuracy of `genre_linker` on gold mentions: the share of mentions whose first candidate is
the gold title. Every mention is linked, so this equals the micro-F1 of the paper's table 1.

    python benchmarks/accuracy.py DATA [--titles NAMES] [--redirects REDIRECTS.tsv.gz]...
        [--trie titles+redirects]

DATA has wned_wiki.jsonl.gz and rss500.jsonl.gz. Two more sets of 100 sentences are in this folder:
in "ambiguous", the context tells which of several entities with the same name is meant; in "plain",
the most common one is meant. Without --titles, the title set in the package is used. A gold title
that is a redirect counts as its target.
"""

import time
from pathlib import Path
from typing import Annotated, List, Optional

import spacy
import typer
from datasets import make_linker, normalize, read_gold
from tqdm import tqdm

OWN_SETS = ("ambiguous", "plain")  # in this folder
SETS = ("wned_wiki", "rss500", *OWN_SETS)


def main(
    data: Annotated[Path, typer.Argument(help="The folder with the data sets.")],
    titles: Annotated[
        Optional[Path],
        typer.Option(help="A gzipped TSV with names in the first column, or a title set."),
    ] = None,
    redirects: Annotated[
        List[Path], typer.Option(help="Gzipped TSVs with redirects and their targets.")
    ] = [],  # noqa: B006
    trie: Annotated[
        str, typer.Option(help="What can be generated: titles, or titles+redirects.")
    ] = "titles",
    sets: Annotated[List[str], typer.Option("--set", help="The data sets.")] = list(SETS),  # noqa: B006
    limit: Annotated[Optional[int], typer.Option(help="The most docs of each set.")] = None,
    dtype: Annotated[str, typer.Option(help="float32, bfloat16 or float16.")] = "float32",
    gpu_id: Annotated[int, typer.Option(help="The GPU; -1 for the CPU.")] = -1,
    model: Annotated[
        Optional[str], typer.Option(help="The folder of a model. [default: the one in the package]")
    ] = None,
    context_tokens: Annotated[
        Optional[int], typer.Option(help="Tokens of context on each side.")
    ] = None,
    beams: Annotated[int, typer.Option(help="The number of beams.")] = 5,
    early_stopping: Annotated[str, typer.Option(help="false, never or true.")] = "false",
    longest_forms: Annotated[
        bool, typer.Option("--longest-forms", help="Turn on the setting longest_forms.")
    ] = False,
) -> None:
    """Print the accuracy on each data set."""
    if gpu_id >= 0:
        spacy.require_gpu(gpu_id)
    config = {
        "model": {"name": model},
        "dtype": dtype,
        "num_beams": beams,
        "early_stopping": {"false": False, "true": True}.get(early_stopping, early_stopping),
        "context_tokens": context_tokens,
        "longest_forms": ["ENT"] if longest_forms else [],
    }
    nlp, linker = make_linker(titles, redirects, trie, **config)
    view = linker.titles.view
    names = {normalize(name) for name in view}
    redirects_to = {normalize(r): normalize(name) for r, name in view.base.redirect_items()}
    print(f"{len(linker.titles):,} titles, {linker.num_beams} beams, {dtype}")
    print(
        f"{'data set':12} {'mentions':>8} {'in set':>7} {'correct':>8} {'of in set':>9} "
        f"{'a second':>9}"
    )
    for name in sets:
        is_own = name in OWN_SETS
        path = Path(__file__).with_name(f"{name}.jsonl") if is_own else data / f"{name}.jsonl.gz"
        gold_docs = list(read_gold(path, nlp.vocab))[:limit]
        golds = [normalize(title) for gold in gold_docs for title in gold.titles]
        golds = [gold if gold in names else redirects_to.get(gold, gold) for gold in golds]
        start = time.perf_counter()
        docs = nlp.pipe(tqdm([gold.doc for gold in gold_docs], desc=name), batch_size=64)
        answers = [normalize(ent.kb_id_) for doc in docs for ent in doc.ents]
        seconds = time.perf_counter() - start
        n_in = sum(gold in names for gold in golds)
        correct = sum(a == b for a, b in zip(answers, golds, strict=True))
        print(
            f"{name:12} {len(golds):8,} {n_in / len(golds):7.3f} {correct / len(golds):8.3f} "
            f"{correct / max(n_in, 1):9.3f} {len(golds) / seconds:9.1f}",
            flush=True,
        )


if __name__ == "__main__":
    typer.run(main)
