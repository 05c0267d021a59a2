"""What the provider says of its properties: required, default, allowed values. Read from the local cloud's tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from policies.model import split_path

TABLES: Final = Path(__file__).resolve().parents[2] / "localcloud" / "tables"


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a resource type."""

    flags: tuple[str, ...] = ()
    default: Any = None
    enum: tuple[str, ...] = ()

    @property
    def computed(self) -> bool:
        """Whether the cloud decides when it is left out: left out then means unmanaged."""
        return "computed" in self.flags

    @property
    def required(self) -> bool:
        """Whether the provider refuses a resource without it."""
        return "required" in self.flags


@lru_cache(maxsize=1)
def _types() -> Mapping[str, Mapping[str, Any]]:
    found: dict[str, Mapping[str, Any]] = {}
    for path in sorted(TABLES.glob("*/*.json")):
        document = json.loads(path.read_text(encoding="utf-8"))
        found.update({token: row["properties"] for token, row in document.items() if "properties" in row})
    return found


@lru_cache(maxsize=65536)
def describe(type_token: str, path: str) -> Property:
    """The property at a path; nothing is known of types and properties outside the tables."""
    fields: Any = _types().get(type_token)
    row: Any = None
    for step in split_path(path):
        if isinstance(step, int):
            continue
        row = fields.get(step) if isinstance(fields, Mapping) else None
        if row is None:
            return Property()
        fields = row.get("fields") if isinstance(row, Mapping) else None
    if isinstance(row, str):
        return Property(flags=tuple(row.split()[1:]))
    if isinstance(row, Mapping):
        return Property(tuple(row["is"].split()[1:]), row.get("default"), tuple(row.get("enum", ())))
    return Property()
