"""`python -m jobs recovery-drill`: a database is brought back to a point in time, under another name (BAK-6).

The second way back, beside the exported copies: Cloud SQL's own recovery. It is only known to work once it has. The
copy has a random name that begins with `drill-`, is checked like a restored export, and is deleted in every case; what
a run that was killed has left, the next one finds by its name and its age. Nothing of another name is ever touched.
"""

from __future__ import annotations

import re
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

import typer
from pydantic import Field

from jobs import checks, flags
from jobs.cloud.sql_admin import INSTANCE, Instance, SqlAdmin, key_of
from jobs.core.command import AsJson, ConfigFile, DryRun, Result, with_settings
from jobs.core.http import Http
from jobs.core.log import Log
from jobs.core.problems import Found, JobError, Misconfigured, Refused
from jobs.postgres import facts
from jobs.postgres.server import Auth, Login, told
from jobs.reporting import Report, Reporting

JOB: Final = "recovery-drill"
PREFIX: Final = "drill-"
LEFT_OVER: Final = timedelta(hours=4)
"""Longer than any drill may take (components/job_catalogue.py): what is younger may be at work."""
LABELS: Final = {"purpose": "recovery-drill", "managed-by": "jobs"}


class RecoverySettings(Reporting):
    """Which database, to which point, and how long it may take."""

    project: str
    instance: str
    """The instance; it is only read and copied."""
    database: str
    user: str
    name: Annotated[str, Field(pattern=r"^[a-z]([a-z0-9-]{0,28}[a-z0-9])?$")]
    """Name of the database in evidence and in the names of copies."""
    auth: Auth = "iam"
    minutes_back: Annotated[float, Field(ge=5, le=10_080)] = 15
    """How far the point lies back: later ones may not have been archived yet."""
    rto_minutes: Annotated[float, Field(gt=0)] = 120


def run(settings: RecoverySettings, log: Log, http: Http, *, dry_run: bool = False) -> Result:
    """One drill. What is wrong with the recovery is evidence; what keeps the drill from its work is raised."""
    admin = SqlAdmin(http, settings.project)
    source = admin.get(settings.instance)
    if source.name.startswith(PREFIX):
        raise Refused(f"{source.name} is itself a copy of a drill", fix="--instance, of a database", clause="BAK-6")
    if source.state != "RUNNABLE":
        raise Misconfigured(f"{source.name} is {source.state}: there is nothing to copy")
    old = left_over(admin, settings.name)
    if dry_run:
        words = f"would copy {source.name} and delete {', '.join(one.name for one in old) or 'no leftover'}"
        return Result(words, {"source": source.name, "left_over": [one.name for one in old]})
    report = Report(JOB, ("BAK-6",), log)
    for one in old:
        drop(admin, one.name, log)
        log.warning("deleted what an earlier drill left", instance=one.name)
    at = report.started_at - timedelta(minutes=settings.minutes_back)
    report.facts |= {"database": settings.name, "point": at.isoformat(), "left_over": [one.name for one in old]}
    try:
        _drill(settings, admin, source, at, report)
    except Found as error:
        report.failed("recovery", f"{settings.name}: {error.message}")
    return report.finish(settings, http, folder=f"{JOB}/{settings.name}")


def _drill(settings: RecoverySettings, admin: SqlAdmin, source: Instance, at: datetime, report: Report) -> None:
    begun = time.monotonic()
    with copied(admin, source.name, settings.name, at, report) as copy:
        minutes = (time.monotonic() - begun) / 60
        report.facts |= {"copy": copy.name, "recovery_minutes": round(minutes, 2), "version": copy.version}
        slow = (
            [f"took {minutes:.0f} minutes, {settings.rto_minutes:g} are allowed"]
            if minutes > settings.rto_minutes
            else []
        )
        report.checks.append(checks.check("recovered in time", slow, f"{minutes:.1f} minutes"))
        _compare(source, copy, report)
        _look_inside(settings, copy, report)


@contextmanager
def copied(admin: SqlAdmin, source: str, name: str, at: datetime, report: Report) -> Iterator[Instance]:
    """A copy that exists inside of the block, whatever happens there."""
    target = f"{PREFIX}{name}-{secrets.token_hex(4)}"
    if not INSTANCE.fullmatch(target) or target == source:
        raise Refused(f"{target} is no name for a copy of {source}")
    try:
        admin.clone(source, target, at=at)
        admin.unprotect(target, {**LABELS, "source": name})
        yield admin.get(target)
    finally:
        _delete(admin, target, report)


def _delete(admin: SqlAdmin, target: str, report: Report) -> None:
    """What cannot be deleted now is a finding, and what the next run begins with."""
    try:
        drop(admin, target, report.log)
    except JobError as error:
        report.failed("copy is deleted", f"the copy {target} is still there: {error.message}")
    else:
        report.passed("copy is deleted", target)


def drop(admin: SqlAdmin, name: str, log: Log) -> None:
    """Delete an instance, if its name says that a drill made it. The protection that it inherited goes first."""
    if not name.startswith(PREFIX):
        raise Refused(f"{name} was made by no drill: it is not deleted", clause="BAK-5")
    found = [one for one in admin.instances() if one.name == name]
    if not found:
        return
    if found[0].deletion_protected:
        admin.unprotect(name, LABELS)
    admin.delete(name)
    log.info("deleted", instance=name)


def left_over(admin: SqlAdmin, name: str, now: datetime | None = None) -> list[Instance]:
    """Copies of this database that are older than any drill may take."""
    ours = re.compile(rf"{PREFIX}{re.escape(name)}-[0-9a-f]{{8}}")
    limit = (now or datetime.now(UTC)) - LEFT_OVER
    return [
        one for one in admin.instances() if ours.fullmatch(one.name) and one.created is not None and one.created < limit
    ]


def _compare(source: Instance, copy: Instance, report: Report) -> None:
    """What the copy must have in common with its source."""
    problems = []
    if copy.version != source.version:
        problems.append(f"is {copy.version}, its source {source.version}")
    if key_of(copy.key_version) != key_of(source.key_version):
        problems.append("is encrypted with another key than its source")
    report.checks.append(checks.check("copy is like its source", problems, copy.version))


def _look_inside(settings: RecoverySettings, copy: Instance, report: Report) -> None:
    if not copy.address:
        raise Found("the copy has no private address")
    with tempfile.TemporaryDirectory() as folder:
        authority = Path(folder, "server-ca.pem")
        authority.write_text(copy.server_ca, encoding="ascii")
        login = Login(
            host=copy.address, user=settings.user, auth=settings.auth, sslmode="verify-ca", sslrootcert=str(authority)
        )
        with login.server.connect(settings.database) as connection, told(settings.database):
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            found = facts.gather(connection)
    rows = f"{len(found.tables)} tables, {found.rows:,} rows"
    empty = [] if found.rows or found.large_objects.count else ["the copy holds no row at all"]
    report.checks.append(checks.check("copy holds data", empty, rows))
    report.checks += checks.sound(found)
    report.facts |= {"tables": len(found.tables), "rows": found.rows}


def register(app: typer.Typer) -> None:
    """The command."""

    @app.command("recovery-drill")
    def recovery_drill(
        project: Annotated[str | None, typer.Option(help="Project of the instance.")] = None,
        instance: Annotated[str | None, typer.Option(help="Cloud SQL instance to recover a copy of.")] = None,
        database: Annotated[str | None, typer.Option()] = None,
        user: flags.Reader = None,
        name: Annotated[str | None, typer.Option(help="Name of the database in evidence and copies.")] = None,
        minutes_back: Annotated[float | None, typer.Option(help="How far the point in time lies back.")] = None,
        rto_minutes: Annotated[float | None, typer.Option(help="How long the recovery may take.")] = None,
        evidence: flags.Evidence = None,
        sign: flags.Sign = None,
        config: ConfigFile = None,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        """Recover a database to a point in time under another name, check it, delete it (BAK-6)."""
        with_settings(
            JOB, RecoverySettings, locals(), lambda settings, log, http: run(settings, log, http, dry_run=dry_run)
        )
