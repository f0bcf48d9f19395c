"""Entity disambiguation data sets, as Docs whose entities are the gold mentions."""

import gzip
import re
import unicodedata
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Dict, Iterator, List, Optional, Sequence, Tuple

import spacy
import srsly
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from spacy_genre import TitleSet


@dataclass(frozen=True)
class GoldDoc:
    """A Doc with gold mentions as its entities, and the gold title of each."""

    doc: Doc
    titles: List[str]


def normalize(title: str) -> str:
    """A title as MediaWiki compares it: underscores are spaces, the first letter is upper."""
    title = " ".join(unicodedata.normalize("NFC", title).replace("_", " ").split())
    return title[:1].upper() + title[1:]


def make_linker(
    titles: Optional[Path],
    redirects: Sequence[Path] = (),
    trie: str = "titles",
    **config: Any,
) -> Tuple[Language, Any]:
    """A pipeline of a `genre_linker` alone, and that component.

    titles (Optional[Path]): A gzipped TSV with names in the first column; None for the title
        set that comes with the package.
    redirects (Sequence[Path]): Gzipped TSVs of redirects and their targets: those of the names
        that are redirects are no names then, but lead to their targets.
    trie (str): "titles+redirects" if the model may write the redirects, too.
    """
    nlp = spacy.blank("en")
    linker: Any = nlp.add_pipe("genre_linker", config=config)
    if titles is not None:
        names, targets = resolve(read_names(titles), redirects)
        linker.titles = TitleSet.build(
            names,
            linker.tokenizer,
            redirects=targets,
            trie=trie,
            on_invalid="skip",
        )
    return nlp, linker


def read_names(path: Path) -> List[str]:
    """The first column of a gzipped TSV."""
    with gzip.open(path, "rt", encoding="utf8") as file:
        return [line.split("\t")[0].rstrip("\n") for line in file]


def resolve(names: List[str], redirects: Sequence[Path]) -> Tuple[List[str], Dict[str, str]]:
    """Tell names from redirects.

    redirects (Sequence[Path]): Gzipped TSVs with redirects and their targets in the first two
        columns. What stands in several counts as in the first of these; what is like a name but
        for its capitals (lists of aliases have none) is none.
    RETURNS (Tuple[List[str], Dict[str, str]]): The names that are no redirects; and the names to
        which the redirects lead.
    """
    known = set(names)
    targets: Dict[str, str] = {}
    for path in redirects:
        alike = {text.lower() for text in (*known, *targets)}
        with gzip.open(path, "rt", encoding="utf8") as file:
            for row in (line.rstrip("\n").split("\t") for line in file):
                target = targets.get(row[1], row[1])
                is_new = row[0] not in targets and row[0].lower() not in alike
                if target in known and target != row[0] and (row[0] in known or is_new):
                    targets[row[0]] = target
        known -= targets.keys()
    return [name for name in names if name in known], targets


def read_gold(path: Path, vocab: Vocab) -> Iterator[GoldDoc]:
    """Read a data set: a JSON line a document, `text` and `mentions[{start, end, title}]`, and if
    the text is only a part of a document, how that begins, `opening`.

    A document comes once, or more often if mentions overlap, which entities of a Doc can't.
    """
    read = srsly.read_gzip_jsonl if path.suffix == ".gz" else srsly.read_jsonl
    for row in read(path):
        mentions = [m for m in row["mentions"] if m.get("title")]
        while mentions:
            layer = _without_overlaps(mentions)
            mentions = [m for m in mentions if m not in layer]
            gold = _make_doc(vocab, row["text"], layer)
            gold.doc._.genre_opening = row.get("opening", "")
            yield gold


def _without_overlaps(mentions: List[Dict]) -> List[Dict]:
    layer: List[Dict] = []
    for mention in sorted(mentions, key=lambda m: (m["start"], m["end"])):
        if not layer or mention["start"] >= layer[-1]["end"]:
            layer.append(mention)
    return layer


def _make_doc(vocab: Vocab, text: str, mentions: List[Dict]) -> GoldDoc:
    """A Doc cut at white space and at the mentions' own borders, so that each is a span."""
    borders = sorted({0, len(text), *(m[key] for m in mentions for key in ("start", "end"))})
    words: List[str] = []
    spaces: List[bool] = []
    at = {}
    for start, end in pairwise(borders):
        at[start] = len(words)
        for piece in re.finditer(r"\S+|\s+", text[start:end]):
            word = piece.group()
            if word[0] == " " and words and not spaces[-1] and not words[-1].isspace():
                spaces[-1], word = True, word[1:]
            if word:
                words.append(word)
                spaces.append(False)
    at[len(text)] = len(words)
    doc = Doc(vocab, words=words, spaces=spaces)
    if doc.text != text:
        raise ValueError("the text was not kept")
    # A space that starts a mention belongs to the token before it, hence the checks.
    doc.ents = [Span(doc, at[m["start"]], at[m["end"]], label="ENT") for m in mentions]
    return GoldDoc(doc, [m["title"] for m in mentions])
