"""Render: services and databases live in protected, isolated environments and answer only to whom we list (HOS-5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policies.model import UNKNOWN, Resource, UnknownValue, View
from policies.normalise import network, networks, world
from policies.rule import Finding, Sample, each, fail, rule, skip, unsure
from policies.rules import _render as render

_DOCS = ("https://render.com/docs/projects", "https://render.com/docs/postgresql-creating-connecting")
_EVERYWHERE = {"cidrBlock": "0.0.0.0/0", "description": "everywhere"}


def _environments(resource: Resource) -> list[View]:
    """The environment itself, or those that a project creates."""
    return resource.views("environments") if resource.type == render.PROJECT else [resource]


@rule(
    id="render-environment-protected",
    clause="HOS-5",
    title="Render environments are protected: only administrators can destroy what lives in them",
    severity="high",
    types=(render.ENVIRONMENT, render.PROJECT),
    decides=("protectedStatus",),
    fix='protected_status="protected"',
    sources=_DOCS[:1],
    traps=(50,),
    good=(
        {"projectId": "prj-1", "protectedStatus": "protected"},
        Sample(render.PROJECT, {"environments": [{"name": "production", "protectedStatus": "protected"}]}),
    ),
    bad=(
        {"projectId": "prj-1", "protectedStatus": "unprotected"},
        Sample(render.PROJECT, {"environments": [{"name": "a", "protectedStatus": "protected"}, {"name": "b"}]}),
    ),
)
def environment_protected(resource: Resource) -> Iterator[Finding]:
    """In an unprotected environment every member of the workspace can delete services, databases and read secrets."""

    def check(view: View) -> Iterator[Finding]:
        if view.upper("protectedStatus") != "PROTECTED":
            yield fail(view, "protectedStatus", f"is {view.show('protectedStatus')}: the default is unprotected")

    yield from each(_environments(resource), check)


@rule(
    id="render-environment-isolated",
    clause="HOS-5",
    title="Render environments block private network traffic from other environments",
    severity="high",
    types=(render.ENVIRONMENT, render.PROJECT),
    decides=("networkIsolationEnabled",),
    fix="network_isolation_enabled=True",
    sources=_DOCS[:1],
    traps=(50,),
    good=(
        {"projectId": "prj-1", "networkIsolationEnabled": True},
        Sample(render.PROJECT, {"environments": [{"name": "production", "networkIsolationEnabled": "true"}]}),
    ),
    bad=(
        {"projectId": "prj-1", "networkIsolationEnabled": False},
        Sample(render.PROJECT, {"environments": [{"name": "production"}]}),
    ),
)
def environment_isolated(resource: Resource) -> Iterator[Finding]:
    """Without isolation a preview or test service reaches the production database over the private network."""

    def check(view: View) -> Iterator[Finding]:
        if not view.flag("networkIsolationEnabled"):
            shown = view.show("networkIsolationEnabled")
            yield fail(view, "networkIsolationEnabled", f"is {shown}: the default lets other environments in")

    yield from each(_environments(resource), check)


@rule(
    id="render-datastore-not-public",
    clause="HOS-5",
    title="Render databases and caches list who may connect from outside, and the list is not the world",
    severity="critical",
    types=render.DATASTORES,
    decides=("ipAllowList",),
    fix="ip_allow_list=[]  # nobody from outside; services in the same environment connect privately",
    sources=_DOCS[1:],
    traps=(3, 48),
    good=(
        {"ipAllowList": []},
        {"ipAllowList": [{"cidrBlock": "203.0.113.7/32", "description": "office"}]},
        Sample(render.KEY_VALUE, {"ipAllowList": [{"cidrBlock": "10.0.0.0/8", "description": "private"}]}),
    ),
    bad=(
        {"plan": "pro_4gb"},
        {"ipAllowList": [_EVERYWHERE]},
        {"ipAllowList": [{"cidrBlock": "0.0.0.0/1"}, {"cidrBlock": "128.0.0.0/1"}]},
        {"ipAllowList": [{"cidrBlock": "::/0"}]},
        {"ipAllowList": [{"description": "nobody said who"}]},
        Sample(render.KEY_VALUE, {"plan": "pro"}),
        Sample(render.REDIS, {"ipAllowList": [_EVERYWHERE]}),
    ),
)
def datastore_not_public(store: Resource) -> Iterator[Finding]:
    """A list that is left out means 0.0.0.0/0, an empty one means nobody: silence is the worst value. Ranges are judged
    together, because two halves of the internet are the internet."""
    if store.raw("ipAllowList") is None:
        yield fail(store, "ipAllowList", "is not set: Render then admits 0.0.0.0/0")
        return
    entries = store.views("ipAllowList")
    known = [e.raw("cidrBlock") for e in entries]
    if world(known):
        yield fail(store, "ipAllowList", f"together admits the whole internet: {known}")
    elif any(e.data is UNKNOWN or value is UNKNOWN for e, value in zip(entries, known, strict=True)):
        raise UnknownValue("ipAllowList")
    for entry, value in zip(entries, known, strict=True):
        if value is not UNKNOWN and (not isinstance(value, str) or network(value) is None):
            yield fail(entry, "cidrBlock", f"is {entry.show('cidrBlock')}, not an address range")


@rule(
    id="render-allow-list-narrow",
    clause="HOS-5",
    title="Public ranges on Render allow-lists are no wider than an office needs",
    severity="medium",
    types=render.DATASTORES,
    decides=("ipAllowList[0].cidrBlock",),
    absent="pass",
    fix='cidr_block="203.0.113.7/32"',
    sources=_DOCS[1:],
    traps=(3, 48),
    params={"min_prefix_v4": 24, "min_prefix_v6": 48},
    good=({"ipAllowList": [{"cidrBlock": "203.0.113.0/24", "description": "office"}]}, {"ipAllowList": []}),
    bad=(
        {"ipAllowList": [{"cidrBlock": "203.0.0.0/16", "description": "a provider"}]},
        Sample(render.KEY_VALUE, {"ipAllowList": [{"cidrBlock": "2001:4860::/32", "description": "wide"}]}),
    ),
)
def allow_list_narrow(store: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """A /16 is a whole hosting company: anyone who rents a machine there passes. Private ranges are not judged."""

    def check(entry: View) -> Iterator[Finding]:
        for found in networks([entry.get("cidrBlock")]):
            least = int(params["min_prefix_v4" if found.version == 4 else "min_prefix_v6"])
            if found.prefixlen < least and not (found.is_private and found.prefixlen > 0):
                yield fail(entry, "cidrBlock", f"is {found}: wider than /{least}")

    yield from each(store.views("ipAllowList"), check)


@rule(
    id="render-in-environment",
    clause="HOS-5",
    title="Every Render service, database and environment group belongs to an environment",
    severity="high",
    types=(*render.SERVICES, *render.DATASTORES, render.ENV_GROUP),
    decides=("environmentId",),
    fix="environment_id=environment.id",
    sources=_DOCS[:1],
    traps=(50,),
    graph=True,
    provenance=True,
    good=(
        (
            Sample(render.WEB, {"environmentId": "evm-1"}, "web", {"environmentId": ("production",)}),
            Sample(render.ENVIRONMENT, {"protectedStatus": "protected"}, "production"),
        ),
        Sample(render.POSTGRES, {"environmentId": "evm-1"}),
        (
            Sample(render.POSTGRES, {"name": "orders"}, "orders"),
            Sample(render.ATTACHMENT, {"resourceIds": ["dpg-1"]}, "attach", {"resourceIds": ("orders",)}),
        ),
    ),
    bad=({"name": "web"}, Sample(render.KEY_VALUE, {"environmentId": ""})),
)
def in_environment(resource: Resource) -> Iterator[Finding]:
    """Protection and isolation are properties of an environment; what stands outside of one has neither."""
    graph = resource.graph
    if resource.has("environmentId"):
        if resource.known("environmentId") or (graph and graph.sources(resource, "environmentId", render.ENVIRONMENT)):
            return
        if graph and graph.sources(resource, "environmentId", render.PROJECT):
            return
        yield unsure(resource, "environmentId")
        return
    attached = graph.dependents(resource) if graph else []
    if not any(r.type == render.ATTACHMENT for r in attached):
        yield fail(resource, "environmentId", "is not set: the resource has no protected environment")


@rule(
    id="render-custom-domain-only",
    clause="HOS-3",
    title="A Render service with a custom domain is not reachable under onrender.com as well",
    severity="medium",
    types=(render.WEB, render.STATIC),
    decides=("serviceDetails.renderSubdomainPolicy",),
    fix='render_subdomain_policy="disabled"',
    sources=("https://render.com/docs/custom-domains",),
    traps=(25,),
    graph=True,
    good=(
        (
            Sample(render.WEB, {"serviceDetails": {"renderSubdomainPolicy": "disabled"}}, "web"),
            Sample(render.CUSTOM_DOMAIN, {"name": "www.example.com"}, "domain", {"serviceId": ("web",)}),
        ),
    ),
    bad=(
        (
            Sample(render.WEB, {"serviceDetails": {"renderSubdomainPolicy": "enabled"}}, "web"),
            Sample(render.CUSTOM_DOMAIN, {"name": "www.example.com"}, "domain", {"serviceId": ("web",)}),
        ),
    ),
    not_applicable=({"serviceDetails": {"plan": "pro"}},),
)
def custom_domain_only(service: Resource) -> Iterator[Finding]:
    """The generated address goes around whatever stands before the domain (a web application firewall, sign-in).

    Certificates and the redirect from HTTP need no setting: Render makes both for every custom domain.
    """
    policy = service.upper("serviceDetails.renderSubdomainPolicy")
    if policy == "DISABLED":
        return
    dependents = service.graph.dependents(service) if service.graph else []
    if any(r.type == render.CUSTOM_DOMAIN for r in dependents):
        shown = service.show("serviceDetails.renderSubdomainPolicy")
        yield fail(service, "serviceDetails.renderSubdomainPolicy", f"is {shown}: the default is enabled")
    else:
        yield skip("no custom domain of this stack points to the service, so the generated address is its only one")


@rule(
    id="render-routes-https",
    clause="ENC-4",
    title="Render redirects and rewrites lead to HTTPS addresses",
    severity="medium",
    types=("render:services:Route", render.STATIC),
    decides=("destination",),
    absent="pass",
    fix='destination="https://www.example.com/:splat"',
    good=(
        {"source": "/*", "destination": "https://www.example.com/"},
        {"source": "/old", "destination": "/new"},
        Sample(render.STATIC, {"serviceDetails": {"routes": [{"source": "/a", "destination": "/b"}]}}),
    ),
    bad=(
        {"source": "/*", "destination": "HTTP://www.example.com/"},
        Sample(render.STATIC, {"serviceDetails": {"routes": [{"destination": "http://example.com"}]}}),
    ),
)
def routes_https(resource: Resource) -> Iterator[Finding]:
    """A redirect to plain HTTP hands the visitor, cookies included, to whoever sits on the line."""

    def check(view: View) -> Iterator[Finding]:
        if (view.upper("destination") or "").startswith("HTTP://"):
            yield fail(view, "destination", f"is {view.show('destination')}")

    routes = resource.views("serviceDetails.routes") if resource.type == render.STATIC else [resource]
    yield from each(routes, check)
