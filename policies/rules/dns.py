"""Names are signed, with algorithms that hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

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


def _signed(*specs: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"dnssecConfig": {"state": "on", "defaultKeySpecs": list(specs)}}


def _register(kind: str, signs: str, references: tuple[str, ...]) -> None:
    other = "zoneSigning" if kind == "keySigning" else "keySigning"

    def algorithm(spec: View) -> Iterator[Finding]:
        if spec.upper("algorithm") in _WEAK and spec.upper("keyType") in (None, kind.upper()):
            yield fail(spec, "algorithm", f"is {spec.show('algorithm')}")

    def check(zone: Resource) -> Iterator[Finding]:
        if reason := _private(zone):
            yield skip(reason)
        else:
            yield from each(zone.views("dnssecConfig.defaultKeySpecs"), algorithm)

    rule(
        id=f"dns-no-sha1-for-{signs}",
        clause="ENC-10",
        title=f"DNSSEC keys that sign {signs} do not use SHA-1",
        severity="medium",
        types=(ZONE,),
        decides=("dnssecConfig.defaultKeySpecs[0].algorithm",),
        absent="pass",
        fix=f'default_key_specs=[{{"key_type": "{kind}", "algorithm": "ecdsap256sha256"}}, ...]',
        references=(
            "checkov:CKV_GCP_17",
            "trivy:GCP-0012",
            "kics:dnssec_using_rsasha1",
            *references,
            "terrascan:AC_GCP_0013",
        ),
        sources=_DOCS,
        why="SHA-1 collisions can be bought. Google's default is RSASHA256. A key of no stated type signs both.",
        good=(
            _signed({"algorithm": "rsasha256", "keyType": kind}),
            _signed({"algorithm": "rsasha256", "keyType": kind}, {"algorithm": "rsasha1", "keyType": other}),
            {"dnssecConfig": {"state": "on"}},
        ),
        bad=(
            _signed({"algorithm": "rsasha1", "keyType": kind}),
            _signed({"algorithm": "rsasha1"}),
            {"dnssecConfig": {"defaultKeySpecs": [{"algorithm": "ecdsap256sha256"}, {"algorithm": "RSASHA1"}]}},
        ),
        not_applicable=({"visibility": "private"},),
    )(check)


_register("keySigning", "keys", ("prowler:dns_rsasha1_in_use_to_key_sign_in_dnssec", "cis-gcp:3.4"))
_register("zoneSigning", "zones", ("prowler:dns_rsasha1_in_use_to_zone_sign_in_dnssec", "cis-gcp:3.5"))


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
