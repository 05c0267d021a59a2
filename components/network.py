"""The stack's own network: private, logged, and closed in both directions but for what is listed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, known, require
from .projects import Project

GOOGLE_APIS = "199.36.153.8/30"
"""private.googleapis.com: Google's documented addresses for reaching its APIs from inside a network."""

GOOGLE_DOMAINS = ("googleapis.com", "pkg.dev", "run.app")
"""Zones answered with those addresses."""

DATABASE_PORTS = ("3307", "5432")
"""Cloud SQL's connectors, and PostgreSQL itself."""

LAST = 65534
"""Priority of the closing rules: after every other, before the implied ones, which do not log."""


@dataclass(frozen=True, kw_only=True)
class EgressRule:
    """A destination outside of Google."""

    purpose: str
    ranges: tuple[str, ...]
    ports: tuple[int, ...]

    def __post_init__(self) -> None:
        require(bool(self.ranges and self.ports), "HOS-1", "egress names ranges and ports")
        for block in self.ranges:
            require(IPv4Network(block).prefixlen >= 16, "HOS-1", f"egress to {block} is wider than a /16")


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """Ranges and exceptions."""

    project: Project
    region: str
    range: str
    """Addresses of the workloads."""
    services_range: str
    """Addresses of Google's managed services."""
    flow_log_sampling: float = 0.5
    """Share of flows that are logged (LOG-5); 0.5 is Google's default."""
    egress: Mapping[str, EgressRule] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        own, services = IPv4Network(self.range), IPv4Network(self.services_range)
        require(own.is_private and services.is_private, "HOS-1", "network ranges are private (RFC 1918)")
        require(not own.overlaps(services), "HOS-1", f"{own} and {services} overlap")
        require(0 < self.flow_log_sampling <= 1, "LOG-5", "a share of the flows between 0 and 1 is logged")


class Network(Component):
    """One subnet, no default network, no default route, no public address.

    The internet is reached by nobody, except for the listed destinations through a logged NAT. Google's APIs are
    reached over their private addresses. Managed databases sit behind a peering in a range of their own. IPv6 is off,
    and its settings are written out so that nobody can switch it on unseen.
    """

    token = "hosting:network:Network"
    clauses: ClassVar[tuple[str, ...]] = ("HOS-1", "HOS-2", "LOG-5")

    network_id: pulumi.Output[str]
    subnet_id: pulumi.Output[str]
    services_range_name: pulumi.Output[str]
    services: gcp.servicenetworking.Connection
    """The peering. A private database does not mention it, so it has to depend on it."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self._name, self._args = name, args
        compute = args.project.api("compute.googleapis.com")
        network = gcp.compute.Network(
            name,
            name=name,
            project=args.project.project_id,
            description="Private network of the workloads",
            auto_create_subnetworks=False,
            delete_default_routes_on_create=True,
            routing_mode="REGIONAL",
            enable_ula_internal_ipv6=False,
            network_firewall_policy_enforcement_order="AFTER_CLASSIC_FIREWALL",
            opts=self.child(provider=args.project.provider, depends_on=[compute]),
        )
        self._network = network
        self.network_id = known(f"projects/{args.project.project_id}/global/networks/{name}", network)
        place = f"projects/{args.project.project_id}/regions/{args.region}"
        self.subnet_id = known(f"{place}/subnetworks/{name}-workloads", self._subnet())
        self._dns()
        self._firewall()
        if args.egress:
            self._internet()
        self.services, self.services_range_name = self._services()
        self.register_outputs({"network_id": self.network_id, "subnet_id": self.subnet_id})

    def _options(self, **specifics: object) -> pulumi.ResourceOptions:
        return self.child(provider=self._args.project.provider, **specifics)

    def _subnet(self) -> gcp.compute.Subnetwork:
        return gcp.compute.Subnetwork(
            f"{self._name}-workloads",
            name=f"{self._name}-workloads",
            project=self._args.project.project_id,
            region=self._args.region,
            network=self.network_id,
            ip_cidr_range=self._args.range,
            purpose="PRIVATE",
            stack_type="IPV4_ONLY",
            private_ip_google_access=True,
            private_ipv6_google_access="ENABLE_OUTBOUND_VM_ACCESS_TO_GOOGLE",
            log_config=gcp.compute.SubnetworkLogConfigArgs(
                aggregation_interval="INTERVAL_5_SEC",
                flow_sampling=self._args.flow_log_sampling,
                metadata="INCLUDE_ALL_METADATA",
            ),
            opts=self._options(),
        )

    def _services(self) -> tuple[gcp.servicenetworking.Connection, pulumi.Output[str]]:
        block = IPv4Network(self._args.services_range)
        address = gcp.compute.GlobalAddress(
            f"{self._name}-services",
            name=f"{self._name}-services",
            project=self._args.project.project_id,
            description="Addresses of Google's managed services",
            network=self.network_id,
            purpose="VPC_PEERING",
            address_type="INTERNAL",
            address=str(block.network_address),
            prefix_length=block.prefixlen,
            labels=self._args.labels,
            opts=self._options(),
        )
        connection = gcp.servicenetworking.Connection(
            f"{self._name}-services",
            network=self.network_id,
            service="servicenetworking.googleapis.com",
            reserved_peering_ranges=[address.name],
            deletion_policy="ABANDON",
            opts=self._options(depends_on=[self._args.project.api("servicenetworking.googleapis.com")]),
        )
        return connection, address.name

    def _dns(self) -> None:
        api = self._args.project.api("dns.googleapis.com")
        gcp.dns.Policy(
            f"{self._name}-queries",
            name=f"{self._name}-queries",
            project=self._args.project.project_id,
            description="Every DNS query of the network is logged",
            enable_logging=True,
            enable_inbound_forwarding=False,
            networks=[gcp.dns.PolicyNetworkArgs(network_url=self.network_id)],
            opts=self._options(depends_on=[api]),
        )
        for domain in GOOGLE_DOMAINS:
            self._google_zone(domain, api)

    def _google_zone(self, domain: str, api: gcp.projects.Service) -> None:
        label = domain.replace(".", "-")
        zone = gcp.dns.ManagedZone(
            f"{self._name}-{label}",
            name=f"{self._name}-{label}",
            project=self._args.project.project_id,
            description=f"Private addresses of {domain}",
            dns_name=f"{domain}.",
            visibility="private",
            private_visibility_config=gcp.dns.ManagedZonePrivateVisibilityConfigArgs(
                networks=[gcp.dns.ManagedZonePrivateVisibilityConfigNetworkArgs(network_url=self.network_id)]
            ),
            force_destroy=False,
            labels=self._args.labels,
            opts=self._options(depends_on=[api]),
        )
        addresses = [str(address) for address in IPv4Network(GOOGLE_APIS)]
        for record, kind, data in ((f"{domain}.", "A", addresses), (f"*.{domain}.", "CNAME", [f"{domain}."])):
            gcp.dns.RecordSet(
                f"{self._name}-{label}-{kind.lower()}",
                managed_zone=zone.name,
                project=self._args.project.project_id,
                name=record,
                type=kind,
                ttl=300,
                rrdatas=data,
                opts=self._options(),
            )

    def _firewall(self) -> None:
        closed = [gcp.compute.FirewallDenyArgs(protocol="all")]
        self._rule("deny-ingress", "INGRESS", ("0.0.0.0/0",), denies=closed)
        self._rule("deny-egress", "EGRESS", ("0.0.0.0/0",), denies=closed)
        self._allow("google-apis", (GOOGLE_APIS,), ("443",))
        self._allow("databases", (self._args.services_range,), DATABASE_PORTS)
        self._route("google-apis", GOOGLE_APIS)
        for name, egress in self._args.egress.items():
            self._allow(name, egress.ranges, tuple(str(port) for port in egress.ports))

    def _allow(self, name: str, ranges: tuple[str, ...], ports: tuple[str, ...]) -> None:
        allowed = [gcp.compute.FirewallAllowArgs(protocol="tcp", ports=list(ports))]
        self._rule(f"allow-{name}", "EGRESS", ranges, allows=allowed)

    def _rule(
        self,
        name: str,
        direction: str,
        ranges: tuple[str, ...],
        *,
        allows: list[gcp.compute.FirewallAllowArgs] | None = None,
        denies: list[gcp.compute.FirewallDenyArgs] | None = None,
    ) -> None:
        gcp.compute.Firewall(
            f"{self._name}-{name}",
            name=f"{self._name}-{name}",
            project=self._args.project.project_id,
            network=self.network_id,
            direction=direction,
            priority=1000 if allows else LAST,
            allows=allows,
            denies=denies,
            source_ranges=list(ranges) if direction == "INGRESS" else None,
            destination_ranges=list(ranges) if direction == "EGRESS" else None,
            disabled=False,
            log_config=gcp.compute.FirewallLogConfigArgs(metadata="INCLUDE_ALL_METADATA"),
            opts=self._options(),
        )

    def _route(self, name: str, destination: str) -> None:
        gcp.compute.Route(
            f"{self._name}-{name}",
            name=f"{self._name}-{name}",
            project=self._args.project.project_id,
            network=self.network_id,
            dest_range=destination,
            next_hop_gateway="default-internet-gateway",
            priority=1000,
            opts=self._options(),
        )

    def _internet(self) -> None:
        """Routes and address translation for the listed destinations, and for no others."""
        for name, egress in self._args.egress.items():
            for number, block in enumerate(egress.ranges, 1):
                self._route(f"{name}-{number}", block)
        router = gcp.compute.Router(
            self._name,
            name=self._name,
            project=self._args.project.project_id,
            region=self._args.region,
            network=self.network_id,
            opts=self._options(),
        )
        gcp.compute.RouterNat(
            self._name,
            name=self._name,
            project=self._args.project.project_id,
            region=self._args.region,
            router=router.name,
            nat_ip_allocate_option="AUTO_ONLY",
            source_subnetwork_ip_ranges_to_nat="LIST_OF_SUBNETWORKS",
            subnetworks=[
                gcp.compute.RouterNatSubnetworkArgs(name=self.subnet_id, source_ip_ranges_to_nats=["ALL_IP_RANGES"])
            ],
            enable_endpoint_independent_mapping=False,
            log_config=gcp.compute.RouterNatLogConfigArgs(enable=True, filter="ALL"),
            opts=self._options(),
        )
