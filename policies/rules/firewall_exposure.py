"""Firewalls admit no one from everywhere, and log what they decide."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.model import Resource, View
from policies.rule import Finding, Sample, each, fail, rule, unsure
from policies.rules._firewalls import (
    DOORS,
    FIREWALL,
    POLICY_RULES,
    TCP,
    WITH_RULES,
    Door,
    inside,
    opening,
    policy_opening,
    through,
)

_DOCS: Final = ("https://cloud.google.com/firewall/docs/firewalls",)
_RULE: Final = POLICY_RULES[1]
_WORLD: Final = ["0.0.0.0/0"]
_OFFICE: Final = ["203.0.113.0/24"]
_WEB: Final = {"layer4Configs": [{"ipProtocol": "tcp", "ports": ["443"]}]}


@rule(
    id="firewall-no-world-ingress",
    clause="HOS-2",
    title="No firewall rule admits the whole internet",
    severity="high",
    types=DOORS,
    decides=("sourceRanges",),
    fix='source_ranges=["130.211.0.0/22", "35.191.0.0/16"]  # Google\'s load balancers',
    references=("trivy:GCP-0027",),
    sources=_DOCS,
    good=(
        {"sourceRanges": ["203.0.113.7/32"], "allows": [{"protocol": "icmp"}]},
        {"sourceTags": ["web"], "targetTags": ["app"], "allows": [{"protocol": "tcp", "ports": ["8081"]}]},
        {"sourceRanges": _WORLD, "denies": [{"protocol": "all"}]},
        Sample(_RULE, {"action": "allow", "match": {"srcIpRanges": _WORLD, "srcNetworkScope": "INTRA_VPC", **_WEB}}),
    ),
    bad=(
        {"sourceRanges": _WORLD, "allows": [{"protocol": "icmp"}]},
        {"sourceRanges": ["8.0.0.0/5", "::/0"], "allows": [{"protocol": "tcp", "ports": ["443"]}]},
        Sample(_RULE, policy_opening("443", _WORLD)),
    ),
)
def no_world_ingress(resource: Resource) -> Iterator[Finding]:
    """Machines behind load balancers need Google's front ends only, not the world."""
    yield from through(resource, _world_in)


def _world_in(door: Door) -> Iterator[Finding]:
    if door.opens and door.everyone:
        yield fail(door.view, door.ends, f"is {door.view.show(door.ends)}: everyone is admitted")
    elif door.opens and door.everyone is None:
        yield unsure(door.view, door.ends)


@rule(
    id="firewall-no-world-egress",
    clause="HOS-1",
    title="No firewall rule lets traffic out to everywhere",
    severity="medium",
    types=DOORS,
    decides=("destinationRanges",),
    fix='destination_ranges=["199.36.153.4/30"]  # restricted.googleapis.com',
    references=("trivy:GCP-0035",),
    sources=("https://cloud.google.com/firewall/docs/firewalls#default_firewall_rules",),
    good=(
        {"direction": "EGRESS", "allows": [{"protocol": "icmp"}], "destinationRanges": ["203.0.113.7/32"]},
        {"direction": "EGRESS", "denies": [{"protocol": "all"}], "destinationRanges": _WORLD},
        {"allows": [{"protocol": "icmp"}], "sourceRanges": _OFFICE},
    ),
    bad=(
        {"direction": "EGRESS", "allows": [{"protocol": "icmp"}], "destinationRanges": _WORLD},
        {"direction": "egress", "allows": [{"protocol": "all"}]},
        Sample(
            _RULE,
            {
                "action": "allow",
                "direction": "EGRESS",
                "match": {"destIpRanges": _WORLD, "layer4Configs": [{"ipProtocol": "all"}]},
            },
        ),
    ),
)
def no_world_egress(resource: Resource) -> Iterator[Finding]:
    """What breaks in wants to call home and to carry data out. Without a destination, a rule means everywhere."""
    yield from through(resource, _world_in, "EGRESS")


_GOOGLE: Final = ("35.191.0.0/16", "130.211.0.0/22", "35.235.240.0/20", "209.85.152.0/22", "209.85.204.0/22")
_PRIVATE: Final = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")


@rule(
    id="firewall-web-from-google-only",
    clause="HOS-3",
    title="Web traffic reaches machines only from Google's load balancers and Identity-Aware Proxy",
    severity="medium",
    types=DOORS,
    decides=("sourceRanges",),
    fix='source_ranges=["35.191.0.0/16", "130.211.0.0/22", "35.235.240.0/20"]',
    references=("cis-gcp:3.10",),
    sources=("https://cloud.google.com/load-balancing/docs/firewall-rules",),
    good=(
        opening("443", ["35.191.0.0/16", "130.211.0.0/22"]),
        opening("80", ["35.235.240.0/20", "10.1.0.0/16"]),
        opening("5432", _OFFICE),
    ),
    bad=(
        opening("443", _OFFICE),
        opening("80", ["35.191.0.0/16", "8.8.8.8"]),
        Sample(_RULE, policy_opening("443", _WORLD)),
    ),
)
def web_from_google_only(resource: Resource) -> Iterator[Finding]:
    """Traffic that comes around the load balancer meets neither its firewall, nor its sign-in, nor its log.

    Private ranges are allowed: traffic between our own machines.
    """
    yield from through(resource, _web)


def _web(door: Door) -> Iterator[Finding]:
    opened, possible = door.reached([(80, TCP, "HTTP"), (443, TCP, "HTTPS")])
    if not opened and not possible:
        return
    findings = list(each(door.view.views(door.ends), _end))
    if door.everyone and not door.view.has(door.ends):
        findings = [fail(door.view, door.ends, "is not set: web traffic comes from anywhere")]
    if opened:
        yield from findings
    elif findings:
        yield unsure(door.view, "")


def _end(source: View) -> Iterator[Finding]:
    text = source.text("")
    if text and not inside(text, (*_GOOGLE, *_PRIVATE)):
        yield fail(source, "", f"is {text}, which is no front end of Google's")


@rule(
    id="firewall-policy-no-http",
    clause="ENC-4",
    title="Firewall policies let no plain HTTP in",
    severity="medium",
    types=(*POLICY_RULES, *WITH_RULES),
    decides=("match.layer4Configs[0].ports",),
    fix='layer4_configs=[{"ip_protocol": "tcp", "ports": ["443"]}]',
    references=("pulumi:gcp-compute-firewallpolicyrule-disallow-inbound-http-traffic",),
    sources=_DOCS,
    good=(
        policy_opening("443", _OFFICE),
        policy_opening("80", _OFFICE, action="deny"),
        policy_opening("80", _OFFICE, direction="EGRESS"),
    ),
    bad=(
        policy_opening("80", _OFFICE),
        {"action": "allow", "direction": "INGRESS", "match": {"layer4Configs": [{"ipProtocol": "tcp"}]}},
        Sample(WITH_RULES[0], {"rules": [policy_opening("79-81", _OFFICE)]}),
    ),
)
def policy_no_http(resource: Resource) -> Iterator[Finding]:
    """A policy stands above many networks: what it lets in, it lets in everywhere."""
    yield from through(resource, _http)


def _http(door: Door) -> Iterator[Finding]:
    opening = door.opening(80)
    if opening and opening.reaches(80, TCP):
        yield fail(opening.block, "ports", f"is {opening.block.show('ports')}: plain HTTP comes in")
    elif opening:
        yield unsure(opening.block, "ports")


@rule(
    id="firewall-logs",
    clause="LOG-5",
    title="Firewall rules log the connections they decide about",
    severity="low",
    types=DOORS,
    decides=("logConfig",),
    fix='log_config={"metadata": "INCLUDE_ALL_METADATA"}',
    sources=("https://cloud.google.com/firewall/docs/firewall-rules-logging",),
    good=(
        {"logConfig": {"metadata": "INCLUDE_ALL_METADATA"}},
        {"enableLogging": True},
        {"disabled": True},
        Sample(_RULE, {"enableLogging": True}),
    ),
    bad=({}, {"enableLogging": False}, Sample(_RULE, {}), Sample(WITH_RULES[0], {"rules": [{"action": "deny"}]})),
)
def logs(resource: Resource) -> Iterator[Finding]:
    """Who tried to get in, and who got in, cannot be found out afterwards. Off by default."""
    yield from each(resource.views("rules") if resource.type in WITH_RULES else [resource], _logs)


def _logs(view: View) -> Iterator[Finding]:
    path = "logConfig" if view.resource.type == FIREWALL else "enableLogging"
    if view.flag("disabled") or view.flag("enableLogging"):
        return
    if path == "enableLogging" or view.get("logConfig") is None:
        yield fail(view, path, "is not set: what this rule decides is not logged")
