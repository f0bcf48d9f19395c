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
    """A Doc with gold mentions as entities.

    doc (Doc): The Doc.
    titles (List[str]): The gold title of each entity.
    """

    doc: Doc
    titles: List[str]


def normalize(title: str) -> str:
    """A title in MediaWiki's normal form: spaces for underscores, first letter in upper case."""
    title = " ".join(unicodedata.normalize("NFC", title).replace("_", " ").split())
    return title[:1].upper() + title[1:]


def make_linker(
    titles: Optional[Path],
    redirects: Sequence[Path] = (),
    trie: str = "titles",
    **config: Any,
) -> Tuple[Language, Any]:
    """Make a pipeline with only a `genre_linker`.

    titles (Optional[Path]): A gzipped TSV with names in the first column, or the file of a title
        set, which is used as it is. None for the title set in the package.
    redirects (Sequence[Path]): Gzipped TSVs with redirects and their targets. Names that are
        redirects are removed from the names and lead to their targets.
    trie (str): What can be generated: "titles", or "titles+redirects".
    **config (Any): Settings of the component.
    RETURNS (Tuple[Language, Any]): The pipeline and the component.
    """
    nlp = spacy.blank("en")
    linker: Any = nlp.add_pipe("genre_linker", config=config)
    if titles is not None and titles.suffix != ".gz":
        linker.titles = TitleSet.open(titles, tokenizer=linker.tokenizer)
    elif titles is not None:
        names, targets = split_redirects(read_names(titles), redirects)
        linker.titles = TitleSet.build(
            names,
            linker.tokenizer,
            redirects=targets,
            trie=trie,
            on_invalid="skip",
        )
    return nlp, linker


def read_names(path: Path) -> List[str]:
    """Read the first column of a gzipped TSV."""
    with gzip.open(path, "rt", encoding="utf8") as file:
        return [line.split("\t")[0].rstrip("\n") for line in file]


def split_redirects(
    names: List[str], redirects: Sequence[Path]
) -> Tuple[List[str], Dict[str, str]]:
    """Separate names and redirects.

    names (List[str]): Names, some of which are redirects.
    redirects (Sequence[Path]): Gzipped TSVs with redirects and their targets in the first two
        columns. For a redirect in several files, the first file counts. A redirect that differs
        from a name or an earlier redirect only in case is skipped, unless it is one of the names.
    RETURNS (Tuple[List[str], Dict[str, str]]): The names that are not redirects, and for each
        redirect its target.
    """
    titles = set(names)
    targets: Dict[str, str] = {}
    for path in redirects:
        lowered = {text.lower() for text in (*titles, *targets)}
        with gzip.open(path, "rt", encoding="utf8") as file:
            for row in (line.rstrip("\n").split("\t") for line in file):
                target = targets.get(row[1], row[1])
                is_new = row[0] not in targets and row[0].lower() not in lowered
                if target in titles and target != row[0] and (row[0] in titles or is_new):
                    targets[row[0]] = target
        titles -= targets.keys()
    return [name for name in names if name in titles], targets


def read_gold(path: Path, vocab: Vocab) -> Iterator[GoldDoc]:
    """Read a data set: JSON lines with `text`, `mentions[{start, end, title}]` and, if the text is
    a part of a document, `opening`: the start of the document.

    A text with overlapping mentions gives several Docs, since entities of a Doc can't overlap.
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
    """Make a Doc whose tokens end at white space and at the edges of mentions, so that each mention
    is a span."""
    edges = sorted({0, len(text), *(m[key] for m in mentions for key in ("start", "end"))})
    words: List[str] = []
    spaces: List[bool] = []
    token_at = {}
    for start, end in pairwise(edges):
        token_at[start] = len(words)
        for piece in re.finditer(r"\S+|\s+", text[start:end]):
            word = piece.group()
            if word[0] == " " and words and not spaces[-1] and not words[-1].isspace():
                spaces[-1], word = True, word[1:]
            if word:
                words.append(word)
                spaces.append(False)
    token_at[len(text)] = len(words)
    doc = Doc(vocab, words=words, spaces=spaces)
    if doc.text != text:
        raise ValueError(f"These tokens do not give the text {text!r}")
    doc.ents = [Span(doc, token_at[m["start"]], token_at[m["end"]], label="ENT") for m in mentions]
    return GoldDoc(doc, [m["title"] for m in mentions])
