"""Shapes of what others wrote: a value is what it has to be, or a ValueError says what it is instead."""

from __future__ import annotations

import math
from typing import Any


def whole(value: Any) -> int:
    """A whole number; JSON of others may hold anything, infinity among it."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{str(value)[:40]!r} is no number")
    return int(value)


def mapping(value: Any) -> dict[str, Any]:
    """An object, or an empty one where there is nothing."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"a {type(value).__name__} stands where an object belongs")
    return value


def counts(value: Any) -> dict[str, int]:
    """Names with whole numbers."""
    return {str(name): whole(number) for name, number in mapping(value).items()}
