"""One spelling for values that users write in many: address ranges, ports, durations, members. Pure functions."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, Final

from policies.model import UNKNOWN, UnknownValue

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
PortRange = tuple[int, int]
ALL_PORTS: Final[PortRange] = (0, 65535)
_V6_GLOBAL: Final = ipaddress.IPv6Network("2000::/3")
"""Where public IPv6 addresses are given out (RFC 4291): covering half of it is open to the world."""


@lru_cache(maxsize=65536)
def network(text: str) -> Network | None:
    """An address or range (`10.0.0.0/8`, `10.0.0.1`, `*`, `any`, `::/0`) as a network, or None where it is none."""
    word = text.strip().lower()
    if word in ("*", "any", "all", "internet"):
        return ipaddress.IPv4Network("0.0.0.0/0")
    try:
        return ipaddress.ip_network(word, strict=False)
    except ValueError:
        return None


def networks(values: Iterable[Any]) -> list[Network]:
    """The networks among the values; what is not an address range is left out."""
    return [n for n in (network(v) for v in values if isinstance(v, str)) if n is not None]


def world(values: Iterable[Any]) -> bool:
    """Whether the ranges together open to the world: their union covers half of all IPv4 or public IPv6 addresses.

    0.0.0.0/1 beside 128.0.0.0/1 is the world, and so is everything but one address. Raises UnknownValue where the known
    ranges are not the world and an unknown one may make them so.
    """
    given = list(values)
    found = networks(given)
    v4 = ipaddress.collapse_addresses(n for n in found if isinstance(n, ipaddress.IPv4Network))
    if sum(n.num_addresses for n in v4) >= 2**31:
        return True
    v6 = ipaddress.collapse_addresses(n for n in found if isinstance(n, ipaddress.IPv6Network))
    covered = sum(min(n.num_addresses, _V6_GLOBAL.num_addresses) for n in v6 if n.overlaps(_V6_GLOBAL))
    if covered >= _V6_GLOBAL.num_addresses // 2:
        return True
    if any(value is UNKNOWN for value in given):
        raise UnknownValue("")
    return False


def widest_public(values: Iterable[Any]) -> Network | None:
    """The widest range that holds public addresses, or None where all are private."""
    public = [n for n in networks(values) if not n.is_private]
    return min(public, key=lambda n: n.prefixlen / n.max_prefixlen, default=None)


def port_ranges(ports: Sequence[Any] | None) -> list[PortRange]:
    """Port lists as ranges: none or `all` is every port, `"20-25"` a range, `22`, `22.0` and `"22"` one port."""
    if not ports:
        return [ALL_PORTS]
    ranges: list[PortRange] = []
    for port in ports:
        word = str(port).strip().lower()
        if word in ("all", "*", "any", "-"):
            return [ALL_PORTS]
        match = re.fullmatch(r"(\d+)(?:\.0+)?(?:\s*-\s*(\d+)(?:\.0+)?)?", word)
        if match:
            low, high = int(match[1]), int(match[2] or match[1])
            ranges.append((min(low, high), max(low, high)))
    return merge(ranges)


def merge(ranges: Iterable[PortRange]) -> list[PortRange]:
    """Ranges joined where they touch or overlap, in order."""
    merged: list[PortRange] = []
    for low, high in sorted(ranges):
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return merged


def reaches(ranges: Iterable[PortRange], port: int) -> bool:
    """Whether a port is inside one of the ranges."""
    return any(low <= port <= high for low, high in ranges)


def seconds(text: str | float | None) -> float | None:
    """A duration (`"7776000s"`, `"90d"`, `"1h30m"`, `3600`) in seconds, or None where it is none."""
    if text is None:
        return None
    word = str(text).strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", word):
        return float(word)
    parts = re.findall(r"(\d+(?:\.\d+)?)(ms|d|h|m|s)", word)
    if not parts or "".join(n + u for n, u in parts) != word:
        return None
    units = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
    return sum(float(n) * units[u] for n, u in parts)
