"""Firewalls open few ports, to few places, and log what passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from policies.graph import Graph
from policies.model import Resource
from policies.rule import Finding, Sample, each, fail, rule, unsure
from policies.rules._firewalls import DOORS, FIREWALL, POLICY_RULES, WITH_RULES, Door, portless, through
from policies.rules._networks import NETWORK, related

_DOCS: Final = ("https://cloud.google.com/firewall/docs/firewalls",)
_RULE: Final = POLICY_RULES[1]
_NONE: Final[Mapping[str, Any]] = {}


def _policy(ports: list[str], sources: list[str], **more: Any) -> dict[str, Any]:
    match = {"srcIpRanges": sources, "layer4Configs": [{"ipProtocol": "tcp", "ports": ports}]}
    return {"action": "allow", "direction": "INGRESS", "priority": 100, "match": match, **more}


def _tcp(ports: list[Any] | None, sources: list[str] | None = None, **more: Any) -> dict[str, Any]:
    allow: dict[str, Any] = {"protocol": "tcp"} if ports is None else {"protocol": "tcp", "ports": ports}
    return {"name": "app", "network": "app", "allows": [allow], "sourceRanges": sources or ["10.0.0.0/16"], **more}


def _all_ports(door: Door, _: Mapping[str, Any]) -> Iterator[Finding]:
    for opening in door.opened():
        if opening.protocol and portless(opening.protocol):
            continue
        whole = any(low <= 1 and high >= 65535 for low, high in opening.ranges)
        if whole and opening.protocol is not None:
            yield fail(opening.block, "ports", f"opens every port of {opening.protocol or 'every protocol'}")
        elif whole or opening.vague:
            yield unsure(opening.block, "ports")


def _wide_range(door: Door, params: Mapping[str, Any]) -> Iterator[Finding]:
    for opening in door.opened():
        for low, high in opening.ranges if opening.block.has("ports") else ():
            if high - low > float(params["max_span"]):
                yield fail(opening.block, "ports", f"opens {low}-{high}, {high - low + 1} ports at once")
        if opening.vague:
            yield unsure(opening.block, "ports")


def _default_rule(door: Door, _: Mapping[str, Any]) -> Iterator[Finding]:
    name = (door.view.text("name") or "") if door.view.resource.type == FIREWALL else ""
    if "default" in name.lower():
        yield fail(door.view, "name", f"is {name!r}, a rule of the default network")


def _twofold(
    check: Callable[[Door, Mapping[str, Any]], Iterator[Finding]], network: dict[str, Any], **record: Any
) -> None:
    """Registers a fact about the firewall rule, and the same about the network it belongs to."""

    def about_rule(resource: Resource, params: Mapping[str, Any] = _NONE) -> Iterator[Finding]:
        yield from through(resource, lambda door: check(door, params))

    def about_network(graph: Graph, params: Mapping[str, Any] = _NONE) -> Iterator[Finding]:
        for owner in graph.of(NETWORK):
            sure, possible = related(owner, FIREWALL, "network")
            for finding in each([*sure, *possible], lambda view: about_rule(view.resource, params)):
                kind = finding.kind if finding.resource in sure else "undetermined"
                at = finding.resource.name if finding.resource else "?"
                yield Finding(kind, f"firewall rule {at}: {finding.message}", "", owner)

    shared = {key: record[key] for key in ("clause", "severity", "sources", "fix", "params") if key in record}
    rule(types=DOORS, **record)(about_rule)
    rule(
        types=(NETWORK,),
        scope="stack",
        level="advisory",
        why=f"{record['why']} The same, said about the network, for whoever asks which networks are affected.",
        good=(_under(record["good"][0]),),
        bad=(_under(record["bad"][0]),),
        **shared,
        **network,
    )(about_network)


def _under(props: Mapping[str, Any]) -> tuple[Sample, ...]:
    return (
        Sample(NETWORK, {"name": "app"}, name="network"),
        Sample(FIREWALL, {**props, "network": "app"}, name="rule", depends={"network": ("network",)}),
    )


_twofold(
    _all_ports,
    network={
        "id": "network-no-all-ports-rule",
        "title": "Networks have no firewall rule that opens every port",
        "references": ("kics:google_compute_network_using_firewall_rule_allows_all_ports",),
    },
    id="firewall-no-all-ports",
    clause="HOS-2",
    title="No firewall rule opens every port",
    severity="high",
    why="A rule for all ports also opens what nobody thought of: debuggers, agents, metadata proxies.",
    decides=("allows[0].ports",),
    fix='allows=[{"protocol": "tcp", "ports": ["8080"]}]',
    references=("trivy:GCP-0072", "kics:google_compute_network_using_firewall_rule_allows_all_ports"),
    sources=_DOCS,
    good=(
        _tcp(["8080"]),
        {"network": "app", "allows": [{"protocol": "icmp"}], "sourceRanges": ["10.0.0.0/16"]},
        _tcp(["0-65535"], disabled=True),
        _tcp(["0-65535"], direction="EGRESS"),
        {"network": "app", "denies": [{"protocol": "all"}], "sourceRanges": ["0.0.0.0/0"]},
        Sample(_RULE, _policy(["8080"], ["10.0.0.0/16"])),
        Sample(_RULE, _policy([], ["0.0.0.0/0"], action="deny")),
    ),
    bad=(
        _tcp(["0-65535"]),
        _tcp(["22", "1-32767", "32768-65535"]),
        _tcp(None),
        {"allows": [{"protocol": "icmp"}, {"protocol": "all"}], "sourceRanges": ["10.0.0.0/16"]},
        Sample(_RULE, _policy([], ["10.0.0.0/16"])),
        Sample(WITH_RULES[1], {"rules": [_policy(["443"], ["10.0.0.0/8"]), _policy(["0-65535"], ["10.0.0.0/8"])]}),
    ),
)

_twofold(
    _wide_range,
    network={
        "id": "network-no-wide-range-rule",
        "title": "Networks have no firewall rule that opens a wide range of ports",
        "references": ("kics:google_compute_network_using_firewall_rule_allows_port_range",),
    },
    id="firewall-no-wide-range",
    clause="HOS-2",
    title="No firewall rule opens a wide range of ports",
    severity="low",
    why="Ranges open ports that no service listens on today and some service will tomorrow.",
    decides=("allows[0].ports",),
    absent="pass",
    params={"max_span": 30},
    fix='allows=[{"protocol": "tcp", "ports": ["8000-8010"]}]',
    references=("trivy:GCP-0074", "kics:google_compute_network_using_firewall_rule_allows_port_range"),
    sources=_DOCS,
    good=(_tcp(["8000-8010", "443"]), _tcp(["8000-8030"]), Sample(_RULE, _policy(["8000-8010"], ["10.0.0.0/16"]))),
    bad=(
        _tcp(["8000-8031"]),
        _tcp(["80", "8080", "1000-2000"]),
        Sample(_RULE, _policy(["1024 - 65535"], ["10.0.0.0/16"])),
    ),
)

_twofold(
    _default_rule,
    network={
        "id": "network-no-default-rule",
        "title": "Networks do not keep the default network's firewall rules",
        "references": ("kics:google_compute_network_using_default_firewall_rule",),
    },
    id="firewall-no-default-rule",
    clause="HOS-1",
    title="The default network's firewall rules are gone",
    severity="medium",
    why="Rules such as default-allow-ssh open SSH, RDP and everything internal for every machine of the network.",
    decides=("name",),
    absent="pass",
    fix='name="allow-health-checks"',
    references=("trivy:GCP-0073", "kics:google_compute_network_using_default_firewall_rule"),
    sources=("https://cloud.google.com/firewall/docs/firewalls#more_rules_default_vpc",),
    good=(_tcp(["22"], name="custom-ssh-access"),),
    bad=(
        _tcp(["22"], name="default-allow-ssh"),
        _tcp(["22"], name="Default-Allow-Internal"),
        _tcp(None, name="default"),
    ),
)


@rule(
    id="firewall-no-world-all-protocols",
    clause="HOS-2",
    title="No firewall rule admits every protocol from everywhere",
    severity="high",
    types=DOORS,
    decides=("sourceRanges",),
    fix='allows=[{"protocol": "tcp", "ports": ["443"]}], source_ranges=["203.0.113.0/24"]',
    references=("checkov:CKV2_GCP_12",),
    sources=_DOCS,
    good=(
        {"allows": [{"protocol": "all"}], "sourceRanges": ["10.10.10.0/24", "10.11.10.0/24"]},
        _tcp(["140"], ["0.0.0.0", "192.168.2.0"]),  # noqa: S104
        {"allows": [{"protocol": "all"}], "sourceRanges": ["::/0"], "disabled": "true"},
    ),
    bad=(
        {"allows": [{"protocol": "all"}], "sourceRanges": ["10.10.10.0/24", "0.0.0.0/0"]},
        {"allows": [{"protocol": "ALL"}], "sourceRanges": ["::/0"]},
        {"allows": [{"protocol": "all"}], "sourceRanges": ["0.0.0.0", "192.168.2.0"]},  # noqa: S104
        {"allows": [{"protocol": "all"}], "sourceRanges": ["::0"]},
        {"allows": [{"protocol": "all"}], "sourceRanges": ["0.0.0.0/1", "128.0.0.0/1"]},
        Sample(
            _RULE,
            {"action": "allow", "match": {"srcIpRanges": ["0.0.0.0/0"], "layer4Configs": [{"ipProtocol": "all"}]}},
        ),
    ),
)
def no_world_all_protocols(resource: Resource) -> Iterator[Finding]:
    """Such a rule is no firewall at all."""
    yield from through(resource, _all_protocols)


def _all_protocols(door: Door) -> Iterator[Finding]:
    protocols = [opening.protocol for opening in door.opened()]
    every = any(protocol in ("all", "any", "") for protocol in protocols)
    if (not every and None not in protocols) or door.everyone is False:
        return
    if every and door.everyone:
        yield fail(door.view, door.ends, "admits every protocol from everywhere")
    else:
        yield unsure(door.view, door.ends)
