"""Web services: what runs, on which domain, for whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, StringConstraints

from .base import Mistake, Named, Reason, Section, setting
from .company import Domain

if TYPE_CHECKING:
    from config import Stack, StackConfig

Digest = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@sha256:[0-9a-f]{64}$")]
"""An image by digest: a tag could be moved to other content."""

EXAMPLE_IMAGE = "orders-api@sha256:" + "a" * 64


SERVICES_MAX = 15
"""Services behind one load balancer: each has a certificate of its own, and Google's limit is 15."""


class Service(Section):
    """A service has the name of a workload, whose identity, databases and secrets it uses."""

    image: Digest = setting("CIN-3", EXAMPLE_IMAGE)
    """Name in the company's registry, with its digest."""

    domain: Domain = setting("HOS-3", "orders.example.com")
    """Where it is reached."""

    public: Reason | None = setting("ACC-3", "customers order without a Google account", None)
    """Why everybody may call it. The grant is an exception that policies/waivers.yaml has to name too. Left out, the
    service is internal: behind Identity-Aware Proxy, for the groups of access.yaml alone."""

    environment: Mapping[str, str] = setting("CHG-2", {"LOG_LEVEL": "info"}, {})
    """Plain settings. Secrets are those of the workload, by reference."""

    cpu: Literal["1", "2", "4", "8"] = setting("HOS-6", "1", "1")
    """Processors of one instance."""

    memory: Annotated[str, StringConstraints(pattern=r"^(512Mi|[1-9]Gi|[12]\dGi|3[0-2]Gi)$")] = setting(
        "HOS-6", "512Mi", "512Mi"
    )
    """Memory of one instance, 512Mi to 32Gi; above 4Gi it takes 2 processors, above 8Gi 4, above 16Gi 8."""

    port: Annotated[int, Field(ge=1, le=65535)] = setting("HOS-3", 8080, 8080)
    """Where the container listens."""

    timeout_seconds: Annotated[int, Field(ge=1, le=3600)] = setting("HOS-6", 60, 60)
    """How long one request may take."""

    concurrency: Annotated[int, Field(ge=1, le=1000)] = setting("HOS-6", 80, 80)
    """Requests that one instance handles at a time."""

    health: Annotated[str, StringConstraints(pattern=r"^/[\w./-]*$")] = setting("MON-3", "/healthz", "/healthz")
    """Path that answers when all is well; it is asked every minute."""

    min_instances: Annotated[int, Field(ge=0, le=100)] = setting("MON-5", 1, 1)
    """Instances that are always there."""

    max_instances: Annotated[int, Field(ge=1, le=1000)] = setting("HOS-6", 10, 10)
    """The most there ever are."""


Services = Named[Service]


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse services without a workload, and two on one domain."""
    seen: dict[str, str] = {}
    if len(config.services) > SERVICES_MAX:
        yield Mistake(
            key="services",
            clause="HOS-3",
            problem=f"{len(config.services)} services are more than the {SERVICES_MAX} certificates of a load balancer",
            example="a stack of its own for some of them",
        )
    for name, service in config.services.items():
        if name not in config.workloads:
            yield Mistake(
                key=f"services.{name}",
                clause="ACC-5",
                problem=f"there is no workload of that name ({', '.join(config.workloads)})",
                example=f"workloads: {{ {name}: {{ purpose: what {name} is for }} }}",
                others=("workloads",),
            )
        if not config.company.owns(service.domain):
            yield not_owned(config, f"services.{name}.domain", service.domain, name)
        yield from _size(name, service)
        if service.domain in seen:
            yield Mistake(
                key=f"services.{name}.domain",
                clause="HOS-3",
                problem=f"{service.domain} is also the domain of {seen[service.domain]}",
                example=f"domain: {name}.{config.company.domain}",
                others=(f"services.{seen[service.domain]}.domain",),
            )
        seen.setdefault(service.domain, name)
        if service.min_instances > service.max_instances:
            yield Mistake(
                key=f"services.{name}.minInstances",
                clause="HOS-6",
                problem=f"{service.min_instances} is more than maxInstances ({service.max_instances})",
                example=f"minInstances: {service.max_instances}",
                others=(f"services.{name}.maxInstances",),
            )


def not_owned(config: Stack, key: str, domain: str, name: str) -> Mistake:
    """The certificate of a domain of others is never issued, and whoever owns it decides where it leads."""
    own = (config.company.domain, *config.company.further_domains)
    return Mistake(
        key=key,
        clause="HOS-3",
        problem=f"{domain} is not a domain of {', '.join(own)}",
        example=f"domain: {name}.{own[0]}, or company.furtherDomains: [{'.'.join(domain.split('.')[-2:])}]",
        others=("company.domain", "company.furtherDomains"),
    )


def _size(name: str, service: Service) -> Iterator[Mistake]:
    """Cloud Run refuses more memory than its processors can address."""
    needed = processors(service.memory)
    if int(service.cpu) < needed:
        yield Mistake(
            key=f"services.{name}.memory",
            clause="HOS-6",
            problem=f"{service.memory} take at least {needed} processors, and cpu is {service.cpu}",
            example=f'cpu: "{needed}"',
            others=(f"services.{name}.cpu",),
        )


def processors(memory: str) -> int:
    """How many processors Cloud Run asks for beside so much memory."""
    gib = 0.5 if memory == "512Mi" else float(memory.removesuffix("Gi"))
    return next(cpu for cpu, most in ((1, 4.0), (2, 8.0), (4, 16.0), (8, 32.0)) if gib <= most)
