"""The review as JSON, and its schema (docs/schemas/review.json)."""

from __future__ import annotations

import json
from typing import Any, Final

from review.model import Review

SCHEMA_VERSION: Final = 1
"""Raised when a field goes away or changes its meaning; new fields do not raise it."""


def write(review: Review) -> str:
    """The whole review, with stable order and spelling."""
    return json.dumps({"schema": SCHEMA_VERSION, **_plain(review)}, indent=1, ensure_ascii=False) + "\n"


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in value.__dataclass_fields__}
    return value


def schema() -> str:
    """JSON Schema (draft 2020-12) of what `write` writes, made from the model itself."""
    from pydantic import TypeAdapter

    made = TypeAdapter(Review).json_schema(mode="serialization")
    for part in (made, *made.get("$defs", {}).values()):
        part["additionalProperties"] = False
        part["required"] = sorted(part["properties"])
    made["properties"] = {"schema": {"const": SCHEMA_VERSION}, **made["properties"]}
    made["required"] = ["schema", *made["required"]]
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "Review of one run on one stack"}
    return json.dumps({**made, **head}, indent=1, sort_keys=True) + "\n"
