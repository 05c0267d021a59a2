"""Resource types as the tables describe them, read on first use and one service at a time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from localcloud.errors import UnsupportedType

TABLES = Path(__file__).parent / "tables"


@dataclass(frozen=True, kw_only=True)
class Property:
    """One property. `kind` is the outer type (string, bool, int, float, list, set, map, object, asset, any) and `item`
    the type of the elements of a list, set or map; `fill` is what the cloud writes where a computed one is left out;
    `length` and `separator` shape a name that is made up."""

    kind: str
    item: str = ""
    required: bool = False
    autoname: bool = False
    computed: bool = False
    output: bool = False
    replace: bool = False
    secret: bool = False
    deprecated: bool = False
    nocase: bool = False
    default: Any = None
    fill: Any = None
    enum: tuple[str, ...] = ()
    max: int | None = None
    length: int = 255
    separator: str = "-"
    conflicts: tuple[str, ...] = ()
    fields: Mapping[str, Property] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """One row of a table. `api` is the service that the project must have enabled; `adopt` says that creating
    what is there already takes it over (settings that every project has); `refs` names the types that properties
    refer to."""

    token: str
    id: str
    api: str | None
    adopt: bool
    outputs: Mapping[str, Any]
    refs: Mapping[str, str]
    properties: Mapping[str, Property]

    @property
    def is_grant(self) -> bool:
        """A grant of a role to members: creating one that exists is no conflict."""
        names = self.properties
        return "policyData" in names or ("role" in names and ("member" in names or "members" in names))


def read_property(written: Any) -> Property:
    """A property in the tables' short form (see `tables/notation.py`)."""
    extra: dict[str, Any] = {} if isinstance(written, str) else {k: v for k, v in written.items() if k != "is"}
    kind, *flags = (written if isinstance(written, str) else written["is"]).split()
    kind, _, item = kind.partition(":")
    fields = {name: read_property(value) for name, value in extra.pop("fields", {}).items()}
    for name in ("enum", "conflicts"):
        if name in extra:
            extra[name] = tuple(extra[name])
    settings: dict[str, Any] = {**dict.fromkeys(flags, True), **extra}
    return Property(kind=kind, item=item, fields=fields, **settings)


def file_of(token: str) -> Path:
    """The table in which a type's row is, whether it is there or not."""
    provider, module, _ = token.split(":")
    return TABLES / provider / f"{module.split('/')[0].replace('-', '_').lower()}.json"


@cache
def table(path: Path) -> Mapping[str, Any]:
    """One table; empty where there is no such file."""
    rows: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return rows


@cache
def resource_type(token: str) -> ResourceType:
    """The row of a type; a type without a row is refused with the file to add it to."""
    row = table(file_of(token)).get(token)
    if row is None:
        raise UnsupportedType(token)
    return ResourceType(
        token=token,
        id=row["id"],
        api=row.get("api"),
        adopt=row.get("adopt", False),
        outputs=row.get("outputs", {}),
        refs=row.get("refs", {}),
        properties={name: read_property(value) for name, value in row["properties"].items()},
    )


def tokens(provider: str) -> list[str]:
    """All types of a provider that are served."""
    return sorted(token for path in (TABLES / provider).glob("*.json") for token in table(path))
