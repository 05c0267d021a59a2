"""The exports in a store: which are whole, which is the newest, and the plain bytes of one."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from jobs import manifest as manifests
from jobs.core.problems import Found
from jobs.envelope.keys import Wrapper
from jobs.envelope.stream import decrypted
from jobs.manifest import DUMP, MANIFEST, Manifest
from jobs.storage.base import ObjectStore, Stored

_EXPORT: Final = re.compile(r"(.+/(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z)-[0-9a-f]+)/(dump|manifest\.json)")


@dataclass(frozen=True)
class Candidate:
    """An export with a manifest. What the manifest says is not known yet."""

    name: str
    at: datetime
    dump: Stored
    manifest: Stored


def whole(store: ObjectStore, database: str) -> list[Candidate]:
    """All whole exports of a database, newest first."""
    parts: dict[str, dict[str, Stored]] = {}
    times: dict[str, datetime] = {}
    for stored in store.list(f"{database}/"):
        if found := _EXPORT.fullmatch(stored.name):
            parts.setdefault(found[1], {})[found[3]] = stored
            times[found[1]] = datetime.strptime(found[2], "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    full = [name for name, has in parts.items() if {DUMP, MANIFEST} <= has.keys()]
    return [
        Candidate(name, times[name], parts[name][DUMP], parts[name][MANIFEST])
        for name in sorted(full, key=lambda name: (times[name], name), reverse=True)
    ]


def choose(
    store: ObjectStore, database: str, *, before: datetime | None = None, export: str | None = None
) -> Candidate:
    """The newest whole export, or the newest that is not later than a moment, or one by its name."""
    found = whole(store, database)
    if export is not None:
        found = [one for one in found if export in (one.name, one.name.partition("/")[2])]
    if before is not None:
        found = [one for one in found if one.at <= before]
    if not found:
        which = f" named {export}" if export else f" of {before.isoformat()} or before" if before else ""
        raise Found(f"{store.where} has no whole export of {database}{which}", clause="BAK-4")
    return found[0]


def read_manifest(store: ObjectStore, candidate: Candidate, wrapper: Wrapper) -> Manifest:
    """Authenticated, and in agreement with the file that the store has."""
    manifest = manifests.opened(store.read(candidate.manifest.name), candidate.name, wrapper)
    if manifest.file.size != candidate.dump.size:
        raise Found(
            f"{candidate.name}: the dump has {candidate.dump.size} bytes, the manifest says {manifest.file.size}: "
            "it is truncated or another file"
        )
    return manifest


def plain(store: ObjectStore, candidate: Candidate, manifest: Manifest, wrapper: Wrapper) -> Iterator[bytes]:
    """The dump, decrypted. The last piece is given only when all digests have turned out right."""
    encrypted, opened = hashlib.sha256(), hashlib.sha256()

    def hashed() -> Iterator[bytes]:
        for piece in store.stream(candidate.dump):
            encrypted.update(piece)
            yield piece

    held = b""
    for piece in decrypted(hashed(), candidate.name, wrapper):
        opened.update(piece)
        if held:
            yield held
        held = piece
    if encrypted.hexdigest() != manifest.file.sha256 or opened.hexdigest() != manifest.file.plain_sha256:
        raise Found(f"{candidate.name}: the dump is not the one that the manifest was written for: it was swapped")
    yield held
