"""Property values between the provider protocol and plain Python.

Inside, values are plain (str, bool, int, float, list, dict, None) with one addition, `UNKNOWN`. Which of them are
secret is kept beside them as a set of paths, so that checks and comparisons never have to look through wrappers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from google.protobuf import struct_pb2

SIGNATURE: Final = "4dabf18193072939515e22adb298388d"
SECRET: Final = "1b47061264138c4ac30d75fd1eb44270"
ASSETS: Final = ("c44067f5952c0a294b673a41bacd8c17", "0def7320c3a5731c473e5ecbe6d01bc7")
UNKNOWN_TEXT: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

Path = tuple[str | int, ...]
Values = dict[str, Any]


class Unknown:
    """The value of an output that does not exist before the resource does."""

    def __repr__(self) -> str:
        return "UNKNOWN"

    def __deepcopy__(self, memo: object) -> Unknown:
        return self


UNKNOWN: Final = Unknown()


def decode(message: struct_pb2.Struct | None) -> tuple[Values, frozenset[Path]]:
    """Plain values and the paths of the secret ones."""
    secrets: set[Path] = set()
    if message is None:
        return {}, frozenset()
    return {key: decode_value(value, (key,), secrets) for key, value in message.fields.items()}, frozenset(secrets)


def decode_value(value: struct_pb2.Value, path: Path, secrets: set[Path]) -> Any:
    kind = value.WhichOneof("kind")
    if kind == "string_value":
        return UNKNOWN if value.string_value == UNKNOWN_TEXT else value.string_value
    if kind == "bool_value":
        return value.bool_value
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "list_value":
        return [decode_value(item, (*path, index), secrets) for index, item in enumerate(value.list_value.values)]
    if kind == "struct_value":
        fields = value.struct_value.fields
        if SIGNATURE in fields and fields[SIGNATURE].string_value == SECRET:
            secrets.add(path)
            return decode_value(fields["value"], path, secrets)
        return {key: decode_value(item, (*path, key), secrets) for key, item in fields.items()}
    return None


def encode(values: Values, secrets: Iterable[Path] = ()) -> struct_pb2.Struct:
    """The protocol's form; values at secret paths are wrapped as secrets."""
    marked = frozenset(secrets)
    return struct_pb2.Struct(fields={key: encode_value(value, (key,), marked) for key, value in values.items()})


def encode_value(value: Any, path: Path, secrets: frozenset[Path]) -> struct_pb2.Value:
    if path in secrets:
        inner = encode_value(value, path, secrets - {path})
        fields = {SIGNATURE: struct_pb2.Value(string_value=SECRET), "value": inner}
        return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=fields))
    if value is UNKNOWN:
        return struct_pb2.Value(string_value=UNKNOWN_TEXT)
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, (int, float)):
        return struct_pb2.Value(number_value=value)
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    if isinstance(value, list):
        items = [encode_value(item, (*path, index), secrets) for index, item in enumerate(value)]
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=items))
    fields = {key: encode_value(item, (*path, key), secrets) for key, item in value.items()}
    return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=fields))


def is_asset(value: Any) -> bool:
    """A file or archive handed to the provider (storage objects, function sources)."""
    return isinstance(value, dict) and value.get(SIGNATURE) in ASSETS


def has_unknown(value: Any) -> bool:
    """Whether a value, or anything inside it, is not known yet."""
    if isinstance(value, dict):
        return any(map(has_unknown, value.values()))
    if isinstance(value, list):
        return any(map(has_unknown, value))
    return value is UNKNOWN


def show_path(path: Iterable[str | int]) -> str:
    """`settings.databaseFlags[0].value`, as the engine writes paths."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def leaves(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Every value that is neither a list nor a dictionary, with its path."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if items is None:
        yield path, value
        return
    for key, item in items:
        yield from leaves(item, (*path, key))
