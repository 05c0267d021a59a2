"""One job: a container that runs to its end, started on a schedule, watched for failure and for silence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .alert_policy import alert_on_silence
from .alerts import Channels
from .base import Component, require
from .identities import Identity, IdentityArgs
from .job_catalogue import JobKind
from .network import Network
from .projects import Project
from .roles import Role, RoleArgs
from .secrets import Secret
from .web_service import RUN

SCHEDULER = "cloudscheduler.googleapis.com"
SCRATCH = "/scratch"


@dataclass(frozen=True, kw_only=True)
class ScheduledJobArgs:
    """What runs, as whom, started by whom, and who hears when it does not."""

    project: Project
    network: Network
    region: str
    kind: JobKind
    one: str = ""
    """The database it works on, where there is a job for each."""
    image: str
    registry: str
    identity: Identity
    starter: Identity
    """The one identity that may start jobs, and do nothing else."""
    start_role: pulumi.Input[str]
    environment: Mapping[str, pulumi.Input[str]]
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    """Variable → secret; the container reads it at start, nobody sees it in the configuration (CHG-2)."""
    arguments: tuple[pulumi.Input[str], ...] = ()
    """After those of the kind."""
    connection: pulumi.Input[str] | None = None
    """The instance that the job reaches by a socket: Cloud Run's connector signs in to it with the job's identity."""
    after: Sequence[pulumi.Resource] = ()
    """Rights that the job needs from its first run on."""
    watcher: Project
    """The audit project, where the channels are."""
    channels: Channels
    labels: Mapping[str, str] = field(default_factory=dict)
    protected: bool = True

    def __post_init__(self) -> None:
        require(self.image.startswith(self.registry), "CIN-3", f"{self.image} is not from {self.registry}")
        require("@sha256:" in self.image, "CIN-3", f"{self.image} is not named by digest")
        require(self.kind.each == bool(self.one), "BAK-6", f"{self.kind.name} works on one database, or on none")
        require(1 <= self.kind.timeout_minutes <= 1440, "HOS-6", "a job ends within a day")


class ScheduledJob(Component):
    """A run is one task that is tried again a few times; two runs at once do not collide (jobs/ sees to that)."""

    token = "hosting:jobs:ScheduledJob"
    clauses: ClassVar[tuple[str, ...]] = ("ACC-5", "BAK-7", "CIN-2", "CIN-3", "HOS-1", "PRI-1")

    job_name: str

    def __init__(self, name: str, args: ScheduledJobArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self.job_name = name
        job = self._job(name, args)
        starts = gcp.cloudrunv2.JobIamMember(
            f"{name}-starter",
            project=args.project.project_id,
            location=args.region,
            name=job.name,
            role=args.start_role,
            member=args.starter.member,
            opts=self.child(provider=args.project.provider),
        )
        self._schedule(name, args, job, starts)
        self._watch(name, args, job)
        self.register_outputs({})

    def _job(self, name: str, args: ScheduledJobArgs) -> gcp.cloudrunv2.Job:
        kind, project = args.kind, args.project
        container = gcp.cloudrunv2.JobTemplateTemplateContainerArgs(
            name=kind.name,
            image=args.image,
            args=[*kind.arguments, *args.arguments],
            envs=[
                *(
                    gcp.cloudrunv2.JobTemplateTemplateContainerEnvArgs(name=key, value=value)
                    for key, value in sorted({**args.environment, "TMPDIR": SCRATCH}.items())
                ),
                *(_by_reference(key, secret) for key, secret in args.secrets.items()),
            ],
            resources=gcp.cloudrunv2.JobTemplateTemplateContainerResourcesArgs(
                limits={"cpu": kind.cpu, "memory": kind.memory}
            ),
            volume_mounts=[
                gcp.cloudrunv2.JobTemplateTemplateContainerVolumeMountArgs(name=volume, mount_path=f"/{volume}")
                for volume in ("scratch", *(["cloudsql"] if args.connection is not None else []))
            ],
        )
        return gcp.cloudrunv2.Job(
            name,
            name=name,
            project=project.project_id,
            location=args.region,
            deletion_protection=args.protected,
            binary_authorization=gcp.cloudrunv2.JobBinaryAuthorizationArgs(use_default=True),
            labels=args.labels,
            template=gcp.cloudrunv2.JobTemplateArgs(
                task_count=1,
                parallelism=1,
                template=gcp.cloudrunv2.JobTemplateTemplateArgs(
                    service_account=args.identity.account.email,
                    execution_environment="EXECUTION_ENVIRONMENT_GEN2",
                    timeout=f"{kind.timeout_minutes * 60}s",
                    max_retries=kind.retries,
                    containers=[container],
                    volumes=_volumes(args),
                    vpc_access=gcp.cloudrunv2.JobTemplateTemplateVpcAccessArgs(
                        egress="ALL_TRAFFIC",
                        network_interfaces=[
                            gcp.cloudrunv2.JobTemplateTemplateVpcAccessNetworkInterfaceArgs(
                                network=args.network.network_id, subnetwork=args.network.subnet_id, tags=[kind.name]
                            )
                        ],
                    ),
                ),
            ),
            opts=self.child(
                provider=project.provider, depends_on=[project.api(RUN), *args.after], protect=args.protected
            ),
        )

    def _schedule(
        self,
        name: str,
        args: ScheduledJobArgs,
        job: gcp.cloudrunv2.Job,
        starts: gcp.cloudrunv2.JobIamMember,
    ) -> None:
        project, kind = args.project, args.kind
        gcp.cloudscheduler.Job(
            name,
            name=name,
            project=project.project_id,
            region=args.region,
            description=f"{kind.clause}: {kind.title.format(one=args.one)}",
            schedule=kind.schedule,
            time_zone="Etc/UTC",
            paused=False,
            attempt_deadline="180s",
            retry_config=gcp.cloudscheduler.JobRetryConfigArgs(
                retry_count=5, min_backoff_duration="60s", max_backoff_duration="900s"
            ),
            http_target=gcp.cloudscheduler.JobHttpTargetArgs(
                http_method="POST",
                uri=pulumi.Output.concat(
                    f"https://run.googleapis.com/v2/projects/{project.project_id}/locations/{args.region}/jobs/",
                    job.name,
                    ":run",
                ),
                oauth_token=gcp.cloudscheduler.JobHttpTargetOauthTokenArgs(
                    service_account_email=args.starter.account.email,
                    scope="https://www.googleapis.com/auth/cloud-platform",
                ),
            ),
            opts=self.child(provider=project.provider, depends_on=[project.api(SCHEDULER), starts]),
        )

    def _watch(self, name: str, args: ScheduledJobArgs, job: gcp.cloudrunv2.Job) -> None:
        kind = args.kind
        alert_on_silence(
            self,
            f"{name}-missing",
            project=args.watcher,
            channels=args.channels.ids,
            title=f"{kind.clause} {kind.title.format(one=args.one)} is missing",
            do=kind.missing(args.one),
            query=successes(args.project.project_id, job.name, kind.silent_hours),
            labels=args.labels,
        )


def _volumes(args: ScheduledJobArgs) -> list[gcp.cloudrunv2.JobTemplateTemplateVolumeArgs]:
    scratch = gcp.cloudrunv2.JobTemplateTemplateVolumeEmptyDirArgs(medium="MEMORY", size_limit=args.kind.scratch)
    volumes = [gcp.cloudrunv2.JobTemplateTemplateVolumeArgs(name="scratch", empty_dir=scratch)]
    if args.connection is not None:
        instance = gcp.cloudrunv2.JobTemplateTemplateVolumeCloudSqlInstanceArgs(instances=[args.connection])
        volumes.append(gcp.cloudrunv2.JobTemplateTemplateVolumeArgs(name="cloudsql", cloud_sql_instance=instance))
    return volumes


def who_starts(
    owner: Component, project: Project, *, account_id: str, purpose: str, role_name: str, role_id: str, title: str
) -> tuple[Identity, pulumi.Output[str]]:
    """An identity that starts jobs and may do nothing else, and the role by which it is let to each."""
    starter = Identity(
        account_id, IdentityArgs(project=project, account_id=account_id, purpose=purpose), opts=owner.child()
    )
    description = f"{title.partition(',')[0]}, and nothing else"
    args = RoleArgs(
        project=project, role_id=role_id, title=title, description=description, permissions=("run.jobs.run",)
    )
    return starter, Role(role_name, args, owner.child()).role


def ended_badly(project_id: str, jobs: str) -> str:
    """The filter for runs whose container ended with an error; `jobs` is compared with the name of the job."""
    return (
        'metric.type="run.googleapis.com/job/completed_execution_count"'
        ' AND resource.type="cloud_run_job" AND metric.label.result="failed"'
        f' AND resource.label.project_id="{project_id}"'
        f" AND resource.label.job_name={jobs}"
    )


def successes(project_id: str, job_name: pulumi.Input[str], hours: int) -> pulumi.Output[str]:
    """A query that is true while a job has not succeeded for that long, also where it never ran.

    A condition on the absence of a metric looks back 23.5 hours at most, and knows nothing of what never was; PromQL
    has neither limit. Half a success is none: what is extrapolated over a window may come out a little below 1.
    """
    return pulumi.Output.concat(
        "(sum(increase(run_googleapis_com:job_completed_execution_count{"
        f'monitored_resource="cloud_run_job",project_id="{project_id}",job_name="',
        job_name,
        f'",result="succeeded"}}[{hours}h])) or vector(0)) < 0.5',
    )


def _by_reference(key: str, secret: Secret) -> gcp.cloudrunv2.JobTemplateTemplateContainerEnvArgs:
    return gcp.cloudrunv2.JobTemplateTemplateContainerEnvArgs(
        name=key,
        value_source=gcp.cloudrunv2.JobTemplateTemplateContainerEnvValueSourceArgs(
            secret_key_ref=gcp.cloudrunv2.JobTemplateTemplateContainerEnvValueSourceSecretKeyRefArgs(
                secret=secret.secret_id, version="latest"
            )
        ),
    )
