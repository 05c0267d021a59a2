"""The jobs of the company: each with an identity of its own, the rights its code uses, a schedule and a watch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, ClassVar

import pulumi
import pulumi_gcp as gcp

from .alert_policy import Threshold, alert_on_any
from .base import Component
from .evidence import Evidence, EvidenceArgs
from .foundation import Foundation
from .governance import Governance
from .hosting import Hosting
from .identities import Identity
from .job_catalogue import ANCHOR, CANARY, DRILL, EXPORT, KINDS, RECOVERY, REENCRYPTION, JobKind
from .job_metrics import says_why
from .projects import Project
from .render_jobs import Hearing, RenderJobs, args_of, public_half
from .render_side import RenderSide
from .roles import Role, RoleArgs
from .scheduled_job import SCRATCH, ScheduledJob, ScheduledJobArgs, ended_badly, who_starts
from .shared_stores import SharedStores
from .stores import Stores, named

if TYPE_CHECKING:
    from config import StackConfig

DRILL_PREFIX = "drill-"
"""What the name of every recovered instance begins with: the one kind of instance that a job may delete."""


class Jobs(Component):
    """Exports, drills, canary, anchors and re-encryption; without a database there is nothing to prove.

    Nobody but the starter may run a job, and the starter may do nothing else. What a job may do is in `_rights`; a test
    holds it against the calls that the code makes.
    """

    token = "hosting:jobs:Jobs"
    clauses: ClassVar[tuple[str, ...]] = (
        "ACC-5",
        "ACC-10",
        "BAK-4",
        "BAK-6",
        "BAK-7",
        "ENC-8",
        "LOG-6",
        "LOG-7",
    )

    jobs: dict[str, ScheduledJob]

    def __init__(
        self,
        name: str,
        config: StackConfig,
        foundation: Foundation,
        stores: Stores,
        governance: Governance,
        hosting: Hosting,
        render: RenderSide,
        shared: SharedStores,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, None, opts)
        self._config, self._foundation, self._stores = config, foundation, stores
        self._governance, self._hosting, self._buckets = governance, hosting, shared.buckets
        self.jobs = {}
        if stores.databases:
            self._kinds = tuple(kind for kind in KINDS if self._works_on(kind))
            self._evidence = self._leave_evidence()
            self._starter, self._start = who_starts(
                self,
                foundation.workload,
                account_id="job-starter",
                purpose="starts jobs on their schedule",
                role_name=f"jobStarter-{foundation.workload.project_id}",
                role_id="jobStarter",
                title="Starts a job, and nothing else",
            )
            self._rights()
            for kind in self._kinds:
                for one in self._works_on(kind):
                    self._run(kind, one)
            self._hear_of_failures()
        self._on_render(render)
        self.register_outputs({})

    def _on_render(self, render: RenderSide) -> None:
        """A database on Render that is exported nowhere is refused before anything is made (settings/jobs.py)."""
        off_site, governance = self._config.jobs.off_site, self._governance
        if off_site is None:
            return
        hearing = Hearing(
            watcher=self._foundation.audit,
            channels=governance.channels,
            metrics=governance.job_metrics,
            labels=self._config.company.labels,
        )
        args = args_of(self._config, off_site, render, self._foundation.random, hearing)
        if args is not None:
            RenderJobs("render-jobs", args, self.child())

    def _works_on(self, kind: JobKind) -> tuple[str, ...]:
        """The databases with a job of their own, or one job for all."""
        if kind is ANCHOR:
            return self._config.jobs.activity
        return tuple(self._stores.databases) if kind.each else ("",)

    def _identity(self, kind: JobKind, one: str = "") -> Identity:
        return self._stores.identities[named(kind.name, self._config.first_name(one))]

    def _members(self, *kinds: JobKind) -> dict[str, pulumi.Output[str]]:
        return {name: who.member for name, who in self._stores.who(*(kind.name for kind in kinds)).items()}

    def _leave_evidence(self) -> Evidence:
        config, foundation, logging = self._config, self._foundation, self._config.logging
        return Evidence(
            "evidence",
            EvidenceArgs(
                project=foundation.audit,
                key=foundation.keys[logging.data_class],
                signing_ring=foundation.rings[config.regions.primary],
                sealing_ring=foundation.rings[config.regions.backup],
                region=config.regions.primary,
                retention_days=logging.retention_days,
                lock=logging.lock,
                lock_acknowledged=logging.acknowledgement is not None,
                access_log_bucket=self._governance.archive.access_log,
                jobs=self._members(*(kind for kind in self._kinds if kind is not EXPORT)),
                readers=self._members(*(kind for kind in self._kinds if kind in (ANCHOR, DRILL))),
                sealers=self._members(EXPORT),
                unsealers=self._members(DRILL),
                labels=config.labels("evidence"),
                protected=config.protects("evidence"),
            ),
            self.child(),
        )

    def _role(self, project: Project, role_id: str, title: str, permissions: tuple[str, ...]) -> pulumi.Output[str]:
        args = RoleArgs(project=project, role_id=role_id, title=title, description=title, permissions=permissions)
        return Role(f"{role_id}-{project.project_id}", args, self.child()).role

    def _rights(self) -> None:
        """What jobs need beyond the stores that grant it themselves (copies, erasures, databases, evidence)."""
        self._rights_of_the_canary()
        self._rights_of_the_reencryption()
        self._rights_of_the_recovery()

    def _rights_of_the_canary(self) -> None:
        """Writes in every project; reads the one log bucket in which it all has to arrive."""
        member = self._identity(CANARY).member
        for project in self._foundation.projects:
            title = "Writes log entries, and nothing else"
            role = self._role(project, "logCanaryWriter", title, ("logging.logEntries.create",))
            self._grant(f"log-canary-writes-{project.project_id}", project, role, member)
        audit = self._foundation.audit
        role = self._role(audit, "logCanaryReader", "Reads logs through views", ("logging.views.access",))
        view = f"{self._governance.archive.log_bucket_path}/views/_AllLogs"
        self._grant(
            "log-canary-reads",
            audit,
            role,
            member,
            title="only the central log bucket",
            expression=f'resource.name == "{view}"',
        )

    def _rights_of_the_reencryption(self) -> None:
        project, member = self._foundation.workload, self._identity(REENCRYPTION).member
        permissions = ("cloudsql.instances.get", "cloudsql.instances.reencrypt")
        role = self._role(project, "databaseReencrypter", "Encrypts databases again", permissions)
        for database in self._stores.databases.values():
            for name, instance in database.instances.items():
                only = database.only(instance)
                self._grant(f"reencryption-{name}", project, role, member, title=f"only {name}", expression=only)
        looks = "Reads which version of a key each object is encrypted with"
        for name, bucket in self._buckets.items():
            role = self._role(bucket.project, "objectKeyReader", looks, ("storage.buckets.get", "storage.objects.list"))
            gcp.storage.BucketIAMMember(
                f"reencryption-looks-{name}",
                bucket=bucket.bucket_name,
                role=role,
                member=member,
                opts=self.child(provider=bucket.project.provider),
            )
        vault = self._foundation.vault
        title = "Reads which version of a key is the newest"
        role = self._role(vault, "keyVersionReader", title, ("cloudkms.cryptoKeys.get",))
        config = self._config
        classes = {config.databases[one].data_class for one in self._stores.databases}
        for name in sorted(classes | {bucket.data_class for bucket in config.buckets.values()}):
            gcp.kms.CryptoKeyIAMMember(
                f"reencryption-reads-{name}",
                crypto_key_id=self._foundation.keys[name].key_id,
                role=role,
                member=member,
                opts=self.child(provider=vault.provider),
            )

    def _rights_of_the_recovery(self) -> None:
        """It may delete what it recovered, and nothing that has another name."""
        project = self._foundation.workload
        copies = self._role(
            project, "databaseCopier", "Copies a database", ("cloudsql.instances.clone", "cloudsql.instances.get")
        )
        drops = self._role(
            project,
            "databaseDropper",
            "Uses and deletes recovered databases",
            (
                "cloudsql.instances.delete",
                "cloudsql.instances.get",
                "cloudsql.instances.login",
                "cloudsql.instances.update",
            ),
        )
        lists = self._role(project, "databaseLister", "Lists databases by name", ("cloudsql.instances.list",))
        for current, database in self._stores.databases.items():
            name = self._config.first_name(current)
            member, job = self._identity(RECOVERY, current).member, f"recovery-drill-{name}"
            own = f"projects/{project.project_id}/instances/{DRILL_PREFIX}{name}-"
            self._grant(job, project, copies, member, title=f"only {name}", expression=database.itself)
            self._grant(
                f"{job}-own",
                project,
                drops,
                member,
                title="only recovered ones",
                expression=f'resource.name.startsWith("{own}") && resource.type == "sqladmin.googleapis.com/Instance"',
            )
            self._grant(f"{job}-lists", project, lists, member)

    def _grant(
        self,
        name: str,
        project: Project,
        role: pulumi.Input[str],
        member: pulumi.Input[str],
        *,
        title: str = "",
        expression: pulumi.Input[str] | None = None,
    ) -> None:
        condition = None
        if expression is not None:
            condition = gcp.projects.IAMMemberConditionArgs(title=title, expression=expression)
        gcp.projects.IAMMember(
            name,
            project=project.project_id,
            role=role,
            member=member,
            condition=condition,
            opts=self.child(provider=project.provider),
        )

    def _run(self, kind: JobKind, one: str) -> None:
        config = self._config
        registry = self._hosting.registry
        name = named(kind.name, config.first_name(one))
        self.jobs[name] = ScheduledJob(
            name,
            ScheduledJobArgs(
                project=self._foundation.workload,
                network=self._foundation.network,
                region=config.regions.primary,
                kind=kind,
                one=config.first_name(one),
                image=registry + config.jobs.image,
                registry=registry,
                identity=self._identity(kind, one),
                starter=self._starter,
                start_role=self._start,
                environment={
                    "GOOGLE_CLOUD_PROJECT": self._foundation.workload.project_id,
                    **({} if kind is EXPORT else self._leaving()),
                    **self._environment(kind, one),
                },
                arguments=self._arguments(kind),
                after=self._evidence.uses,
                connection=self._stores.databases[one].connection_name if kind in (EXPORT, ANCHOR) else None,
                watcher=self._foundation.audit,
                channels=self._governance.channels,
                labels=config.company.labels,
                protected=config.protects("jobs"),
            ),
            self.child(),
        )

    def _leaving(self) -> Mapping[str, pulumi.Input[str]]:
        """Where evidence is left. An export leaves its manifest, and the drill says what it is worth."""
        return {
            "JOBS_EVIDENCE": pulumi.Output.concat("gs://", self._evidence.bucket_name),
            "JOBS_SIGN": self._evidence.signing_key,
        }

    def _environment(self, kind: JobKind, one: str) -> Mapping[str, pulumi.Input[str]]:
        """The settings of each job, as jobs/ names them: `JOBS_<FIELD>`."""
        foundation, stores = self._foundation, self._stores
        if kind is CANARY:
            return {
                "JOBS_PROJECTS": ",".join(project.project_id for project in foundation.projects),
                "JOBS_LOG_BUCKET": self._governance.archive.log_bucket_path,
            }
        if kind is REENCRYPTION:
            return {
                "JOBS_PROJECT": foundation.workload.project_id,
                "JOBS_INSTANCES": _joined(
                    name for database in stores.databases.values() for name in database.instances.values()
                ),
                **(
                    {"JOBS_BUCKETS": _joined(bucket.bucket_name for bucket in self._buckets.values())}
                    if self._buckets
                    else {}
                ),
            }
        first = self._config.first_name(one)
        environment: dict[str, pulumi.Input[str]] = {"JOBS_NAME": first}
        if kind is not DRILL:
            environment |= {
                "JOBS_DATABASE": first.replace("-", "_"),
                "JOBS_USER": self._identity(kind, one).database_user,
            }
        if kind is RECOVERY:
            return {
                **environment,
                "JOBS_PROJECT": foundation.workload.project_id,
                "JOBS_INSTANCE": stores.databases[one].instance_name,
            }
        if kind in (EXPORT, ANCHOR):
            socket = pulumi.Output.concat("/cloudsql/", stores.databases[one].connection_name)
            environment["JOBS_HOST"] = socket
        if kind is EXPORT:
            environment["JOBS_TO"] = pulumi.Output.concat("gs://", stores.copies.bucket_name)
        if kind is DRILL:
            ledger = stores.erasures
            environment |= {
                "JOBS_SOURCE": pulumi.Output.concat("gs://", stores.copies.bucket_name),
                "JOBS_ERASURES": pulumi.Output.concat("gs://", ledger.bucket_name) if ledger else "none",
                "JOBS_WORK_DIR": SCRATCH,
            }
        return environment

    def _arguments(self, kind: JobKind) -> tuple[pulumi.Input[str], ...]:
        """Not as variables, whose names would look like those of secrets: the name of a key, and a way to sign in."""
        if kind is CANARY:
            verifying = self._verifying()
            return ("--render-key", verifying) if verifying else ()
        key = ("--key", self._evidence.sealing_key) if kind in (EXPORT, DRILL) else ()
        return (*key, *(("--auth", "iam") if kind in (EXPORT, ANCHOR) else ()))

    def _verifying(self) -> str:
        """What proves entries of Render's canary, where one is sent; without it nobody looks for them."""
        config = self._config
        sent = config.jobs.off_site is not None and config.render is not None and bool(config.render.databases)
        return public_half(config.credentials.render_signing_key) if sent else ""

    def _hear_of_failures(self) -> None:
        """An alert for each kind says what it means."""
        for kind in self._kinds:
            self._alert_on_failure(kind)

    def _alert_on_failure(self, kind: JobKind) -> None:
        """By what the job says, and by how its container ended: one that never started says nothing."""
        audit, watched = self._foundation.audit, self._foundation.workload.project_id
        failed = self._governance.job_metrics.failed
        names = f"{kind.name}-.*" if kind.each else kind.name
        title = f"{kind.clause} {kind.name} failed"
        alert_on_any(
            self,
            f"{kind.name}-failed",
            project=audit,
            channels=self._governance.channels.ids,
            title=title,
            do=kind.failed("${metric.label.deployment}" if kind.each else ""),
            thresholds={
                f"{title}: it says why": Threshold(
                    filter=says_why(failed, names),
                    aligner="ALIGN_COUNT",
                ),
                f"{title}: its container ended so": Threshold(
                    filter=ended_badly(watched, f'monitoring.regex.full_match("{names}")'),
                    aligner="ALIGN_SUM",
                ),
            },
            labels=self._config.company.labels,
            depends_on=[failed],
        )


def _joined(values: Iterable[pulumi.Output[str]]) -> pulumi.Output[str]:
    return pulumi.Output.all(*values).apply(",".join)
