"""Cloud KMS's REST API, as far as jobs use it: encrypt, decrypt and asymmetricSign, with their checksums.

Real cryptography under keys that live in memory. Not there: key management, policies, quotas, other algorithms.
"""

from __future__ import annotations

import base64
import json
import os
import re
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from jobs.core.crc32c import crc32c
from tests.jobs.servers.http import Answer, Request, Service, document, error

KEY = "projects/backups/locations/europe-west4/keyRings/copies/cryptoKeys/exports"
SIGNING = "projects/backups/locations/europe-west4/keyRings/copies/cryptoKeys/evidence/cryptoKeyVersions/1"


class Kms(Service):
    """Every name is a key of its own. `denied` are permissions that the caller lacks."""

    def __init__(self) -> None:
        super().__init__()
        self.signing = Ed25519PrivateKey.generate()
        self.denied: set[str] = set()
        self.used: set[str] = set()
        self.damage_answers = 0
        self._keys: dict[str, bytes] = {}

    def answer(self, request: Request) -> Answer:
        """By the verb after the colon."""
        found = re.fullmatch(r"/v1/(projects/.+):(encrypt|decrypt|asymmetricSign)", request.path)
        if not found:
            return error(404, "Not Found")
        name, verb = found[1], found[2]
        use = {"encrypt": "useToEncrypt", "decrypt": "useToDecrypt", "asymmetricSign": "useToSign"}[verb]
        permission = f"cloudkms.cryptoKeyVersions.{use}"
        self.used.add(permission)
        if permission in self.denied:
            return error(403, f"Permission '{permission}' denied on resource '{name}' (or it may not exist).")
        body = {k: v if k.endswith("Crc32c") else base64.b64decode(v) for k, v in json.loads(request.body).items()}
        for field, value in body.items():
            checksum = body.get(f"{field}Crc32c")
            if checksum is not None and int(checksum) != crc32c(value):
                return error(400, f"The checksum of {field} does not match")
        return self._crypt(name, verb, body)

    def _crypt(self, name: str, verb: str, body: dict[str, Any]) -> Answer:
        if verb == "asymmetricSign":
            signature = self.signing.sign(body["data"])
            return self._out("signature", signature, name=name, verifiedDataCrc32c=True)
        cipher = AESGCM(self._keys.setdefault(name, os.urandom(32)))
        bound = body.get("additionalAuthenticatedData", b"")
        if verb == "encrypt":
            nonce = os.urandom(12)
            wrapped = nonce + cipher.encrypt(nonce, body["plaintext"], bound)
            verified = {"verifiedPlaintextCrc32c": True, "verifiedAdditionalAuthenticatedDataCrc32c": True}
            return self._out("ciphertext", wrapped, name=f"{name}/cryptoKeyVersions/1", **verified)
        try:
            plain = cipher.decrypt(body["ciphertext"][:12], body["ciphertext"][12:], bound)
        except InvalidTag:
            return error(400, "Decryption failed: verify that 'name' refers to the correct CryptoKey.")
        return self._out("plaintext", plain)

    def _out(self, field: str, value: bytes, **more: Any) -> Answer:
        checksum = str(crc32c(value))
        if self.damage_answers:
            self.damage_answers -= 1
            value = bytes([value[0] ^ 1]) + value[1:]
        return document({field: base64.b64encode(value).decode(), f"{field}Crc32c": checksum, **more})
