"""`python -m jobs watch`: whether exports and drills go on, where nothing else would hear their silence (BAK-7).

A job that does not run says nothing. Where there is Google Cloud, its monitoring hears that; on Render alone this job
does, and Render tells everybody in the workspace when it fails. What it reads was signed by the drill.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import Field, field_validator

from jobs import exports, flags
from jobs.core.command import AsJson, ConfigFile, DryRun, Result, with_settings
from jobs.core.evidence import Evidence, opened, public_key
from jobs.core.http import Http
from jobs.core.log import Log
from jobs.core.problems import Exit, Found
from jobs.core.settings import Settings
from jobs.storage.base import ObjectStore
from jobs.storage.opening import open_store

JOB: Final = "watch"


class Watch(Settings):
    """Whose exports and drills, where, and how old they may be."""

    source: str
    """Store of the exports."""
    evidence: str
    """Store of the drills' evidence."""
    names: Annotated[tuple[str, ...], Field(min_length=1)]
    """Databases, as the exports are named."""
    signed_by: str
    """Public key of the drills: a file in PEM, or its 32 bytes in base64."""
    hours: Annotated[float, Field(gt=0)] = 26

    @field_validator("names", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def run(settings: Watch, log: Log, http: Http, *, dry_run: bool = False, now: datetime | None = None) -> Result:
    """Looks at every database, even where something is wrong; says all of it."""
    since = (now or datetime.now(UTC)) - timedelta(hours=settings.hours)
    source, evidence = (open_store(address, log, http) for address in (settings.source, settings.evidence))
    key = public_key(settings.signed_by)
    if dry_run:
        return Result(f"would look for exports and drills of {', '.join(settings.names)}", {"names": settings.names})
    problems: list[str] = []
    lines: list[str] = []
    newest: dict[str, Any] = {}
    for name in settings.names:
        for what, found in (
            ("export", _exported(source, name)),
            ("drill that passed", _drilled(evidence, name, since, key)),
        ):
            at = max(found, default=None)
            newest.setdefault(name, {})[what] = at.isoformat() if at else None
            told = (
                f"the newest {what} of {name} is of {at:%Y-%m-%d %H:%M} UTC" if at else f"there is no {what} of {name}"
            )
            lines.append(told)
            if at is None or at < since:
                problems.append(f"{told}; one is due every {settings.hours:g} hours")
    if problems:
        log.error("; ".join(problems), clause="BAK-7")
    return Result("\n".join(problems or lines), {"newest": newest}, Exit.FOUND if problems else Exit.DONE)


def _exported(store: ObjectStore, name: str) -> Iterator[datetime]:
    """When whole exports were made, by their names and by the clock of the store: the earlier of the two."""
    for one in exports.whole(store, name)[:1]:
        yield min(one.at, one.manifest.created)


def _drilled(store: ObjectStore, name: str, since: datetime, key: Ed25519PublicKey) -> Iterator[datetime]:
    """When drills of a database ended well. What nobody signed, or somebody else, is no drill."""
    folder = f"evidence/drill/{name}/"
    for stored in store.list(folder, start=f"{folder}{since.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"):
        try:
            found: Evidence = opened(store.read(stored.name, limit=4 << 20), key)
        except Found:
            continue
        if found.job == "drill" and found.facts.get("database") == name and found.outcome != "failed":
            yield found.finished_at


def register(app: typer.Typer) -> None:
    """The command."""

    @app.command()
    def watch(
        source: flags.Source = None,
        evidence: Annotated[str | None, typer.Option(help="Store of the drills' evidence.")] = None,
        names: Annotated[str | None, typer.Option(help="Databases, separated by commas.")] = None,
        signed_by: Annotated[str | None, typer.Option(help="Public key of the drills: PEM file or base64.")] = None,
        hours: Annotated[float | None, typer.Option(help="How old the newest of each may be.")] = None,
        config: ConfigFile = None,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        """Say where no export was made, or no drill passed, for too long (BAK-7). It changes nothing in any case."""
        with_settings(JOB, Watch, locals(), lambda settings, log, http: run(settings, log, http, dry_run=dry_run))
