"""All attributes that this package registers on `Doc` and `Span`, and access to their values.

| attribute | value | written by |
| --- | --- | --- |
| `doc._.genre_opening` | str: the beginning of the document that this Doc is a part of | user |
| `doc._.genre_pages` | List[Page]: the pages retrieved for a text, best first | components |
| `doc._.genre_gold_pages` | List[List[str]]: evidence sets, the titles of gold pages | corpora |
| `doc._.genre_masked` | List[List[int]]: start and end characters of masked text | corpora |
| `doc._.genre_task` | str: the task that a training text is for; "" for all | corpora |
| `span._.genre_candidates` | List[Candidate]: the candidates of a span, best first | components |
| `span._.genre_pages` | List[Page]: the same for a sentence or a span | components |
| `span._.genre_gold_candidates` | Optional[List[str]]: titles or ids from a data set | corpora |

Values are plain (strings, lists, numbers), so that they survive `DocBin`, `to_bytes`, `to_json`,
`copy` and pickle. A linker can have its own attribute in place of `genre_candidates`.
"""

from functools import partial
from typing import Any, Iterable, List, Sequence, Tuple, Union

from spacy.tokens import Doc, Span

from .errors import Errors
from .types import Candidate, DocPages, EvidenceSets, Page

OPENING = "genre_opening"
PAGES = "genre_pages"
GOLD_PAGES = "genre_gold_pages"
MASKED = "genre_masked"
TASK = "genre_task"
CANDIDATES = "genre_candidates"
GOLD_CANDIDATES = "genre_gold_candidates"


def _key(of: Union[Doc, Span], name: str) -> Any:
    """The key of an attribute in `Doc.user_data`, as spaCy has it: spaCy copies the values of a
    span with it."""
    if isinstance(of, Doc):
        return ("._.", name, None, None)
    return ("._.", name, of.start_char, of.end_char)


def set_candidates(
    span: Span, candidates: Iterable[Candidate], attribute: str = CANDIDATES
) -> None:
    """Write a span's candidates to its Doc."""
    rows = [[c.title, c.kb_id, c.score, c.logprob, c.probability] for c in candidates]
    span.doc.user_data[_key(span, attribute)] = rows


def get_candidates(span: Span, attribute: str = CANDIDATES) -> List[Candidate]:
    """The candidates of a span, best first: `span._.genre_candidates`."""
    return [Candidate(*row) for row in span.doc.user_data.get(_key(span, attribute), [])]


def register_candidates(attribute: str) -> None:
    """Register an attribute of `Span` for candidates, for a component with its own one.

    attribute (str): Its name: `span._.NAME`.
    RAISES (ValueError): If it is not a name, or if another program has registered it.
    """
    if not attribute.isidentifier():
        raise ValueError(Errors.C050.format(attribute=attribute))
    if not Span.has_extension(attribute):
        Span.set_extension(attribute, getter=partial(get_candidates, attribute=attribute))
        return
    getter = Span.get_extension(attribute)[2]
    if getattr(getter, "func", getter) is not get_candidates:
        raise ValueError(Errors.C051.format(attribute=attribute))


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


def set_pages(doc: Doc, found: DocPages) -> None:
    """Write the pages of a Doc and of its spans. Those of earlier inputs are removed."""
    data = doc.user_data
    for key in [key for key in data if isinstance(key, tuple) and key[:2] == ("._.", PAGES)]:
        del data[key]
    data[_key(doc, PAGES)] = _rows(found.pages)
    for start, end, pages in found.spans:
        data[_key(doc[start:end], PAGES)] = _rows(pages)


def _rows(pages: Iterable[Page]) -> List[List[Any]]:
    return [[page.title, page.id, page.score, page.probability] for page in pages]


def get_pages(of: Union[Doc, Span]) -> List[Page]:
    """The pages of a Doc or a span, best first: `doc._.genre_pages`, `span._.genre_pages`."""
    data = of.user_data if isinstance(of, Doc) else of.doc.user_data
    return [Page(*row) for row in data.get(_key(of, PAGES), [])]


def set_evidence(doc: Doc, sets: EvidenceSets) -> None:
    """Write the evidence sets of a text, if any."""
    if sets:
        doc._.set(GOLD_PAGES, [list(titles) for titles in sets])


def get_evidence(doc: Doc) -> EvidenceSets:
    """The evidence sets of a text; empty if it has none."""
    return tuple(tuple(titles) for titles in doc._.get(GOLD_PAGES) or ())


def set_masked(doc: Doc, spans: Iterable[Tuple[int, int]]) -> None:
    """Write which parts of a text are masked, as character offsets."""
    doc._.set(MASKED, [list(span) for span in spans])


def get_masked(doc: Doc) -> List[Tuple[int, int]]:
    """The masked parts of a text, as character offsets."""
    return [(start, end) for start, end in doc._.get(MASKED) or ()]


def set_task(doc: Doc, task: str) -> None:
    """Write the task that a training text is for."""
    doc._.set(TASK, task)


def get_task(doc: Doc) -> str:
    """The task that a training text is for; "" for all."""
    return doc._.get(TASK) or ""


def _register() -> None:
    for name in (OPENING, TASK):
        if not Doc.has_extension(name):
            Doc.set_extension(name, default="")
    for name in (GOLD_PAGES, MASKED):
        if not Doc.has_extension(name):
            Doc.set_extension(name, default=None)
    for kind in (Doc, Span):
        if not kind.has_extension(PAGES):
            kind.set_extension(PAGES, getter=get_pages)
    register_candidates(CANDIDATES)
    if not Span.has_extension(GOLD_CANDIDATES):
        Span.set_extension(GOLD_CANDIDATES, default=None)


_register()
