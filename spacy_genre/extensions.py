"""All attributes that this package registers on `Doc` and `Span`, and access to their values.

| attribute | value | written by |
| --- | --- | --- |
| `doc._.genre_opening` | str: the beginning of the document that this Doc is a part of | user |
| `doc._.genre_gold_title` | str: the title of the page that the whole text leads to | corpora |
| `span._.genre_candidates` | List[Candidate]: the candidates of a span, best first | components |
| `span._.genre_gold_candidates` | Optional[List[str]]: titles or ids from a data set | corpora |

Values are plain (strings, lists, numbers), so that they survive `DocBin`, `to_bytes` and pickle.
"""

from typing import Any, Iterable, List, Sequence

from spacy.tokens import Doc, Span

from .types import Candidate

OPENING = "genre_opening"
GOLD_TITLE = "genre_gold_title"
CANDIDATES = "genre_candidates"
GOLD_CANDIDATES = "genre_gold_candidates"


def _key(span: Span, name: str) -> Any:
    """The key of a span's attribute in `Doc.user_data`, as spaCy has it: spaCy copies these values
    with the span."""
    return ("._.", name, span.start_char, span.end_char)


def set_candidates(span: Span, candidates: Iterable[Candidate]) -> None:
    """Write a span's candidates to its Doc."""
    rows = [[c.title, c.kb_id, c.score, c.logprob, c.probability] for c in candidates]
    span.doc.user_data[_key(span, CANDIDATES)] = rows


def get_candidates(span: Span) -> List[Candidate]:
    """The candidates of a span, best first: `span._.genre_candidates`."""
    return [Candidate(*row) for row in span.doc.user_data.get(_key(span, CANDIDATES), [])]


def set_gold_candidates(span: Span, names: Sequence[str]) -> None:
    """Write the titles or ids that a data set gives as candidates of a mention, if any."""
    if names:
        span._.set(GOLD_CANDIDATES, list(names))


def get_gold_candidates(span: Span) -> List[str]:
    """The titles or ids that a data set gives as candidates of a mention; empty if none."""
    names = span._.get(GOLD_CANDIDATES)
    return [name for name in names or () if isinstance(name, str)]


def copy_gold_candidates(source: Doc, target: Doc) -> None:
    """Copy the gold candidates of all mentions to another Doc of the same text."""
    for key, value in source.user_data.items():
        if isinstance(key, tuple) and key[:2] == ("._.", GOLD_CANDIDATES):
            target.user_data[key] = value


def _register() -> None:
    for name in (OPENING, GOLD_TITLE):
        if not Doc.has_extension(name):
            Doc.set_extension(name, default="")
    if not Span.has_extension(CANDIDATES):
        Span.set_extension(CANDIDATES, getter=get_candidates)
    if not Span.has_extension(GOLD_CANDIDATES):
        Span.set_extension(GOLD_CANDIDATES, default=None)


_register()
