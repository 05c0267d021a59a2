"""Digests that find a changed byte: one for each file, and one for each kilobyte of it."""

from __future__ import annotations

import hashlib
from typing import Any, Final

CHUNK: Final = 1_024
"""Bytes of one piece: small enough to try every other byte in it (a quarter of a million digests, below a second)."""
_PIECE: Final = 16
"""Hexadecimal digits kept of a piece's digest. They locate a change; the whole file's digest is what proves it."""


def sha256(data: bytes) -> str:
    """In hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def describe(data: bytes) -> dict[str, Any]:
    """Size, digest and the digests of the pieces."""
    pieces = [sha256(data[at : at + CHUNK])[:_PIECE] for at in range(0, len(data), CHUNK)]
    return {"sha256": sha256(data), "size": len(data), "pieces": pieces}


def differences(data: bytes, wanted: dict[str, Any]) -> list[str]:
    """Where the data differ from what was described, in words; nothing when they are the same."""
    if sha256(data) == wanted["sha256"]:
        return []
    found = []
    if len(data) != wanted["size"]:
        found.append(f"has {len(data):,} bytes instead of {wanted['size']:,}")
    changed = [
        index
        for index, digest in enumerate(wanted["pieces"])
        if sha256(data[index * CHUNK : (index + 1) * CHUNK])[:_PIECE] != digest
    ]
    if len(data) != wanted["size"]:
        return [f"{found[0]}; the first difference is after byte {changed[0] * CHUNK:,}" if changed else found[0]]
    return [_locate(data, index, wanted["pieces"][index]) for index in changed]


def _locate(data: bytes, index: int, digest: str) -> str:
    """The one byte that was changed, with its line; the piece when it was more than one."""
    start = index * CHUNK
    piece = bytearray(data[start : start + CHUNK])
    for at, byte in enumerate(piece):
        for other in range(256):
            piece[at] = other
            if other != byte and hashlib.sha256(piece).hexdigest()[:_PIECE] == digest:
                line = data[: start + at].count(b"\n") + 1
                return f"byte {start + at:,} (line {line:,}) is {_shown(byte)} instead of {_shown(other)}"
        piece[at] = byte
    end = min(start + CHUNK, len(data))
    return f"several of the bytes {start:,} to {end - 1:,} (from line {data[:start].count(10) + 1:,}) were changed"


def first_difference(data: bytes, wanted: bytes) -> str:
    """Where two texts part."""
    at = next((i for i, (a, b) in enumerate(zip(data, wanted, strict=False)) if a != b), min(len(data), len(wanted)))
    line = data[:at].count(b"\n") + 1
    if at >= min(len(data), len(wanted)):
        return f"has {len(data):,} bytes instead of {len(wanted):,}"
    return f"byte {at:,} (line {line:,}) is {_shown(data[at])} instead of {_shown(wanted[at])}"


def _shown(byte: int) -> str:
    return f"{chr(byte)!r}" if 32 <= byte < 127 else f"0x{byte:02x}"
