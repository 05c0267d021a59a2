"""What the company hosts: images, the services that run them, and the entrance."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pulumi

from .base import Component
from .entrance import Entrance, EntranceArgs, Site
from .foundation import Foundation
from .governance import BUILD, Governance
from .images import Images, ImagesArgs
from .secrets import Secret
from .stores import Stores
from .web_service import RUN, WebService, WebServiceArgs

if TYPE_CHECKING:
    from config import StackConfig

IMAGES = "images"
"""Data class of images, and the name of their registry."""


class Hosting(Component):
    """The registry of images, and every web service of the stack."""

    token = "hosting:run:Hosting"
    clauses: ClassVar[tuple[str, ...]] = ("HOS-3", "CIN-2", "CIN-3")

    services: dict[str, WebService]
    address: pulumi.Output[str] | None
    """Where the domains of services point; none without services."""
    registry: str
    """What the names of our images begin with."""

    def __init__(
        self,
        name: str,
        config: StackConfig,
        foundation: Foundation,
        stores: Stores,
        governance: Governance,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, None, opts)
        self._config, self._foundation, self._stores = config, foundation, stores
        self.services = {}
        self.address = None
        images = self._images(governance)
        self.registry = images.path
        images.admit_only_attested(foundation.workload)
        if config.services:
            self.services = {service: self._service(service, images.path) for service in config.services}
            self._entrance()
        self.register_outputs({})

    def _images(self, governance: Governance) -> Images:
        config, foundation = self._config, self._foundation
        return Images(
            IMAGES,
            ImagesArgs(
                project=foundation.delivery,
                signing_ring=foundation.rings[config.regions.primary],
                key=foundation.keys[IMAGES],
                region=config.regions.primary,
                pullers={"run": foundation.workload.agent(RUN).member},
                pushers={"ci": governance.federation.members[BUILD]},
                keep_days=config.images.keep_days,
                upstreams=config.images.upstreams,
                labels={**config.company.labels, "data-class": IMAGES},
                protected=config.protects("images"),
            ),
            self.child(),
        )

    def _service(self, name: str, registry: str) -> WebService:
        config, spec = self._config, self._config.services[name]
        return WebService(
            name,
            WebServiceArgs(
                project=self._foundation.workload,
                network=self._foundation.network,
                identity=self._stores.identities[name],
                region=config.regions.primary,
                image=registry + spec.image,
                registry=registry,
                internal=spec.public is None,
                callers={"public": "allUsers"} if spec.public else {},
                environment={**spec.environment, **self.addresses(name)},
                secrets=self.secrets(name),
                cpu=spec.cpu,
                memory=spec.memory,
                port=spec.port,
                timeout_seconds=spec.timeout_seconds,
                concurrency=spec.concurrency,
                min_instances=spec.min_instances,
                max_instances=spec.max_instances,
                labels=config.company.labels,
                protected=config.protects(f"service-{name}"),
            ),
            self.child(),
        )

    def addresses(self, workload: str) -> dict[str, pulumi.Output[str]]:
        """Variable → connection name of each database that a workload signs in to."""
        names = self._config.workloads[workload].databases
        databases = {f"DATABASE_{_variable(name)}": self._stores.databases[name].connection_name for name in names}
        return {**databases, **self._replicas(workload)}

    def secrets(self, workload: str) -> dict[str, Secret]:
        """Variable → secret, of a workload."""
        names = self._config.workloads[workload].secrets
        return {_variable(name): self._stores.secrets[name] for name in names}

    def _replicas(self, workload: str) -> dict[str, pulumi.Output[str]]:
        """Where the workload reads without slowing the database down."""
        return {
            f"DATABASE_{_variable(name)}_{_variable(label)}": self._stores.databases[name].replicas[label]
            for name, spec in self._config.databases.items()
            for label, replica in spec.replicas.items()
            if workload in replica.readers
        }

    def _entrance(self) -> None:
        config = self._config
        entrance = Entrance(
            "entrance",
            EntranceArgs(
                project=self._foundation.workload,
                region=config.regions.primary,
                sites={
                    name: Site(domain=config.services[name].domain, service=service.service_name)
                    for name, service in self.services.items()
                },
                requests_per_minute=config.entrance.requests_per_minute,
                sensitivity=config.entrance.sensitivity,
                labels=config.company.labels,
            ),
            self.child(),
        )
        self.address = entrance.address


def _variable(name: str) -> str:
    """`payment-token` as `PAYMENT_TOKEN`."""
    return name.upper().replace("-", "_")
