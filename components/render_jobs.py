"""The jobs of databases on Render: cron jobs beside the database, because nothing outside of Render reaches it.

Render has no identities for what runs there. Each job gets an access key of its own for one thing (write, read, delete)
in an environment group of its own, and what is exported is sealed before it leaves.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from shlex import quote
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import urlsplit

import pulumi
import pulumi_random as random
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import SecretStr

from .alert_policy import Threshold, alert_on_any, alert_on_silence
from .alerts import Channels
from .base import Component, require, secret
from .job_catalogue import RENDER_CANARY, RENDER_DRILL, RENDER_EXPORT, RENDER_SWEEP, RENDER_WATCH, JobKind
from .job_metrics import JobMetrics, says_why
from .projects import Project
from .render_group import Group, GroupArgs
from .render_service import RenderService, RenderServiceArgs
from .render_side import RenderSide
from .render_store import RenderDatabase
from .render_workspace import Workspace

if TYPE_CHECKING:
    from config import Stack
    from settings.credentials import Credentials
    from settings.jobs import OffSite

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
    verifying: str = ""
    """Its public half, 32 bytes in base64."""

    @classmethod
    def of(cls, credentials: Credentials) -> AccessKeys:
        """What the stack file has of them, encrypted there."""
        signing = credentials.render_signing_key
        return cls(
            write=_secret(credentials.off_site_write_key),
            read=_secret(credentials.off_site_read_key),
            delete=_secret(credentials.off_site_delete_key),
            signing=_secret(signing),
            verifying=public_half(signing),
        )


def public_half(key: SecretStr | None) -> str:
    """With which anybody can tell what jobs on Render signed: 32 bytes in base64, empty without a key."""
    if key is None:
        return ""
    try:
        private = serialization.load_pem_private_key(key.get_secret_value().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        private = None
    require(
        isinstance(private, Ed25519PrivateKey),
        "BAK-6",
        "credentials.renderSigningKey is no Ed25519 key in PEM: openssl genpkey -algorithm ed25519",
    )
    assert isinstance(private, Ed25519PrivateKey)
    return b64encode(private.public_key().public_bytes_raw()).decode()


def _secret(value: SecretStr | None) -> pulumi.Output[str] | None:
    return pulumi.Output.secret(value.get_secret_value()) if value is not None else None


@dataclass(frozen=True, kw_only=True)
class Hearing:
    """Who hears jobs besides Render: Google Cloud's monitoring, where the stack has it."""

    watcher: Project
    channels: Channels
    metrics: JobMetrics
    labels: Mapping[str, str] = field(default_factory=dict)


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
    hearing: Hearing | None = None
    """None on Render alone: failures are told by Render, and silence is a failure of the watch."""

    def __post_init__(self) -> None:
        require(self.endpoint.startswith("https://"), "ENC-4", "exports leave over https only")
        require(
            self.retention_days >= 30, "BAK-4", f"exports are locked for 30 days or more, not {self.retention_days}"
        )


def args_of(
    config: Stack, off_site: OffSite, side: RenderSide, chance: random.Provider, hearing: Hearing | None
) -> RenderJobsArgs | None:
    """What the stack file says; None where no database on Render has to be exported."""
    if side.workspace is None or not side.databases:
        return None
    delivery = config.delivery
    return RenderJobsArgs(
        workspace=side.workspace,
        random=chance,
        databases=side.databases,
        repository=f"https://github.com/{delivery.owner}/{delivery.repository}",
        branch=delivery.branch,
        folder=off_site.folder,
        endpoint=off_site.endpoint,
        bucket=off_site.bucket,
        region=off_site.region,
        retention_days=off_site.retention_days,
        keys=AccessKeys.of(config.credentials),
        hearing=hearing,
    )


class RenderJobs(Component):
    """An export and a drill for each database, a sweep of what is too old, and the canary of Render's log stream. Where
    nothing outside of Render hears them, one more watches that the others go on."""

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
        if args.hearing is not None:
            self._hear_of_failures(args.hearing)
        else:
            self._run(RENDER_WATCH, "", self._watch(), {})
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

    def _watch(self) -> dict[str, pulumi.Input[str]]:
        keys = self._args.keys
        return {
            "JOBS_SOURCE": self._store("exports"),
            "JOBS_EVIDENCE": self._store("evidence"),
            "JOBS_NAMES": ",".join(self._args.databases),
            **({"JOBS_SIGNED_BY": keys.verifying} if keys.verifying else {}),
            **_access(keys.read),
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
        if args.hearing is not None:
            self._hear_silence(args.hearing, kind, one, name)

    def _hear_silence(self, hearing: Hearing, kind: JobKind, one: str, name: str) -> None:
        alert_on_silence(
            self,
            f"{name}-missing",
            project=hearing.watcher,
            channels=hearing.channels.ids,
            title=f"{kind.clause} {kind.title.format(one=one)} is missing",
            do=kind.missing(one),
            query=f'(sum(increase(logging_googleapis_com:user_jobs_done{{monitored_resource="logging_bucket",'
            f'deployment="{name}"}}[{kind.silent_hours}h])) or vector(0)) < 0.5',
            labels=hearing.labels,
            depends_on=[hearing.metrics.done],
        )

    def _hear_of_failures(self, hearing: Hearing) -> None:
        """Render tells of crashes by its own events; this is what jobs found."""
        for kind in (RENDER_EXPORT, RENDER_DRILL, RENDER_SWEEP):
            title = f"{kind.clause} {kind.name} failed"
            alert_on_any(
                self,
                f"{kind.name}-failed",
                project=hearing.watcher,
                channels=hearing.channels.ids,
                title=title,
                do=kind.failed("${metric.label.deployment}" if kind.each else ""),
                thresholds={
                    title: Threshold(
                        filter=says_why(hearing.metrics.failed, f"{kind.name}.*"),
                        aligner="ALIGN_COUNT",
                    )
                },
                labels=hearing.labels,
                depends_on=[hearing.metrics.failed],
            )


def _access(key: pulumi.Output[str] | None) -> dict[str, pulumi.Input[str]]:
    """As the S3 client reads them; left out until they are there, and the job then says so."""
    if key is None:
        return {}
    return {
        "AWS_ACCESS_KEY_ID": secret(key.apply(lambda pair: pair.partition(":")[0])),
        "AWS_SECRET_ACCESS_KEY": secret(key.apply(lambda pair: pair.partition(":")[2])),
    }
