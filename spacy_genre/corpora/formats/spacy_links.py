"""spaCy's training data for its `EntityLinker`, as JSON.

    ["text", {"links": {"(0, 6)": {"Q1": 1.0, "Q2": 0.0}}, "entities": [[0, 6, "PERSON"]]}]

JSON has no tuples as keys, so that offsets are "(0, 6)", "0, 6" or "[0, 6]", or the links are a
list of pairs. The same keys may stand beside `text` in an object. Of a mention's ids, the most
probable one is the gold id.
"""

import re
from typing import Any, Dict, Iterator, Mapping, Tuple

from ...types import NIL
from ..texts import GoldText, list_of, shorten_repr
from .common import mention_row

OFFSETS = re.compile(r"\s*[(\[]?\s*(\d+)\s*[,:]\s*(\d+)\s*[)\]]?\s*")


def is_pair(row: Any) -> bool:
    """Whether it is a pair of a text and its annotations."""
    is_two = isinstance(row, list) and len(row) == 2
    return is_two and isinstance(row[0], str) and isinstance(row[1], dict)


def is_row(row: Mapping[str, Any]) -> bool:
    """Whether it is an object with links."""
    return isinstance(row.get("links"), (dict, list))


def read_text(row: Dict[str, Any]) -> GoldText:
    """Read an object: `text`, `links`, and `entities` for the labels.

    RAISES (ValueError): If it is not valid.
    """
    labels = {
        (entity[0], entity[1]): entity[2]
        for entity in list_of(row, "entities")
        if isinstance(entity, list) and list(map(type, entity[:3])) == [int, int, str]
    }
    mentions = []
    for (start, end), ids in _links(row["links"]):
        if not isinstance(ids, dict) or not all(isinstance(p, (int, float)) for p in ids.values()):
            raise ValueError(f"the link {shorten_repr(ids)} must be like {{'Q1': 1.0}}")
        if ids:
            best = max(ids, key=lambda kb_id: ids[kb_id])
            # As in spaCy, a mention without a true candidate is no entity of the knowledge base.
            kb_id = best if ids[best] > 0 else NIL
            label = next((labels[key] for key in labels if key == (start, end)), "")
            mentions.append(mention_row(start, end, kb_id, label))
    return GoldText.from_row({"text": row.get("text"), "mentions": mentions})


def _links(links: Any) -> Iterator[Tuple[Tuple[int, int], Any]]:
    """The offsets and ids of the links."""
    if isinstance(links, dict):
        for key, ids in links.items():
            match = OFFSETS.fullmatch(key)
            if match is None:
                raise ValueError(f"{shorten_repr(key)} in 'links' must be like '(0, 6)'")
            yield (int(match[1]), int(match[2])), ids
        return
    for link in links:
        is_nested = isinstance(link, list) and bool(link) and isinstance(link[0], list)
        flat = [*link[0], *link[1:]] if is_nested else link
        if not isinstance(flat, list) or len(flat) != 3:
            raise ValueError(f"{shorten_repr(link)} in 'links' must be [start, end, {{'Q1': 1.0}}]")
        yield (flat[0], flat[1]), flat[2]
