"""Put other names in the place of mentions whose title has a qualifier.

    python scripts/swapped_names.py CORPUS NAMES.jsonl OUT.jsonl

In what is written of "Queen (band)", any band could stand: so each "NAME (band)" of the title set
gets a text in which one did. A model that is trained on such pairs must read from the context what
kind of thing the name stands for, and can't learn the context by heart, since the same one leads to
many titles. CORPUS is a folder that `corpus build` wrote; the links of its part for training are
taken.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Annotated, Dict, Iterable, Iterator, List

import srsly
import typer
from embedded_data import split_title, write

from spacy_genre.corpora.readers import texts_in
from spacy_genre.corpora.texts import ALIAS, LINK, GoldMention, GoldText

# So many names take the place of a mention at most.
MAX_SWAPS = 10
# Characters of context that are kept to each side.
CONTEXT = 300


@dataclass(frozen=True)
class Place:
    """Where a name stood: the text before and behind it, and how the document begins."""

    name: str
    before: str
    after: str
    opening: str


def main(
    corpus: Annotated[Path, typer.Argument(help="A corpus.")],
    names: Annotated[Path, typer.Argument(help="The names of the title set.")],
    out: Annotated[Path, typer.Argument(help="The file to write.")],
    seed: Annotated[int, typer.Option(help="What chance starts from.")] = 0,
) -> None:
    """Write the texts."""
    places = places_of(texts_in(corpus / "train"))
    titles = (row["name"] for row in srsly.read_jsonl(names))
    write(out, (text.to_row() for text in swapped(titles, places, Random(seed))))


def places_of(texts: Iterable[GoldText]) -> Dict[str, List[Place]]:
    """For each qualifier where something of that kind is spoken of."""
    places: Dict[str, List[Place]] = defaultdict(list)
    for text in texts:
        for mention in text.mentions:
            name, what = split_title(mention.title)
            if mention.kind == LINK and what and text.text[mention.start : mention.end] == name:
                before = text.text[max(0, mention.start - CONTEXT) : mention.start]
                after = text.text[mention.end : mention.end + CONTEXT]
                places[what].append(Place(name, before, after, text.opening))
    return places


def swapped(
    titles: Iterable[str], places: Dict[str, List[Place]], chance: Random
) -> Iterator[GoldText]:
    """A text for each title with a qualifier of which there are places, unless they are few."""
    by_kind: Dict[str, List[str]] = defaultdict(list)
    for title in titles:
        if (what := split_title(title)[1]) in places:
            by_kind[what].append(title)
    for what, alike in by_kind.items():
        wanted = places[what] * MAX_SWAPS
        count = min(len(alike), len(wanted))
        chosen = zip(chance.sample(alike, count), chance.sample(wanted, count), strict=True)
        for title, place in chosen:
            yield put(title, place)


def put(title: str, place: Place) -> GoldText:
    """The text of a place with another name, also where the old one comes again."""
    name = split_title(title)[0]
    before, after, opening = (
        part.replace(place.name, name) for part in (place.before, place.after, place.opening)
    )
    start, end = len(before), len(before) + len(name)
    mention = GoldMention(start, end, title, kind=ALIAS)
    return GoldText(f"{before}{name}{after}", (mention,), opening=opening)


if __name__ == "__main__":
    typer.run(main)
