"""The encrypted stream: AES-256-GCM in chunks, in the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár.

The nonce of a chunk is a random prefix, the number of the chunk, and whether it is the last. So a chunk that was
changed, left out, repeated or moved does not open, and a stream that ends early has no last chunk. Nothing is handed on
before it was authenticated, and never more than a chunk is in memory. Why not age: docs/adr/0052.

    magic, length of the header (4 bytes), header (JSON), chunks of 1 MiB + 16 bytes each, the last one shorter
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from jobs.core.problems import Found
from jobs.envelope.keys import Wrapped, Wrapper

MAGIC: Final = b"SHEXPORT1\n"
CHUNK: Final = 1 << 20
TAG: Final = 16
_PREFIX: Final = 7
_HEADER_LIMIT: Final = 16 << 10


@dataclass(frozen=True)
class ExportKey:
    """The key of one export. What is derived from it for one use tells nothing about another."""

    value: bytes

    @classmethod
    def new(cls) -> ExportKey:
        """Random, never used twice."""
        return cls(os.urandom(32))

    def derived(self, use: str) -> bytes:
        """A key for one use."""
        return HKDF(hashes.SHA256(), 32, salt=None, info=b"secure-hosting export v1 " + use.encode()).derive(self.value)

    def mac(self, data: bytes) -> bytes:
        """Who knows the key says so about these bytes: the manifest."""
        code = hmac.HMAC(self.derived("manifest"), hashes.SHA256())
        code.update(data)
        return code.finalize()


def context(export: str) -> bytes:
    """What the wrapping is bound to."""
    return f"secure-hosting export {export}".encode()


def _nonce(prefix: bytes, number: int, *, last: bool) -> bytes:
    return prefix + struct.pack(">IB", number, last)


class Encryptor:
    """Plain bytes in, encrypted bytes out."""

    def __init__(self, key: ExportKey, export: str, wrapped: Wrapped) -> None:
        self._prefix = os.urandom(_PREFIX)
        header = {
            "export": export,
            "algorithm": "AES-256-GCM STREAM",
            "chunk": CHUNK,
            "key": wrapped.key,
            "key_version": wrapped.version,
            "wrapped": base64.b64encode(wrapped.value).decode(),
            "prefix": base64.b64encode(self._prefix).decode(),
        }
        text = json.dumps(header, sort_keys=True).encode()
        self.header: Final = MAGIC + struct.pack(">I", len(text)) + text
        self._bound = hashlib.sha256(self.header).digest()
        self._cipher = AESGCM(key.derived("data"))
        self._number = 0

    def chunks(self, plain: Iterable[bytes]) -> Iterator[bytes]:
        """The whole stream. If `plain` raises, there is no last chunk: what was written can never be read as whole."""
        yield self.header
        waiting = bytearray()
        for piece in plain:
            waiting += piece
            while len(waiting) > CHUNK:
                chunk = bytes(memoryview(waiting)[:CHUNK])
                del waiting[:CHUNK]
                yield self._seal(chunk, last=False)
        yield self._seal(bytes(waiting), last=True)

    def _seal(self, chunk: bytes, *, last: bool) -> bytes:
        nonce = _nonce(self._prefix, self._number, last=last)
        self._number += 1
        return self._cipher.encrypt(nonce, chunk, self._bound)


@dataclass(frozen=True)
class Header:
    """What stands before the chunks. Nothing of it is believed before a chunk has opened."""

    export: str
    wrapped: Wrapped
    prefix: bytes
    raw: bytes


def _header(raw: bytes) -> Header:
    try:
        text = json.loads(raw[len(MAGIC) + 4 :])
        prefix = base64.b64decode(text["prefix"], validate=True)
        value = base64.b64decode(text["wrapped"], validate=True)
        wrapped = Wrapped(str(text["key"]), str(text["key_version"]), value)
        known = (text["algorithm"], text["chunk"], len(prefix)) == ("AES-256-GCM STREAM", CHUNK, _PREFIX)
        export = str(text["export"])
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise Found("the header of the export is damaged") from None
    if not known:
        raise Found("the header of the export is damaged, or of a newer form than this program knows")
    return Header(export, wrapped, prefix, raw)


def decrypted(encrypted: Iterable[bytes], export: str, wrapper: Wrapper) -> Iterator[bytes]:
    """Plain bytes, chunk by chunk, each authenticated before it is given; Found names the first damaged place."""
    pieces = iter(encrypted)
    waiting = bytearray()

    def fill(size: int) -> bool:
        while len(waiting) < size:
            piece = next(pieces, None)
            if piece is None:
                return False
            waiting.extend(piece)
        return True

    start = len(MAGIC) + 4
    if not fill(start):
        raise Found("the export is truncated: it ends within its header")
    if bytes(waiting[: len(MAGIC)]) != MAGIC:
        raise Found("the header of the export is damaged: this is no export")
    length = struct.unpack(">I", waiting[len(MAGIC) : start])[0]
    if length > _HEADER_LIMIT:
        raise Found("the header of the export is damaged: its length is impossible")
    if not fill(start + length):
        raise Found("the export is truncated: it ends within its header")
    header = _header(bytes(waiting[: start + length]))
    del waiting[: start + length]
    if header.export != export:
        raise Found(f"the file belongs to export {header.export!r}, not to {export!r}")
    key = ExportKey(wrapper.unwrap(header.wrapped, context(export)))
    cipher, bound = AESGCM(key.derived("data")), hashlib.sha256(header.raw).digest()
    number, place = 0, start + length
    while fill(CHUNK + TAG + 1):
        nonce = _nonce(header.prefix, number, last=False)
        try:
            plain = cipher.decrypt(nonce, bytes(memoryview(waiting)[: CHUNK + TAG]), bound)
        except InvalidTag:
            raise _damaged(number, place) from None
        del waiting[: CHUNK + TAG]
        yield plain
        number, place = number + 1, place + CHUNK + TAG
    try:
        yield cipher.decrypt(_nonce(header.prefix, number, last=True), bytes(waiting), bound)
    except InvalidTag:
        raise _ended(cipher, header, number, bytes(waiting), bound, place) from None


def _damaged(number: int, place: int) -> Found:
    return Found(f"the export is damaged: chunk {number} (from byte {place}) is not what was written")


def _ended(cipher: AESGCM, header: Header, number: int, rest: bytes, bound: bytes, place: int) -> Found:
    """The last chunk does not open as the last: is it an earlier one, or half of one?"""
    try:
        cipher.decrypt(_nonce(header.prefix, number, last=False), rest, bound)
    except InvalidTag:
        return Found(f"the export is damaged or truncated in chunk {number} (from byte {place})")
    return Found(f"the export is truncated: it ends after chunk {number}, and that was not the last")
