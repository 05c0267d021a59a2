"""Evidence: what a job checked and found, as an in-toto statement in a signed DSSE envelope.

The form is the one of the review's bundles (docs/review.md), so one verifier reads both. It is signed by an Ed25519
key: a version of a KMS key that nobody can export where the job runs in the cloud, a file by hand and in tests.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from jobs.core.kms import Kms, is_version
from jobs.core.problems import Found, Misconfigured

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://in-toto.io/attestation/test-result/v0.1"
PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"

Outcome = Literal["passed", "warned", "failed"]


class Check(BaseModel):
    """One thing that was looked at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1)]
    outcome: Outcome
    detail: str = ""
    """What was found, in a sentence; for a failed check what differs from what was expected."""


class Subject(BaseModel):
    """What the evidence is about: an object with its SHA-256."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(min_length=1)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Evidence(BaseModel):
    """What one run of a job has to show."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    job: Annotated[str, Field(min_length=1)]
    run: Annotated[str, Field(min_length=1)]
    """The trace id: the logs of the run have it too."""
    clauses: tuple[str, ...]
    """What the evidence is for, by the clauses of SECURITY-POLICY.md."""
    started_at: AwareDatetime
    finished_at: AwareDatetime
    subjects: tuple[Subject, ...]
    checks: tuple[Check, ...]
    facts: dict[str, Any] = Field(default_factory=dict)
    """Figures: sizes, durations, versions. No personal data, no secrets."""

    @property
    def outcome(self) -> Outcome:
        """The worst of the checks; no check at all proves nothing."""
        outcomes = {check.outcome for check in self.checks}
        if not outcomes or "failed" in outcomes:
            return "failed"
        return "warned" if "warned" in outcomes else "passed"

    def statement(self) -> bytes:
        """The in-toto statement. The standard fields are filled; everything else stands under `evidence`."""

        def named(outcome: Outcome) -> list[str]:
            return [check.name for check in self.checks if check.outcome == outcome]

        statement = {
            "_type": STATEMENT_TYPE,
            "subject": [{"name": s.name, "digest": {"sha256": s.sha256}} for s in self.subjects],
            "predicateType": PREDICATE_TYPE,
            "predicate": {
                "result": self.outcome.upper(),
                "configuration": [{"name": clause} for clause in self.clauses],
                "passedTests": named("passed"),
                "warnedTests": named("warned"),
                "failedTests": named("failed"),
                "evidence": self.model_dump(mode="json"),
            },
        }
        return (json.dumps(statement, indent=1, ensure_ascii=False) + "\n").encode()


class Signer(Protocol):
    """Whoever signs; `key_id` tells a reader which public key to take."""

    key_id: str

    def sign(self, data: bytes) -> bytes:
        """The Ed25519 signature."""
        ...


class FileSigner:
    """An Ed25519 key in a file: by hand, on Render (a secret file), in tests."""

    def __init__(self, path: Path) -> None:
        try:
            key = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except OSError as error:
            raise Misconfigured(f"{path}: the signing key cannot be read: {error.strerror}") from None
        except (ValueError, TypeError):
            key = None
        if not isinstance(key, Ed25519PrivateKey):
            fix = "openssl genpkey -algorithm ed25519 -out FILE"
            raise Misconfigured(f"{path} is not an unencrypted Ed25519 private key", fix=fix)
        self._key = key
        self.key_id = key_id(key.public_key())

    def sign(self, data: bytes) -> bytes:
        """Ed25519 signatures hold no randomness: the same evidence has the same signature."""
        return self._key.sign(data)


class KmsSigner:
    """A version of an EC_SIGN_ED25519 key in Cloud KMS."""

    def __init__(self, kms: Kms, version: str) -> None:
        self._kms = kms
        self.key_id = version

    def sign(self, data: bytes) -> bytes:
        """Signed where the key is."""
        return self._kms.sign(self.key_id, data)


def signer(where: str, kms: Kms) -> Signer:
    """The signer of a setting: the name of a KMS key version, or the path of a key file."""
    return KmsSigner(kms, where) if is_version(where) else FileSigner(Path(where))


def public_key(where: str) -> Ed25519PublicKey:
    """Whoever signed: a file in PEM, or the 32 bytes of the key in base64, as a component writes them down."""
    if re.fullmatch(r"[A-Za-z0-9+/]{43}=", where):
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(where))
    fix = "openssl pkey -in KEY -pubout -out FILE"
    try:
        key = serialization.load_pem_public_key(Path(where).read_bytes())
    except OSError as error:
        raise Misconfigured(f"{where}: the public key cannot be read: {error.strerror}") from None
    except ValueError:
        raise Misconfigured(f"{where} is no public key", fix=fix) from None
    if not isinstance(key, Ed25519PublicKey):
        raise Misconfigured(f"{where} is no Ed25519 public key", fix=fix)
    return key


def key_id(key: Ed25519PublicKey) -> str:
    """SHA-256 of the key as it is in a certificate."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_bytes(serialization.Encoding.DER, form)).hexdigest()


def encoding(payload: bytes) -> bytes:
    """What is signed: DSSE's pre-authentication encoding."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def sealed(evidence: Evidence, by: Signer) -> bytes:
    """The signed envelope, as it is stored."""
    payload = evidence.statement()
    envelope = {
        "payloadType": PAYLOAD_TYPE,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [{"keyid": by.key_id, "sig": base64.b64encode(by.sign(encoding(payload))).decode()}],
    }
    return (json.dumps(envelope, indent=1) + "\n").encode()


def opened(envelope: bytes, key: Ed25519PublicKey) -> Evidence:
    """The evidence of an envelope that this key signed; anything else is refused."""
    try:
        document = json.loads(envelope)
        payload = base64.b64decode(document["payload"], validate=True)
        signatures = [base64.b64decode(one["sig"], validate=True) for one in document["signatures"]]
        kind = document["payloadType"]
    except (ValueError, KeyError, TypeError):
        raise Found("the evidence is no DSSE envelope") from None
    if kind != PAYLOAD_TYPE or not any(_signed(key, signature, payload) for signature in signatures):
        raise Found("the evidence has no signature by this key")
    try:
        return Evidence.model_validate(json.loads(payload)["predicate"]["evidence"])
    except (ValueError, KeyError, TypeError):
        raise Found("the evidence is signed, but is no evidence of a job") from None


def unverified(envelope: bytes) -> Evidence:
    """What an envelope says, whoever signed it."""
    try:
        statement = json.loads(base64.b64decode(json.loads(envelope)["payload"], validate=True))
        return Evidence.model_validate(statement["predicate"]["evidence"])
    except (ValueError, KeyError, TypeError):
        raise Found("is no evidence of a job") from None


def _signed(key: Ed25519PublicKey, signature: bytes, payload: bytes) -> bool:
    try:
        key.verify(signature, encoding(payload))
    except InvalidSignature:
        return False
    return True


def object_name(job: str, finished_at: datetime, run: str) -> str:
    """Where it is stored: sorts by time, to the microsecond, so that the newest is the later; never collides."""
    return f"evidence/{job}/{finished_at.strftime('%Y-%m-%dT%H:%M:%S.%fZ')}-{run[:16]}.json"


def schema() -> Mapping[str, Any]:
    """JSON Schema of `predicate.evidence` (docs/schemas/job-evidence.json)."""
    return Evidence.model_json_schema()


if __name__ == "__main__":
    print(json.dumps(schema(), indent=1, sort_keys=True))
