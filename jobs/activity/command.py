"""`python -m jobs activity`: verify a log of what users did, and anchor the head of each of its chains (LOG-7)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import psycopg
import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import Field

from jobs import flags
from jobs.activity.chain import Anchor, Break, Verdict, lines_of, verify
from jobs.activity.table import lines_of_table
from jobs.core.command import AsJson, ConfigFile, DryRun, Result, execute, with_settings
from jobs.core.evidence import Evidence, Subject, opened, public_key, unverified
from jobs.core.http import Http
from jobs.core.log import Log
from jobs.core.problems import Exit, Found, Misconfigured
from jobs.postgres.server import Login, told
from jobs.reporting import Report, Reporting
from jobs.storage.opening import open_store

ANCHOR: Final = "activity-anchor"
VERIFY: Final = "activity-verify"


class AnchorSettings(Login, Reporting):
    """Where the log is, and where its anchors are."""

    database: str
    name: str = Field(default="", description="Name of the database in the evidence; its own without it.")

    @property
    def folder(self) -> str:
        """Under which name its anchors are kept."""
        return f"{ANCHOR}/{self.name or self.database}"


def anchors_of(evidence: Evidence) -> Iterator[Anchor]:
    """The heads that a run of the anchor kept."""
    for head in evidence.facts.get("heads", []):
        yield Anchor(stream=head["stream"], sequence=head["sequence"], digest=head["digest"], taken_at=head["time"])


def kept(address: str, folder: str, key: Ed25519PublicKey | None, log: Log, http: Http) -> list[Anchor]:
    """All anchors of a store. One that was put there by somebody else contradicts the others, and is found so."""
    store = open_store(address, log, http)
    found: list[Anchor] = []
    for stored in store.list(f"evidence/{folder}/"):
        envelope = store.read(stored.name)
        evidence = opened(envelope, key) if key else unverified(envelope)
        if evidence.outcome != "failed":
            found += anchors_of(evidence)
    return found


def anchor(settings: AnchorSettings, log: Log, http: Http, *, dry_run: bool = False) -> Result:
    """Verify the whole log against all anchors there are, and keep its heads: a broken chain is never anchored."""
    if not settings.evidence:
        raise Misconfigured("there is no store for anchors", fix="--evidence gs://BUCKET", clause="LOG-7")
    report = Report(ANCHOR, ("LOG-7",), log)
    before = kept(settings.evidence, settings.folder, None, log, http)
    with settings.server.connect(settings.database) as connection, told(settings.database):
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        with connection.transaction():
            verdict = verify(lambda: lines_of_table(connection), before)
    _into(report, verdict)
    report.facts |= {
        "database": settings.name or settings.database,
        "entries": verdict.entries,
        "anchors_held": len(before),
        "heads": [
            {"stream": head.stream, "sequence": head.sequence, "digest": head.digest, "time": head.taken_at}
            for head in verdict.heads.values()
        ],
    }
    report.subjects += [Subject(name=head.stream, sha256=head.digest) for head in verdict.heads.values()]
    return report.finish(Reporting() if dry_run else settings, http, folder=settings.folder)


def _into(report: Report, verdict: Verdict) -> None:
    broken = {one.stream for one in verdict.breaks}
    for stream, head in verdict.heads.items():
        if stream not in broken:
            report.passed(stream, f"whole up to entry {head.sequence}")
    for one in verdict.breaks:
        report.failed(one.stream, in_words(one))
    if not verdict.entries and not verdict.breaks:
        report.passed("log", "is empty, and nothing was anchored before")


def in_words(one: Break) -> str:
    """The first broken link, for a person."""
    place = f" (line {one.line})" if one.line else ""
    return f"stream {one.stream}{place}: {one.message}"


def verified(
    log_file: Path, anchors: list[Anchor], *, continued: bool = False, text: str | None = None
) -> tuple[Verdict, Result]:
    """The verdict on a file."""

    def lines() -> Iterator[str]:
        with log_file.open(encoding="utf-8", errors="replace") as file:
            yield from file

    verdict = verify(lines_of(text) if text is not None else lines, anchors, continued=continued)
    said = [f"ok    {s}: whole up to entry {h.sequence}" for s, h in verdict.heads.items() if s in verdict.unproved]
    said += [f"      {n} entries after the newest anchor" for n in verdict.unproved.values() if anchors and n]
    said += [f"FAIL  {one.kind}  {in_words(one)}" for one in verdict.breaks]
    if not verdict.entries and not verdict.breaks:
        said = ["the log is empty"]
    facts: dict[str, Any] = {
        "entries": verdict.entries,
        "heads": {stream: {"sequence": h.sequence, "digest": h.digest} for stream, h in verdict.heads.items()},
        "breaks": [vars(one) for one in verdict.breaks],
        "unproved": verdict.unproved,
    }
    return verdict, Result("\n".join(said), facts, Exit.DONE if verdict.whole else Exit.FOUND)


def _from_folder(folder: Path, key: Ed25519PublicKey | None) -> list[Anchor]:
    if not folder.exists():
        raise Misconfigured(f"{folder} does not exist", fix="a folder or a file with the anchors' evidence")
    files = sorted(folder.rglob("*.json")) if folder.is_dir() else [folder]
    if not files:
        raise Misconfigured(f"{folder} holds no evidence")
    found: list[Anchor] = []
    for file in files:
        envelope = file.read_bytes()
        try:
            evidence = opened(envelope, key) if key else unverified(envelope)
        except Found as error:
            raise Found(f"{file}: {error.message}", clause="LOG-7") from None
        found += anchors_of(evidence)
    return found


def register(app: typer.Typer) -> None:
    """`python -m jobs activity verify` and `python -m jobs activity anchor`."""
    group = typer.Typer(help="The log of what users do, as a hash chain (LOG-7).", no_args_is_help=True)
    app.add_typer(group, name="activity")

    @group.command("verify")
    def verify_file(
        log_file: Annotated[Path, typer.Argument(metavar="FILE", help="The log, an entry a line.")],
        anchors: Annotated[Path | None, typer.Option(help="Folder or file with the evidence of anchors.")] = None,
        key: Annotated[str | None, typer.Option(help="Public key that signed the anchors: PEM file or base64.")] = None,
        continued: Annotated[bool, typer.Option(help="The log begins after an anchored entry.")] = False,
        as_json: AsJson = False,
    ) -> None:
        """Find the first broken link of every chain in a log."""

        def work(log: Log) -> Result:
            if not log_file.is_file():
                raise Misconfigured(f"{log_file} is no file")
            held = _from_folder(anchors, public_key(key) if key else None) if anchors else []
            result = verified(log_file, held, continued=continued)[1]
            if result.code is not Exit.DONE:
                log.error(str(result.text), clause="LOG-7")
            return result

        execute(VERIFY, work, as_json=as_json)

    @group.command("anchor")
    def anchor_heads(
        host: Annotated[str | None, typer.Option(help="Server of the application's database.")] = None,
        port: flags.Port = None,
        user: Annotated[str | None, typer.Option()] = None,
        database: Annotated[str | None, typer.Option()] = None,
        auth: flags.Auth = None,
        sslmode: flags.SslMode = None,
        sslrootcert: flags.SslRootCert = None,
        name: Annotated[str | None, typer.Option(help="Name of the database in the evidence.")] = None,
        evidence: Annotated[str | None, typer.Option(help="Store of the anchors.")] = None,
        sign: flags.Sign = None,
        config: ConfigFile = None,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        """Verify the log in a database, and keep the head of each chain where nobody can change it."""
        with_settings(
            ANCHOR, AnchorSettings, locals(), lambda settings, log, http: anchor(settings, log, http, dry_run=dry_run)
        )
