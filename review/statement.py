"""The in-toto statement over a bundle, and its signature in a DSSE envelope.

In CI the platform's keyless identity signs `statement.json` (docs/review.md); a local Ed25519 key is for tests and for
those who have no such platform.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any, Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from review.coverage import by_clause
from review.manifest import sha256
from review.model import Digest, Review
from review.problems import ReviewError

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://in-toto.io/attestation/test-result/v0.1"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"


def make(review: Review, digests: dict[str, str], inputs: list[Digest]) -> bytes:
    """The statement: these files are the result of testing these inputs, clause by clause."""
    counts = by_clause(review)
    failed = [name for name, found in counts.items() if found.get("fail")]
    open_ = [name for name, found in counts.items() if found.get("undetermined") or found.get("waived")]
    warned = [name for name in open_ if name not in failed]
    passed = [name for name, found in counts.items() if found.get("pass") and name not in (*failed, *warned)]
    result = "PASSED" if review.verdict in ("clear", "attention") and not failed else "FAILED"
    if result == "PASSED" and warned:
        result = "WARNED"
    predicate: dict[str, Any] = {
        "result": result,
        "configuration": [{"name": d.name, "digest": {"sha256": d.sha256}} for d in inputs],
        "passedTests": passed,
        "warnedTests": warned,
        "failedTests": failed,
    }
    if review.commit:
        predicate["configuration"].append({"name": "commit", "digest": {"gitCommit": review.commit}})
    statement = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": name, "digest": {"sha256": digest}} for name, digest in sorted(digests.items())],
        "predicateType": PREDICATE_TYPE,
        "predicate": predicate,
    }
    return (json.dumps(statement, indent=1, ensure_ascii=False) + "\n").encode()


def load_key(path: Path) -> Ed25519PrivateKey:
    """An unencrypted Ed25519 private key (PEM)."""
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as error:
        raise ReviewError(f"{path}: the key cannot be read: {error.strerror}") from None
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise ReviewError(f"{path} is not an Ed25519 private key.", fix="openssl genpkey -algorithm ed25519 -out FILE")
    return key


def load_public_key(path: Path) -> Ed25519PublicKey:
    """An Ed25519 public key (PEM)."""
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise ReviewError(f"{path}: the key cannot be read: {error.strerror}") from None
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ReviewError(f"{path} is not an Ed25519 public key.", fix="openssl pkey -in KEY -pubout -out FILE")
    return key


def key_id(key: Ed25519PublicKey) -> str:
    """SHA-256 of the key as it is in a certificate."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return sha256(key.public_bytes(serialization.Encoding.DER, form))


def encoding(payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding, so that a signature is never taken for another type's."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def sign(payload: bytes, key: Ed25519PrivateKey) -> bytes:
    """The envelope. Ed25519 signatures hold no randomness, so it is reproducible as well."""
    signature = base64.b64encode(key.sign(encoding(payload))).decode()
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": key_id(key.public_key()), "sig": signature}],
    }
    return (json.dumps(envelope, indent=1) + "\n").encode()


def problems(envelope: bytes, payload: bytes, key: Ed25519PublicKey) -> list[str]:
    """What is wrong with an envelope over a payload, in words."""
    try:
        document = json.loads(envelope)
        enclosed = base64.b64decode(document["payload"], validate=True)
        signatures = [base64.b64decode(s["sig"], validate=True) for s in document["signatures"]]
        kind = document["payloadType"]
    except (ValueError, KeyError, TypeError):
        return ["is no DSSE envelope"]
    if kind != PAYLOAD_TYPE:
        return [f"holds {kind!r} instead of an in-toto statement"]
    found = [] if enclosed == payload else ["signs another statement than the one beside it"]
    for signature in signatures:
        try:
            key.verify(signature, encoding(enclosed))
        except InvalidSignature:
            continue
        return found
    return [*found, "has no signature by this key"]
