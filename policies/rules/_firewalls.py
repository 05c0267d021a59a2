"""One shape for everything that lets packets in: firewall rules of a network, and rules of firewall policies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from policies.model import UNKNOWN, Resource, View, gcp, reveal
from policies.normalise import PortRange, network, networks, port_ranges, reaches, world
from policies.rule import Finding, Sample, each

FIREWALL: Final = gcp("compute/firewall")
POLICY_RULES: Final = (
    gcp("compute/firewallPolicyRule"),
    gcp("compute/networkFirewallPolicyRule"),
    gcp("compute/regionNetworkFirewallPolicyRule"),
    gcp("compute/organizationSecurityPolicyRule"),
)
WITH_RULES: Final = (
    gcp("compute/firewallPolicyWithRules"),
    gcp("compute/networkFirewallPolicyWithRules"),
    gcp("compute/regionNetworkFirewallPolicyWithRules"),
)
DOORS: Final = (FIREWALL, *POLICY_RULES, *WITH_RULES)
"""Every type that can let traffic in."""

TCP: Final = frozenset({"tcp", "6", "all", "any", ""})
UDP: Final = frozenset({"udp", "17", "all", "any", ""})
_PORTLESS: Final = frozenset({"icmp", "1", "esp", "50", "ah", "51", "ipip", "4", "94", "icmpv6", "58", "gre", "47"})
_OTHER_SOURCES: Final = (
    "srcAddressGroups",
    "srcFqdns",
    "srcRegionCodes",
    "srcThreatIntelligences",
    "srcSecureTags",
    "srcNetworks",
)
_INSIDE: Final = frozenset({"INTRA_VPC", "VPC_NETWORKS", "NON_INTERNET"})


@dataclass(frozen=True, slots=True)
class Door:
    """One rule that allows traffic: where it stands, whom it admits, and what it opens."""

    view: View
    ends: str
    """Path of the address ranges at the other end, inside the view."""
    opens: tuple[View, ...]
    """The protocol and port blocks."""
    protocol: str
    everyone: bool | None
    """Whether the whole world is admitted; None where that is not known yet."""

    def opened(self) -> list[Opening]:
        """Every protocol and port block, with what is known of it."""
        return [_opening(block, self.protocol) for block in self.opens]

    def opening(self, port: int, protocols: frozenset[str] = TCP) -> Opening | None:
        """The block that opens a port, else one of which that is not known yet, else None."""
        found = [opening for opening in self.opened() if opening.reaches(port, protocols) is not False]
        return next((opening for opening in found if opening.reaches(port, protocols)), found[0] if found else None)

    def reached(self, wanted: Iterable[Service]) -> tuple[list[tuple[int, str]], bool]:
        """The wanted services (port and name) that the door opens, and whether it may open others: not known yet."""
        opened = self.opened()
        verdicts = [
            (port, name, [opening.reaches(port, protocols) for opening in opened]) for port, protocols, name in wanted
        ]
        sure = [(port, name) for port, name, found in verdicts if True in found]
        return sure, any(None in found for _, _, found in verdicts)


@dataclass(frozen=True, slots=True)
class Opening:
    """One protocol and port block."""

    block: View
    protocol: str | None
    """The protocol's name or number in small letters, empty for all; None where it is not known yet."""
    ranges: list[PortRange]
    """The ports known to be open."""
    vague: bool
    """Whether other ports may be open: not all are known yet."""

    def reaches(self, port: int, protocols: frozenset[str]) -> bool | None:
        """Whether the block opens a port; None where that is not known yet."""
        if self.protocol is not None and self.protocol not in protocols:
            return False
        hit = reaches(self.ranges, port)
        if hit and self.protocol is not None:
            return True
        return None if hit or self.vague else False


def _opening(block: View, protocol: str) -> Opening:
    ports = block.raw("ports")
    listed = ports if isinstance(ports, list) else [] if ports is None else [ports]
    known = [port for port in listed if port is not UNKNOWN]
    ranges = port_ranges(known) if known or not listed else []
    name = (block.text(protocol) or "").lower() if block.known(protocol) else None
    return Opening(block, name, ranges, len(known) < len(listed))


Service = tuple[int, frozenset[str], str]
"""A port, the protocols that reach it, and what answers there."""


def is_world(values: Sequence[Any]) -> bool:
    """Whether source ranges admit the world.

    A bare `0.0.0.0` or `::` counts: no packet comes from there, whoever writes it means everyone.
    """
    return _is_world(tuple(value for value in values if isinstance(value, str)))


@lru_cache(maxsize=4096)
def _is_world(values: tuple[str, ...]) -> bool:
    bare = any(n.prefixlen == n.max_prefixlen and n.network_address.is_unspecified for n in networks(values))
    return bare or world(values)


Check = Callable[[Door], Iterable[Finding]]


def through(resource: Resource, check: Check, direction: str = "INGRESS") -> Iterator[Finding]:
    """A check about every allowing rule of a resource in one direction; disabled rules admit nothing."""

    def about(view: View) -> Iterator[Finding]:
        door = _door(view, direction)
        if door:
            yield from check(door)

    yield from each(resource.views("rules") if resource.type in WITH_RULES else [resource], about)


def _door(view: View, direction: str) -> Door | None:
    if (view.upper("direction") or "INGRESS") != direction or view.flag("disabled"):
        return None
    if view.resource.type == FIREWALL:
        return _classic(view.resource, direction)
    allows = (view.upper("action") or "") in ("ALLOW", "APPLY_SECURITY_PROFILE_GROUP")
    return _policy(view, direction) if allows else None


def _classic(resource: Resource, direction: str) -> Door:
    path = "sourceRanges" if direction == "INGRESS" else "destinationRanges"
    named = direction == "INGRESS" and (resource.has("sourceTags") or resource.has("sourceServiceAccounts"))
    everyone = _admits(resource, path, otherwise=not named)
    return Door(resource, path, tuple(resource.views("allows")), "protocol", everyone)


def _policy(view: View, direction: str) -> Door:
    end = "src" if direction == "INGRESS" else "dest"
    base = "match.config." if view.has("match.config") else "match."
    path = f"{base}{end}IpRanges"
    named = any(view.has(base + other.replace("src", end, 1)) for other in _OTHER_SOURCES)
    scope = f"{base}{end}NetworkScope"
    everyone = _admits(view, path, otherwise=not named)
    if everyone and not view.known(scope):
        everyone = None
    elif view.known(scope) and view.upper(scope) in _INSIDE:
        everyone = False
    return Door(view, path, tuple(view.views(f"{base}layer4Configs")), "ipProtocol", everyone)


def _admits(view: View, path: str, *, otherwise: bool) -> bool | None:
    value = reveal(view.raw(path))
    if value is UNKNOWN:
        return None
    if not value:
        return otherwise
    ranges = value if isinstance(value, list) else [value]
    if is_world(ranges):
        return True
    return None if any(reveal(r) is UNKNOWN for r in ranges) else False


def portless(protocol: str) -> bool:
    """Whether the protocol has no ports, so that leaving them out opens nothing more."""
    return protocol in _PORTLESS


def inside(text: str, ranges: Sequence[str]) -> bool:
    """Whether an address range lies within one of the given ranges."""
    mine = network(text)
    if mine is None:
        return False
    return any(mine.version == other.version and mine.subnet_of(other) for other in networks(ranges))  # type: ignore[arg-type]


def opening(port: Any, sources: Sequence[str], protocol: str = "tcp", **more: Any) -> dict[str, Any]:
    """An example: a network's firewall rule that opens a port."""
    allow = {"protocol": protocol, "ports": [port]}
    return {"network": "app", "allows": [allow], "sourceRanges": list(sources), **more}


def policy_opening(port: str, sources: Sequence[str], protocol: str = "tcp", **more: Any) -> dict[str, Any]:
    """An example: a firewall policy's rule that opens a port."""
    match = {"srcIpRanges": list(sources), "layer4Configs": [{"ipProtocol": protocol, "ports": [port]}]}
    return {"action": "allow", "direction": "INGRESS", "match": match, **more}


def rule_sample(type_token: str, port: str, sources: Sequence[str], protocol: str = "tcp") -> Sample:
    """The same as a sample of any rule type; the organization's rules keep the match one level deeper."""
    props = policy_opening(port, sources, protocol)
    return Sample(type_token, {**props, "match": {"config": props["match"]}} if "organization" in type_token else props)
