"""`python -m jobs export`: a dump and its manifest, encrypted and create-only, in one or more stores (BAK-4).

One snapshot is what both are of: a session exports it, pg_dump imports it, and while pg_dump works the same session
counts and digests. The dump becomes an object only when both have ended well, the manifest only after the dump.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import subprocess
import tempfile
import threading
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import psycopg
import typer
from pydantic import Field, field_validator

from jobs import flags
from jobs import manifest as manifests
from jobs.core import command, retry
from jobs.core.http import Http
from jobs.core.kms import Kms
from jobs.core.log import Log
from jobs.core.problems import Exit, Found, JobError, Misconfigured, Unreachable
from jobs.envelope.keys import Wrapped, Wrapper, wrapper
from jobs.envelope.stream import Encryptor, ExportKey, context
from jobs.manifest import DUMP, MANIFEST, File, Manifest
from jobs.postgres import facts, programs, schema
from jobs.postgres.server import Login, meaning, told
from jobs.storage.base import ObjectStore, Stored
from jobs.storage.fanout import Fanout
from jobs.storage.opening import FORMS, open_store

_PIPE = 1 << 20
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
CLOCK_LIMIT = 60.0
"""Seconds between the clocks of job and server that are told as a warning: times in the manifest are compared."""


class ExportSettings(Login):
    """What is exported, as whom, and where to."""

    database: str
    name: str = ""
    """Name of the database in the stores; the database's own without it."""
    to: Annotated[tuple[str, ...], Field(min_length=1)]
    key: str
    compress: Annotated[int, Field(ge=0, le=9)] = 6
    lock_seconds: Annotated[int, Field(ge=1, le=3600)] = 60
    attempts: Annotated[int, Field(ge=1, le=10)] = 3
    allow_empty: bool = False

    @field_validator("to", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return tuple(value.split()) if isinstance(value, str) else value

    @property
    def logical(self) -> str:
        """The folder of the exports."""
        name = self.name or self.database
        if not _NAME.fullmatch(name):
            raise Misconfigured(f"{name!r} cannot be the name of a folder", fix="--name, of a-z, 0-9, _ and -")
        return name


@dataclass
class Exported:
    """What became of one export."""

    manifest: Manifest
    seconds: float
    stores: dict[str, JobError | None] = field(default_factory=dict)

    @property
    def failed(self) -> dict[str, JobError]:
        """Stores that do not have the export."""
        return {where: error for where, error in self.stores.items() if error is not None}


def export(settings: ExportSettings, stores: list[ObjectStore], by: Wrapper, log: Log) -> Exported:
    """One whole export. A dump whose connection was cut cannot be continued, so it is made again as another export."""
    attempt = 1
    while True:
        try:
            return _Export(settings, stores, by, log).run()
        except Unreachable as error:
            if attempt >= settings.attempts:
                raise
            retry.pause(attempt, retry.Again(error.message), what="export", log=log)
            attempt += 1


class _Export:
    """One attempt, under a name of its own."""

    def __init__(self, settings: ExportSettings, stores: list[ObjectStore], by: Wrapper, log: Log) -> None:
        self._settings, self._stores, self._by, self._log = settings, stores, by, log
        self._started = datetime.now(UTC)
        self._clock = time.monotonic()
        self.name = manifests.export_name(settings.logical, self._started, secrets.token_hex(8))
        self._key = ExportKey.new()

    def run(self) -> Exported:
        """Snapshot, dump, file, manifest."""
        settings = self._settings
        wrapped = self._by.wrap(self._key.value, context(self.name))
        with settings.server.connect(settings.database) as connection:
            with told(settings.database):
                connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                version = int(_value(connection, "SHOW server_version_num"))
                folder = programs.fitting(programs.major(version), programs.installed(), settings.host)
                snapshot = str(_value(connection, "SELECT pg_export_snapshot()"))
                at: datetime = _value(connection, "SELECT clock_timestamp()")
                offset = (datetime.now(UTC) - at).total_seconds()
                facts.lock(connection, settings.lock_seconds)
                if facts.is_empty(connection) and not settings.allow_empty:
                    raise Found(
                        f"{settings.database} is empty: an export of it would prove nothing",
                        fix="check --database, or --allow-empty if it has to be so",
                        clause="BAK-4",
                    )
            if abs(offset) > CLOCK_LIMIT:
                self._log.warning("the clocks of job and server differ", seconds=round(offset, 1))
            objects = schema.read(settings.server, settings.database, folder, snapshot=snapshot)
            counted = _Counting(connection, at, self._log)
            file, uploads = self._dump(folder, snapshot, wrapped, counted)
        manifest = Manifest(
            export=self.name,
            database=settings.logical,
            started_at=self._started,
            finished_at=datetime.now(UTC),
            clock_offset=round(offset, 3),
            pg_dump=_version(folder),
            schema_fingerprint=schema.fingerprint(objects),
            objects=tuple(objects),
            facts=counted.result(),
            file=file,
        )
        stores = self._write_manifest(manifest, wrapped, uploads)
        return Exported(manifest, time.monotonic() - self._clock, stores)

    def _dump(
        self, folder: Path, snapshot: str, wrapped: Wrapped, counted: _Counting
    ) -> tuple[File, dict[str, Stored | JobError]]:
        """The dump on its way. The object is made only if pg_dump and the counting both ended well."""
        plain, encrypted = _Hashed(), _Hashed()
        fanout = Fanout(self._stores, f"{self.name}/{DUMP}")
        try:
            counted.sequences_are_read()
            with closing(self._pg_dump(folder, snapshot)) as output:
                for piece in Encryptor(self._key, self.name, wrapped).chunks(plain.through(output)):
                    encrypted.add(piece)
                    fanout.write(piece)
                    counted.raise_if_failed()
            counted.wait()
            uploads = fanout.finish()
        except JobError:
            fanout.abort()
            counted.raise_if_it_was_first()
            raise
        except BaseException:
            fanout.abort()
            raise
        finally:
            counted.stop()
        if all(isinstance(result, JobError) for result in uploads.values()):
            raise next(result for result in uploads.values() if isinstance(result, JobError))
        for where, result in uploads.items():
            if isinstance(result, Stored) and result.size != encrypted.size:
                uploads[where] = Unreachable(f"{where}: has {result.size} bytes of {encrypted.size}")
        file = File(
            size=encrypted.size,
            sha256=encrypted.hexdigest(),
            plain_size=plain.size,
            plain_sha256=plain.hexdigest(),
        )
        return file, uploads

    def _pg_dump(self, folder: Path, snapshot: str) -> Generator[bytes, None, None]:
        """Its output. One that fails raises after its last byte, before anything was completed."""
        settings = self._settings
        words = [str(folder / "pg_dump"), "--format=custom", "--no-password", f"--snapshot={snapshot}"]
        words += [f"--compress={settings.compress}", f"--lock-wait-timeout={settings.lock_seconds * 1000}"]
        environment = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", **settings.server.environment(settings.database)}
        with tempfile.TemporaryFile() as errors:
            child = subprocess.Popen(
                words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, bufsize=_PIPE
            )
            assert child.stdout is not None
            programs.widen(child.stdout)
            try:
                while piece := child.stdout.read(_PIPE):
                    yield piece
                if child.wait() != 0:
                    errors.seek(0)
                    text = errors.read(20_000).decode("utf-8", "replace") or f"ended with {child.returncode}"
                    raise meaning(text, f"pg_dump of {settings.database}")
            finally:
                child.kill()
                child.stdout.close()
                child.wait()

    def _write_manifest(
        self, manifest: Manifest, wrapped: Wrapped, uploads: dict[str, Stored | JobError]
    ) -> dict[str, JobError | None]:
        data = manifests.sealed(manifest, self._key, wrapped)
        outcome: dict[str, JobError | None] = {}
        for store in self._stores:
            result = uploads[store.where]
            if isinstance(result, JobError):
                outcome[store.where] = result
                continue
            try:
                store.create(f"{self.name}/{MANIFEST}", data)
                outcome[store.where] = None
            except JobError as error:
                outcome[store.where] = error
        if all(outcome.values()):
            raise next(error for error in outcome.values() if error is not None)
        return outcome


class _Counting:
    """Counts and digests in a thread of its own, in the session that holds the snapshot."""

    def __init__(self, connection: facts.Connection, at: datetime, log: Log) -> None:
        self._connection, self._at, self._log = connection, at, log
        self._ready = threading.Event()
        self._facts: facts.Facts | None = None
        self._error: JobError | None = None
        self._thread = threading.Thread(target=self._run, name="counting", daemon=True)
        self._thread.start()

    def sequences_are_read(self) -> None:
        """Only then may the dump begin: a sequence belongs to no snapshot."""
        self._ready.wait()
        self.raise_if_failed()

    def raise_if_failed(self) -> None:
        """A dump without figures is not worth its bytes."""
        if self._error is not None:
            raise self._error

    def raise_if_it_was_first(self) -> None:
        """Where the session of the snapshot failed, pg_dump fails of it, and can only say that the snapshot is gone."""
        self._thread.join(2)
        self.raise_if_failed()

    def wait(self) -> None:
        """Until everything is counted."""
        self._thread.join()
        self.raise_if_failed()

    def stop(self) -> None:
        """Ends a count that nobody needs any more."""
        if self._thread.is_alive():
            with suppress(psycopg.Error):
                self._connection.cancel_safe(timeout=5)
            self._thread.join(10)

    def result(self) -> facts.Facts:
        """After `wait`."""
        assert self._facts is not None
        return self._facts

    def _run(self) -> None:
        try:
            with told("counting"):
                self._facts = facts.gather(self._connection, at=self._at, before_tables=self._ready.set)
        except JobError as error:
            self._error = error
        except Exception as error:  # noqa: BLE001 - a thread has nobody above it: `raise_if_failed` tells it
            self._error = Unreachable(f"counting failed: {type(error).__name__}: {error}")
        finally:
            self._ready.set()


class _Hashed:
    """Size and SHA-256 of what passes."""

    def __init__(self) -> None:
        self._digest, self.size = hashlib.sha256(), 0

    def add(self, piece: bytes) -> None:
        """The next bytes."""
        self._digest.update(piece)
        self.size += len(piece)

    def through(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same pieces, counted."""
        for piece in pieces:
            self.add(piece)
            yield piece

    def hexdigest(self) -> str:
        """So far."""
        return self._digest.hexdigest()


def _value(connection: facts.Connection, query: str) -> Any:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


def _version(folder: Path) -> str:
    ran = subprocess.run([str(folder / "pg_dump"), "--version"], capture_output=True, text=True, check=False)
    return ran.stdout.strip()


def plan(settings: ExportSettings, stores: list[ObjectStore]) -> command.Result:
    """What a dry run tells: the server answers, the programs fit, the tables can be read."""
    with settings.server.connect(settings.database) as connection, told(settings.database):
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        where = facts.place(connection)
        programs.fitting(programs.major(where.server_version), programs.installed(), settings.host)
        names = facts.tables(connection)
        unreadable = facts.unreadable(connection)
    if unreadable:
        raise Misconfigured(
            f"permissions are missing: {', '.join(unreadable[:10])}",
            fix="grant pg_read_all_data to the role; large objects are granted one by one",
        )
    to = [store.where for store in stores]
    text = f"would export {len(names)} tables of {where.database} to {', '.join(to)}; nothing was written"
    return command.Result(text, {"tables": len(names), "to": to, "server_version": where.server_version})


def describe(done: Exported) -> command.Result:
    """For people and machines."""
    file, found = done.manifest.file, done.manifest.facts
    rate = file.plain_size / max(done.seconds, 0.001) / 1e6
    lines = [
        f"exported {done.manifest.export}: {len(found.tables)} tables, {found.rows} rows, {file.size} bytes "
        f"in {done.seconds:.1f} s ({rate:.1f} MB/s)"
    ]
    lines += [
        f"  {'missing in' if error else 'in'} {where}{f': {error.message}' if error else ''}"
        for where, error in done.stores.items()
    ]
    facts_ = {
        "export": done.manifest.export,
        "snapshot_at": found.at.isoformat(),
        "tables": len(found.tables),
        "rows": found.rows,
        "bytes": file.size,
        "sha256": file.sha256,
        "seconds": round(done.seconds, 2),
        "stores": {where: error.message if error else "whole" for where, error in done.stores.items()},
    }
    worst = max((error.code for error in done.failed.values()), default=Exit.DONE)
    return command.Result("\n".join(lines), facts_, worst)


def work(settings: ExportSettings, log: Log, http: Http, *, dry_run: bool) -> command.Result:
    """An export into every store."""
    stores = [open_store(address, log, http) for address in settings.to]
    by = wrapper(settings.key, Kms(http))
    if dry_run:
        return plan(settings, stores)
    result = describe(export(settings, stores, by, log))
    log.info("exported", **{k: v for k, v in result.facts.items() if k != "stores"})
    return result


def register(app: typer.Typer) -> None:
    """The command."""

    @app.command("export")
    def run(
        host: flags.Host = None,
        port: flags.Port = None,
        user: flags.Reader = None,
        database: Annotated[str | None, typer.Option(help="Database to export.")] = None,
        name: Annotated[str | None, typer.Option(help="Its name in the stores, if another.")] = None,
        auth: flags.Auth = None,
        sslmode: flags.SslMode = None,
        sslrootcert: flags.SslRootCert = None,
        to: Annotated[list[str] | None, typer.Option(help=f"Store; repeat for more than one. {FORMS}")] = None,
        key: flags.Key = None,
        compress: Annotated[int | None, typer.Option(help="0 to 9, as pg_dump has it.")] = None,
        lock_seconds: Annotated[int | None, typer.Option(help="How long to wait for locked tables.")] = None,
        attempts: Annotated[int | None, typer.Option(help="How often to begin again after a lost connection.")] = None,
        allow_empty: Annotated[bool | None, typer.Option("--allow-empty", help="Export an empty database.")] = None,
        config: command.ConfigFile = None,
        dry_run: command.DryRun = False,
        as_json: command.AsJson = False,
    ) -> None:
        """Dump a database with its manifest, encrypted, create-only, into locked stores."""
        command.with_settings(
            "export", ExportSettings, locals(), lambda settings, log, http: work(settings, log, http, dry_run=dry_run)
        )
