"""Replace mentions whose title has a qualifier by other names with the same qualifier.

    python swapped_names.py CORPUS NAMES.jsonl OUT.jsonl

In a text about "Queen (band)", any other band could be named. So each "NAME (band)" of the title
set gets a text with its name in place of "Queen". A model that is trained on such texts must infer
the type of the entity from the context. It can't memorize the context, because the same context
leads to many titles. CORPUS is a folder written by `corpus build`; the links of its training part
are used.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated, Dict, Iterable, Iterator, List

import srsly
import typer
from embedded_data import split_title, write_rows

from spacy_genre.corpora.readers import texts_in
from spacy_genre.corpora.texts import ALIAS, LINK, GoldMention, GoldText

# The most names that replace one mention.
MAX_SWAPS = 10
# Characters of context that are kept on each side.
CONTEXT = 300


@dataclass(frozen=True)
class Place:
    """A text with a gap for a name.

    name (str): The name that was there.
    before, after (str): The text before and after the name.
    opening (str): The start of the document.
    """

    name: str
    before: str
    after: str
    opening: str


def main(
    corpus: Annotated[Path, typer.Argument(help="A corpus.")],
    names: Annotated[Path, typer.Argument(help="The names of the title set.")],
    out: Annotated[Path, typer.Argument(help="The file to write.")],
    seed: Annotated[int, typer.Option(help="The random seed.")] = 0,
) -> None:
    """Write the texts."""
    places = find_places(texts_in(corpus / "train"))
    titles = (row["name"] for row in srsly.read_jsonl(names))
    write_rows(out, (text.to_row() for text in swap_names(titles, places, Random(seed))))


def find_places(texts: Iterable[GoldText]) -> Dict[str, List[Place]]:
    """Find the places for names of each qualifier: links whose text is the name alone."""
    places: Dict[str, List[Place]] = defaultdict(list)
    for text in texts:
        for mention in text.mentions:
            name, qualifier = split_title(mention.title)
            is_name = text.text[mention.start : mention.end] == name
            if mention.kind == LINK and qualifier and is_name:
                before = text.text[max(0, mention.start - CONTEXT) : mention.start]
                after = text.text[mention.end : mention.end + CONTEXT]
                places[qualifier].append(Place(name, before, after, text.opening))
    return places


def swap_names(
    titles: Iterable[str], places: Dict[str, List[Place]], rng: Random
) -> Iterator[GoldText]:
    """Make a text for each title whose qualifier has places, at most MAX_SWAPS for each place."""
    by_qualifier: Dict[str, List[str]] = defaultdict(list)
    for title in titles:
        if (qualifier := split_title(title)[1]) in places:
            by_qualifier[qualifier].append(title)
    for qualifier, alike in by_qualifier.items():
        slots = places[qualifier] * MAX_SWAPS
        count = min(len(alike), len(slots))
        pairs = zip(rng.sample(alike, count), rng.sample(slots, count), strict=True)
        for title, place in pairs:
            yield fill(place, title)


def fill(place: Place, title: str) -> GoldText:
    """The text of a place with the name of a title, also where the old name occurs again."""
    name = split_title(title)[0]
    before, after, opening = (
        part.replace(place.name, name) for part in (place.before, place.after, place.opening)
    )
    start, end = len(before), len(before) + len(name)
    mention = GoldMention(start, end, title, kind=ALIAS)
    return GoldText(f"{before}{name}{after}", (mention,), opening=opening)


if __name__ == "__main__":
    typer.run(main)
