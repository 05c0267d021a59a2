"""The company's zones: a record for each service in them, whichever cloud it runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import pulumi

from .base import Component
from .dns_zone import DnsZone, DnsZoneArgs, Record
from .foundation import Foundation
from .hosting import Hosting
from .render_side import RenderSide

if TYPE_CHECKING:
    from config import StackConfig


class DomainNames(Component):
    """Services of Google Cloud point at the entrance, those of Render at Render; the stack file may add others."""

    token = "hosting:network:DomainNames"
    clauses: ClassVar[tuple[str, ...]] = ("ENC-10",)

    zones: dict[str, DnsZone]

    def __init__(
        self,
        name: str,
        config: StackConfig,
        foundation: Foundation,
        hosting: Hosting,
        render: RenderSide,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__(name, None, opts)
        made: dict[str, dict[str, Record]] = {zone: {} for zone in config.dns}
        for label, domain, record in _of_services(config, hosting, render):
            zone = config.zone_of(domain)
            if zone is not None:
                made[zone][label] = record
        for zone, spec in config.dns.items():
            for label, one in spec.records.items():
                whole = f"{spec.domain}." if one.name == "@" else f"{one.name}.{spec.domain}."
                made[zone][f"own-{label}"] = Record(name=whole, type=one.type, values=one.values, ttl=one.ttl)
        self.zones = {
            zone: DnsZone(
                f"zone-{zone}",
                DnsZoneArgs(
                    project=foundation.workload,
                    domain=spec.domain,
                    records=made[zone],
                    labels=config.company.labels,
                    protected=config.protects(f"zone-{zone}"),
                ),
                self.child(),
            )
            for zone, spec in config.dns.items()
        }
        self.register_outputs({})


def _of_services(config: StackConfig, hosting: Hosting, render: RenderSide) -> list[tuple[str, str, Record]]:
    found = []
    for name, service in config.services.items():
        if hosting.address is not None:
            record = Record(name=f"{service.domain}.", type="A", values=(hosting.address,))
            found.append((f"service-{name}", service.domain, record))
    for name, made in render.services.items():
        domain = config.render.services[name].domain if config.render is not None else None
        if domain is not None and made.host is not None:
            record = Record(name=f"{domain}.", type="CNAME", values=(pulumi.Output.concat(made.host, "."),))
            found.append((f"render-{name}", domain, record))
    return found
