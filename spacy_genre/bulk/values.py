"""Values of columns in formats that have fewer types."""

import json
import math
from typing import Any


def plain(value: Any) -> Any:
    """A value as JSON has it: dates, decimals and the like as text, NaN and infinity as null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (str, int, float, bool)) else str(value)


def cell(value: Any) -> str:
    """A value as a cell of CSV: lists and objects as JSON, null as an empty cell."""
    value = plain(value)
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)
