"""The jobs of databases on Render: cron jobs beside the database, because nothing outside of Render reaches it.

Render has no identities for what runs there. Each job gets an access key of its own for one thing (write, read, delete)
in an environment group of its own, and what is exported is sealed before it leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from shlex import quote
from typing import ClassVar
from urllib.parse import urlsplit

import pulumi
import pulumi_random as random

from .alert_policy import Threshold, alert_on_any, alert_on_silence
from .alerts import Channels
from .base import Component, require, secret
from .job_catalogue import RENDER_CANARY, RENDER_DRILL, RENDER_EXPORT, RENDER_SWEEP, JobKind
from .job_metrics import JobMetrics, says_why
from .projects import Project
from .render_group import Group, GroupArgs
from .render_service import RenderService, RenderServiceArgs
from .render_store import RenderDatabase
from .render_workspace import Workspace

SEALING = "sealing.key"
SIGNING = "signing.pem"
SECRET_FILES = "/etc/secrets"
"""Where Render puts the secret files of a group."""


@dataclass(frozen=True, kw_only=True)
class AccessKeys:
    """`<id>:<secret>` each, as secrets; None until somebody made it."""

    write: pulumi.Output[str] | None = None
    read: pulumi.Output[str] | None = None
    delete: pulumi.Output[str] | None = None
    signing: pulumi.Output[str] | None = None
    """Ed25519 key with which evidence and canary are signed, PEM."""


@dataclass(frozen=True, kw_only=True)
class RenderJobsArgs:
    """Which databases, exported where to, and who hears."""

    workspace: Workspace
    random: random.Provider
    databases: Mapping[str, RenderDatabase]
    repository: str
    branch: str
    folder: str
    endpoint: str
    bucket: str
    region: str
    retention_days: int
    keys: AccessKeys
    watcher: Project
    channels: Channels
    metrics: JobMetrics
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(self.endpoint.startswith("https://"), "ENC-4", "exports leave over https only")
        require(
            self.retention_days >= 30, "BAK-4", f"exports are locked for 30 days or more, not {self.retention_days}"
        )


class RenderJobs(Component):
    """An export and a drill for each database, a sweep of what is too old, and the canary of Render's log stream."""

    token = "hosting:render:Jobs"
    clauses: ClassVar[tuple[str, ...]] = ("BAK-4", "BAK-6", "BAK-7", "LOG-6", "MIN-1", "CHG-2")

    def __init__(self, name: str, args: RenderJobsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self._args = args
        sealing = random.RandomBytes(f"{name}-sealing", length=32, opts=self.child(provider=args.random, protect=True))
        self._sealing = secret(sealing.base64)
        missing = [word for word in ("write", "read", "delete", "signing") if getattr(args.keys, word) is None]
        if missing:
            pulumi.log.warn(
                f"BAK-4: jobs on Render fail until their keys are there ({', '.join(missing)}): "
                "pulumi config set --secret --path credentials.offSiteWriteKey, and so on (docs/deployed-jobs.md)",
                self,
            )
        for one, database in args.databases.items():
            self._run(RENDER_EXPORT, one, self._export(one, database), {SEALING: self._sealing})
            self._run(RENDER_DRILL, one, self._drill(one), {SEALING: self._sealing, **self._signing()})
        keep = {"JOBS_STORE": self._store("exports"), "JOBS_KEEP_DAYS": str(args.retention_days + 1)}
        self._run(RENDER_SWEEP, "", {**keep, **_access(args.keys.delete)}, {})
        self._run(RENDER_CANARY, "", {"JOBS_SIGN": f"{SECRET_FILES}/{SIGNING}"}, self._signing())
        self._hear_of_failures()
        self.register_outputs({})

    def _store(self, folder: str, *, locked: bool = False) -> str:
        args = self._args
        lock = f"&lock_days={args.retention_days}" if locked else ""
        return f"s3://{args.bucket}/{folder}?endpoint={args.endpoint}&region={args.region}{lock}"

    def _export(self, one: str, database: RenderDatabase) -> dict[str, pulumi.Input[str]]:
        parts = database.address.apply(urlsplit)
        return {
            "JOBS_HOST": parts.apply(lambda url: url.hostname or ""),
            "JOBS_USER": parts.apply(lambda url: url.username or ""),
            "JOBS_PASSWORD": secret(parts.apply(lambda url: url.password or "")),
            "JOBS_DATABASE": one.replace("-", "_"),
            "JOBS_SSLMODE": "require",
            "JOBS_NAME": one,
            "JOBS_TO": self._store("exports", locked=True),
            **_access(self._args.keys.write),
        }

    def _drill(self, one: str) -> dict[str, pulumi.Input[str]]:
        return {
            "JOBS_SOURCE": self._store("exports"),
            "JOBS_NAME": one,
            "JOBS_ERASURES": "none",
            "JOBS_EVIDENCE": self._store("evidence", locked=True),
            "JOBS_SIGN": f"{SECRET_FILES}/{SIGNING}",
            "JOBS_WORK_DIR": "/scratch",
            **_access(self._args.keys.read),
        }

    def _signing(self) -> dict[str, pulumi.Output[str]]:
        key = self._args.keys.signing
        return {SIGNING: key} if key is not None else {}

    def _run(
        self,
        kind: JobKind,
        one: str,
        variables: Mapping[str, pulumi.Input[str]],
        files: Mapping[str, pulumi.Output[str]],
    ) -> None:
        """What is no secret stands on the command line, where a reviewer sees it; the group holds secrets alone."""
        args = self._args
        name = f"{kind.name}-{one}" if one else kind.name
        plain = {k: v for k, v in variables.items() if isinstance(v, str)}
        plain |= {"JOBS_KEY": f"{SECRET_FILES}/{SEALING}"} if SEALING in files else {}
        flags = [f"--{k.removeprefix('JOBS_').lower().replace('_', '-')} {quote(v)}" for k, v in plain.items()]
        group = Group(
            name,
            GroupArgs(
                workspace=args.workspace,
                random=args.random,
                secrets={k: v for k, v in variables.items() if isinstance(v, pulumi.Output)},
                files=files,
            ),
            self.child(),
        )
        RenderService(
            name,
            RenderServiceArgs(
                workspace=args.workspace,
                kind="cron",
                repository=args.repository,
                branch=args.branch,
                folder=args.folder,
                start=" ".join(["python -m jobs", *kind.arguments, *flags]),
                schedule=kind.schedule,
                groups={name: group},
            ),
            self.child(),
        )
        alert_on_silence(
            self,
            f"{name}-missing",
            project=args.watcher,
            channels=args.channels.ids,
            title=f"{kind.clause} {kind.title.format(one=one)} is missing",
            do=kind.missing(one),
            query=f'(sum(increase(logging_googleapis_com:user_jobs_done{{monitored_resource="logging_bucket",'
            f'deployment="{name}"}}[{kind.silent_hours}h])) or vector(0)) < 0.5',
            labels=args.labels,
            depends_on=[args.metrics.done],
        )

    def _hear_of_failures(self) -> None:
        """Render tells of crashes by its own events; this is what jobs found."""
        args = self._args
        for kind in (RENDER_EXPORT, RENDER_DRILL, RENDER_SWEEP):
            title = f"{kind.clause} {kind.name} failed"
            alert_on_any(
                self,
                f"{kind.name}-failed",
                project=args.watcher,
                channels=args.channels.ids,
                title=title,
                do=kind.failed("${metric.label.deployment}" if kind.each else ""),
                thresholds={
                    title: Threshold(
                        filter=says_why(args.metrics.failed, f"{kind.name}.*"),
                        aligner="ALIGN_COUNT",
                    )
                },
                labels=args.labels,
                depends_on=[args.metrics.failed],
            )


def _access(key: pulumi.Output[str] | None) -> dict[str, pulumi.Input[str]]:
    """As the S3 client reads them; left out until they are there, and the job then says so."""
    if key is None:
        return {}
    return {
        "AWS_ACCESS_KEY_ID": secret(key.apply(lambda pair: pair.partition(":")[0])),
        "AWS_SECRET_ACCESS_KEY": secret(key.apply(lambda pair: pair.partition(":")[2])),
    }
