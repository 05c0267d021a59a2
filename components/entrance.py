"""The one way in from the internet: an HTTPS load balancer with a modern TLS profile and a web application firewall."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import pulumi
import pulumi_gcp as gcp

from .base import Component, require
from .projects import Project

WAF_RULES = (
    "sqli-v33-stable",
    "xss-v33-stable",
    "lfi-v33-stable",
    "rce-v33-stable",
    "cve-canary",
    "rfi-v33-stable",
    "scannerdetection-v33-stable",
    "protocolattack-v33-stable",
    "sessionfixation-v33-stable",
)
"""Google Cloud Armor's preconfigured rules (OWASP core rule set 3.3); `cve-canary` stops Log4Shell and its kin."""

SITES_MAX = 15
"""Certificates of one proxy, Google's limit."""


@dataclass(frozen=True, kw_only=True)
class Site:
    """A service on a domain of its own."""

    domain: str
    service: pulumi.Input[str]
    """Name of the Cloud Run service."""


@dataclass(frozen=True, kw_only=True)
class EntranceArgs:
    """Which services are reachable, and how many requests one client may send."""

    project: Project
    region: str
    sites: Mapping[str, Site]
    requests_per_minute: int = 600
    """Per client address; more is answered with 429."""
    sensitivity: int = 1
    """Paranoia level of the attack rules, 1 to 4."""
    labels: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require(1 <= self.sensitivity <= 4, "HOS-3", "sensitivity is 1 to 4")
        require(bool(self.sites), "HOS-3", "an entrance leads somewhere")
        require(len(self.sites) <= SITES_MAX, "HOS-3", f"one proxy holds {SITES_MAX} certificates")
        domains = [site.domain for site in self.sites.values()]
        require(len(domains) == len(set(domains)), "HOS-3", "each site has a domain of its own")
        require(10 <= self.requests_per_minute <= 1200, "HOS-3", "requests_per_minute is 10 to 1200")


class Entrance(Component):
    """One address; plain HTTP only redirects; every request passes the firewall and is logged."""

    token = "hosting:network:Entrance"
    clauses: ClassVar[tuple[str, ...]] = ("ENC-4", "HOS-2", "HOS-3", "LOG-5")

    address: pulumi.Output[str]
    """Where the domains' A records point."""

    def __init__(self, name: str, args: EntranceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(name, args, opts)
        self._name, self._args = name, args
        project = args.project
        self._options = self.child(provider=project.provider, depends_on=[project.api("compute.googleapis.com")])
        firewall = self._firewall()
        backends = {site_name: self._backend(site_name, site, firewall) for site_name, site in args.sites.items()}
        address = gcp.compute.GlobalAddress(
            name,
            name=name,
            project=project.project_id,
            address_type="EXTERNAL",
            ip_version="IPV4",
            description="HOS-2: the only public address",
            opts=self._options,
        )
        self._https(address, backends)
        self._http(address)
        self.address = address.address
        self.register_outputs({"address": self.address})

    def _firewall(self) -> gcp.compute.SecurityPolicy:
        rule = gcp.compute.SecurityPolicyRuleArgs
        match = gcp.compute.SecurityPolicyRuleMatchArgs
        everyone = match(
            versioned_expr="SRC_IPS_V1", config=gcp.compute.SecurityPolicyRuleMatchConfigArgs(src_ip_ranges=["*"])
        )
        guards = [
            rule(
                priority=1000 + index,
                action="deny(403)",
                preview=False,
                description=f"Stops {guard}",
                match=match(
                    expr=gcp.compute.SecurityPolicyRuleMatchExprArgs(
                        expression=f"evaluatePreconfiguredWaf('{guard}', {{'sensitivity': {self._args.sensitivity}}})"
                    )
                ),
            )
            for index, guard in enumerate(WAF_RULES)
        ]
        limit = rule(
            priority=2000,
            action="throttle",
            preview=False,
            description="One client does not take what belongs to all",
            match=everyone,
            rate_limit_options=gcp.compute.SecurityPolicyRuleRateLimitOptionsArgs(
                conform_action="allow",
                exceed_action="deny(429)",
                enforce_on_key="IP",
                rate_limit_threshold=gcp.compute.SecurityPolicyRuleRateLimitOptionsRateLimitThresholdArgs(
                    count=self._args.requests_per_minute, interval_sec=60
                ),
            ),
        )
        rest = rule(
            priority=2147483647,
            action="allow",
            preview=False,
            description="What the rules above let pass",
            match=everyone,
        )
        return gcp.compute.SecurityPolicy(
            self._name,
            name=self._name,
            project=self._args.project.project_id,
            description="HOS-3: web application firewall",
            type="CLOUD_ARMOR",
            rules=[*guards, limit, rest],
            adaptive_protection_config=gcp.compute.SecurityPolicyAdaptiveProtectionConfigArgs(
                layer7_ddos_defense_config=gcp.compute.SecurityPolicyAdaptiveProtectionConfigLayer7DdosDefenseConfigArgs(
                    enable=True, rule_visibility="STANDARD"
                )
            ),
            opts=self._options,
        )

    def _backend(self, name: str, site: Site, firewall: gcp.compute.SecurityPolicy) -> gcp.compute.BackendService:
        label = f"{self._name}-{name}"
        group = gcp.compute.RegionNetworkEndpointGroup(
            label,
            name=label,
            project=self._args.project.project_id,
            region=self._args.region,
            network_endpoint_type="SERVERLESS",
            cloud_run=gcp.compute.RegionNetworkEndpointGroupCloudRunArgs(service=site.service),
            opts=self._options,
        )
        return gcp.compute.BackendService(
            label,
            name=label,
            project=self._args.project.project_id,
            load_balancing_scheme="EXTERNAL_MANAGED",
            protocol="HTTPS",
            security_policy=firewall.id,
            log_config=gcp.compute.BackendServiceLogConfigArgs(enable=True, sample_rate=1.0),
            backends=[gcp.compute.BackendServiceBackendArgs(group=group.id)],
            opts=self._options,
        )

    def _https(self, address: gcp.compute.GlobalAddress, backends: Mapping[str, gcp.compute.BackendService]) -> None:
        project_id, sites = self._args.project.project_id, self._args.sites
        first = next(iter(sites))
        urls = gcp.compute.URLMap(
            f"{self._name}-https",
            name=f"{self._name}-https",
            project=project_id,
            default_service=backends[first].id,
            host_rules=[
                gcp.compute.URLMapHostRuleArgs(hosts=[site.domain], path_matcher=name) for name, site in sites.items()
            ],
            path_matchers=[
                gcp.compute.URLMapPathMatcherArgs(name=name, default_service=backends[name].id) for name in sites
            ],
            opts=self._options,
        )
        certificates = [self._certificate(name, site.domain) for name, site in sites.items()]
        profile = gcp.compute.SSLPolicy(
            self._name,
            name=self._name,
            project=project_id,
            profile="MODERN",
            min_tls_version="TLS_1_2",
            description="ENC-4",
            opts=self._options,
        )
        proxy = gcp.compute.TargetHttpsProxy(
            self._name,
            name=self._name,
            project=project_id,
            url_map=urls.id,
            ssl_certificates=[certificate.id for certificate in certificates],
            ssl_policy=profile.id,
            quic_override="NONE",
            tls_early_data="DISABLED",
            opts=self._options,
        )
        self._forward("https", address, proxy.id, "443")

    def _certificate(self, name: str, domain: str) -> gcp.compute.ManagedSslCertificate:
        """One for each domain, named after it: a certificate cannot be changed, and one for all would be replaced, and
        missing for as long as that takes, whenever a service comes or goes."""
        label = f"{self._name}-{name}"
        digest = hashlib.sha256(domain.encode()).hexdigest()[:6]
        return gcp.compute.ManagedSslCertificate(
            label,
            name=f"{label}-{digest}",
            project=self._args.project.project_id,
            managed=gcp.compute.ManagedSslCertificateManagedArgs(domains=[domain]),
            opts=self._options,
        )

    def _http(self, address: gcp.compute.GlobalAddress) -> None:
        redirect = gcp.compute.URLMap(
            f"{self._name}-redirect",
            name=f"{self._name}-redirect",
            project=self._args.project.project_id,
            default_url_redirect=gcp.compute.URLMapDefaultUrlRedirectArgs(
                https_redirect=True, strip_query=False, redirect_response_code="MOVED_PERMANENTLY_DEFAULT"
            ),
            opts=self._options,
        )
        proxy = gcp.compute.TargetHttpProxy(
            f"{self._name}-redirect",
            name=f"{self._name}-redirect",
            project=self._args.project.project_id,
            url_map=redirect.id,
            opts=self._options,
        )
        self._forward("redirect", address, proxy.id, "80")

    def _forward(self, what: str, address: gcp.compute.GlobalAddress, target: pulumi.Output[str], port: str) -> None:
        gcp.compute.GlobalForwardingRule(
            f"{self._name}-{what}",
            name=f"{self._name}-{what}",
            project=self._args.project.project_id,
            load_balancing_scheme="EXTERNAL_MANAGED",
            ip_protocol="TCP",
            ip_address=address.id,
            port_range=port,
            labels=self._args.labels,
            target=target,
            opts=self._options,
        )
