"""Load balancers: plain HTTP only redirects, backends log and sit behind the web application firewall."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from policies.model import Resource
from policies.rule import Finding, Sample, fail, rule, skip, unsure
from policies.rules._cloud_armor import SECURITY_POLICIES
from policies.rules._load_balancers import (
    BACKENDS,
    FORWARDING,
    HTTP_PROXIES,
    URL_MAPS,
    external,
    forwarding_rules,
    serves,
    url_map,
)

_KIND: Final = re.compile(r"/target(https|ssl|tcp|grpc)proxies/|/target\w+/|serviceattachments/|^(all-apis|vpc-sc)$")
_DOCS: Final = ("https://cloud.google.com/load-balancing/docs/https/setting-up-http-https-redirect",)
_REDIRECT: Final = Sample(
    URL_MAPS[0], {"name": "web", "defaultUrlRedirect": {"httpsRedirect": True, "stripQuery": False}}, name="map"
)
_SERVING: Final = Sample(URL_MAPS[0], {"name": "web", "defaultService": "app"}, name="map")
_PROXY: Final = Sample(HTTP_PROXIES[0], {"name": "http", "urlMap": "web"}, name="proxy", depends={"urlMap": ("map",)})


def _rule(type_token: str = FORWARDING[0], **props: Any) -> Sample:
    return Sample(
        type_token, {"target": "http", "portRange": "80", **props}, name="rule", depends={"target": ("proxy",)}
    )


@rule(
    id="lb-no-plain-http",
    clause="ENC-4",
    title="External forwarding rules lead to no proxy that serves plain HTTP",
    severity="high",
    types=FORWARDING,
    decides=("target",),
    absent="not_applicable",
    graph=True,
    provenance=True,
    fix="target=https_proxy.id, port_range='443'",
    references=("checkov:CKV2_GCP_37", "checkov:CKV2_GCP_38"),
    sources=_DOCS,
    good=(
        (_rule(), _PROXY, _REDIRECT),
        {"target": "projects/p/global/targetHttpsProxies/app", "loadBalancingScheme": "EXTERNAL_MANAGED"},
        {"target": "https://www.googleapis.com/compute/v1/projects/p/global/targetSslProxies/app"},
    ),
    bad=(
        {"target": "https://www.googleapis.com/compute/v1/projects/p/global/targetHttpProxies/app"},
        {"target": "projects/p/global/targetHttpProxies/app", "loadBalancingScheme": "external"},
        {"target": "projects/p/global/targetHttpProxies/app", "loadBalancingScheme": "EXTERNAL_MANAGED"},
        Sample(FORWARDING[1], {"target": "projects/p/regions/r/targetHttpProxies/app"}),
        (_rule(), _PROXY, _SERVING),
    ),
    not_applicable=(
        {"target": "projects/p/global/targetHttpProxies/app", "loadBalancingScheme": "INTERNAL_SELF_MANAGED"},
        Sample(FORWARDING[1], {"backendService": "app"}),
    ),
)
def no_plain_http(forwarding: Resource) -> Iterator[Finding]:
    """Content over plain HTTP can be read and changed on its way. A proxy that only redirects to HTTPS is fine."""
    graph = forwarding.graph
    if not external(forwarding) or not forwarding.has("target"):
        yield skip("serves inside the network" if forwarding.has("target") else "leads to a backend, not to a proxy")
        return
    proxies = graph.targets(forwarding, "target", *HTTP_PROXIES) if graph else []
    for proxy in proxies:
        yield from _served(forwarding, proxy)
    if proxies:
        return
    if not forwarding.known("target"):
        if not (graph and graph.sources(forwarding, "target")):
            yield unsure(forwarding, "target")
        return
    target = (forwarding.text("target") or "").lower()
    if "targethttpproxies" in target:
        yield fail(forwarding, "target", "is a proxy for plain HTTP")
    elif not _KIND.search(target) and not (graph and graph.sources(forwarding, "target")):
        yield unsure(forwarding, "target", f"is {forwarding.show('target')}, which does not tell what it leads to")


def _served(forwarding: Resource, proxy: Resource) -> Iterator[Finding]:
    map_ = url_map(proxy)
    if map_ is None:
        yield unsure(forwarding, "target", f"leads to {proxy.name}, whose URL map is not in this stack")
        return
    for finding in serves(map_):
        message = f"leads to {proxy.name}, whose URL map {map_.name} {finding.message}"
        yield Finding(finding.kind, message, "target", forwarding)


@rule(
    id="lb-http-redirects",
    clause="ENC-4",
    title="HTTP proxies only redirect to HTTPS",
    severity="high",
    types=HTTP_PROXIES,
    decides=("urlMap",),
    graph=True,
    provenance=True,
    fix='default_url_redirect={"https_redirect": True, "strip_query": False}',
    sources=_DOCS,
    good=(
        (_PROXY, _REDIRECT),
        (
            _PROXY,
            Sample(
                URL_MAPS[0],
                {
                    "defaultUrlRedirect": {"httpsRedirect": "true"},
                    "pathMatchers": [{"name": "all", "defaultUrlRedirect": {"httpsRedirect": True}}],
                },
                name="map",
            ),
        ),
    ),
    bad=(
        (_PROXY, _SERVING),
        (_PROXY, Sample(URL_MAPS[0], {"defaultUrlRedirect": {"hostRedirect": "www.example.com"}}, name="map")),
        (
            _PROXY,
            Sample(
                URL_MAPS[1],
                {
                    "defaultUrlRedirect": {"httpsRedirect": True},
                    "pathMatchers": [
                        {
                            "defaultUrlRedirect": {"httpsRedirect": True},
                            "pathRules": [{"paths": ["/"], "service": "app"}],
                        }
                    ],
                },
                name="map",
            ),
        ),
    ),
    not_applicable=((_PROXY, _SERVING, _rule(loadBalancingScheme="INTERNAL_MANAGED")),),
)
def http_redirects(proxy: Resource) -> Iterator[Finding]:
    """One path that still serves over HTTP gives away the session of whoever follows an old link.

    Not judged where only internal load balancers lead to the proxy.
    """
    rules = forwarding_rules(proxy)
    if rules and not any(external(rule) for rule in rules):
        yield skip("only internal load balancers lead here")
        return
    if not proxy.has("urlMap"):
        yield fail(proxy, "urlMap", "is not set")
        return
    map_ = url_map(proxy)
    if map_ is None:
        yield unsure(proxy, "urlMap", "is not in this stack: whether it redirects cannot be seen")
        return
    for finding in serves(map_):
        at = f" ({finding.path})" if finding.path else ""
        yield Finding(finding.kind, f"{map_.name}{at} {finding.message}", "urlMap", proxy)


def _passes_packets(backend: Resource) -> bool:
    scheme = backend.upper("loadBalancingScheme") or ("INTERNAL" if backend.type == BACKENDS[1] else "EXTERNAL")
    return scheme in ("INTERNAL", "INTERNAL_SELF_MANAGED")


@rule(
    id="lb-backend-logs",
    clause="LOG-5",
    title="Load balancers log their requests",
    severity="medium",
    types=BACKENDS,
    decides=("logConfig.enable",),
    fix='log_config={"enable": True, "sample_rate": 1.0}',
    references=("prowler:compute_loadbalancer_logging_enabled", "cis-gcp:2.16"),
    sources=("https://cloud.google.com/load-balancing/docs/https/https-logging-monitoring",),
    good=(
        {"logConfig": {"enable": True}},
        {"logConfig": {"enable": "true", "sampleRate": 0.5}},
        Sample(BACKENDS[1], {"loadBalancingScheme": "EXTERNAL_MANAGED", "logConfig": {"enable": True}}),
    ),
    bad=(
        {},
        {"logConfig": {"enable": False}},
        {"logConfig": {"enable": True, "sampleRate": 0}},
        Sample(BACKENDS[1], {"loadBalancingScheme": "INTERNAL_MANAGED"}),
    ),
    not_applicable=(Sample(BACKENDS[1], {"loadBalancingScheme": "INTERNAL"}), Sample(BACKENDS[1], {})),
)
def backend_logs(backend: Resource) -> Iterator[Finding]:
    """Without request logs an attack through the front door leaves no trace. Off by default, also at a rate of 0."""
    if _passes_packets(backend):
        yield skip("passes packets on inside the network and knows no requests")
    elif not backend.flag("logConfig.enable"):
        yield fail(backend, "logConfig.enable", f"is {backend.show('logConfig.enable')}: requests are not logged")
    elif backend.number("logConfig.sampleRate") == 0:
        yield fail(backend, "logConfig.sampleRate", "is 0: no request is logged")


@rule(
    id="lb-backend-protected",
    clause="HOS-3",
    title="External backend services sit behind Cloud Armor",
    severity="high",
    types=BACKENDS,
    decides=("securityPolicy",),
    graph=True,
    provenance=True,
    fix="security_policy=armor.id",
    sources=("https://cloud.google.com/armor/docs/security-policy-overview",),
    traps=(25,),
    good=(
        (
            Sample(BACKENDS[0], {"securityPolicy": "armor"}, depends={"securityPolicy": ("armor",)}),
            Sample(SECURITY_POLICIES[0], {"name": "armor"}, name="armor"),
        ),
    ),
    bad=(
        {},
        {"loadBalancingScheme": "EXTERNAL_MANAGED", "securityPolicy": ""},
        Sample(BACKENDS[1], {"loadBalancingScheme": "EXTERNAL_MANAGED"}),
    ),
    not_applicable=({"loadBalancingScheme": "INTERNAL_MANAGED"}, Sample(BACKENDS[1], {})),
)
def backend_protected(backend: Resource) -> Iterator[Finding]:
    """The load balancer is the one door to the internet; without a policy nobody stands at it."""
    if not external(backend):
        yield skip("serves inside the network")
    elif not backend.has("securityPolicy"):
        yield fail(backend, "securityPolicy", "is not set: nothing filters what the internet sends")
    elif not backend.known("securityPolicy") and not (
        backend.graph and backend.graph.sources(backend, "securityPolicy", *SECURITY_POLICIES)
    ):
        yield unsure(backend, "securityPolicy", "is not known yet and comes from no security policy of this stack")
