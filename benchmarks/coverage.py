"""Which gold titles of the data sets are in a title set: the share that can be found at all.

    python benchmarks/coverage.py DATA [TITLES]... [--redirects REDIRECTS.tsv.gz]...

DATA is the folder with the data sets. TITLES are files of title sets; without one, the set in the
package is used. A gold title that is a redirect, of the title set or in a file of --redirects,
counts as its target.
"""

import gzip
import time
from pathlib import Path
from typing import Annotated, Iterator, List, Tuple

import srsly
import typer
from datasets import normalize

from spacy_genre import TitleSet
from spacy_genre.titles.loaders import EMBEDDED

SETS = ("wned_wiki", "rss500", "conel22_val", "spotlight")


def main(
    data: Annotated[Path, typer.Argument(help="The folder with the data sets.")],
    titles: Annotated[List[Path], typer.Argument(help="Title sets.")] = [EMBEDDED],  # noqa: B006
    redirects: Annotated[
        List[Path], typer.Option(help="Gzipped TSVs with redirects and their targets.")
    ] = [],  # noqa: B006
    sets: Annotated[List[str], typer.Option("--set", help="The data sets.")] = list(SETS),  # noqa: B006
) -> None:
    """Print the size of each title set and its share of the gold titles of each data set."""
    targets = dict(pair for path in redirects for pair in read_pairs(path))
    golds = {name: list(read_titles(data / f"{name}.jsonl.gz")) for name in sets}
    for path in titles:
        start = time.perf_counter()
        title_set = TitleSet.open(path)
        seconds = time.perf_counter() - start
        view = title_set.view
        n_ids = sum(title_set.id_of(name) is not None for name in title_set)
        print(f"{path.name}: {len(title_set):,} names, {view.n_redirects:,} redirects,")
        print(f"  {n_ids:,} ids, {path.stat().st_size:,} bytes, opened in {1000 * seconds:.1f} ms")
        names = {normalize(name) for name in title_set}
        names |= {normalize(redirect) for redirect, _ in view.base.redirect_items()}
        for name, gold in golds.items():
            share = sum(g in names or targets.get(g) in names for g in gold) / len(gold)
            print(f"  {name:12} {len(gold):6,} mentions, {share:.3f} in the set", flush=True)


def read_titles(path: Path) -> Iterator[str]:
    """The gold titles of all mentions that have one."""
    for row in srsly.read_gzip_jsonl(path):
        yield from (normalize(m["title"]) for m in row["mentions"] if m.get("title"))


def read_pairs(path: Path) -> Iterator[Tuple[str, str]]:
    """Redirects and their targets."""
    with gzip.open(path, "rt", encoding="utf8") as file:
        for line in file:
            redirect, target = line.rstrip("\n").split("\t")[:2]
            yield normalize(redirect), normalize(target)


if __name__ == "__main__":
    typer.run(main)
