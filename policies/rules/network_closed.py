"""Networks of our own stacks: closed in both directions unless a rule opens them, and without a way around."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from policies.graph import Graph
from policies.model import Resource, gcp
from policies.normalise import world
from policies.rule import Finding, Sample, fail, rule, skip
from policies.rules._facts import boolean
from policies.rules._links import pointers
from policies.rules._ours import marked, ours

NETWORK: Final = gcp("compute/network")
FIREWALL: Final = gcp("compute/firewall")
_NOT_OURS: Final = "the stack is not built from our components"
_RANGES: Final = {"INGRESS": "sourceRanges", "EGRESS": "destinationRanges"}
_EXAMPLE = Sample(NETWORK, {"name": "app", "autoCreateSubnetworks": False}, "app")


def _deny(direction: str, **changes: Any) -> Sample:
    inputs = {
        "name": f"deny-{direction.lower()}",
        "network": "app",
        "direction": direction,
        "denies": [{"protocol": "all"}],
        _RANGES[direction]: ["0.0.0.0/0"],
        **changes,
    }
    return Sample(FIREWALL, inputs, "deny", {"network": ("app",)})


def _closes(firewall: Resource, direction: str) -> bool:
    """Whether the rule denies everything to everyone in one direction."""
    if firewall.flag("disabled") or firewall.upper("direction", "INGRESS") != direction:
        return False
    everything = any((deny.text("protocol") or "").lower() == "all" for deny in firewall.views("denies"))
    return everything and world(firewall.items(_RANGES[direction]))


def _denied(direction: str, graph: Graph) -> Iterator[Finding]:
    networks = graph.of(NETWORK)
    if not ours(graph) or not networks:
        yield skip(_NOT_OURS if networks else "the stack declares no network")
    for network in networks if ours(graph) else []:
        if not any(_closes(found, direction) for found in pointers(network, "network", FIREWALL)):
            yield fail(network, "", f"has no firewall rule that denies all {direction.lower()} traffic")


def _denies(direction: str, id: str, title: str, why: str) -> None:
    range_ = _RANGES[direction]
    rule(
        id=id,
        clause="HOS-2",
        title=title,
        severity="medium",
        types=(NETWORK, FIREWALL),
        scope="stack",
        reads={FIREWALL: ("direction", "denies", "disabled", range_)},
        fix=f'gcp.compute.Firewall(direction="{direction}", denies=[{{"protocol": "all"}}], priority=65534, …)',
        why=why,
        sources=("https://cloud.google.com/firewall/docs/firewalls#default_firewall_rules",),
        good=((_deny(direction), _EXAMPLE, marked()),),
        bad=(
            (_EXAMPLE, marked()),
            (_deny(direction, disabled=True), _EXAMPLE, marked()),
            (_deny(direction, denies=[{"protocol": "tcp"}]), _EXAMPLE, marked()),
            (_deny(direction, **{range_: ["10.0.0.0/8"]}), _EXAMPLE, marked()),
        ),
        not_applicable=((_EXAMPLE,), (marked(),)),
    )(lambda graph: _denied(direction, graph))


_denies(
    "EGRESS",
    "network-denies-egress",
    "The networks of our stacks let nothing out unless a rule names where to",
    "Google lets every machine talk to the whole internet: what breaks in can call home, and data can leave.",
)
_denies(
    "INGRESS",
    "network-denies-ingress",
    "The networks of our stacks deny, and log, whatever no rule lets in",
    "Google denies it too, but silently: only a rule of our own writes down who knocked.",
)


@rule(
    id="network-no-default-route",
    clause="HOS-1",
    title="The networks of our stacks have no default route to the internet",
    severity="medium",
    types=(NETWORK,),
    scope="stack",
    reads={NETWORK: ("deleteDefaultRoutesOnCreate",)},
    fix="delete_default_routes_on_create=True",
    sources=("https://cloud.google.com/vpc/docs/routes#routingpacketsinternet",),
    good=((Sample(NETWORK, {"deleteDefaultRoutesOnCreate": True}), marked()),),
    bad=(
        (Sample(NETWORK, {"deleteDefaultRoutesOnCreate": False}), marked()),
        (Sample(NETWORK, {"name": "app"}), marked()),
    ),
    not_applicable=((Sample(NETWORK, {"name": "app"}),),),
)
def no_default_route(graph: Graph) -> Iterator[Finding]:
    """A firewall rule too many lets nothing out where there is no route; both have to fail at once."""
    if not ours(graph):
        yield skip(_NOT_OURS)
        return
    path = "deleteDefaultRoutesOnCreate"
    for network in graph.of(NETWORK):
        if not network.flag(path):
            yield fail(network, path, f"is {network.show(path)}: the default route stays")


@rule(
    id="nat-logs-everything",
    clause="LOG-5",
    title="Cloud NAT logs connections as well as errors",
    severity="low",
    types=(gcp("compute/routerNat"),),
    decides=("logConfig.filter",),
    absent="not_applicable",
    fix='log_config={"enable": True, "filter": "ALL"}',
    sources=("https://cloud.google.com/nat/docs/monitoring",),
    good=({"logConfig": {"enable": True, "filter": "ALL"}},),
    bad=({"logConfig": {"enable": True, "filter": "ERRORS_ONLY"}}, {"logConfig": {"filter": "TRANSLATIONS_ONLY"}}),
    not_applicable=({"name": "nat"}, {"logConfig": {"enable": False, "filter": "ERRORS_ONLY"}}),
)
def nat_logs_everything(nat: Resource) -> Iterator[Finding]:
    """A complaint is about a connection that worked. Whether NAT logs at all is a rule of its own."""
    chosen = nat.upper("logConfig.filter")
    if chosen is None or not nat.flag("logConfig.enable", True):
        yield skip("the gateway does not log, or says nothing of what")
    elif chosen != "ALL":
        yield fail(nat, "logConfig.filter", f"is {nat.show('logConfig.filter')}")


@rule(
    id="lb-logs-every-request",
    clause="LOG-5",
    title="Load balancers log every request, not a sample",
    severity="low",
    types=(gcp("compute/backendService"), gcp("compute/regionBackendService")),
    decides=("logConfig.sampleRate",),
    absent="pass",
    fix='log_config={"enable": True, "sample_rate": 1.0}',
    sources=("https://cloud.google.com/load-balancing/docs/https/https-logging-monitoring",),
    params={"min_rate": 1.0},
    good=({"logConfig": {"enable": True, "sampleRate": 1.0}}, {"logConfig": {"enable": True}}),
    bad=({"logConfig": {"enable": True, "sampleRate": 0.1}}, {"logConfig": {"enable": True, "sampleRate": 0}}),
    not_applicable=({"name": "web"}, {"logConfig": {"enable": False, "sampleRate": 0.1}}),
)
def lb_logs_every_request(backend: Resource, params: Mapping[str, Any]) -> Iterator[Finding]:
    """The request that mattered is in the part that was not logged. The default rate is 1."""
    rate = backend.number("logConfig.sampleRate")
    if not backend.flag("logConfig.enable"):
        yield skip("the backend does not log; another rule asks for it")
    elif rate is not None and rate < float(params["min_rate"]):
        yield fail(backend, "logConfig.sampleRate", f"is {rate:g}")


boolean(
    {gcp("dns/policy"): "enableInboundForwarding"},
    want=False,
    absent="pass",
    id="dns-no-inbound-forwarding",
    clause="HOS-1",
    title="Nobody outside of the network asks its name servers",
    severity="low",
    why="Inbound forwarding gives the private names of the network to whatever is connected to it.",
    fix="enable_inbound_forwarding=False",
    sources=("https://cloud.google.com/dns/docs/server-policies-overview",),
)
