"""`python -m jobs restore`: the real emergency. docs/runbooks/restore.md leads through it.

It only ever adds: the export is restored into a new database, beside whatever is there. Nothing is dropped, overwritten
or renamed; putting the new database into the place of the old one is a step of its own, by a person.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from pydantic import AwareDatetime, Field, SecretStr

from jobs import exports, flags, recovery, safety
from jobs.core import command
from jobs.core.evidence import Check
from jobs.core.log import Log
from jobs.core.problems import Exit, JobError, Misconfigured, Refused
from jobs.exports import Candidate
from jobs.manifest import Manifest
from jobs.postgres import facts
from jobs.postgres import load as loading
from jobs.postgres.server import Auth, Login, Mode, Server, told
from jobs.recovery import Progress, Source, SourceSettings, Steps, Target

_INTO = re.compile(r"[a-z_][a-z0-9_]{0,62}")


class RestoreSettings(SourceSettings):
    """What, to where, and how far back."""

    host: str
    port: Annotated[int, Field(ge=1, le=65535)] = 5432
    user: str = "postgres"
    password: SecretStr | None = None
    auth: Auth = "password"
    sslmode: Mode = "verify-full"
    sslrootcert: str | None = None
    maintenance: str = "postgres"
    """Database to connect to while the new one is created."""
    into: str
    """Name of the new database."""
    before: AwareDatetime | None = None
    """The newest export that is not later than this."""
    export: str | None = None
    beside_live: bool = False
    """The server of the source is meant: the new database comes beside the old one."""
    owners: bool = True
    confirm: str = ""

    @property
    def server(self) -> Server:
        """The target."""
        return Login.model_validate({name: getattr(self, name) for name in Login.model_fields}).server


def restore(settings: RestoreSettings, source: Source, log: Log, *, dry_run: bool) -> command.Result:
    """Choose, check the target, ask, restore, compare, replay."""
    if not _INTO.fullmatch(settings.into):
        raise Misconfigured(f"{settings.into!r} cannot be the name of the new database", fix="--into of a-z, 0-9 and _")
    begun, steps = time.monotonic(), Steps()
    candidate = exports.choose(source.store, settings.name, before=settings.before, export=settings.export)
    manifest = exports.read_manifest(source.store, candidate, source.by)
    while settings.before is not None and manifest.facts.at > settings.before:
        # Its name is of the moment when the export began; what counts is the moment of its snapshot.
        candidate = exports.choose(source.store, settings.name, before=candidate.at - timedelta(microseconds=1))
        manifest = exports.read_manifest(source.store, candidate, source.by)
    server = settings.server
    with server.connect(settings.maintenance, autocommit=True) as admin, told(settings.host):
        folder = recovery.client_folder(int(admin.info.server_version), settings.host)
        target = Target(server, settings.into, folder, owners=settings.owners)
        loading.check_target(admin, manifest, owners=settings.owners)
        warning = _check_place(settings, admin, manifest)
        question = _question(settings, candidate, manifest, warning)
        if dry_run:
            return command.Result(f"{question}\nDry run: nothing was changed.", _facts(candidate, manifest))
        _confirm(settings, question)
        with _progress(manifest.file.plain_size) as progress:
            recovery.fill(source, candidate, manifest, target, admin=admin, log=log, steps=steps, progress=progress)
    try:
        recovery.examine(manifest, target, log=log, steps=steps)
        recovery.replay(source, manifest, target, log=log, steps=steps)
    except JobError as error:
        error.message = f"{settings.into} was restored, but could not be checked: {error.message}"
        error.fix = f"drop {settings.into}, then run the command again"
        raise
    return _describe(settings, candidate, manifest, steps, time.monotonic() - begun)


def _check_place(settings: RestoreSettings, admin: loading.Admin, manifest: Manifest) -> str:
    """Refuses a database that exists, and a live server that was not meant; what else the person has to know."""
    exists = admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", (settings.into,)).fetchone()
    if exists:
        raise Refused(
            f"the database {settings.into} exists on {settings.host}; nothing was changed", fix="--into ANOTHER_NAME"
        )
    why = safety.is_source(facts.place(admin), manifest.facts.place)
    if why and not settings.beside_live:
        raise Refused(
            f"{settings.host}:{settings.port} could be the server that the export is of: {why}",
            fix="if it is meant, --beside-live: the new database comes beside the old one, which is not touched",
        )
    return f"This is the live server, or could be: {why}." if why else ""


def _question(settings: RestoreSettings, candidate: Candidate, manifest: Manifest, warning: str) -> str:
    found = manifest.facts
    age = datetime.now(UTC) - found.at
    lines = [
        f"Export    {candidate.name}",
        f"State of  {found.at.isoformat()} ({age.total_seconds() / 3600:.1f} hours ago): what came later is not in it",
        f"Content   {len(found.tables)} tables, {found.rows:,} rows, {candidate.dump.size:,} bytes encrypted",
        f"Into      new database {settings.into} on {settings.host}:{settings.port}",
        f"Erasures  {settings.erasures}",
    ]
    return "\n".join([*lines, warning] if warning else lines)


def _confirm(settings: RestoreSettings, question: str) -> None:
    """The name of the new database, typed: a yes is typed too easily."""
    if settings.confirm:
        answer = settings.confirm
    elif sys.stdin.isatty():
        print(question, file=sys.stderr)
        print(f"Type the name of the new database ({settings.into}) to go on: ", end="", file=sys.stderr, flush=True)
        answer = sys.stdin.readline().strip()
    else:
        raise Refused("nobody confirmed, and nobody can be asked", fix=f"--confirm {settings.into}")
    if answer != settings.into:
        raise Refused(f"{answer!r} is not {settings.into}: nothing was changed")


@contextmanager
def _progress(total: int) -> Iterator[Progress]:
    """A bar, on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda _size: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("restore", total=total)
        yield lambda size: bar.advance(task, size)


def _facts(candidate: Candidate, manifest: Manifest) -> dict[str, Any]:
    return {"export": candidate.name, "snapshot_at": manifest.facts.at.isoformat(), "rows": manifest.facts.rows}


def _describe(
    settings: RestoreSettings, candidate: Candidate, manifest: Manifest, steps: Steps, seconds: float
) -> command.Result:
    failed = [one for one in steps.checks if one.outcome == "failed"]
    lines = [f"  {one.outcome:7} {one.name}: {one.detail}" for one in steps.checks]
    document = {
        **_facts(candidate, manifest),
        "database": settings.into,
        "seconds": round(seconds, 3),
        "steps": steps.seconds,
        "checks": [one.model_dump() for one in steps.checks],
    }
    if failed:
        return command.Result("\n".join([_failed(settings, failed), *lines]), document, Exit.FOUND)
    head = f"restored {candidate.name} into {settings.into} in {seconds:.1f} s; it may be used"
    return command.Result("\n".join([head, *lines]), document)


def _failed(settings: RestoreSettings, failed: list[Check]) -> str:
    names = ", ".join(one.name for one in failed)
    return (
        f"{settings.into} was restored, but must not be used yet: {names}. It was kept for you to look at.\n"
        "Runbook: docs/runbooks/restore.md#a-check-failed"
    )


def register(app: typer.Typer) -> None:
    """The command."""

    @app.command("restore")
    def run(
        source: flags.Source = None,
        name: flags.Name = None,
        key: flags.Key = None,
        erasures: flags.Erasures = None,
        host: flags.Host = None,
        port: flags.Port = None,
        user: Annotated[str | None, typer.Option(help="Role that may create databases.")] = None,
        auth: flags.Auth = None,
        sslmode: flags.SslMode = None,
        sslrootcert: flags.SslRootCert = None,
        maintenance: Annotated[str | None, typer.Option(help="Database to connect to meanwhile.")] = None,
        into: Annotated[str | None, typer.Option(help="Name of the new database.")] = None,
        before: Annotated[str | None, typer.Option(help="Point in time: 2027-01-15T09:30:00Z.")] = None,
        export: Annotated[str | None, typer.Option(help="One export by its name.")] = None,
        beside_live: Annotated[bool | None, typer.Option("--beside-live", help="The live server is meant.")] = None,
        owners: Annotated[bool | None, typer.Option(help="Restore owners and grants, too.")] = None,
        confirm: Annotated[str | None, typer.Option(help="Name of the new database once more, for scripts.")] = None,
        config: command.ConfigFile = None,
        dry_run: command.DryRun = False,
        as_json: command.AsJson = False,
    ) -> None:
        """Restore an export into a new database, check it, and erase again who was erased."""
        command.with_settings(
            "restore",
            RestoreSettings,
            locals(),
            lambda settings, log, http: restore(settings, Source.of(settings, log, http), log, dry_run=dry_run),
        )
