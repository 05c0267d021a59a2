"""CRC-32C (Castagnoli), which Cloud KMS wants beside what it is sent and gives beside what it answers.

In plain Python: what passes through here is a key or a digest. Objects are checked by MD5 and SHA-256.
"""

from __future__ import annotations

from typing import Final


def _row(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
    return value


_TABLE: Final = tuple(_row(value) for value in range(256))


def crc32c(data: bytes) -> int:
    """The checksum, unsigned."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _TABLE[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF
