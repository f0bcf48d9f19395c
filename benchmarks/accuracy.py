"""Accuracy of `genre_linker` on gold mentions: the share of mentions whose first candidate is
the gold title, as the paper's table 1 counts it (all mentions are linked, so that micro-F1 is
accuracy).

    python benchmarks/accuracy.py DATA [--titles NAMES.tsv.gz] [--redirects REDIRECTS.tsv.gz]...
        [--trie titles+redirects]

DATA holds wned_wiki.jsonl.gz and rss500.jsonl.gz. Two sets of 100 sentences stand beside this
program, written for it: in one ("ambiguous") a name that may mean many things is told apart by the
words around it, in the other ("plain") nothing but common sense says which is meant. Without
--titles, the package's own title set is searched. Gold titles that are redirects count as what they
lead to.
"""

import time
from pathlib import Path
from typing import Annotated, List, Optional

import spacy
import typer
from datasets import make_linker, normalize, read_gold
from tqdm import tqdm

OWN_SETS = ("ambiguous", "plain")  # beside this program
SETS = ("wned_wiki", "rss500", *OWN_SETS)


def main(
    data: Annotated[Path, typer.Argument(help="The folder of the data sets.")],
    titles: Annotated[Optional[Path], typer.Option(help="A gzipped TSV, names first.")] = None,
    redirects: Annotated[
        List[Path], typer.Option(help="Gzipped TSVs, redirects and their targets.")
    ] = [],  # noqa: B006
    trie: Annotated[
        str, typer.Option(help="What the model may write: titles, or titles+redirects.")
    ] = "titles",
    sets: Annotated[List[str], typer.Option("--set", help="Data sets.")] = list(SETS),  # noqa: B006
    limit: Annotated[Optional[int], typer.Option(help="Only so many docs of each.")] = None,
    dtype: Annotated[str, typer.Option(help="What the model computes in.")] = "float32",
    gpu_id: Annotated[int, typer.Option(help="The GPU, or -1 for the CPU.")] = -1,
    model: Annotated[
        Optional[str], typer.Option(help="A model's folder. [default: the package's own]")
    ] = None,
    context_tokens: Annotated[Optional[int], typer.Option(help="Context to each side.")] = None,
    beams: Annotated[int, typer.Option(help="How many beams.")] = 5,
    early_stopping: Annotated[str, typer.Option(help="false, never or true.")] = "false",
    longest_forms: Annotated[
        bool, typer.Option("--longest-forms", help="Names by their longest form in the text.")
    ] = False,
) -> None:
    """Print the accuracy on each data set."""
    if gpu_id >= 0:
        spacy.require_gpu(gpu_id)
    forms = ["ENT"] if longest_forms else []
    config = {
        "model": {"name": model},
        "dtype": dtype,
        "num_beams": beams,
        "early_stopping": {"false": False, "true": True}.get(early_stopping, early_stopping),
        "context_tokens": context_tokens,
        "longest_forms": forms,
    }
    nlp, linker = make_linker(titles, redirects, trie, **config)
    view = linker.titles.view
    names = {normalize(name) for name in view}
    targets = {normalize(r): normalize(name) for r, name in view.base.redirect_items()}
    print(f"{len(linker.titles):,} titles, {linker.num_beams} beams, {dtype}")
    print(
        f"{'data set':12} {'mentions':>8} {'in set':>7} {'correct':>8} {'of in set':>9} "
        f"{'a second':>9}"
    )
    for name in sets:
        own = Path(__file__).with_name(f"{name}.jsonl")
        path = own if name in OWN_SETS else data / f"{name}.jsonl.gz"
        gold_docs = list(read_gold(path, nlp.vocab))[:limit]
        golds = [normalize(title) for gold in gold_docs for title in gold.titles]
        golds = [gold if gold in names else targets.get(gold, gold) for gold in golds]
        start = time.perf_counter()
        docs = nlp.pipe(tqdm([gold.doc for gold in gold_docs], desc=name), batch_size=64)
        found = [normalize(ent.kb_id_) for doc in docs for ent in doc.ents]
        seconds = time.perf_counter() - start
        n_in = sum(gold in names for gold in golds)
        correct = sum(a == b for a, b in zip(found, golds, strict=True))
        print(
            f"{name:12} {len(golds):8,} {n_in / len(golds):7.3f} {correct / len(golds):8.3f} "
            f"{correct / max(n_in, 1):9.3f} {len(golds) / seconds:9.1f}",
            flush=True,
        )


if __name__ == "__main__":
    typer.run(main)
