"""Who wraps the key of an export: a KMS key, whose decrypter is another identity than its encrypter, or a local key."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from jobs.core.kms import Kms, is_key, required_key
from jobs.core.problems import Found, Misconfigured


@dataclass(frozen=True)
class Wrapped:
    """A wrapped key, and what is needed to find the key that opens it."""

    key: str
    version: str
    value: bytes


class Wrapper(Protocol):
    """Wraps and unwraps keys of exports. The context is authenticated: a wrapped key serves one export only."""

    name: str

    def wrap(self, key: bytes, context: bytes) -> Wrapped:
        """For the writer."""
        ...

    def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        """For the reader; Found when it is another key's."""
        ...


class KmsWrapper:
    """A symmetric key in Cloud KMS."""

    def __init__(self, kms: Kms, name: str) -> None:
        self._kms = kms
        self.name = required_key(name)

    def wrap(self, key: bytes, context: bytes) -> Wrapped:
        """By the newest version."""
        value, version = self._kms.encrypt(self.name, key, context)
        return Wrapped(self.name, version, value)

    def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        """Only by the key of the settings: whoever can add objects must not choose the key that opens them."""
        _same(wrapped, self.name)
        try:
            return self._kms.decrypt(self.name, wrapped.value, context)
        except Found as error:
            raise _wrong(self.name, wrapped) from error


class LocalWrapper:
    """32 random bytes in a file, base64: for stores without Google Cloud, and for tests."""

    def __init__(self, path: Path) -> None:
        try:
            self._key = base64.b64decode(path.read_text(encoding="ascii").strip(), validate=True)
        except OSError as error:
            raise Misconfigured(f"{path}: the key cannot be read: {error.strerror}") from None
        except (UnicodeDecodeError, binascii.Error):
            self._key = b""
        if len(self._key) != 32:
            raise Misconfigured(f"{path} holds no key of 32 bytes in base64", fix="openssl rand -base64 32 > FILE")
        self.name = f"local:{hashlib.sha256(b'key id' + self._key).hexdigest()[:16]}"

    def wrap(self, key: bytes, context: bytes) -> Wrapped:
        """AES-256-GCM."""
        nonce = os.urandom(12)
        return Wrapped(self.name, self.name, nonce + AESGCM(self._key).encrypt(nonce, key, context))

    def unwrap(self, wrapped: Wrapped, context: bytes) -> bytes:
        """The same key, or nothing."""
        _same(wrapped, self.name)
        try:
            return AESGCM(self._key).decrypt(wrapped.value[:12], wrapped.value[12:], context)
        except (InvalidTag, ValueError):
            raise _wrong(self.name, wrapped) from None


def wrapper(where: str, kms: Kms) -> Wrapper:
    """The wrapper of a setting: the name of a KMS key, or the path of a key file."""
    if is_key(where) or where.startswith("projects/"):
        return KmsWrapper(kms, where)
    return LocalWrapper(Path(where))


def _same(wrapped: Wrapped, name: str) -> None:
    if wrapped.key != name:
        raise Found(
            f"wrong key: the export was encrypted with {wrapped.key}, the settings say {name}",
            fix="set the key with which exports are written; no other is ever used to read one",
            clause="ENC-1",
        )


def _wrong(name: str, wrapped: Wrapped) -> Found:
    return Found(f"wrong key: {name} does not open the key of this export (version {wrapped.version})", clause="ENC-1")
