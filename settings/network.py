"""Address ranges of the stack's own network, and the few places outside that it may reach."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Network
from itertools import combinations
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, PlainValidator

from .base import Mistake, Named, Reason, Section, named, setting

if TYPE_CHECKING:
    from config import StackConfig

PRIVATE = tuple(IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
"""RFC 1918."""

OWN_RULES = frozenset({"databases", "google-apis"})
"""Names of the rules for Google's own services."""

DOCKER_BRIDGE = IPv4Network("172.17.0.0/16")
"""Cloud SQL keeps this range to itself: a client inside it never gets an answer."""


def _network(value: object) -> IPv4Network:
    try:
        return IPv4Network(str(value))
    except ValueError as error:
        raise ValueError(f"{value} is not an IPv4 range: {error}") from None


Range = Annotated[IPv4Network, PlainValidator(_network)]


class Egress(Section):
    """One destination outside of Google that workloads may reach."""

    purpose: Reason = setting("HOS-1", "card payments at the payment provider")
    """Why the stack talks to it."""

    ranges: Annotated[tuple[Range, ...], Field(min_length=1)] = setting("HOS-1", ["203.0.113.0/28"])
    """Published addresses of the other side; a /16 is the widest that is accepted."""

    ports: Annotated[tuple[Annotated[int, Field(ge=1, le=65535)], ...], Field(min_length=1)] = setting(
        "HOS-1", [443], (443,)
    )
    """TCP ports, one by one."""


class Network(Section):
    """One private network in the primary region. Everything not named here is closed, in both directions."""

    range: Range = setting("HOS-1", "10.10.0.0/20")
    """Addresses of the workloads, at most a /16 and at least a /26 (what Cloud Run needs at the least)."""

    services_range: Range = setting("HOS-1", "10.20.0.0/20")
    """Addresses handed to Google's managed services (databases), at least a /24."""

    flow_log_sampling: Annotated[float, Field(gt=0, le=1)] = setting("LOG-5", 0.5, 0.5)
    """Share of network flows that are logged."""

    egress: Named[Egress] = named("HOS-1", "payments", {})
    """Destinations outside of Google; none by default."""


def check(config: StackConfig) -> Iterator[Mistake]:
    """Refuse ranges that overlap, are public, or are too small or too wide to work."""
    network = config.network
    own = {
        "network.range": network.range,
        "network.servicesRange": network.services_range,
    }
    for key, block in own.items():
        small, wide = (26, 16) if key == "network.range" else (24, 8)
        if not any(block.subnet_of(private) for private in PRIVATE):
            yield Mistake(
                key=key,
                clause="HOS-1",
                problem=f"{block} is not private (RFC 1918)",
                example=_example(key, network),
            )
        elif block.overlaps(DOCKER_BRIDGE):
            yield Mistake(
                key=key,
                clause="HOS-1",
                problem=f"{block} contains addresses of {DOCKER_BRIDGE}, which Cloud SQL cannot answer",
                example=_example(key, network),
            )
        if not wide <= block.prefixlen <= small:
            yield Mistake(
                key=key,
                clause="HOS-1",
                problem=f"{block} has a prefix of {block.prefixlen}; between {wide} and {small} is possible",
                example=_example(key, network),
            )
    for (one, first), (two, second) in combinations(own.items(), 2):
        if first.overlaps(second):
            yield Mistake(
                key=two,
                clause="HOS-1",
                problem=f"{second} overlaps {one} ({first})",
                example=_example(two, network),
                others=(one,),
            )
    ranges = [
        (name, block) for name, egress in network.egress.items() if name not in OWN_RULES for block in egress.ranges
    ]
    for (one, first), (two, second) in combinations(ranges, 2):
        if first.overlaps(second) and (one != two or first == second):
            yield Mistake(
                key=f"network.egress.{two}.ranges",
                clause="HOS-1",
                problem=f"{second} overlaps {first} of {one}: two rules would open and route the same addresses",
                example=f"ranges: [{second}] in one place",
                others=(f"network.egress.{one}.ranges",),
            )
    for name, egress in network.egress.items():
        if name in OWN_RULES:
            yield Mistake(
                key=f"network.egress.{name}",
                clause="HOS-1",
                problem=f"{name} is the name of a rule that every network has",
                example=f"partner-{name}: {{...}}",
            )
        for block in egress.ranges:
            key = f"network.egress.{name}.ranges"
            if block.prefixlen < 16:
                yield Mistake(
                    key=key,
                    clause="HOS-1",
                    problem=f"{block} is wider than a /16: egress is opened to named destinations only",
                    example="ranges: [203.0.113.0/28]",
                )
            elif any(block.overlaps(private) for private in PRIVATE):
                yield Mistake(
                    key=key,
                    clause="HOS-1",
                    problem=f"{block} is private; egress names destinations outside of the network",
                    example="ranges: [203.0.113.0/28]",
                )


def _example(key: str, network: Network) -> str:
    """A range that fits beside the other one."""
    if key == "network.range":
        free = next(n for n in ("10.10.0.0/20", "10.30.0.0/20") if not IPv4Network(n).overlaps(network.services_range))
        return f"range: {free}"
    free = next(n for n in ("10.20.0.0/20", "10.40.0.0/20") if not IPv4Network(n).overlaps(network.range))
    return f"servicesRange: {free}"
