"""Famous names without context and in short contexts: how many are linked to the title of the same
name, in the title set of the package.

    python benchmarks/bare_names.py [--anchors anchors.tsv.gz --titles titles.tsv.gz]

The names stand in famous_names.txt beside this program. With a table of link texts (text, title,
count) it also prints how often a text that is a title leads to that title: the prior of a name.
"""

import gzip
from collections import Counter
from pathlib import Path
from typing import Annotated, Any, Iterator, List, Optional

import spacy
import typer

NAMES = Path(__file__).with_name("famous_names.txt")
FRAMES = ("{}", "Company: {}", "I read about {} yesterday.")


def main(
    anchors: Annotated[
        Optional[Path], typer.Option(help="Gzipped TSV: link text, title, count.")
    ] = None,
    titles: Annotated[Optional[Path], typer.Option(help="Gzipped TSV, titles first.")] = None,
) -> None:
    """Print the number of names that are linked right in each frame."""
    names = NAMES.read_text("utf8").split("\n")[:-1]
    nlp = spacy.blank("en")
    linker: Any = nlp.add_pipe("genre_linker")
    for frame in FRAMES:
        docs = []
        for name in names:
            doc = nlp.make_doc(frame.format(name))
            start = frame.index("{")
            span: Any = doc.char_span(start, start + len(name), label="ENT")
            doc.ents = [span]
            docs.append(doc)
        found = [doc.ents[0].kb_id_ for doc in linker.pipe(docs)]
        wrong = [pair for pair in zip(names, found, strict=True) if pair[0] != pair[1]]
        print(f"{frame:30} {len(names) - len(wrong)} of {len(names)}  {wrong}")
    if anchors is not None and titles is not None:
        print_name_prior(anchors, titles)


def print_name_prior(anchors: Path, titles: Path) -> None:
    """Print the share of links with a title as their text that lead to this title."""
    known = {row[0] for row in read_rows(titles)}
    links: Counter[str] = Counter()
    to_itself: Counter[str] = Counter()
    for text, title, count in read_rows(anchors):
        if text in known:
            links[text] += int(count)
            to_itself[text] += int(count) if title == text else 0
    shares = [to_itself[text] / n for text, n in links.items()]
    print(f"{len(links):,} link texts that are titles, {links.total():,} links:")
    print(f"  lead to the title: {sum(shares) / len(shares):.3f}, mean over texts")


def read_rows(path: Path) -> Iterator[List[str]]:
    """The cells of each row of a gzipped TSV."""
    with gzip.open(path, "rt", encoding="utf8") as file:
        for line in file:
            yield line.rstrip("\n").split("\t")


if __name__ == "__main__":
    typer.run(main)
