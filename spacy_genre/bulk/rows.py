"""What is linked: rows of text with their other columns, and how a row becomes a Doc."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Dict, Mapping, Optional, Sequence, Tuple, Union

from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import filter_spans

# The label of entities whose label is not given.
LABEL = "ENTITY"
# Keys of the entities in JSON: our own, of spaCy's Doc.to_json, and of Prodigy.
ENTITY_KEYS = ("mentions", "ents", "spans")
# Where the columns of a row are kept in `Doc.user_data`, for .spacy files.
ROW = "row"

# First character, character after the last, and label.
Ent = Tuple[int, int, str]


@dataclass(frozen=True)
class Row:
    """A text of an input.

    where (str): Its place for messages: "FILE, line 3".
    text (str): The text, or a bare name.
    ents (Optional[Tuple[Ent, ...]]): Its entities; None if the pipeline shall find them.
    values (Mapping[str, Any]): All columns of the input's row.
    doc (Optional[Doc]): The Doc, if the input has Docs.
    """

    where: str
    text: str
    ents: Optional[Tuple[Ent, ...]] = None
    values: Mapping[str, Any] = field(default_factory=dict)
    doc: Optional[Doc] = None


def name_row(where: str, name: str, values: Mapping[str, Any]) -> Row:
    """A row whose text is a bare name: all of it is one mention. A blank one has no mention."""
    text = name.strip()
    return Row(where, text, ((0, len(text), LABEL),) if text else (), values)


def ents_of_json(values: Mapping[str, Any], text: str) -> Optional[Tuple[Ent, ...]]:
    """The entities of a JSON object.

    values (Mapping[str, Any]): The object.
    text (str): Its text.
    RETURNS (Optional[Tuple[Ent, ...]]): The entities, None if it has none of `ENTITY_KEYS`.
    RAISES (ValueError): If they are not valid, with the reason.
    """
    key = next((key for key in ENTITY_KEYS if key in values), None)
    if key is None:
        return None
    spans = values[key]
    if not isinstance(spans, list):
        raise ValueError(f"{key!r} is {str(spans)[:40]!r}; it must be a list of objects")
    ents = sorted(_ent_of_json(key, span, len(text)) for span in spans)
    for (_, end, _), (start, *_) in pairwise(ents):
        if start < end:
            raise ValueError(f"two of its {key!r} overlap at character {start}")
    return tuple(ents)


def _ent_of_json(key: str, span: Any, length: int) -> Ent:
    start, end = (span.get("start"), span.get("end")) if isinstance(span, dict) else (None, None)
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= length:
        raise ValueError(
            f"one of its {key!r} is {str(span)[:60]}; 'start' and 'end' must be character offsets "
            f"in a text of {length} characters"
        )
    label = span.get("label")
    return start, end, label if isinstance(label, str) and label else LABEL


def ents_of_doc(doc: Doc) -> Optional[Tuple[Ent, ...]]:
    """The entities of a Doc, None if they were never set."""
    if not doc.has_annotation("ENT_IOB"):
        return None
    return tuple((ent.start_char, ent.end_char, ent.label_) for ent in doc.ents)


def to_input(row: Row, nlp: Language) -> Union[str, Doc]:
    """What `nlp.pipe` gets for a row: its Doc, a Doc with its entities, or its text."""
    if row.doc is not None:
        return row.doc
    if row.ents is None and row.text.strip():
        return row.text
    return _with_ents(nlp.make_doc(row.text), row.ents or ())


def _with_ents(doc: Doc, ents: Sequence[Ent]) -> Doc:
    spans = (doc.char_span(*ent, alignment_mode="expand") for ent in ents)
    # Spans of one token each may be expanded to the same token.
    doc.set_ents(filter_spans([span for span in spans if span is not None]), default="outside")
    return doc


def columns_of_doc(doc: Doc) -> Dict[str, Any]:
    """The columns of a Doc: those of the row that it was made of, or its text."""
    values = doc.user_data.get(ROW)
    return dict(values) if isinstance(values, dict) else {"text": doc.text}
