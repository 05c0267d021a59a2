"""`python -m jobs sweep`: exports from Render that are older than they may be are deleted, and nothing else (MIN-1).

Stores outside of Google often have no lifecycle that knows of object lock. An export is deleted when it is past its
days, when no lock holds it, and when newer whole ones are there: the newest ones always stay, however old they are.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import typer
from pydantic import Field

from jobs.core.command import AsJson, ConfigFile, DryRun, Result, with_settings
from jobs.core.log import Log
from jobs.core.problems import Exit, Misconfigured
from jobs.core.settings import Settings
from jobs.manifest import DUMP, MANIFEST
from jobs.storage.opening import open_store
from jobs.storage.s3 import S3Store, told

JOB: Final = "sweep"


class Sweep(Settings):
    """Where, and what stays."""

    store: str
    """Store of the exports: s3://…"""
    keep_days: Annotated[int, Field(ge=30, le=3650)] = 36
    """Days after which an export is deleted."""
    keep_least: Annotated[int, Field(ge=3, le=365)] = 7
    """Whole exports of each database that stay in any case."""


@dataclass(frozen=True)
class Place:
    """A bucket and a prefix, with a client."""

    client: Any
    bucket: str
    prefix: str

    @classmethod
    def of(cls, address: str, store: S3Store) -> Place:
        """From the address of the store."""
        parts = urlsplit(address)
        folder = parts.path.strip("/")
        return cls(store.client, parts.netloc, f"{folder}/" if folder else "")


@dataclass(frozen=True)
class Version:
    """One version of one object: with a lock, a store keeps versions, and deleting means deleting each."""

    key: str
    version: str
    at: datetime
    marker: bool

    @property
    def export(self) -> str:
        """The export that it is a part of."""
        return self.key.rpartition("/")[0]


def run(settings: Sweep, log: Log, *, dry_run: bool = False, now: datetime | None = None) -> Result:
    """Delete what is too old, whole exports at a time: all of its parts, or none."""
    store = open_store(settings.store, log)
    if not isinstance(store, S3Store):
        raise Misconfigured(f"{settings.store} is no s3:// store", fix="a lifecycle of the bucket does this elsewhere")
    place = Place.of(settings.store, store)
    exports: dict[str, list[Version]] = {}
    for version in versions(place):
        exports.setdefault(version.export, []).append(version)
    limit = (now or datetime.now(UTC)) - timedelta(days=settings.keep_days)
    old = [name for name in _beyond(exports, settings.keep_least) if max(v.at for v in exports[name]) < limit]
    deleted, held = [], []
    for name in old:
        if dry_run or _delete(place, exports[name], log, now or datetime.now(UTC)):
            deleted.append(name)
        else:
            held.append(name)
    facts: dict[str, Any] = {"exports": len(exports), "deleted": deleted, "held": held}
    said = [f"{'would delete' if dry_run else 'deleted'} {len(deleted)} of {len(exports)} exports"]
    said += [f"  {name}" for name in deleted]
    if not held:
        return Result("\n".join(said), facts)
    words = f"{len(held)} exports are past {settings.keep_days} days and still locked: {', '.join(held[:5])}"
    log.error(words, clause="MIN-1")
    return Result("\n".join([*said, words]), facts, Exit.FOUND)


def versions(store: Place) -> Iterator[Version]:
    """Every version and deletion marker under the prefix."""
    with told(f"s3://{store.bucket}", "s3:ListBucketVersions"):
        pages = store.client.get_paginator("list_object_versions").paginate(Bucket=store.bucket, Prefix=store.prefix)
        for page in pages:
            for field, marker in (("Versions", False), ("DeleteMarkers", True)):
                for item in page.get(field, []):
                    yield Version(item["Key"], item["VersionId"], item["LastModified"], marker)


def _beyond(exports: dict[str, list[Version]], least: int) -> list[str]:
    """Exports that are not among the newest whole ones of their database, oldest first."""
    of_database: dict[str, list[str]] = {}
    for name in exports:
        of_database.setdefault(name.rpartition("/")[0], []).append(name)
    found: list[str] = []
    for names in of_database.values():
        whole = sorted(name for name in names if _is_whole(exports[name]))
        stay = set(whole[-least:])
        found += [name for name in sorted(names) if name not in stay]
    return sorted(found)


def _is_whole(parts: list[Version]) -> bool:
    return {DUMP, MANIFEST} <= {part.key.rpartition("/")[2] for part in parts if not part.marker}


def _delete(store: Place, parts: list[Version], log: Log, now: datetime) -> bool:
    """Whether all of it is gone. One part that is locked keeps the whole; then the manifest goes first, so that what
    is left after an interruption is taken for no whole export."""
    for part in parts:
        until = None if part.marker else _locked_until(store, part)
        if until is not None and until > now:
            log.warning("an export is still locked", export=part.export, until=until.isoformat())
            return False
    for part in sorted(parts, key=lambda one: (not one.key.endswith(MANIFEST), one.key)):
        with told(f"s3://{store.bucket}/{part.key}", "s3:DeleteObjectVersion"):
            store.client.delete_object(Bucket=store.bucket, Key=part.key, VersionId=part.version)
    log.info("deleted an export", export=parts[0].export)
    return True


def _locked_until(store: Place, part: Version) -> datetime | None:
    with told(f"s3://{store.bucket}/{part.key}", "s3:GetObjectRetention"):
        answer = store.client.head_object(Bucket=store.bucket, Key=part.key, VersionId=part.version)
    until: datetime | None = answer.get("ObjectLockRetainUntilDate")
    return until


def register(app: typer.Typer) -> None:
    """The command."""

    @app.command()
    def sweep(
        store: Annotated[str | None, typer.Option(help="Store of the exports: s3://…")] = None,
        keep_days: Annotated[int | None, typer.Option(help="Days after which an export is deleted.")] = None,
        keep_least: Annotated[int | None, typer.Option(help="Whole exports that stay in any case.")] = None,
        config: ConfigFile = None,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        """Delete exports that are older than they may be (MIN-1)."""
        with_settings(JOB, Sweep, locals(), lambda settings, log, _http: run(settings, log, dry_run=dry_run))
