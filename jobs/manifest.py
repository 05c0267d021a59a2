"""The manifest of an export: what the database was at the moment of the dump, and what the file has to be.

It is written last, so an export without one is half an export. It is authenticated with a key that is derived from the
export's own: whoever can add objects, but not use the KMS key, can neither write one nor exchange two.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import AwareDatetime, Field, ValidationError

from jobs.core.problems import Found
from jobs.envelope.keys import Wrapped, Wrapper
from jobs.envelope.stream import ExportKey, context
from jobs.postgres.facts import Facts, Object, Part

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]

DUMP: Final = "dump"
MANIFEST: Final = "manifest.json"


class File(Part):
    """The encrypted dump."""

    size: int
    sha256: Sha256
    plain_size: int
    plain_sha256: Sha256


class Manifest(Part):
    """All that a restore is checked against."""

    version: Literal[1] = 1
    export: str
    """Folder of the export: DATABASE/TIME-RANDOM."""
    database: str
    started_at: AwareDatetime
    finished_at: AwareDatetime
    clock_offset: float
    """Seconds by which the clock of the job was ahead of the server's."""
    pg_dump: str
    schema_fingerprint: Sha256
    objects: tuple[Object, ...]
    facts: Facts
    file: File

    @property
    def roles(self) -> list[str]:
        """Every role that a restore needs."""
        return sorted(role for role in self.owners | set(self.facts.roles) if not role.startswith("pg_"))

    @property
    def owners(self) -> set[str]:
        """Whose the database and the things in it are."""
        return {self.facts.place.owner, *(one.owner for one in self.objects)} - {"-", ""}


def export_name(database: str, at: datetime, random: str) -> str:
    """Sorts by time, to the microsecond: of two exports of one second the newest is the later, not the luckier."""
    return f"{database}/{at.strftime('%Y-%m-%dT%H:%M:%S.%fZ')}-{random}"


def _canonical(document: dict[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def sealed(manifest: Manifest, key: ExportKey, wrapped: Wrapped) -> bytes:
    """As it is stored."""
    document = manifest.model_dump(mode="json")
    whole = {
        "manifest": document,
        "key": wrapped.key,
        "key_version": wrapped.version,
        "wrapped": base64.b64encode(wrapped.value).decode(),
        "mac": base64.b64encode(key.mac(_canonical(document))).decode(),
    }
    return (json.dumps(whole, indent=1, ensure_ascii=True) + "\n").encode()


def opened(data: bytes, export: str, wrapper: Wrapper) -> Manifest:
    """The manifest of exactly this export; Found says what is wrong with it."""
    try:
        whole = json.loads(data)
        document = whole["manifest"]
        mac = base64.b64decode(whole["mac"], validate=True)
        value = base64.b64decode(whole["wrapped"], validate=True)
        wrapped = Wrapped(str(whole["key"]), str(whole["key_version"]), value)
    except (ValueError, KeyError, TypeError, binascii.Error):
        raise Found(f"{export}: the manifest is damaged: it cannot be read") from None
    named = document.get("export") if isinstance(document, dict) else None
    if named != export:
        raise Found(f"{export}: the manifest is of another export ({named!r}): it was swapped or damaged")
    key = ExportKey(wrapper.unwrap(wrapped, context(export)))
    if not hmac.compare_digest(key.mac(_canonical(document)), mac):
        raise Found(f"{export}: the manifest was changed after it was written: its code does not fit")
    try:
        return Manifest.model_validate(document)
    except ValidationError as error:
        raise Found(f"{export}: the manifest has a form that this program does not know ({error.title})") from None
