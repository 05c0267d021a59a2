"""Names are signed, with algorithms that hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.model import Resource, View, gcp
from policies.rule import Finding, each, fail, rule, skip
from policies.rules._facts import boolean, one_of

ZONE: Final = gcp("dns/managedZone")
_DOCS: Final = ("https://cloud.google.com/dns/docs/dnssec-advanced",)
_WEAK: Final = frozenset({"RSASHA1", "RSASHA1NSEC3SHA1", "RSAMD5", "DSA"})


def _private(zone: Resource) -> str | None:
    return "private zones cannot be signed" if zone.upper("visibility") == "PRIVATE" else None


one_of(
    {ZONE: "dnssecConfig.state"},
    allowed=("on", "transfer"),
    others=("off",),
    missing="is not set: the zone is not signed",
    guard=_private,
    base={"name": "example", "dnsName": "example.com."},
    id="dns-zone-signed",
    clause="ENC-10",
    title="Public DNS zones are signed (DNSSEC)",
    severity="medium",
    why="Unsigned answers can be forged, and with them certificates and mail. Off by default.",
    fix='dnssec_config={"state": "on"}',
    references=(
        "checkov:CKV_GCP_16",
        "trivy:GCP-0013",
        "kics:cloud_dns_without_dnssec",
        "prowler:dns_dnssec_disabled",
        "cis-gcp:3.3",
        "terrascan:AC_GCP_0014",
    ),
    sources=("https://cloud.google.com/dns/docs/dnssec",),
    not_applicable=({"visibility": "private", "dnssecConfig": {"state": "off"}},),
)


@rule(
    id="dns-no-sha1",
    clause="ENC-10",
    title="DNSSEC keys do not use SHA-1",
    severity="medium",
    types=(ZONE,),
    decides=("dnssecConfig.defaultKeySpecs[0].algorithm",),
    absent="pass",
    fix='default_key_specs=[{"key_type": "keySigning", "algorithm": "ecdsap256sha256"}, ...]',
    references=(
        "checkov:CKV_GCP_17",
        "trivy:GCP-0012",
        "kics:dnssec_using_rsasha1",
        "prowler:dns_rsasha1_in_use_to_key_sign_in_dnssec",
        "prowler:dns_rsasha1_in_use_to_zone_sign_in_dnssec",
        "cis-gcp:3.4",
        "cis-gcp:3.5",
        "terrascan:AC_GCP_0013",
    ),
    sources=_DOCS,
    good=(
        {"dnssecConfig": {"state": "on", "defaultKeySpecs": [{"algorithm": "rsasha256", "keyType": "keySigning"}]}},
        {"dnssecConfig": {"state": "on"}},
    ),
    bad=(
        {"dnssecConfig": {"state": "on", "defaultKeySpecs": [{"algorithm": "rsasha1"}]}},
        {"dnssecConfig": {"defaultKeySpecs": [{"algorithm": "ecdsap256sha256"}, {"algorithm": "RSASHA1"}]}},
    ),
    not_applicable=({"visibility": "private"},),
)
def no_sha1(zone: Resource) -> Iterator[Finding]:
    """SHA-1 collisions can be bought. Google's default is RSASHA256."""
    if reason := _private(zone):
        yield skip(reason)
        return
    yield from each(zone.views("dnssecConfig.defaultKeySpecs"), _algorithm)


def _algorithm(spec: View) -> Iterator[Finding]:
    if spec.upper("algorithm") in _WEAK:
        yield fail(spec, "algorithm", f"is {spec.show('algorithm')}")


boolean(
    {ZONE: "cloudLoggingConfig.enableLogging"},
    missing="is not set: queries are not logged",
    guard=lambda zone: "queries for private zones are logged by DNS policies" if _private(zone) else None,
    base={"name": "example", "dnsName": "example.com."},
    level="advisory",
    id="dns-zone-logs",
    clause="LOG-5",
    title="Public DNS zones log their queries",
    severity="low",
    why="Whoever prepares an attack first asks for names; only the zone's own log shows it.",
    fix='cloud_logging_config={"enable_logging": True}',
    sources=("https://cloud.google.com/dns/docs/monitoring",),
    not_applicable=({"visibility": "private"},),
)
