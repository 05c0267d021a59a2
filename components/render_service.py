"""Services on Render: built from the protected branch, without previews, in the environment and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pulumi
import pulumi_render as render
from pulumi_render import services

from .base import Component, require
from .render_group import Group
from .render_workspace import Workspace

KINDS = ("web", "private", "worker", "cron", "static")
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
    "X-Content-Type-Options": "nosniff",
}
"""Of static sites; a program sets its own."""


@dataclass(frozen=True, kw_only=True)
class RenderServiceArgs:
    """What is built from where, and how it runs."""

    workspace: Workspace
    kind: str
    repository: str
    """`https://github.com/<owner>/<name>`: the repository whose ruleset protects the branch."""
    branch: str
    folder: str
    runtime: str = "docker"
    build: str | None = None
    start: str | None = None
    publish: str | None = None
    plan: str = "standard"
    instances: int = 2
    health: str | None = None
    domain: str | None = None
    schedule: str | None = None
    groups: Mapping[str, Group] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(self.kind in KINDS, "HOS-5", f"{self.kind} is none of {', '.join(KINDS)}")
        require(bool(self.branch), "REV-2", "without a branch Render builds whatever the default is that day")
        if self.kind in ("web", "private"):
            require(self.instances >= 2, "MON-5", "one instance is an outage at every restart")
        require(self.kind != "web" or bool(self.health), "MON-3", "a web service needs the path of a health check")
        require(self.kind != "cron" or bool(self.schedule), "HOS-6", "a cron job needs a schedule")
        require(self.kind != "static" or bool(self.publish), "HOS-6", "a static site needs the folder of its files")
        reached = self.kind in ("web", "static")
        require(reached or self.domain is None, "HOS-3", f"a {self.kind} service is not reached under a domain")


class RenderService(Component):
    """One of the five kinds. Only commits that passed review and checks reach the branch, and each is deployed."""

    token = "hosting:render:Service"
    clauses: ClassVar[tuple[str, ...]] = ("HOS-5", "HOS-3", "CIN-4", "REV-2", "MON-3", "MON-5", "PRI-1")

    service_id: pulumi.Output[str]
    host: pulumi.Output[str] | None
    """Where a custom domain points; none for services that nobody reaches from outside."""

    def __init__(self, name: str, args: RenderServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        place = args.workspace
        made = _MAKERS[args.kind](self, name, args)
        self.service_id = made.id
        self.host = made.slug.apply(lambda slug: f"{slug}.onrender.com") if args.kind in ("web", "static") else None
        if args.domain is not None:
            services.CustomDomain(
                name, name=args.domain, service_id=self.service_id, opts=self.child(provider=place.provider)
            )
        for group_name, group in args.groups.items():
            render.env_groups.LinkServiceToEnvGroup(
                f"{name}-{group_name}",
                env_group_id=group.group_id,
                service_id=self.service_id,
                opts=self.child(provider=place.provider, additional_secret_outputs=["envVars", "secretFiles"]),
            )
        self.register_outputs({"service_id": self.service_id})

    def common(self, name: str, args: RenderServiceArgs) -> dict[str, Any]:
        """What every kind is told."""
        return {
            "name": name,
            "owner_id": args.workspace.owner_id,
            "environment_id": args.workspace.environment_id,
            "repo": args.repository,
            "branch": args.branch,
            "root_dir": args.folder,
            "auto_deploy": services.ServiceCreateAutoDeploy.YES,
            "opts": self.child(provider=args.workspace.provider),
        }


def _commands(args: RenderServiceArgs) -> dict[str, Any]:
    if args.runtime == "docker":
        command = {"docker_command": args.start} if args.start else {}
        return {"docker_context": ".", "dockerfile_path": "./Dockerfile", **command}
    return {"build_command": args.build, "start_command": args.start}


def _web(owner: RenderService, name: str, args: RenderServiceArgs) -> services.WebService:
    policy = services.WebServiceDetailsCreateRenderSubdomainPolicy
    return services.WebService(
        name,
        **owner.common(name, args),
        service_details=services.WebServiceDetailsCreateArgs(
            runtime=services.WebServiceDetailsCreateRuntime(args.runtime),
            plan=services.WebServiceDetailsCreatePlan(args.plan),
            region=services.WebServiceDetailsCreateRegion(args.workspace.region),
            num_instances=args.instances,
            health_check_path=args.health,
            render_subdomain_policy=policy.DISABLED if args.domain else policy.ENABLED,
            previews=services.PreviewsArgs(generation=services.PreviewsGeneration.OFF),
            pull_request_previews_enabled=services.WebServiceDetailsCreatePullRequestPreviewsEnabled.NO,
            env_specific_details=services.EnvSpecificDetailsCreateArgs(**_commands(args)),
        ),
    )


def _private(owner: RenderService, name: str, args: RenderServiceArgs) -> services.PrivateService:
    return services.PrivateService(
        name,
        **owner.common(name, args),
        service_details=services.PrivateServiceDetailsCreateArgs(
            runtime=services.PrivateServiceDetailsCreateRuntime(args.runtime),
            plan=services.PrivateServiceDetailsCreatePlan(args.plan),
            region=services.PrivateServiceDetailsCreateRegion(args.workspace.region),
            num_instances=args.instances,
            previews=services.PreviewsArgs(generation=services.PreviewsGeneration.OFF),
            pull_request_previews_enabled=services.PrivateServiceDetailsCreatePullRequestPreviewsEnabled.NO,
            env_specific_details=services.EnvSpecificDetailsCreateArgs(**_commands(args)),
        ),
    )


def _worker(owner: RenderService, name: str, args: RenderServiceArgs) -> services.BackgroundWorker:
    return services.BackgroundWorker(
        name,
        **owner.common(name, args),
        service_details=services.BackgroundWorkerDetailsCreateArgs(
            runtime=services.BackgroundWorkerDetailsCreateRuntime(args.runtime),
            plan=services.BackgroundWorkerDetailsCreatePlan(args.plan),
            region=services.BackgroundWorkerDetailsCreateRegion(args.workspace.region),
            num_instances=args.instances,
            previews=services.PreviewsArgs(generation=services.PreviewsGeneration.OFF),
            pull_request_previews_enabled=services.BackgroundWorkerDetailsCreatePullRequestPreviewsEnabled.NO,
            env_specific_details=services.EnvSpecificDetailsCreateArgs(**_commands(args)),
        ),
    )


def _cron(owner: RenderService, name: str, args: RenderServiceArgs) -> services.CronJob:
    return services.CronJob(
        name,
        **owner.common(name, args),
        service_details=services.CronJobDetailsCreateArgs(
            runtime=services.CronJobDetailsCreateRuntime(args.runtime),
            plan=services.CronJobDetailsCreatePlan(args.plan),
            region=services.CronJobDetailsCreateRegion(args.workspace.region),
            schedule=str(args.schedule),
            env_specific_details=services.EnvSpecificDetailsArgs(**_commands(args)),
        ),
    )


def _static(owner: RenderService, name: str, args: RenderServiceArgs) -> services.StaticSite:
    policy = services.StaticSiteDetailsCreateRenderSubdomainPolicy
    return services.StaticSite(
        name,
        **owner.common(name, args),
        service_details=services.StaticSiteDetailsCreateArgs(
            build_command=args.build,
            publish_path=args.publish,
            render_subdomain_policy=policy.DISABLED if args.domain else policy.ENABLED,
            previews=services.PreviewsArgs(generation=services.PreviewsGeneration.OFF),
            pull_request_previews_enabled=services.StaticSiteDetailsCreatePullRequestPreviewsEnabled.NO,
            headers=[services.HeaderInputArgs(path="/*", name=key, value=value) for key, value in HEADERS.items()],
        ),
    )


_MAKERS: dict[str, Any] = {"web": _web, "private": _private, "worker": _worker, "cron": _cron, "static": _static}
