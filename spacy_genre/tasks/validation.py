"""Checks of the components' settings."""

from typing import Any

from ..errors import Errors


def check(component: str, key: str, value: Any, allowed: str, good: bool) -> None:
    """RAISES (ValueError): If the value is not good, saying what is allowed."""
    if not good:
        raise ValueError(
            Errors.C001.format(key=key, component=component, value=value, allowed=allowed)
        )
