"""The short form in which a property is written in a table, and its reading.

`"string required replace"` says type and flags. Where more is to be said, an object with `is` and the rest:
`{"is": "string replace", "default": "ENCRYPT_DECRYPT", "enum": [...]}`; `fields` holds the properties of an object.
"""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]

FLAGS = ("required", "autoname", "computed", "output", "replace", "secret", "deprecated", "nocase")
EXTRAS = ("default", "fill", "enum", "max", "conflicts", "length", "separator")


def write_property(row: Row) -> Any:
    """The short form of a property."""
    text = " ".join([row["type"], *(flag for flag in FLAGS if row.get(flag))])
    extra = {key: row[key] for key in EXTRAS if key in row}
    if "fields" in row:
        extra["fields"] = {name: write_property(row["fields"][name]) for name in sorted(row["fields"])}
    return {"is": text, **extra} if extra else text


def flags_of(value: Any) -> Row:
    """A written property in the form of the facts: the inverse of `write_property` as far as the facts go."""
    text, extra = (value, {}) if isinstance(value, str) else (value["is"], value)
    kind, *flags = text.split()
    row: Row = {"type": kind.split(":")[0], **dict.fromkeys(flags, True)}
    row["output_only"] = row.get("output", False)
    row["required"] = row.get("required", False) or row.get("autoname", False)
    for key, name in (("default", "default"), ("enum", "enum"), ("max", "max_items"), ("conflicts", "conflicts_tf")):
        if key in extra:
            row[name] = extra[key]
    if "fields" in extra:
        row["fields"] = {name: flags_of(inner) for name, inner in extra["fields"].items()}
    return row
