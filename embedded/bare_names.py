"""Write mentions without context: well-known titles and usual link texts, alone, behind a label, or
in a list.

    python bare_names.py ASSETS BUILD

BUILD has the title set (`titles`); `famous.jsonl` is written there.
"""

import gzip
import json
import re
from collections import Counter, defaultdict
from pathlib import Path
from random import Random
from typing import Annotated, Any, DefaultDict, Dict, Iterator, List

import typer
from embedded_data import mention_row, read_rows, write_rows
from training_held_out import FAMOUS

from spacy_genre import TitleSet
from spacy_genre.corpora.names import find_name
from spacy_genre.corpora.texts import LINK

N_TITLES, N_LINK_TEXTS, N_LABELLED, N_LISTS = 4500, 3500, 2500, 3500
LABELS = ("Name", "Title", "Subject", "Topic", "Entity", "Item")
LABEL_ENDS = (": ", ": ", " | ", " - ")
SEPARATORS = (", ", " | ", "\n", "; ")
# A link text counts as usual if it occurs often, mostly for one title.
MIN_COUNT, MIN_SHARE, MIN_LETTERS, MAX_LENGTH = 6, 0.55, 3, 40
# What a link text means in tables only: a season, a team, a record.
OF_TABLES = re.compile(
    r"List of|\d|team|season|airport|at the|F\.C\.|football|cricket|basketball|Championship|League",
    re.IGNORECASE,
)
MIN_TOPIC = 8  # articles of a topic from which lists are made


def main(
    assets: Annotated[Path, typer.Argument(help="The folder with the data.")],
    build: Annotated[Path, typer.Argument(help="The folder of what is built.")],
    seed: Annotated[int, typer.Option(help="The random seed.")] = 5,
) -> None:
    """Write famous.jsonl."""
    titles, rng = TitleSet.open(build / "titles"), Random(seed)
    with gzip.open(assets / "vital_articles.json.gz", "rt", encoding="utf8") as file:
        vital = [row for row in json.load(file).values() if find_name(titles, row["title"])]
    plain = [row for row in vital if "(" not in row["title"] and row["title"] not in FAMOUS]
    links = usual_links(assets / "anchors.tsv.gz", titles, {row["title"] for row in vital})
    texts = rng.sample(sorted(links), min(N_LINK_TEXTS, len(links)))
    rows = [mention_row("", text, "", links[text], LINK) for text in texts]
    rows += [_alone(row["title"]) for row in rng.sample(plain, min(N_TITLES, len(plain)))]
    rows += [_labelled(row, rng) for row in rng.sample(plain, min(N_LABELLED, len(plain)))]
    rows += _listed(plain, rng)
    write_rows(build / "famous.jsonl", rows)


def usual_links(path: Path, titles: TitleSet, vital: Any) -> Dict[str, str]:
    """Read the usual link texts.

    vital (Set[str]): Titles that are meant by themselves, whatever links say.
    RETURNS (Dict[str, str]): For each text its title.
    """
    counts: DefaultDict[str, Counter[str]] = defaultdict(Counter)
    for text, title, count in read_rows(path):
        if name := find_name(titles, title):
            counts[text][name] += int(count)
    found = {}
    for text, by_title in counts.items():
        title, count = by_title.most_common(1)[0]
        n = by_title.total()
        letters = re.findall(r"[^\W\d_]", text)
        is_usual = n >= MIN_COUNT and count / n >= MIN_SHARE and text[:1].isupper()
        is_word = MIN_LETTERS <= len(letters) and len(text) < MAX_LENGTH
        is_general = bool(OF_TABLES.search(text)) or not OF_TABLES.search(title)
        if is_usual and is_word and is_general and not re.search(r"\d", text):
            found[text] = text if text in vital else title
    return {text: title for text, title in found.items() if text not in FAMOUS}


def _alone(title: str) -> Dict[str, Any]:
    return mention_row("", title, "", title, LINK)


def _labelled(row: Any, rng: Random) -> Dict[str, Any]:
    """A title behind what it is, or behind a general label."""
    description = re.split(r",| of | in ", row.get("description") or "")[0].strip()
    is_short = 0 < len(description) < MAX_LENGTH
    label = description if is_short and rng.random() < 0.85 else rng.choice(LABELS)
    label = label.split(" ")[-1] if rng.random() < 0.5 else label
    before = label[:1].upper() + label[1:] + rng.choice(LABEL_ENDS)
    return mention_row(before, row["title"], "", row["title"], LINK)


def _listed(plain: List[Any], rng: Random) -> Iterator[Dict[str, Any]]:
    """Titles in lists of titles of the same topic."""
    topics: DefaultDict[str, List[str]] = defaultdict(list)
    for row in plain:
        topics[str(row.get("topic"))].append(row["title"])
    large = [titles for titles in topics.values() if len(titles) > MIN_TOPIC]
    for _ in range(N_LISTS if large else 0):
        some = rng.sample(rng.choice(large), rng.randint(2, 6))
        separator, i = rng.choice(SEPARATORS), rng.randrange(len(some))
        before = "".join(f"{title}{separator}" for title in some[:i])
        after = "".join(f"{separator}{title}" for title in some[i + 1 :])
        yield mention_row(before, some[i], after, some[i], LINK)


if __name__ == "__main__":
    typer.run(main)
