"""What the tests of jobs in the cloud share: the loopback cloud, where jobs find it, and a key that signs."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jobs.core.evidence import Evidence, opened
from jobs.core.http import Http
from jobs.core.log import Log
from tests.jobs.loopback import Cloud, serving

KEY = "projects/p-keys/locations/l/keyRings/r/cryptoKeys/customer"
SIGNING = "projects/p-keys/locations/l/keyRings/r/cryptoKeys/evidence-signing/cryptoKeyVersions/1"


def version(number: int, key: str = KEY) -> str:
    """A version of a key."""
    return f"{key}/cryptoKeyVersions/{number}"


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[Cloud]:
    """A cloud of one test; jobs take it for Google's."""
    with serving(Cloud()) as made:
        for name in (
            "CLOUD_LOGGING_ENDPOINT",
            "CLOUD_SQL_ADMIN_ENDPOINT",
            "CLOUD_KMS_ENDPOINT",
            "STORAGE_EMULATOR_HOST",
        ):
            monkeypatch.setenv(name, made.address)
        monkeypatch.setenv("JOBS_RETRY_SCALE", "0.001")
        monkeypatch.delenv("CLOUD_RUN_JOB", raising=False)
        yield made
        assert made.unknown == []


@pytest.fixture
def log() -> tuple[Log, io.StringIO]:
    """A log that can be read."""
    stream = io.StringIO()
    return Log("test", stream=stream), stream


@pytest.fixture
def http(log: tuple[Log, io.StringIO]) -> Http:
    """A session that writes down its calls."""
    return Http(log[0])


@pytest.fixture
def signing_key(tmp_path: Path) -> Path:
    """An Ed25519 key in a file."""
    path = tmp_path / "signing.pem"
    path.write_bytes(
        Ed25519PrivateKey.generate().private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return path


def evidence_in(folder: Path, key: Path) -> list[Evidence]:
    """What jobs left in a folder; every signature is checked."""
    private = serialization.load_pem_private_key(key.read_bytes(), password=None)
    assert isinstance(private, Ed25519PrivateKey)
    return [opened(path.read_bytes(), private.public_key()) for path in sorted(folder.rglob("*.json"))]


def said(stream: io.StringIO) -> list[dict[str, Any]]:
    """The entries of a log."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]
