"""doccano: spans with a label, and with a gold title if one was added.

    {"text": ..., "label": [[0, 6, "PERSON"]]}
    {"text": ..., "entities": [{"start_offset": 0, "end_offset": 6, "label": "PERSON"}]}

doccano itself links nothing: spans need a fourth value, or the key `title` or `kb_id`. (The `id`
of an entity is the number of the annotation.)
"""

from typing import Any, Dict, Mapping

from ..texts import GoldText, list_of
from .common import mention_row, span_rows

LIST_KEYS = ("label", "labels")


def is_row(row: Mapping[str, Any]) -> bool:
    """Whether it is a row of doccano."""
    return "entities" in row or any(isinstance(row.get(key), list) for key in LIST_KEYS)


def read_text(row: Dict[str, Any]) -> GoldText:
    """Read a row. RAISES (ValueError): If it is not valid."""
    entities = list_of(row, "entities")
    spans = [*entities, *(span for key in LIST_KEYS if key in row for span in list_of(row, key))]
    objects = [span for span in spans if isinstance(span, Mapping)]
    offsets = ("start_offset", "end_offset")
    mentions = span_rows((o for o in objects if "start_offset" in o), *offsets)
    mentions += span_rows((o for o in objects if "start_offset" not in o), "start", "end")
    for span in spans:
        if isinstance(span, list) and len(span) == 4 and span[3]:
            mentions.append(mention_row(span[0], span[1], span[3], span[2]))
    return GoldText.from_row({"text": row.get("text"), "mentions": mentions})
