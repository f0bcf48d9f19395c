"""AIDA CoNLL-YAGO (`AIDA-YAGO2-dataset.tsv`): one token a line, documents after `-DOCSTART-`.

The columns of a mention's tokens are the token, B or I, the mention, the YAGO entity or --NME--,
the Wikipedia URL, and ids that are not read.
"""

from dataclasses import dataclass, field
from typing import Iterable, Iterator, List

from ...types import NIL
from ..texts import GoldMention, GoldText, shorten_repr
from .common import gold_mention, title_of_uri

DOCUMENT_START = "-DOCSTART-"
NO_ENTITY = "--NME--"


@dataclass
class _Document:
    """A document that is being read.

    text (str): Its tokens, joined by spaces.
    mentions (List[GoldMention]): Its mentions.
    """

    text: str = ""
    mentions: List[GoldMention] = field(default_factory=list)

    def add(self, columns: List[str]) -> None:
        start = len(self.text) + bool(self.text)
        self.text += f"{' ' * bool(self.text)}{columns[0]}"
        tag = columns[1] if len(columns) > 1 else ""
        if tag not in ("", "B", "I"):
            raise ValueError(
                f"the second column is {shorten_repr(tag)}; it must be B or I (the file with the "
                "annotations alone has no text: make AIDA-YAGO2-dataset.tsv of it and CoNLL 2003 "
                "with the program that comes with it)"
            )
        if tag == "B":
            self.mentions.append(gold_mention(start, len(self.text), _entity(columns)))
        elif tag == "I" and self.mentions:
            first = self.mentions.pop()
            title = first.title or first.id
            self.mentions.append(gold_mention(first.start, len(self.text), title))


def _entity(columns: List[str]) -> str:
    """The gold title in the columns of a token, or "NIL"."""
    yago = columns[3] if len(columns) > 3 else NO_ENTITY
    if yago == NO_ENTITY:
        return NIL
    url = columns[4] if len(columns) > 4 else ""
    if url:
        return title_of_uri(url)
    return yago.encode("latin-1", "backslashreplace").decode("unicode_escape").replace("_", " ")


def read_documents(lines: Iterable[bytes]) -> Iterator[GoldText]:
    """Read the documents of a file.

    lines (Iterable[bytes]): Its lines.
    YIELDS (GoldText): A document, its tokens joined by spaces. All names in it are annotated.
    RAISES (ValueError): If a line is not valid, with its number as the second argument.
    """
    document = _Document()
    for number, line in enumerate(lines, start=1):
        try:
            columns = line.decode("utf-8-sig").rstrip("\r\n").split("\t")
            if columns[0].startswith(DOCUMENT_START):
                if document.text:
                    yield GoldText(document.text, tuple(document.mentions), complete=True)
                document = _Document()
            elif columns[0]:
                document.add(columns)
        except ValueError as err:
            raise ValueError(str(err), number) from err
    if document.text:
        yield GoldText(document.text, tuple(document.mentions), complete=True)
