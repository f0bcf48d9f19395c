"""Convert the data of the embedded model to files for `genre titles build` and `corpus build`.

    python embedded_data.py DATA OUT

DATA is a folder with these files:

- titles.tsv.gz: titles, and the lists in which each was found;
- redirects.tsv.gz: redirects among these titles, with their targets;
- qid2title.tsv.gz: Wikidata ids and titles;
- anchors.tsv.gz: link texts, titles and counts;
- vital_articles.json.gz: first paragraphs and short descriptions of well-known articles.

OUT gets:

- names.jsonl: the title set, with redirects;
- redirects.tsv.gz: the redirects: those of DATA, and titles that differ from another title only in
  case, accents or punctuation, or that share its Wikidata id;
- vital.jsonl: the first paragraphs as pages, in which names of other articles are links;
- described.jsonl: link texts in front of the description of their article;
- excluded.txt: the pages of a benchmark, which must not be trained on;
- bare.jsonl: link texts and titles without context, or with the qualifier of their title as context
  ("Queen" next to "band" for "Queen (band)");
- some_bare.jsonl and more_bare.jsonl: every fourth and every second row of bare.jsonl;
- everyday.jsonl: well-known articles in everyday sentences that do not describe them, and turns of
  conversations (--conversations), alone, after and before a neighbouring turn.
"""

import gzip
import json
import re
from collections import defaultdict
from pathlib import Path
from random import Random
from typing import Annotated, Any, Dict, Iterable, Iterator, List, Optional, Sequence, Set, Tuple

import srsly
import typer
from same_titles import find_redirects

from spacy_genre.atomic import write_atomically
from spacy_genre.corpora.texts import ALIAS, DESCRIPTION, GoldMention, GoldText
from spacy_genre.titles.redirects import resolve_redirects

Anchors = Dict[str, List[Tuple[str, int]]]
QUALIFIED = re.compile(r"(.+?)(?: \(([^()]+)\)|, (.+))")
# Texts that hold a name and the qualifier of its title.
FRAMES = (
    "{name}, {qualifier}",
    "{qualifier} {name}",
    "the {qualifier} {name}",
    "{name} ({qualifier})",
    "{name} {qualifier}",
)
# Sentences that fit any topic, and sentences without a name that may come before or after them.
SENTENCES = (
    "Do you know {}?",
    "I read about {} yesterday.",
    "Have you ever heard of {}?",
    "What do you think of {}?",
    "Tell me something about {}.",
    "There was something about {} on TV last night.",
    "I am interested in {}.",
    "We talked about {} for hours.",
    "I don't know much about {}.",
    "My brother loves {}.",
    "{} is what I am writing about.",
    "A friend told me about {}.",
    "This book is about {}.",
    "{} was in the news again.",
    "Our teacher explained {} to us.",
    "How would you explain {} to a child?",
    "Let's talk about {}.",
    "That reminds me of {}.",
    "The lecture on {} starts at nine.",
    "Is there a good article on {}?",
    "She received {} with joy.",
    "{} came up first.",
    "Many people like {}, but I don't.",
    "He never understood {}.",
)
ASIDES = (
    "I had a long day.",
    "That is a good question!",
    "Thanks, I will look it up.",
    "What about you?",
    "Well, it depends.",
    "You are right about that.",
    "I am not sure.",
    "It was raining.",
)
N_SENTENCES = 2  # sentences for each well-known article
MAX_ALIASES = 4  # link texts for each described article
MAX_TEXT = 400  # characters of a first paragraph
FREQUENT = 20  # a link text that leads to a title at least this often gives two rows
N_UNQUALIFIED = 10_000  # titles without a qualifier that give a row of their own
DIGIT = re.compile(r"\d")
# The shares of link texts that are kept, if they have digits and if they occur once.
KEPT_WITH_DIGITS, KEPT_IF_RARE = 0.1, 0.2
WORD = re.compile(r"[^\W\d_][\w.'’-]*(?: [^\W\d_][\w.'’-]*){0,4}")


def main(
    data: Annotated[Path, typer.Argument(help="The folder with the data.")],
    out: Annotated[Path, typer.Argument(help="The folder to write to.")],
    benchmark: Annotated[
        Optional[Path],
        typer.Option(help="A data set (.jsonl.gz) whose ids are the titles of pages to exclude."),
    ] = None,
    conversations: Annotated[
        Optional[Path], typer.Option(help="Turns of conversations with mentions (.jsonl.gz).")
    ] = None,
    seed: Annotated[int, typer.Option(help="The random seed.")] = 0,
) -> None:
    """Write the files."""
    lists_of = {row[0]: row[1] for row in read_rows(data / "titles.tsv.gz")}
    redirects = read_redirects(data, lists_of)
    anchors = read_anchors(data / "anchors.tsv.gz", set(lists_of), redirects)
    with gzip.open(data / "vital_articles.json.gz", "rt", encoding="utf8") as file:
        vital = [row for row in json.load(file).values() if row["title"] in lists_of]
    names = [title for title in lists_of if title not in redirects]
    excluded = (
        [row["id"].replace("_", " ") for row in srsly.read_gzip_jsonl(benchmark)]
        if benchmark
        else []
    )
    write_atomically(out / "excluded.txt", "\n".join(excluded).encode("utf8"))
    rng = Random(seed)
    write_rows(out / "names.jsonl", name_rows(names, redirects))
    table = "".join(f"{redirect}\t{target}\n" for redirect, target in redirects.items())
    write_atomically(out / "redirects.tsv.gz", gzip.compress(table.encode("utf8"), mtime=0))
    write_rows(out / "vital.jsonl", vital_pages(vital))
    write_rows(out / "described.jsonl", described(vital, anchors, rng))
    bare = list(bare_mentions(names, anchors, rng))
    write_rows(out / "bare.jsonl", bare)
    write_rows(out / "some_bare.jsonl", bare[::4])
    write_rows(out / "more_bare.jsonl", bare[::2])
    turns = [*srsly.read_gzip_jsonl(conversations)] if conversations else []
    write_rows(out / "everyday.jsonl", [*everyday(vital, anchors, rng), *in_context(turns)])


def read_rows(path: Path) -> Iterator[List[str]]:
    """The cells of a gzipped TSV."""
    with gzip.open(path, "rt", encoding="utf8") as file:
        for line in file:
            yield line.rstrip("\n").split("\t")


def read_redirects(data: Path, lists_of: Dict[str, str]) -> Dict[str, str]:
    """Find the titles that are redirects, as far as the data show it.

    data (Path): The folder with the data.
    lists_of (Dict[str, str]): For each title the lists that contain it.
    RETURNS (Dict[str, str]): For each redirect its target.
    """
    listed = {
        row[0]: row[1]
        for row in read_rows(data / "redirects.tsv.gz")
        if row[1] in lists_of and row[0] != row[1]
    }
    articles = {title: lists for title, lists in lists_of.items() if title not in listed}
    links = ((row[0], row[1], int(row[2])) for row in read_rows(data / "anchors.tsv.gz"))
    titles_by_id: Dict[str, Set[str]] = defaultdict(set)
    for qid, title, *_ in read_rows(data / "qid2title.tsv.gz"):
        titles_by_id[qid].add(title)
    inferred = find_redirects(articles, links, titles_by_id.values())
    return resolve_redirects({**listed, **inferred}, articles.keys() - inferred.keys())[0]


def read_anchors(path: Path, titles: Set[str], redirects: Dict[str, str]) -> Anchors:
    """Read for each title the link texts that lead to it, with counts, most frequent first. The
    title itself is left out."""
    counts: Dict[str, Dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for text, title, count in read_rows(path):
        if title in titles and text.strip() and len(text) <= 100:
            counts[redirects.get(title, title)][text] += int(count)
    return {
        title: sorted(
            ((text, n) for text, n in texts.items() if text != title),
            key=lambda row: (-row[1], row[0]),
        )
        for title, texts in counts.items()
    }


def name_rows(names: Iterable[str], redirects: Dict[str, str]) -> Iterator[Dict[str, Any]]:
    """The rows of the title set."""
    redirects_to: Dict[str, List[str]] = defaultdict(list)
    for redirect, target in redirects.items():
        redirects_to[target].append(redirect)
    for name in names:
        others = redirects_to.get(name)
        yield {"name": name, "redirects": others} if others else {"name": name}


def vital_pages(vital: List[Dict[str, str]]) -> Iterator[Dict[str, Any]]:
    """The first paragraphs as pages, in which names of other articles are links."""
    titles = {row["title"] for row in vital}
    for row in vital:
        text = row["extract"]
        links = [
            {"start": m.start(), "end": m.end(), "title": m[0]}
            for m in WORD.finditer(text)
            if m[0] in titles and m[0] != row["title"] and m.start() > 0
        ]
        yield {"title": row["title"], "paragraphs": [{"text": text, "links": links}]}


def described(
    vital: List[Dict[str, str]], anchors: Anchors, rng: Random
) -> Iterator[Dict[str, Any]]:
    """The link texts of an article, in its first paragraph and in front of its description."""
    for row in vital:
        title, extract = row["title"], row["extract"][:MAX_TEXT]
        description = row.get("description") or ""
        name = split_title(title)[0]
        match = re.search(rf"(?<!\w){re.escape(name)}(?!\w)", extract)
        before, after = ("", f": {extract}")
        if match:
            before, after = extract[: match.start()], extract[match.end() :]
        for alias, _ in [(name, 0), *anchors.get(title, [])[:MAX_ALIASES]]:
            yield mention_row(before, alias, after, title, DESCRIPTION)
            if description:
                description = description[0].lower() + description[1:]
                yield qualified_row(alias, description, title, rng, DESCRIPTION)


def bare_mentions(names: List[str], anchors: Anchors, rng: Random) -> Iterator[Dict[str, Any]]:
    """Link texts and titles without context, or with the qualifier of the title as context."""
    for title, texts in anchors.items():
        for text, count in texts:
            # Tables have many texts such as "1948-49" and "May 21", which differ in meaning.
            share = KEPT_WITH_DIGITS if DIGIT.search(text) else 1
            share *= KEPT_IF_RARE if count == 1 else 1
            if rng.random() >= share:
                continue
            for _ in range(1 + (count >= FREQUENT)):
                yield mention_row("", text, "", title, ALIAS)
    unqualified = []
    for title in names:
        name, qualifier = split_title(title)
        if qualifier:
            yield qualified_row(name, qualifier, title, rng, ALIAS)
        else:
            unqualified.append(title)
    for title in rng.sample(unqualified, min(N_UNQUALIFIED, len(unqualified))):
        yield mention_row("", title, "", title, ALIAS)


def everyday(
    vital: List[Dict[str, str]], anchors: Anchors, rng: Random
) -> Iterator[Dict[str, Any]]:
    """Everyday sentences with titles that have no qualifier, and with their usual link texts."""
    for row in vital:
        title = row["title"]
        if split_title(title)[1]:
            continue
        for name in (*[title] * N_SENTENCES, *(text for text, _ in anchors.get(title, [])[:1])):
            before, after = rng.choice(SENTENCES).split("{}")
            aside = rng.choice(ASIDES)
            before = rng.choice(("", f"{aside} ")) + before
            after += rng.choice(("", f" {aside}"))
            yield mention_row(before, name, after, title, ALIAS)


def in_context(turns: Sequence[Dict[str, Any]]) -> Iterator[Dict[str, Any]]:
    """Turns with mentions: alone, after the previous turn, and before the next turn.

    turns (Sequence[Dict[str, Any]]): The turns. An id is the number of the conversation, a hyphen,
        and the number of the turn.
    """
    neighbours = zip([None, *turns[:-1]], turns, [*turns[1:], None], strict=True)
    for previous, turn, following in neighbours:
        if turn["mentions"]:
            yield turn_row("", turn, "")
            if previous and same_conversation(previous, turn):
                yield turn_row(f"{previous['text'].strip()} ", turn, "")
            if following and same_conversation(turn, following):
                yield turn_row("", turn, f" {following['text'].strip()}")


def same_conversation(turn: Dict[str, Any], other: Dict[str, Any]) -> bool:
    return turn["id"].split("-")[0] == other["id"].split("-")[0]


def turn_row(before: str, turn: Dict[str, Any], after: str) -> Dict[str, Any]:
    n = len(before)
    mentions = tuple(
        GoldMention(n + m["start"], n + m["end"], m["title"], kind=ALIAS) for m in turn["mentions"]
    )
    return GoldText(f"{before}{turn['text']}{after}", mentions).to_row()


def split_title(title: str) -> Tuple[str, str]:
    """Split a title into the name and its qualifier, "" if it has none: "Queen (band)",
    "Paris, Texas"."""
    match = QUALIFIED.fullmatch(title)
    return (match[1], match[2] or match[3]) if match else (title, "")


def qualified_row(name: str, qualifier: str, title: str, rng: Random, kind: str) -> Dict[str, Any]:
    """A text of a name and its qualifier."""
    before, after = rng.choice(FRAMES).replace("{qualifier}", qualifier).split("{name}")
    return mention_row(before, name, after, title, kind)


def mention_row(before: str, name: str, after: str, title: str, kind: str) -> Dict[str, Any]:
    """A text with one mention."""
    mention = GoldMention(len(before), len(before) + len(name), title, kind=kind)
    return GoldText(f"{before}{name}{after}", (mention,)).to_row()


def write_rows(path: Path, rows: Iterable[Dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, "".join(f"{srsly.json_dumps(row)}\n" for row in rows).encode("utf8"))


if __name__ == "__main__":
    typer.run(main)
