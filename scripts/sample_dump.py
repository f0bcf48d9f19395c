"""Copy the sample of an English Wikipedia dump in the installed package `gensim`, or its first
pages.

    python scripts/sample_dump.py OUT [--pages N]
"""

import bz2
import importlib.util
from pathlib import Path
from typing import Annotated

import typer

from spacy_genre.atomic import write_atomically

DUMP = "test/test_data/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
END = b"</page>"


def main(
    out: Annotated[Path, typer.Argument(help="The file to write, *.xml.bz2.")],
    pages: Annotated[int, typer.Option(min=0, help="The number of pages, 0 for all.")] = 0,
) -> None:
    """Copy the sample."""
    spec = importlib.util.find_spec("gensim")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("The sample is in gensim. Run: pip install --no-deps gensim==4.4.0")
    content = (Path(spec.submodule_search_locations[0]) / DUMP).read_bytes()
    if pages:
        first = bz2.decompress(content).split(END)[:pages]
        content = bz2.compress(END.join([*first, b"\n</mediawiki>\n"]))
    write_atomically(out, content)


if __name__ == "__main__":
    typer.run(main)
