"""Cloud KMS over its REST API: wrapping and unwrapping of small secrets, and Ed25519 signatures.

Each value is sent and received with its CRC-32C; a value that was damaged on the way is asked for again, as Google's
guide to data integrity in KMS says.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from typing import Any, Final

from jobs.core import retry
from jobs.core.crc32c import crc32c
from jobs.core.http import Call, Http, reported
from jobs.core.problems import Misconfigured, Unreachable

ENDPOINT: Final = "https://cloudkms.googleapis.com"
ENDPOINT_VARIABLE: Final = "CLOUD_KMS_ENDPOINT"
_KEY: Final = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+")
_VERSION: Final = re.compile(_KEY.pattern + r"/cryptoKeyVersions/[0-9]+")


def is_key(name: str) -> bool:
    """Whether this is the full name of a key."""
    return bool(_KEY.fullmatch(name))


def is_version(name: str) -> bool:
    """Whether this is the full name of a version of a key."""
    return bool(_VERSION.fullmatch(name))


class Kms:
    """Calls with one identity."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self._endpoint = os.environ.get(ENDPOINT_VARIABLE, ENDPOINT).rstrip("/")

    def encrypt(self, key: str, plain: bytes, context: bytes) -> tuple[bytes, str]:
        """The wrapped value, and the name of the key version that wrapped it."""
        document = {
            "plaintext": _text(plain),
            "plaintextCrc32c": str(crc32c(plain)),
            "additionalAuthenticatedData": _text(context),
            "additionalAuthenticatedDataCrc32c": str(crc32c(context)),
        }
        permission = "cloudkms.cryptoKeyVersions.useToEncrypt"
        verified = ("verifiedPlaintextCrc32c", "verifiedAdditionalAuthenticatedDataCrc32c")
        answer = self._ask(f"{key}:encrypt", document, permission, key, "ciphertext", verified)
        return _bytes(answer, "ciphertext"), str(answer.get("name", ""))

    def decrypt(self, key: str, wrapped: bytes, context: bytes) -> bytes:
        """What was wrapped. A value that another key wrapped, or with another context, is refused by KMS."""
        document = {
            "ciphertext": _text(wrapped),
            "ciphertextCrc32c": str(crc32c(wrapped)),
            "additionalAuthenticatedData": _text(context),
            "additionalAuthenticatedDataCrc32c": str(crc32c(context)),
        }
        permission = "cloudkms.cryptoKeyVersions.useToDecrypt"
        return _bytes(self._ask(f"{key}:decrypt", document, permission, key, "plaintext"), "plaintext")

    def sign(self, version: str, data: bytes) -> bytes:
        """The signature by a version of an EC_SIGN_ED25519 key."""
        document = {"data": _text(data), "dataCrc32c": str(crc32c(data))}
        permission = "cloudkms.cryptoKeyVersions.useToSign"
        answer = self._ask(
            f"{version}:asymmetricSign", document, permission, version, "signature", ("verifiedDataCrc32c",)
        )
        return _bytes(answer, "signature")

    def _ask(
        self,
        path: str,
        document: dict[str, str],
        permission: str,
        on: str,
        answer_field: str,
        verified: tuple[str, ...] = (),
    ) -> dict[str, Any]:
        url = f"{self._endpoint}/v1/{path}"
        call = Call(method="POST", url=url, permission=permission, on=on)

        def ask() -> dict[str, Any]:
            answer = self._http.post_json(url, document, permission=permission, on=on)
            if not all(answer.get(name) is True for name in verified):
                raise retry.Again("KMS received something else than was sent")
            checksum = str(answer.get(f"{answer_field}Crc32c", ""))
            if checksum != str(crc32c(_bytes(answer, answer_field))):
                raise retry.Again("the answer of KMS was damaged on the way")
            return answer

        with reported(call):
            return retry.call(ask, what=f"KMS {path.rpartition(':')[2]}", log=self._http.log, attempts=4)


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _bytes(answer: dict[str, Any], field: str) -> bytes:
    try:
        return base64.b64decode(str(answer.get(field, "")), validate=True)
    except binascii.Error:
        raise Unreachable(f"KMS answered with a {field} that is no base64") from None


def required_key(name: str) -> str:
    """The name, or why it is none."""
    if not is_key(name):
        raise Misconfigured(
            f"{name!r} is no name of a KMS key",
            fix="projects/PROJECT/locations/LOCATION/keyRings/RING/cryptoKeys/KEY",
            clause="ENC-1",
        )
    return name
