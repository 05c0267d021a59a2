"""Web services: what runs, on which domain, for whom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, StringConstraints

from .base import Mistake, Named, Reason, Section, setting

if TYPE_CHECKING:
    from config import StackConfig

Domain = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)+$")]
Digest = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@sha256:[0-9a-f]{64}$")]
"""An image by digest: a tag could be moved to other content."""

EXAMPLE_IMAGE = "orders-api@sha256:" + "a" * 64


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

    min_instances: Annotated[int, Field(ge=0, le=100)] = setting("MON-5", 1, 1)
    """Instances that are always there."""

    max_instances: Annotated[int, Field(ge=1, le=1000)] = setting("HOS-6", 10, 10)
    """The most there ever are."""


Services = Named[Service]


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse services without a workload, and two on one domain."""
    seen: dict[str, str] = {}
    for name, service in config.services.items():
        if name not in config.workloads:
            yield Mistake(
                key=f"services.{name}",
                clause="ACC-5",
                problem=f"there is no workload of that name ({', '.join(config.workloads)})",
                example=f"workloads: {{ {name}: {{ purpose: what {name} is for }} }}",
                others=("workloads",),
            )
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
