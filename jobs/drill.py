"""`python -m jobs drill`: the newest export is restored into a throwaway server and checked (BAK-6).

A backup counts once this has passed. What is found is signed evidence, also and above all when it is bad.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from psycopg import sql
from pydantic import Field, SecretStr, field_validator

from jobs import checks, exports, flags, recovery
from jobs.core import command, evidence
from jobs.core.evidence import Check, Evidence, Subject
from jobs.core.http import Http
from jobs.core.kms import Kms
from jobs.core.log import Log
from jobs.core.problems import Exit, Found, JobError, Misconfigured
from jobs.exports import Candidate
from jobs.manifest import Manifest
from jobs.postgres import load as loading
from jobs.postgres.cluster import throwaway
from jobs.postgres.server import Auth, Login, Mode, Server, told
from jobs.recovery import Source, SourceSettings, Steps, Target
from jobs.safety import DRILL, refuse_live
from jobs.storage.base import ObjectStore
from jobs.storage.opening import open_store

CLAUSES: Final = ("BAK-6", "PRI-2")
RUNBOOK: Final = "docs/runbooks/restore.md#which-backup"


class DrillSettings(SourceSettings):
    """What is drilled, and what counts as good enough."""

    rpo_hours: Annotated[float, Field(gt=0)] = 26
    rto_minutes: Annotated[float, Field(gt=0)] = 240
    work_dir: Path = Field(default_factory=lambda: Path(tempfile.gettempdir()))
    """A private folder is made in it. Its path is short, since a socket lies there."""
    export: str | None = None
    """Another than the newest, by its name; then freshness is not checked."""
    target_host: str | None = None
    """A server made for drills; without it, one is made here."""
    target_port: int = 5432
    target_user: str = "postgres"
    target_auth: Auth = "password"
    target_sslmode: Mode = "verify-full"
    target_sslrootcert: str | None = None
    target_password: SecretStr | None = None
    evidence: tuple[str, ...] = ()
    """Stores for the evidence."""
    sign: str = ""
    """KMS key version (Ed25519), or a key file."""

    @field_validator("evidence", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(value.split()) if isinstance(value, str) else value

    @property
    def target(self) -> Server | None:
        """The given server."""
        if self.target_host is None:
            return None
        values = {"host": self.target_host, "port": self.target_port, "user": self.target_user}
        values |= {"auth": self.target_auth, "sslmode": self.target_sslmode, "sslrootcert": self.target_sslrootcert}
        return Login.model_validate(values | {"password": self.target_password}).server


@dataclass
class Drilled:
    """What one drill found."""

    evidence: Evidence
    envelope: bytes | None = None

    @property
    def failed(self) -> list[Check]:
        """What is not as it has to be."""
        return [one for one in self.evidence.checks if one.outcome == "failed"]


def drill(settings: DrillSettings, source: Source, log: Log, *, now: datetime | None = None) -> Drilled:
    """One drill. What is found wrong with the export ends in evidence; what is wrong with the drill raises."""
    started, begun, steps = now or datetime.now(UTC), time.monotonic(), Steps()
    candidate: Candidate | None = None
    manifest: Manifest | None = None
    figures: dict[str, Any] = {"database": settings.name}
    try:
        candidate = exports.choose(source.store, settings.name, export=settings.export)
        figures |= {"export": candidate.name, "encrypted_bytes": candidate.dump.size}
        manifest = exports.read_manifest(source.store, candidate, source.by)
        rpo = None if settings.export else timedelta(hours=settings.rpo_hours)
        steps.checks += checks.of_time(manifest, candidate, now or datetime.now(UTC), rpo)
        _restore_and_check(settings, source, candidate, manifest, log, steps, figures, begun)
    except Found as error:
        steps.checks.append(Check(name="export can be restored", outcome="failed", detail=error.message))
    figures |= {"seconds": round(time.monotonic() - begun, 3), "steps": steps.seconds}
    if manifest is not None:
        figures |= _of_manifest(manifest)
    subjects = [Subject(name=candidate.dump.name, sha256=manifest.file.sha256)] if candidate and manifest else []
    finished = started + timedelta(seconds=time.monotonic() - begun)
    return Drilled(
        Evidence(
            job="drill",
            run=log.trace.trace_id,
            clauses=CLAUSES,
            started_at=started,
            finished_at=finished,
            subjects=tuple(subjects),
            checks=tuple(steps.checks),
            facts=figures,
        )
    )


def _restore_and_check(
    settings: DrillSettings,
    source: Source,
    candidate: Candidate,
    manifest: Manifest,
    log: Log,
    steps: Steps,
    figures: dict[str, Any],
    begun: float,
) -> None:
    with _target(settings, manifest, log) as target:
        with target.server.connect("postgres", autocommit=True) as admin, told(target.server.host):
            recovery.fill(source, candidate, manifest, target, admin=admin, log=log, steps=steps)
        steps.checks.append(Check(name="export can be restored", outcome="passed", detail=candidate.name))
        recovery.examine(manifest, target, log=log, steps=steps)
        recovery.replay(source, manifest, target, log=log, steps=steps)
        minutes = (time.monotonic() - begun) / 60
        figures["recovery_minutes"] = round(minutes, 3)
        slow = f"it took {minutes:.1f} minutes until the database could be used, {settings.rto_minutes:g} are allowed"
        passed = f"{minutes:.2f} minutes, {settings.rto_minutes:g} allowed"
        steps.checks.append(
            checks.check("recovery is fast enough", [slow] if minutes > settings.rto_minutes else [], passed)
        )
        with steps.step("amcheck", log):
            steps.checks.append(checks.amcheck(target.server, target.database, target.folder))


@contextmanager
def _target(settings: DrillSettings, manifest: Manifest, log: Log) -> Iterator[Target]:
    """A server and the name of a database that does not exist yet; nothing of it is left afterwards."""
    source_version = manifest.facts.place.server_version
    name = f"drill_{secrets.token_hex(4)}"
    given = settings.target
    if given is None:
        folder = recovery.client_folder(source_version, "the source")
        with throwaway(settings.work_dir, folder, log) as cluster:
            with cluster.server.connect("postgres", autocommit=True) as admin, told("the throwaway server"):
                loading.create_roles(admin, manifest.roles)
            yield Target(cluster.server, name, folder)
        return
    with given.connect("postgres", autocommit=True) as admin, told(given.host):
        refuse_live(given, admin, manifest)
        folder = recovery.client_folder(
            max(source_version, admin.info.server_version), "the newer of source and target"
        )
        _drop_leftovers(admin, log)
        # Held until the end: whoever can take it knows that the drill of this name is over.
        admin.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", (name,))
        loading.create_roles(admin, manifest.roles)
        try:
            yield Target(given, name, folder)
        finally:
            # Where even this fails, the next drill drops it.
            with contextlib.suppress(JobError):
                loading.drop_database(admin, name)


def _drop_leftovers(admin: loading.Admin, log: Log) -> None:
    """Databases of drills that were killed."""
    for (name,) in admin.execute("SELECT datname FROM pg_database ORDER BY 1").fetchall():
        if DRILL.fullmatch(str(name)):
            free = admin.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", (name,)).fetchall()[0][0]
            if free:
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(str(name))))
                admin.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", (name,))
                log.warning("dropped the database of a drill that was killed", database=name)


def _of_manifest(manifest: Manifest) -> dict[str, Any]:
    found = manifest.facts
    return {
        "snapshot_at": found.at.isoformat(),
        "age_hours": round((datetime.now(UTC) - found.at).total_seconds() / 3600, 2),
        "tables": len(found.tables),
        "rows": found.rows,
        "large_objects": found.large_objects.count,
        "plain_bytes": manifest.file.plain_size,
        "server_version": found.place.server_version,
        "pg_dump": manifest.pg_dump,
    }


def publish(done: Drilled, stores: list[ObjectStore], signer: evidence.Signer | None) -> None:
    """Signed, and create-only in every store."""
    if signer is None:
        return
    one = done.evidence
    done.envelope = evidence.sealed(one, signer)
    name = evidence.object_name(f"{one.job}/{one.facts['database']}", one.finished_at, one.run)
    for store in stores:
        store.create(name, done.envelope)


def last_passed(stores: list[ObjectStore], database: str, log: Log) -> str:
    """The export of the last drill that passed, for the person who needs one now. A hint: it is not verified here."""
    with contextlib.suppress(JobError):
        for store in stores:
            names = [one.name for one in store.list(f"evidence/drill/{database}/")]
            for name in reversed(names[-60:]):
                with contextlib.suppress(JobError):
                    found = evidence.unverified(store.read(name, limit=4 << 20))
                    if found.outcome != "failed":
                        return str(found.facts.get("export", ""))
    log.debug("no earlier evidence could be read")
    return ""


def describe(done: Drilled, passed_before: str) -> command.Result:
    """For people and machines. The first line is what an alert shows."""
    one = done.evidence
    export, database = one.facts.get("export", ""), one.facts["database"]
    facts_: dict[str, Any] = {"evidence": one.model_dump(mode="json"), "signed": done.envelope is not None}
    lines = [f"  {check.outcome:7} {check.name}: {check.detail}" for check in one.checks]
    if not done.failed:
        head = (
            f"restore drill of {database} {one.outcome}: {export}, usable after {one.facts['recovery_minutes']} minutes"
        )
        return command.Result("\n".join([head, *lines]), facts_)
    said = "; ".join(check.detail for check in done.failed)
    time_ = re.search(r"T(\d\d:\d\d)", export)
    trust = f"The backup of {time_[1]} is not to be trusted" if time_ else "There is no backup to trust"
    before = f"; the last that passed is {passed_before}" if passed_before else ""
    head = f"Restore drill of {database} failed: {said}. {trust}{before}. Runbook: {RUNBOOK}"
    return command.Result("\n".join([head, *lines]), {"error": head, **facts_}, Exit.FOUND)


def work(settings: DrillSettings, log: Log, http: Http, *, dry_run: bool) -> command.Result:
    """A drill with its evidence."""
    opened = Source.of(settings, log, http)
    stores = [open_store(address, log, http) for address in settings.evidence]
    if stores and not settings.sign:
        raise Misconfigured("evidence has to be signed", fix="--sign", clause="BAK-6")
    signer = evidence.signer(settings.sign, Kms(http)) if settings.sign else None
    if dry_run:
        return plan(settings, opened)
    done = drill(settings, opened, log)
    passed_before = last_passed(stores, settings.name, log) if done.failed else ""
    publish(done, stores, signer)
    result = describe(done, passed_before)
    if done.failed:
        log.error(str(result.facts["error"]), export=done.evidence.facts.get("export"), clause="BAK-6")
    else:
        log.info("drill passed", export=done.evidence.facts["export"], **done.evidence.facts["steps"])
    return result


def register(app: typer.Typer) -> None:
    """The command."""

    @app.command("drill")
    def run(
        source: flags.Source = None,
        name: flags.Name = None,
        key: flags.Key = None,
        erasures: flags.Erasures = None,
        rpo_hours: Annotated[float | None, typer.Option(help="How old the newest export may be.")] = None,
        rto_minutes: Annotated[float | None, typer.Option(help="How long a recovery may take.")] = None,
        export: Annotated[str | None, typer.Option(help="Another export than the newest.")] = None,
        work_dir: Annotated[Path | None, typer.Option(help="Where the throwaway server lies.")] = None,
        target_host: Annotated[str | None, typer.Option(help="A server for drills instead of one made here.")] = None,
        target_port: Annotated[int | None, typer.Option()] = None,
        target_user: Annotated[str | None, typer.Option()] = None,
        target_auth: Annotated[
            str | None, typer.Option(help="password (JOBS_TARGET_PASSWORD_FILE), iam or peer.")
        ] = None,
        target_sslmode: Annotated[str | None, typer.Option()] = None,
        target_sslrootcert: Annotated[str | None, typer.Option()] = None,
        evidence: Annotated[list[str] | None, typer.Option(help="Store of the evidence; repeatable.")] = None,
        sign: flags.Sign = None,
        config: command.ConfigFile = None,
        dry_run: command.DryRun = False,
        as_json: command.AsJson = False,
    ) -> None:
        """Restore the newest export into a throwaway server, check everything, sign what was found."""
        command.with_settings(
            "drill", DrillSettings, locals(), lambda settings, log, http: work(settings, log, http, dry_run=dry_run)
        )


def plan(settings: DrillSettings, source: Source) -> command.Result:
    """What a dry run tells: which export it would be, and that it can be opened and restored here."""
    candidate = exports.choose(source.store, settings.name, export=settings.export)
    manifest = exports.read_manifest(source.store, candidate, source.by)
    folder = recovery.client_folder(manifest.facts.place.server_version, "the source")
    text = f"would restore {candidate.name} ({candidate.dump.size} bytes) with {folder}; nothing was restored"
    return command.Result(text, {"export": candidate.name, "bytes": candidate.dump.size})
