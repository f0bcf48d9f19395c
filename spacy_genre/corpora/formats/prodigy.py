"""Prodigy: spans with a `kb_id`, and the choices of an entity linking recipe.

    {"text": ..., "spans": [{"start": 0, "end": 6, "label": "PERSON", "kb_id": "Q1"}]}
    {"text": ..., "spans": [{"start": 0, "end": 6}], "options": [...], "accept": ["Q1"],
     "answer": "accept"}

Rows that the annotator rejected or ignored are left out. Choices such as "NIL_otherLink" are NIL.
"""

from typing import Any, Dict, List, Mapping, Optional

from ...types import NIL
from ..texts import GoldText, list_of
from .common import GOLD_KEYS, mention_row, span_rows


def is_row(row: Mapping[str, Any]) -> bool:
    """Whether it is a row of Prodigy (or of spaCy's `Doc.to_json`, which has the same spans)."""
    return "spans" in row or "ents" in row


def read_text(row: Dict[str, Any]) -> Optional[GoldText]:
    """Read a row.

    RETURNS (Optional[GoldText]): The text; None if the annotator did not accept it.
    RAISES (ValueError): If it is not valid.
    """
    if row.get("answer") in ("reject", "ignore"):
        return None
    spans = list_of(row, "spans") or list_of(row, "ents")
    accepted = row.get("accept")
    is_choice = isinstance(accepted, list) and bool(accepted) and len(spans) == 1
    mentions: List[Mapping[str, Any]] = []
    if is_choice and isinstance(spans[0], Mapping) and not any(spans[0].get(k) for k in GOLD_KEYS):
        kb_id = str(accepted[0])  # type: ignore[index]
        kb_id = NIL if kb_id.startswith(f"{NIL}_") else kb_id
        span = spans[0]
        mentions = [mention_row(span.get("start"), span.get("end"), kb_id, span.get("label"))]
    else:
        mentions = span_rows(spans, "start", "end")
    return GoldText.from_row({"text": row.get("text"), "mentions": mentions})
