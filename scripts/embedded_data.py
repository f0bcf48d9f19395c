"""Make what the embedded model is trained on ready for `genre titles build` and `corpus build`.

    python scripts/embedded_data.py DATA OUT

DATA is the folder of titles.tsv.gz (names, and where each was seen), redirects.tsv.gz (redirects
among them, and where they lead), qid2title.tsv.gz (Wikidata ids and titles), anchors.tsv.gz (words
of links, titles and counts) and vital_articles.json.gz (the first paragraphs of well-known
articles, and short descriptions). OUT gets:

- names.jsonl: the title set, with redirects;
- redirects.tsv.gz: these redirects: those of DATA, and names that differ from another only in case,
  accents or punctuation, or have the Wikidata id of another;
- vital.jsonl: the first paragraphs as pages, with the names of others in them as links;
- described.jsonl: words of links in front of what they stand for, where a description is known;
- excluded.txt: the pages that a benchmark is from, which are not to be trained on;
- bare.jsonl: words of links and titles by themselves, or with the qualifier of their title in the
  context ("Queen" beside "band" for "Queen (band)");
- some_bare.jsonl and more_bare.jsonl: every fourth, and every second of these;
- everyday.jsonl: well-known articles in everyday sentences that say nothing of them, and turns of
  conversations (--conversations), each also behind and in front of another.
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
# How a name and its qualifier stand in a text.
FRAMES = (
    "{name}, {what}",
    "{what} {name}",
    "the {what} {name}",
    "{name} ({what})",
    "{name} {what}",
)
# Sentences in which anything may be spoken of, and others that may stand beside them.
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
N_SENTENCES = 2  # for each well-known article
MAX_ALIASES = 4  # of each described article
MAX_TEXT = 400  # of a first paragraph, in characters
OFTEN = 20  # links with the same words and title, for which they come twice
N_PLAIN = 10_000  # titles without a qualifier, by themselves
DIGIT = re.compile(r"\d")
# The shares that are kept of words of links that have digits, and of those that were seen once.
DIGITS, ONCE = 0.1, 0.2
WORD = re.compile(r"[^\W\d_][\w.'’-]*(?: [^\W\d_][\w.'’-]*){0,4}")


def main(
    data: Annotated[Path, typer.Argument(help="The folder of the data.")],
    out: Annotated[Path, typer.Argument(help="Where to write.")],
    benchmark: Annotated[
        Optional[Path], typer.Option(help="A data set (.jsonl.gz) whose ids are titles of pages.")
    ] = None,
    conversations: Annotated[
        Optional[Path], typer.Option(help="Turns of conversations with mentions (.jsonl.gz).")
    ] = None,
    seed: Annotated[int, typer.Option(help="What chance starts from.")] = 0,
) -> None:
    """Write these files."""
    seen_in = {row[0]: row[1] for row in read_rows(data / "titles.tsv.gz")}
    targets = read_redirects(data, seen_in)
    known = set(seen_in)
    anchors = read_anchors(data / "anchors.tsv.gz", known, targets)
    with gzip.open(data / "vital_articles.json.gz", "rt", encoding="utf8") as file:
        vital = [row for row in json.load(file).values() if row["title"] in known]
    names = [name for name in seen_in if name not in targets]
    pages = (
        [row["id"].replace("_", " ") for row in srsly.read_gzip_jsonl(benchmark)]
        if benchmark
        else []
    )
    write_atomically(out / "excluded.txt", "\n".join(pages).encode("utf8"))
    chance = Random(seed)
    write(out / "names.jsonl", name_rows(names, targets))
    table = "".join(f"{redirect}\t{target}\n" for redirect, target in targets.items())
    write_atomically(out / "redirects.tsv.gz", gzip.compress(table.encode("utf8"), mtime=0))
    write(out / "vital.jsonl", vital_pages(vital))
    write(out / "described.jsonl", described(vital, anchors, chance))
    rows = list(bare(names, anchors, chance))
    write(out / "bare.jsonl", rows)
    write(out / "some_bare.jsonl", rows[::4])
    write(out / "more_bare.jsonl", rows[::2])
    turns = [*srsly.read_gzip_jsonl(conversations)] if conversations else []
    write(out / "everyday.jsonl", [*everyday(vital, anchors, chance), *in_context(turns)])


def read_rows(path: Path) -> Iterator[List[str]]:
    """The cells of a gzipped TSV."""
    with gzip.open(path, "rt", encoding="utf8") as file:
        for line in file:
            yield line.rstrip("\n").split("\t")


def read_redirects(data: Path, seen_in: Dict[str, str]) -> Dict[str, str]:
    """Each title that is a redirect, as far as the data tell, and the title to which it leads."""
    known = {
        row[0]: row[1]
        for row in read_rows(data / "redirects.tsv.gz")
        if row[1] in seen_in and row[0] != row[1]
    }
    names = {title: lists for title, lists in seen_in.items() if title not in known}
    links = ((row[0], row[1], int(row[2])) for row in read_rows(data / "anchors.tsv.gz"))
    titles_of: Dict[str, Set[str]] = defaultdict(set)
    for qid, title, *_ in read_rows(data / "qid2title.tsv.gz"):
        titles_of[qid].add(title)
    found = find_redirects(names, links, titles_of.values())
    return resolve_redirects({**known, **found}, names.keys() - found.keys())[0]


def read_anchors(path: Path, known: Iterable[str], targets: Dict[str, str]) -> Anchors:
    """For each title the words of links to it, with counts, most frequent first; not the title
    itself."""
    counts: Dict[str, Dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for mention, title, count in read_rows(path):
        if title in known and mention.strip() and len(mention) <= 100:
            counts[targets.get(title, title)][mention] += int(count)
    return {
        title: sorted(((m, n) for m, n in found.items() if m != title), key=lambda x: (-x[1], x[0]))
        for title, found in counts.items()
    }


def name_rows(names: Iterable[str], targets: Dict[str, str]) -> Iterator[Dict[str, Any]]:
    redirects: Dict[str, List[str]] = defaultdict(list)
    for redirect, target in targets.items():
        redirects[target].append(redirect)
    for name in names:
        yield {"name": name, "redirects": redirects[name]} if name in redirects else {"name": name}


def vital_pages(vital: List[Dict[str, str]]) -> Iterator[Dict[str, Any]]:
    """The first paragraphs as pages; the names of other articles in them are links."""
    known = {row["title"] for row in vital}
    for row in vital:
        text = row["extract"]
        links = [
            {"start": m.start(), "end": m.end(), "title": m[0]}
            for m in WORD.finditer(text)
            if m[0] in known and m[0] != row["title"] and m.start() > 0
        ]
        yield {"title": row["title"], "paragraphs": [{"text": text, "links": links}]}


def described(
    vital: List[Dict[str, str]], anchors: Anchors, chance: Random
) -> Iterator[Dict[str, Any]]:
    """The words of links to an article, in its first paragraph or in front of its description."""
    for row in vital:
        title, extract, what = row["title"], row["extract"][:MAX_TEXT], row.get("description") or ""
        plain = split_title(title)[0]
        at = re.search(rf"(?<!\w){re.escape(plain)}(?!\w)", extract)
        before, after = (extract[: at.start()], extract[at.end() :]) if at else ("", f": {extract}")
        for alias, _ in [(plain, 0), *anchors.get(title, [])[:MAX_ALIASES]]:
            yield mention_row(before, alias, after, title, DESCRIPTION)
            if what:
                yield frame_row(alias, what[0].lower() + what[1:], title, chance, DESCRIPTION)


def bare(names: List[str], anchors: Anchors, chance: Random) -> Iterator[Dict[str, Any]]:
    """Words of links, and titles, by themselves or with the qualifier of the title."""
    for title, found in anchors.items():
        for alias, count in found:
            # Tables are full of "1948-49" and "May 21", which mean something else in each.
            share = (DIGITS if DIGIT.search(alias) else 1) * (ONCE if count == 1 else 1)
            if chance.random() >= share:
                continue
            for _ in range(1 + (count >= OFTEN)):
                yield mention_row("", alias, "", title, ALIAS)
    plain = []
    for title in names:
        name, what = split_title(title)
        if what:
            yield frame_row(name, what, title, chance, ALIAS)
        else:
            plain.append(title)
    for title in chance.sample(plain, min(N_PLAIN, len(plain))):
        yield mention_row("", title, "", title, ALIAS)


def everyday(
    vital: List[Dict[str, str]], anchors: Anchors, chance: Random
) -> Iterator[Dict[str, Any]]:
    """Sentences with titles that have no qualifier, and with the usual words of links to these."""
    for row in vital:
        title = row["title"]
        if split_title(title)[1]:
            continue
        for name in (*[title] * N_SENTENCES, *(words for words, _ in anchors.get(title, [])[:1])):
            before, after = chance.choice(SENTENCES).split("{}")
            aside = chance.choice(ASIDES)
            before = chance.choice(("", f"{aside} ")) + before
            after += chance.choice(("", f" {aside}"))
            yield mention_row(before, name, after, title, ALIAS)


def in_context(turns: Sequence[Dict[str, Any]]) -> Iterator[Dict[str, Any]]:
    """Turns with mentions: each by itself, behind the turn before it, and in front of the next one.
    Their ids are the number of the conversation, a hyphen, and that of the turn."""
    for last, turn, following in zip([None, *turns[:-1]], turns, [*turns[1:], None], strict=True):
        if turn["mentions"]:
            yield turn_row("", turn, "")
            if last and same_conversation(last, turn):
                yield turn_row(f"{last['text'].strip()} ", turn, "")
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
    """A title without its qualifier, and that: "Queen (band)", "Paris, Texas"."""
    match = QUALIFIED.fullmatch(title)
    return (match[1], match[2] or match[3]) if match else (title, "")


def frame_row(name: str, what: str, title: str, chance: Random, kind: str) -> Dict[str, Any]:
    before, after = chance.choice(FRAMES).replace("{what}", what).split("{name}")
    return mention_row(before, name, after, title, kind)


def mention_row(before: str, mention: str, after: str, title: str, kind: str) -> Dict[str, Any]:
    start, end = len(before), len(before) + len(mention)
    found = GoldMention(start, end, title, kind=kind)
    return GoldText(f"{before}{mention}{after}", (found,)).to_row()


def write(path: Path, rows: Iterable[Dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, "".join(f"{srsly.json_dumps(row)}\n" for row in rows).encode("utf8"))


if __name__ == "__main__":
    typer.run(main)
