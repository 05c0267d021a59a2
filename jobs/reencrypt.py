"""Encryption with the newest key version (ENC-8): databases are encrypted again after their key was rotated.

A rotation makes a version for new data alone. Each database is asked which version encrypts it, and encrypted again
where that is not the newest; objects of buckets that neither a lock nor a lifecycle holds are rewritten in place, the
others are counted. The evidence is the version
in use.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated, Final

import typer
from pydantic import Field, field_validator

from jobs import flags
from jobs.cloud.bucket_keys import Rewriter
from jobs.cloud.key_versions import newest
from jobs.cloud.sql_admin import SqlAdmin, key_of
from jobs.core.command import AsJson, ConfigFile, DryRun, Result, with_settings
from jobs.core.http import Http
from jobs.core.log import Log
from jobs.core.problems import Found, Misconfigured
from jobs.reporting import Report, Reporting

JOB: Final = "reencrypt"


class Reencrypt(Reporting):
    """What is looked at."""

    project: str = Field(description="Project of the databases.")
    instances: tuple[str, ...] = ()
    buckets: tuple[str, ...] = ()

    @field_validator("instances", "buckets", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


def run(settings: Reencrypt, log: Log, http: Http, *, dry_run: bool = False) -> Result:
    """Look at everything, even where something is wrong; say all of it."""
    if not settings.instances and not settings.buckets:
        raise Misconfigured(
            "there is nothing to look at", fix="--instances NAME,NAME or --buckets NAME,NAME", clause="ENC-8"
        )
    report = Report(JOB, ("ENC-8",), log)
    report.facts["versions"] = versions = {}
    admin = SqlAdmin(http, settings.project)
    for name in settings.instances:
        versions[name] = _look(report, name, partial(_database, admin, http, name, dry_run=dry_run))
    rewriter = Rewriter(http)
    for bucket in settings.buckets:
        versions[bucket] = _look(report, bucket, partial(rewriter.renew, bucket, dry_run=dry_run))
    return report.finish(Reporting() if dry_run else settings, http)


def _look(report: Report, name: str, work: Callable[[], tuple[str, str]]) -> str:
    """Missing rights and silence end the run; a finding is one of several."""
    try:
        version, words = work()
    except Found as error:
        report.failed(name, f"{name}: {error.message}")
        return ""
    report.passed(name, words)
    return version


def _database(admin: SqlAdmin, http: Http, name: str, *, dry_run: bool) -> tuple[str, str]:
    instance = admin.get(name)
    if not instance.key_version:
        raise Found("is not encrypted with a key of our own", clause="ENC-1")
    wanted = newest(http, key_of(instance.key_version))
    if instance.key_version == wanted:
        return wanted, f"is encrypted with the newest version ({_short(wanted)})"
    if dry_run:
        return (
            instance.key_version,
            f"would be encrypted again: {_short(instance.key_version)}, newest {_short(wanted)}",
        )
    admin.reencrypt(name)
    after = admin.get(name).key_version
    if after != wanted:
        raise Found(
            f"is still encrypted with version {_short(after)} after the operation; the newest is {_short(wanted)}"
        )
    return after, f"was encrypted again: version {_short(instance.key_version)} before, {_short(after)} now"


def _short(version: str) -> str:
    return version.rpartition("/")[2]


def register(app: typer.Typer) -> None:
    """`python -m jobs reencrypt`."""

    @app.command()
    def reencrypt(
        project: Annotated[str | None, typer.Option(help="Project of the databases.")] = None,
        instances: Annotated[str | None, typer.Option(help="Cloud SQL instances, separated by commas.")] = None,
        buckets: Annotated[str | None, typer.Option(help="Buckets, separated by commas.")] = None,
        evidence: flags.Evidence = None,
        sign: flags.Sign = None,
        config: ConfigFile = None,
        dry_run: DryRun = False,
        as_json: AsJson = False,
    ) -> None:
        """Encrypt databases and buckets with the newest version of their keys (ENC-8)."""
        with_settings(JOB, Reencrypt, locals(), lambda settings, log, http: run(settings, log, http, dry_run=dry_run))
