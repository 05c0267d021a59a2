"""A public DNS zone: signed with current algorithms, logged, and clear about who may issue certificates for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, require
from .projects import Project

DNS = "dns.googleapis.com"
ISSUERS = ('0 issue "pki.goog"', '0 issue "letsencrypt.org"', '0 issuewild ";"')
"""Google issues the certificates of the load balancer, Google or Let's Encrypt those of Render; nobody a wildcard."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One record."""

    name: str
    """In full, with the dot at the end."""
    type: str
    values: tuple[pulumi.Input[str], ...]
    ttl: int = 300


@dataclass(frozen=True, kw_only=True)
class DnsZoneArgs:
    """Which domain, and what is in it."""

    project: Project
    domain: str
    records: Mapping[str, Record] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    protected: bool = True

    def __post_init__(self) -> None:
        for label, record in self.records.items():
            inside = record.name == f"{self.domain}." or record.name.endswith(f".{self.domain}.")
            require(inside, "ENC-10", f"record {label} ({record.name}) lies outside of {self.domain}")


class DnsZone(Component):
    """ECDSA P-256 with SHA-256 for both keys; denial of existence by NSEC3. The registrar takes the DS record."""

    token = "hosting:network:DnsZone"
    clauses: ClassVar[tuple[str, ...]] = ("ENC-10", "LOG-5", "BAK-5")

    name_servers: pulumi.Output[Sequence[str]]
    """What the registrar has to delegate to."""

    def __init__(self, name: str, args: DnsZoneArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        project = args.project
        spec = gcp.dns.ManagedZoneDnssecConfigDefaultKeySpecArgs
        zone = gcp.dns.ManagedZone(
            name,
            name=name,
            project=project.project_id,
            dns_name=f"{args.domain}.",
            description=f"ENC-10: {args.domain}, signed",
            visibility="public",
            dnssec_config=gcp.dns.ManagedZoneDnssecConfigArgs(
                state="on",
                non_existence="nsec3",
                default_key_specs=[
                    spec(key_type="keySigning", algorithm="ecdsap256sha256", key_length=256),
                    spec(key_type="zoneSigning", algorithm="ecdsap256sha256", key_length=256),
                ],
            ),
            cloud_logging_config=gcp.dns.ManagedZoneCloudLoggingConfigArgs(enable_logging=True),
            force_destroy=False,
            labels=args.labels,
            opts=self.child(provider=project.provider, depends_on=[project.api(DNS)], protect=args.protected),
        )
        self.name_servers = zone.name_servers
        issuers = Record(name=f"{args.domain}.", type="CAA", values=ISSUERS, ttl=3600)
        for label, record in {"issuers": issuers, **args.records}.items():
            gcp.dns.RecordSet(
                f"{name}-{label}",
                managed_zone=zone.name,
                project=project.project_id,
                name=record.name,
                type=record.type,
                ttl=record.ttl,
                rrdatas=list(record.values),
                opts=self.child(provider=project.provider),
            )
        self.register_outputs({"name_servers": self.name_servers})
