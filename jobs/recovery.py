"""From an export to a database that may be used: restored, compared, erasures replayed. For drill and emergency."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import Field

from jobs import checks, erasure, exports
from jobs.core.evidence import Check
from jobs.core.http import Http
from jobs.core.kms import Kms
from jobs.core.log import Log
from jobs.core.problems import JobError
from jobs.core.settings import Settings
from jobs.envelope.keys import Wrapper, wrapper
from jobs.exports import Candidate
from jobs.manifest import Manifest
from jobs.postgres import facts, load, programs, schema
from jobs.postgres.server import Server, told
from jobs.storage.base import ObjectStore
from jobs.storage.opening import open_store

NO_LEDGER = "none"
"""What has to be written where a database has no ledger, so that it is never forgotten silently."""

Progress = Callable[[int], None]


class SourceSettings(Settings):
    """Where exports and erasures are, and what opens them."""

    source: str
    """Store of the exports."""
    name: Annotated[str, Field(min_length=1)]
    """Database, as the exports are named."""
    key: str
    erasures: str
    """Store of the erasure ledger, or `none`."""


@dataclass
class Source:
    """The opened stores."""

    store: ObjectStore
    ledger: ObjectStore | None
    by: Wrapper
    database: str

    @classmethod
    def of(cls, settings: SourceSettings, log: Log, http: Http) -> Source:
        """Nothing is read yet."""
        ledger = None if settings.erasures == NO_LEDGER else open_store(settings.erasures, log, http)
        by = wrapper(settings.key, Kms(http))
        return cls(open_store(settings.source, log, http), ledger, by, settings.name)


@dataclass(frozen=True)
class Target:
    """Where an export becomes a database again."""

    server: Server
    database: str
    folder: Path
    """PostgreSQL's programs, for both ends."""
    owners: bool = True
    """Whether things get their owners and grants."""


@dataclass
class Steps:
    """What was found, and how long each step took."""

    checks: list[Check] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def step(self, name: str, log: Log) -> Iterator[None]:
        """Times a step, and says that it began."""
        log.info(name)
        begun = time.monotonic()
        try:
            yield
        finally:
            self.seconds[name] = round(time.monotonic() - begun, 3)


def counted(pieces: Iterator[bytes], progress: Progress) -> Iterator[bytes]:
    """The same pieces; tells how many bytes there were."""
    for piece in pieces:
        yield piece
        progress(len(piece))


def fill(
    source: Source,
    candidate: Candidate,
    manifest: Manifest,
    target: Target,
    *,
    admin: load.Admin,
    log: Log,
    steps: Steps,
    progress: Progress = lambda _size: None,
) -> None:
    """A new database with the content of the export. If anything fails, it is gone again."""
    with steps.step("create", log):
        load.check_target(admin, manifest, owners=target.owners)
        load.create_database(admin, target.database, manifest.facts.place, owners=target.owners)
    try:
        with steps.step("restore", log):
            dump = exports.plain(source.store, candidate, manifest, source.by)
            load.restore(target.server, target.database, target.folder, counted(dump, progress), owners=target.owners)
    except BaseException:
        try:
            load.drop_database(admin, target.database)
        except JobError as error:
            left = f"the half database {target.database} is left on {target.server.host}"
            log.error(f"{left}: drop it by hand", why=error.message)
        raise


def examine(manifest: Manifest, target: Target, *, log: Log, steps: Steps) -> None:
    """Against the manifest, and by itself."""
    with steps.step("compare", log):
        with target.server.connect(target.database) as connection, told(target.database):
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            found = facts.gather(connection)
        objects = schema.read(target.server, target.database, target.folder)
        steps.checks += checks.same(manifest, found, objects, owners=target.owners)
        steps.checks += checks.sound(found, manifest.facts)


def replay(source: Source, manifest: Manifest, target: Target, *, log: Log, steps: Steps) -> None:
    """Who was erased stays erased (PRI-2)."""
    with steps.step("replay erasures", log):
        if source.ledger is None:
            detail = "the settings say that this database has no ledger"
            steps.checks.append(Check(name="erased ids stay gone", outcome="warned", detail=detail))
            return
        at = manifest.facts.at
        found = list(erasure.records(source.ledger, source.database, at - erasure.MARGIN))
        with target.server.connect(target.database, autocommit=True) as connection, told(target.database):
            done = erasure.replay(connection, found, at)
        passed = f"{done.records} records replayed, {done.rows} rows erased again"
        steps.checks.append(checks.check("erased ids stay gone", done.problems, passed))


def client_folder(server_version: int, what: str) -> Path:
    """The programs for a server."""
    return programs.fitting(programs.major(server_version), programs.installed(), what)


def hours(value: float | None) -> timedelta | None:
    """A setting in hours."""
    return None if value is None else timedelta(hours=value)
