"""The parts of a load balancer, and what its plain-HTTP side does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from policies.model import Resource, View, gcp
from policies.rule import Finding, each, fail
from policies.rules._networks import attached

POLICY: Final = gcp("compute/sSLPolicy")
POLICIES: Final = (POLICY, gcp("compute/regionSslPolicy"))
HTTPS_PROXIES: Final = (
    gcp("compute/targetHttpsProxy"),
    gcp("compute/regionTargetHttpsProxy"),
    gcp("compute/targetSSLProxy"),
)
HTTP_PROXIES: Final = (gcp("compute/targetHttpProxy"), gcp("compute/regionTargetHttpProxy"))
URL_MAPS: Final = (gcp("compute/uRLMap"), gcp("compute/regionUrlMap"))
FORWARDING: Final = (gcp("compute/globalForwardingRule"), gcp("compute/forwardingRule"))
BACKENDS: Final = (gcp("compute/backendService"), gcp("compute/regionBackendService"))

_SERVING: Final = ("defaultService", "defaultRouteAction", "service", "routeAction")


def external(resource: Resource) -> bool:
    """Whether a forwarding rule or backend service faces the internet; global ones do by default."""
    default = "INTERNAL" if resource.type == BACKENDS[1] else "EXTERNAL"
    return (resource.upper("loadBalancingScheme") or default).startswith("EXTERNAL")


def url_map(proxy: Resource) -> Resource | None:
    """The URL map of a proxy, where the stack declares it."""
    found = proxy.graph.targets(proxy, "urlMap", *URL_MAPS) if proxy.graph else []
    return found[0] if found else None


def serves(map_: Resource) -> Iterator[Finding]:
    """Findings where a URL map answers plain HTTP with anything but a redirect to HTTPS."""
    yield from _answers(map_, "defaultUrlRedirect")
    yield from each(map_.views("pathMatchers"), _matcher)


def _matcher(matcher: View) -> Iterator[Finding]:
    yield from _answers(matcher, "defaultUrlRedirect")
    for path in ("pathRules", "routeRules"):
        yield from each(matcher.views(path), lambda rule: _answers(rule, "urlRedirect"))


def _answers(view: View, redirect: str) -> Iterator[Finding]:
    service = next((name for name in _SERVING if view.has(name)), None)
    if service:
        yield fail(view, service, "answers plain HTTP with content")
    elif not view.flag(f"{redirect}.httpsRedirect"):
        yield fail(view, f"{redirect}.httpsRedirect", "is off: plain HTTP is not sent on to HTTPS")


def forwarding_rules(proxy: Resource) -> list[Resource]:
    """The forwarding rules that lead to a proxy."""
    return [rule for kind in FORWARDING for rule in attached(proxy, kind, "target")]
