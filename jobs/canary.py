"""The log canary (LOG-6): a signed entry on every way of logs, and the proof that each arrives in the central bucket.

Ways are: the Logging API in every project, what a container prints, and Render's log stream. An entry counts once it is
found with the very bytes that were sent. What does not arrive within the bound is named: from then on, nothing that
other alerts say about this way, or do not say, is proof.

Entries on Render are written there (`canary --emit`), by a cron job; here the newest one is looked for, and its
signature is checked.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import typer
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import Field, field_validator

from jobs import flags
from jobs.cloud.cloud_logging import CloudLogging
from jobs.core.command import AsJson, ConfigFile, DryRun, Result, with_settings
from jobs.core.evidence import Signer, public_key, signer
from jobs.core.http import Http
from jobs.core.kms import Kms
from jobs.core.log import Log
from jobs.core.problems import JobError, Misconfigured
from jobs.reporting import Report, Reporting

JOB: Final = "canary"
LOG_NAME: Final = "canary"
PRINTED: Final = "what a container prints"
RENDER: Final = "Render's log stream"


class Canary(Reporting):
    """Which ways, and how long an entry may take."""

    projects: tuple[str, ...] = Field(default=(), description="Projects in which an entry is written.")
    log_bucket: str = Field(default="", description="Full name of the bucket in which everything has to arrive.")
    printed: bool = Field(
        default_factory=lambda: bool(os.environ.get("CLOUD_RUN_JOB")),
        description="Whether what this container prints has to arrive as well; on Cloud Run it has to.",
    )
    render_key: str = Field(default="", description="Public key of the entries from Render: a file in PEM, or base64.")
    render_hours: float = Field(default=26, gt=0, description="How old the newest entry from Render may be.")
    minutes: float = Field(default=10, gt=0, le=60, description="How long an entry may take.")

    @field_validator("projects", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


@dataclass(frozen=True)
class Sent:
    """One entry on its way."""

    way: str
    payload: Mapping[str, Any]


def signed(way: str, by: Signer, now: datetime) -> dict[str, Any]:
    """The content of an entry. The signature covers the way, the time and a number that was never used before."""
    payload: dict[str, Any] = {
        "canary": secrets.token_hex(16),
        "way": way,
        "sent_at": now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        "key": by.key_id,
    }
    return {**payload, "signature": base64.b64encode(by.sign(_text(payload))).decode()}


def _text(payload: Mapping[str, Any]) -> bytes:
    fields = {name: payload.get(name) for name in ("canary", "way", "sent_at", "key")}
    return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()


def genuine(payload: Mapping[str, Any], key: Ed25519PublicKey) -> bool:
    """Whether the holder of a key wrote an entry."""
    try:
        key.verify(base64.b64decode(str(payload.get("signature", "")), validate=True), _text(payload))
    except (InvalidSignature, ValueError):
        return False
    return True


def run(settings: Canary, log: Log, http: Http, *, dry_run: bool = False) -> Result:
    """Send on every way, then look until all have arrived or the time is over."""
    if not settings.projects or not settings.log_bucket:
        raise Misconfigured("no project or no log bucket is named", fix="--projects A,B --log-bucket …", clause="LOG-6")
    report = Report(JOB, ("LOG-6",), log)
    by = signer(settings.sign, Kms(http))
    logging = CloudLogging(http)
    key = public_key(settings.render_key) if settings.render_key else None
    ways = [*settings.projects, *([PRINTED] if settings.printed else []), *([RENDER] if key else [])]
    if dry_run:
        next(iter(logging.entries(settings.log_bucket, 'jsonPayload.canary="none"')), None)
        return Result("would look on " + ", ".join(ways), {"ways": ways})
    sent = _send(settings, log, logging, by, report)
    _await(settings, logging, sent, report)
    if key is not None:
        _look_for_render(settings, logging, key, report)
    report.facts["ways"] = ways
    return report.finish(settings, http)


def _send(settings: Canary, log: Log, logging: CloudLogging, by: Signer, report: Report) -> list[Sent]:
    """A way on which nothing can be written is broken; the others are looked at all the same."""
    sent: list[Sent] = []
    for project in settings.projects:
        payload = signed(project, by, datetime.now(UTC))
        try:
            logging.write(project, LOG_NAME, payload, payload["canary"])
        except JobError as error:
            report.failed(project, f"no entry can be written in {project}: {error.message}")
        else:
            sent.append(Sent(project, payload))
    if settings.printed:
        payload = signed(PRINTED, by, datetime.now(UTC))
        log.info("canary", **payload)
        sent.append(Sent(PRINTED, payload))
    return sent


def _await(settings: Canary, logging: CloudLogging, sent: list[Sent], report: Report) -> None:
    started = time.monotonic()
    pause = 15 * float(os.environ.get("JOBS_RETRY_SCALE", "1"))
    missing = {one.payload["canary"]: one for one in sent}
    altered: set[str] = set()
    since = (report.started_at - timedelta(minutes=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    while missing:
        wanted = " OR ".join(f'"{number}"' for number in sorted(missing))
        query = f'timestamp>="{since}" AND jsonPayload.canary=({wanted})'
        for entry in logging.entries(settings.log_bucket, query):
            payload = entry.get("jsonPayload") or {}
            one = missing.get(str(payload.get("canary", "")))
            if one is None:
                continue
            if any(payload.get(name) != value for name, value in one.payload.items()):
                altered.add(one.way)
                continue
            del missing[one.payload["canary"]]
            took = round(time.monotonic() - started, 1)
            report.passed(one.way, f"arrived after {took} s")
            report.facts.setdefault("seconds", {})[one.way] = took
        if not missing or time.monotonic() - started > settings.minutes * 60:
            break
        time.sleep(pause)
    for one in missing.values():
        how = "arrived altered" if one.way in altered else f"did not arrive within {settings.minutes:g} minutes"
        report.failed(one.way, f"the entry on {_named(one.way)} {how}")


def _named(way: str) -> str:
    return way if way in (PRINTED, RENDER) else f"the Logging API of {way}"


def _look_for_render(settings: Canary, logging: CloudLogging, key: Ed25519PublicKey, report: Report) -> None:
    """Whatever brings Render's stream into the bucket may leave the entry as fields, or as the text of a line."""
    since = datetime.now(UTC) - timedelta(hours=settings.render_hours)
    query = f'timestamp>="{since.strftime("%Y-%m-%dT%H:%M:%SZ")}" AND "{RENDER}"'
    newest: datetime | None = None
    forged = 0
    for entry in logging.entries(settings.log_bucket, query):
        payload = _payload(entry)
        if payload.get("way") != RENDER:
            continue
        if not genuine(payload, key):
            forged += 1
            continue
        at = datetime.fromisoformat(str(payload["sent_at"]))
        if at >= since:
            newest = max(newest or at, at)
    if newest is not None:
        report.passed(RENDER, f"the newest entry is of {newest:%Y-%m-%d %H:%M} UTC")
        return
    more = f"; {forged} had no valid signature" if forged else ""
    report.failed(RENDER, f"no entry of the last {settings.render_hours:g} hours came through {RENDER}{more}")


def _payload(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    payload = entry.get("jsonPayload")
    if isinstance(payload, Mapping) and "canary" in payload:
        return payload
    text = str(entry.get("textPayload") or (payload or {}).get("message") or "")
    try:
        found = json.loads(text[text.index("{") :])
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}


def emit(settings: Canary, log: Log, http: Http) -> Result:
    """Write the entry of this way and end: another run looks for it. For jobs on Render."""
    payload = signed(RENDER, signer(settings.sign, Kms(http)), datetime.now(UTC))
    log.info("canary", **payload)
    return Result(f"wrote the entry {payload['canary']}", {"canary": payload["canary"]})


def register(app: typer.Typer) -> None:
    """`python -m jobs canary`."""

    @app.command()
    def canary(
        projects: Annotated[str | None, typer.Option(help="Projects to write in, separated by commas.")] = None,
        log_bucket: Annotated[str | None, typer.Option(help="Log bucket in which everything arrives.")] = None,
        printed: Annotated[bool | None, typer.Option(help="Whether what is printed has to arrive.")] = None,
        render_key: Annotated[
            str | None, typer.Option(help="Public key of Render's entries: PEM file or base64.")
        ] = None,
        minutes: Annotated[float | None, typer.Option(help="How long an entry may take.")] = None,
        evidence: flags.Evidence = None,
        sign: flags.Sign = None,
        only_emit: Annotated[bool, typer.Option("--emit", help="Only write an entry, as Render's jobs do.")] = False,
        config: ConfigFile = None,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        """Prove that logs arrive on every way (LOG-6)."""
        told = {name: value for name, value in locals().items() if name != "only_emit"}

        def work(settings: Canary, log: Log, http: Http) -> Result:
            return emit(settings, log, http) if only_emit else run(settings, log, http, dry_run=dry_run)

        with_settings(JOB, Canary, told, work)
