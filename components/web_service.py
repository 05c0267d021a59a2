"""A web service on Cloud Run: its own identity, images by digest, secrets by reference, and one way in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, require
from .identities import Identity
from .network import Network
from .projects import Project
from .secrets import Secret

RUN = "run.googleapis.com"
SECRET_NAME = re.compile(r"(PASSWORD|PASSWD|SECRET|TOKEN|CREDENTIAL|PRIVATE|API_?KEY)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class WebServiceArgs:
    """What runs, as whom, and what it is told."""

    project: Project
    network: Network
    identity: Identity
    region: str
    image: str
    """By digest, from the company's own registry (CIN-3)."""
    registry: str
    """What every image name begins with."""
    internal: bool = True
    """Behind Identity-Aware Proxy (AUT-1); whom the proxy lets through is granted from the need-to-know matrix."""
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    """Variable → secret; the container reads it at start, nobody sees it in the configuration (CHG-2)."""
    callers: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Name to member: who may call it. `allUsers` for a public service is an exception that the waivers file names."""
    min_instances: int = 1
    max_instances: int = 10
    cpu: str = "1"
    memory: str = "512Mi"
    port: int = 8080
    timeout_seconds: int = 60
    concurrency: int = 80
    """Requests that one instance handles at a time."""
    labels: Mapping[str, str] = field(default_factory=dict)
    protected: bool = True

    def __post_init__(self) -> None:
        digest = bool(re.fullmatch(r"[^@]+@sha256:[0-9a-f]{64}", self.image))
        require(digest, "CIN-3", f"{self.image} is not named by digest (…@sha256:<64 hex digits>)")
        require(self.image.startswith(self.registry), "CIN-3", f"{self.image} is not from {self.registry}")
        plain = sorted(key for key in self.environment if SECRET_NAME.search(key))
        require(not plain, "CHG-2", f"{', '.join(plain)}: give it as a secret, not as a plain variable")
        require(1 <= self.max_instances <= 1000, "HOS-6", "1 to 1000 instances")
        require(1 <= self.timeout_seconds <= 3600, "HOS-6", "a request takes at most an hour")
        require(1 <= self.concurrency <= 1000, "HOS-6", "one instance handles 1 to 1000 requests at a time")
        require(0 <= self.min_instances <= self.max_instances, "HOS-6", "min_instances is at most max_instances")


class WebService(Component):
    """Reached through the load balancer alone; it sees the private network and nothing of the internet by itself."""

    token = "hosting:run:WebService"
    clauses: ClassVar[tuple[str, ...]] = ("HOS-3", "ACC-5", "CIN-2", "CIN-3", "CHG-2", "AUT-1", "PRI-1")

    service_name: pulumi.Output[str]

    def __init__(self, name: str, args: WebServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        project = args.project
        service = gcp.cloudrunv2.Service(
            name,
            name=name,
            project=project.project_id,
            location=args.region,
            description=f"{name}: reached through the load balancer",
            ingress="INGRESS_TRAFFIC_INTERNAL_LOAD_BALANCER",
            default_uri_disabled=True,
            invoker_iam_disabled=False,
            iap_enabled=args.internal,
            deletion_protection=args.protected,
            binary_authorization=gcp.cloudrunv2.ServiceBinaryAuthorizationArgs(use_default=True),
            labels=args.labels,
            template=gcp.cloudrunv2.ServiceTemplateArgs(
                service_account=args.identity.account.email,
                execution_environment="EXECUTION_ENVIRONMENT_GEN2",
                timeout=f"{args.timeout_seconds}s",
                max_instance_request_concurrency=args.concurrency,
                scaling=gcp.cloudrunv2.ServiceTemplateScalingArgs(
                    min_instance_count=args.min_instances, max_instance_count=args.max_instances
                ),
                vpc_access=gcp.cloudrunv2.ServiceTemplateVpcAccessArgs(
                    egress="ALL_TRAFFIC",
                    network_interfaces=[
                        gcp.cloudrunv2.ServiceTemplateVpcAccessNetworkInterfaceArgs(
                            network=args.network.network_id, subnetwork=args.network.subnet_id, tags=[name]
                        )
                    ],
                ),
                containers=[
                    gcp.cloudrunv2.ServiceTemplateContainerArgs(
                        name=name,
                        image=args.image,
                        ports=gcp.cloudrunv2.ServiceTemplateContainerPortsArgs(name="http1", container_port=args.port),
                        resources=gcp.cloudrunv2.ServiceTemplateContainerResourcesArgs(
                            limits={"cpu": args.cpu, "memory": args.memory}, cpu_idle=True, startup_cpu_boost=True
                        ),
                        envs=[*_plain(args), *_secret(args)],
                    )
                ],
            ),
            opts=self.child(provider=project.provider, depends_on=[project.api(RUN)], protect=args.protected),
        )
        self.service_name = service.name
        for who, member in args.callers.items():
            gcp.cloudrunv2.ServiceIamMember(
                f"{name}-{who}",
                project=project.project_id,
                location=args.region,
                name=service.name,
                role="roles/run.invoker",
                member=member,
                opts=self.child(provider=project.provider),
            )
        if args.internal:
            self._admit_proxy(name, args, service)
        self.register_outputs({"service_name": self.service_name})

    def _admit_proxy(self, name: str, args: WebServiceArgs, service: gcp.cloudrunv2.Service) -> None:
        """The proxy calls the service, for whom it lets through."""
        project = args.project
        gcp.cloudrunv2.ServiceIamMember(
            f"{name}-proxy",
            project=project.project_id,
            location=args.region,
            name=service.name,
            role="roles/run.invoker",
            member=project.agent("iap.googleapis.com").member,
            opts=self.child(provider=project.provider),
        )


def _plain(args: WebServiceArgs) -> list[gcp.cloudrunv2.ServiceTemplateContainerEnvArgs]:
    return [
        gcp.cloudrunv2.ServiceTemplateContainerEnvArgs(name=key, value=value) for key, value in args.environment.items()
    ]


def _secret(args: WebServiceArgs) -> list[gcp.cloudrunv2.ServiceTemplateContainerEnvArgs]:
    return [
        gcp.cloudrunv2.ServiceTemplateContainerEnvArgs(
            name=key,
            value_source=gcp.cloudrunv2.ServiceTemplateContainerEnvValueSourceArgs(
                secret_key_ref=gcp.cloudrunv2.ServiceTemplateContainerEnvValueSourceSecretKeyRefArgs(
                    secret=secret.secret_id, version="latest"
                )
            ),
        )
        for key, secret in args.secrets.items()
    ]
