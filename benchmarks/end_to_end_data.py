"""Data sets of end-to-end entity linking, as texts with gold mentions."""

import gzip
import zlib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Dict, Iterator, List, Tuple

import srsly

from spacy_genre.corpora.texts import GoldMention, GoldText
from spacy_genre.types import NIL

# Of GUM, one document in so many is held out.
GUM_SHARE = 5
FILES = {
    "Wiki-Fair": "benchmarks/wiki_fair_v2.jsonl.gz",
    "Spotlight": "benchmarks/spotlight.jsonl.gz",
    "ConEL-22": "benchmarks/conel22_val.jsonl.gz",
    "GUM": "wiki_links/gum.jsonl.gz",
}


@dataclass(frozen=True)
class Document:
    """A document of a data set.

    gold (GoldText): Its text and gold mentions.
    start, end (int): The part of the text that is annotated.
    """

    gold: GoldText
    start: int
    end: int

    def within(self, text: GoldText) -> GoldText:
        """A text without the mentions that are outside of the annotated part."""
        inside = [m for m in text.mentions if self.start <= m.start and m.end <= self.end]
        return text.with_mentions(inside)


def read_documents(data: Path, name: str) -> List[Document]:
    """Read a data set.

    data (Path): The folder of the files.
    name (str): One of `FILES`. Of GUM, the documents that are held out.
    """
    rows = srsly.read_gzip_jsonl(data / FILES[name])
    if name == "GUM":
        return [_gum_document(row) for row in rows if is_held_out(row["title"])]
    title_of = _read_titles(data / "titles" / "qid2title.tsv.gz")
    return [_document(row, title_of) for row in rows]


def is_held_out(title: str) -> bool:
    """Whether a document of GUM is held out: leave it out of a training corpus."""
    return zlib.crc32(title.encode("utf8")) % GUM_SHARE == 0


def _read_titles(path: Path) -> Dict[str, str]:
    with gzip.open(path, "rt", encoding="utf8") as file:
        return dict(line.split("\t")[:2] for line in file)


def _document(row: Dict[str, Any], title_of: Dict[str, str]) -> Document:
    start, end = row.get("evaluation_span") or (0, len(row["text"]))
    mentions = tuple(_mention(mention, title_of) for mention in row["mentions"])
    document = Document(GoldText(row["text"], mentions), start, end)
    return replace(document, gold=document.within(document.gold))


def _mention(row: Dict[str, Any], title_of: Dict[str, str]) -> GoldMention:
    """A mention. Those within another one (of which they are another reading), and pronouns and
    descriptions of an entity that was named before, are optional, too."""
    is_optional = any(key in row for key in ("optional", "parent", "coref"))
    kb_id = NIL if "nil" in row else row.get("qid", "")
    title = row.get("title") or title_of.get(kb_id, "")
    return GoldMention(row["start"], row["end"], title, kb_id, optional=is_optional)


def _gum_document(row: Dict[str, Any]) -> Document:
    """A whole document: its paragraphs, one on each line."""
    text, mentions = "", []
    for paragraph in row["paragraphs"]:
        for link in paragraph["links"]:
            start, end = (len(text) + link[key] for key in ("start", "end"))
            mentions.append(GoldMention(start, end, link["title"]))
        text += f"{paragraph['text']}\n"
    return Document(GoldText(text, tuple(mentions)), 0, len(text))


def data_sets(data: Path) -> Iterator[Tuple[str, List[Document]]]:
    """All data sets, by name."""
    for name in FILES:
        yield name, read_documents(data, name)
